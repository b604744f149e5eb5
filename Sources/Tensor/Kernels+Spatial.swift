import CKernels

/// What a convolution sees of a picture's activations [height, width, channels].
package struct PatchGrid: Sendable {
    /// The size as stored.
    package var height: Int
    package var width: Int
    package var channels: Int
    /// The size to which it is enlarged before: as stored, or up to twice that by repeating positions.
    package var enlargedHeight: Int
    package var enlargedWidth: Int
    /// Side of the kernel, its step, and the zeros put above and on the left.
    package var kernel: Int
    package var stride: Int
    package var padding: Int
    package var outWidth: Int
    /// The first row that is stored.
    package var firstRow = 0

    package init(
        height: Int, width: Int, channels: Int, enlargedHeight: Int, enlargedWidth: Int, kernel: Int, stride: Int,
        padding: Int, outWidth: Int
    ) {
        (self.height, self.width, self.channels) = (height, width, channels)
        (self.enlargedHeight, self.enlargedWidth) = (enlargedHeight, enlargedWidth)
        (self.kernel, self.stride, self.padding, self.outWidth) = (kernel, stride, padding, outWidth)
    }

    /// For the kernels, where `x` is the first row that is stored.
    func seen(from x: UnsafePointer<Float>) -> emu_patch_grid {
        emu_patch_grid(
            x: x, first_row: firstRow, height: height, width: width, channels: channels,
            enlarged_height: enlargedHeight, enlarged_width: enlargedWidth, kernel: kernel, stride: stride,
            padding: padding, out_width: outWidth)
    }
}

/// Operations over pictures' activations [N, C], N = height · width positions.
extension Kernels {
    /// out[count, C · kernel²]: what the kernel covers at the output's positions `first...`, in the weights' order.
    ///
    /// `x` is the row `grid.firstRow`; all rows that the positions need must follow.
    package static func patches(
        _ grid: PatchGrid, of x: UnsafePointer<Float>, first: Int, count: Int, into out: UnsafeMutablePointer<Float>,
        pool: ThreadPool
    ) {
        var grid = grid.seen(from: x)
        emu_patches(pool.handle, &grid, first, count, out)
    }

    /// Mean and 1 / sqrt(variance + epsilon) of x[N, C] in groups of neighbouring channels, [C] each; nil when memory is
    /// short.
    package static func groupStatistics(
        _ x: UnsafePointer<Float>, positions: Int, channels: Int, groups: Int, epsilon: Float, pool: ThreadPool
    ) -> (mean: [Float], inverse: [Float])? {
        precondition(groups > 0 && channels % groups == 0, "groups of equal size")
        let floats = emu_group_statistics_scratch(positions, channels)
        guard let scratch = pool.scratch(bytes: floats * MemoryLayout<Float>.stride) else { return nil }
        var mean = [Float](repeating: 0, count: channels)
        var inverse = mean
        emu_group_statistics(
            pool.handle, x, positions, channels, groups, epsilon, scratch.assumingMemoryBound(to: Float.self), &mean,
            &inverse)
        return (mean, inverse)
    }

    /// out[N, C] = y = (x - mean) · inverse · weight + bias, or silu(y); out may be x.
    package static func groupNormalize(
        _ x: UnsafePointer<Float>, positions: Int, statistics: (mean: [Float], inverse: [Float]), weight: [Float],
        bias: [Float], silu: Bool, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        precondition(
            [statistics.inverse.count, weight.count, bias.count].allSatisfy { $0 == statistics.mean.count },
            "a value for each channel")
        emu_group_normalize(
            pool.handle, x, positions, weight.count, statistics.mean, statistics.inverse, weight, bias, silu, out)
    }

    /// out[N, K] = x[N, 0..<K] · gelu(x[N, K..<2K]), GELU as it is defined.
    package static func geluGate(
        _ x: UnsafePointer<Float>, rows: Int, columns: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        emu_gelu_gate(pool.handle, x, rows, columns, out)
    }

    /// The largest head that attention without a mask takes.
    package static let maximumWholeHeadSize = Int(EMU_MAX_WHOLE_HEAD)

    /// Floats of scratch memory that attention without a mask takes.
    package static func wholeAttentionScratch(keyCount: Int, heads: Int, headSize: Int) -> Int {
        emu_whole_attention_scratch(keyCount, heads, headSize)
    }

    /// Attention in which every query sees every key: queries, out [N, H, D]; keys, values [M, H, D]; scratch of
    /// `wholeAttentionScratch` floats.
    package static func attendWhole(
        queries: UnsafePointer<Float>, count: Int, keys: UnsafePointer<Float>, values: UnsafePointer<Float>,
        keyCount: Int, heads: Int, headSize: Int, scratch: FloatBuffer, into out: UnsafeMutablePointer<Float>,
        pool: ThreadPool
    ) {
        precondition(headSize > 0 && headSize <= maximumWholeHeadSize && keyCount > 0, "a head of a size that is taken")
        precondition(
            scratch.count >= wholeAttentionScratch(keyCount: keyCount, heads: heads, headSize: headSize),
            "attention scratch too small")
        emu_whole_attention(
            pool.handle, queries, keys, values, count, keyCount, heads, headSize, 1 / Float(headSize).squareRoot(),
            scratch.pointer, out)
    }

    /// The same with scratch memory of the pool's. False when memory is short.
    package static func attendWhole(
        queries: UnsafePointer<Float>, count: Int, keys: UnsafePointer<Float>, values: UnsafePointer<Float>,
        keyCount: Int, heads: Int, headSize: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) -> Bool {
        precondition(headSize > 0 && headSize <= maximumWholeHeadSize && keyCount > 0, "a head of a size that is taken")
        let floats = wholeAttentionScratch(keyCount: keyCount, heads: heads, headSize: headSize)
        guard let scratch = pool.scratch(bytes: floats * MemoryLayout<Float>.stride) else { return false }
        emu_whole_attention(
            pool.handle, queries, keys, values, count, keyCount, heads, headSize, 1 / Float(headSize).squareRoot(),
            scratch.assumingMemoryBound(to: Float.self), out)
        return true
    }
}
