// Letters as in `FeatureMap.swift`; k the side of a kernel.

import ModelFiles
import Tensor

/// Group normalisation: `NAME.weight`, `NAME.bias` [C].
struct GroupNorm: Sendable {
    let weight: [Float]
    let bias: [Float]
    let groups: Int
    let epsilon: Float

    init(
        _ source: TensorSource, _ name: String, channels: Int, groups: Int, epsilon: Float
    ) throws(ModelError) {
        weight = try source.vector("\(name).weight", count: channels)
        bias = try source.vector("\(name).bias", count: channels)
        (self.groups, self.epsilon) = (groups, epsilon)
    }

    /// What a whole picture x[N, C] is normalised by.
    func statistics(
        of x: UnsafePointer<Float>, positions: Int, pool: ThreadPool
    ) throws(ModelError) -> (mean: [Float], inverse: [Float]) {
        guard
            let statistics = Kernels.groupStatistics(
                x, positions: positions, channels: weight.count, groups: groups, epsilon: epsilon, pool: pool)
        else { throw .outOfMemory(what: "a picture's statistics", bytes: positions * weight.count / 32) }
        return statistics
    }

    /// The whole map, normalised picture by picture.
    func apply(_ map: FeatureMap, silu: Bool = false, pool: ThreadPool) throws(ModelError) -> FeatureMap {
        let result = try FeatureMap(
            count: map.count, height: map.height, width: map.width, channels: map.channels)
        for index in 0..<map.count {
            let statistics = try statistics(of: map.picture(index), positions: map.positions, pool: pool)
            Kernels.groupNormalize(
                map.picture(index), positions: map.positions, statistics: statistics, weight: weight, bias: bias,
                silu: silu, into: result.picture(index), pool: pool)
        }
        return result
    }
}

/// A convolution: `NAME.weight` [outputs, inputs·k·k] and `NAME.bias` [outputs].
///
/// A product of the weights with what the kernel covers, laid out as rows, some positions at a time; by Winograd's
/// algorithm where the kernel is one of 3x3 at step 1 and the weights are not packed. Where a norm and SiLU stand before
/// it, they are computed for the rows that are being read, so that their result is never there as a whole: the largest
/// maps of an autoencoder take gigabytes.
struct Convolution: Sendable {
    let inputs: Int
    let outputs: Int
    private let weight: WeightMatrix
    private let bias: [Float]
    private let kernel: Int
    private let stride: Int
    private let padding: Padding
    /// Whether Winograd's algorithm computes it.
    private let isTransformed: Bool

    /// Zeros around a picture.
    enum Padding {
        /// As many on all sides.
        case all(Int)
        /// One below and on the right. Source: `Downsample2D` of diffusers' autoencoders.
        case behind

        var before: Int {
            switch self {
            case .all(let count): count
            case .behind: 0
            }
        }

        var total: Int {
            switch self {
            case .all(let count): 2 * count
            case .behind: 1
            }
        }
    }

    init(
        _ source: TensorSource, _ name: String, inputs: Int, outputs: Int, kernel: Int = 3, stride: Int = 1,
        padding: Padding? = nil
    ) throws(ModelError) {
        let padding = padding ?? .all(kernel / 2)
        var canBeTransformed = false
        if kernel == 3, stride == 1, case .all(1) = padding { canBeTransformed = true }
        let columns = inputs * kernel * kernel
        let plain = try source.matrix("\(name).weight", rows: outputs, columns: columns)
        // A quarter of the products in fp32 is faster than all of them in bf16, unless the CPU has tiles for these.
        if canBeTransformed, plain.type.blockSize == 1, !Kernels.widensFixedRows {
            weight = plain
        } else {
            weight = try source.projection("\(name).weight", rows: outputs, columns: columns)
        }
        isTransformed = canBeTransformed && !weight.isPacked
        bias = try source.vector("\(name).bias", count: outputs)
        (self.inputs, self.outputs, self.kernel, self.stride) = (inputs, outputs, kernel, stride)
        self.padding = padding
    }

    /// Floats of rows laid out at a time: they stay in a core's second cache or little beyond.
    private static let rowFloats = 1 << 20
    /// Floats of a map that are normalised at a time.
    private static let bandFloats = 1 << 22
    /// Floats of a map that are transformed at a time: enough tiles for all threads, and little beside the map.
    private static let transformedFloats = 1 << 24

    /// [B, H', W', outputs] of a map, first enlarged to `size` (up to twice its own, by repeating positions), normalised
    /// and passed through SiLU where there is a norm.
    ///
    /// `added` [B, outputs] is added to the bias of each picture.
    func apply(
        _ map: FeatureMap, after norm: GroupNorm? = nil, enlargedTo size: (height: Int, width: Int)? = nil,
        adding added: [[Float]]? = nil, pool: ThreadPool
    ) throws(ModelError) -> FeatureMap {
        precondition(map.channels == inputs, "a map of other channels")
        let (height, width) = size ?? (map.height, map.width)
        let result = try FeatureMap(
            count: map.count, height: max(0, height + padding.total - kernel) / stride + 1,
            width: max(0, width + padding.total - kernel) / stride + 1, channels: outputs)
        let grid = PatchGrid(
            height: map.height, width: map.width, channels: inputs, enlargedHeight: height, enlargedWidth: width,
            kernel: kernel, stride: stride, padding: padding.before, outWidth: result.width)
        var normalizations = [Normalization]()
        if let norm {
            for index in 0..<map.count {
                normalizations.append(
                    (norm, try norm.statistics(of: map.picture(index), positions: map.positions, pool: pool)))
            }
        }
        let biases = (0..<map.count).map { index in
            guard let added else { return bias }
            return zip(bias, added[index]).map(+)
        }
        if isTransformed {
            try transform(grid, map, normalizations, biases, into: result, pool)
            return result
        }
        for index in 0..<map.count {
            try compute(
                grid, map.picture(index), normalizations.isEmpty ? nil : normalizations[index], biases[index],
                into: result.picture(index), rows: result.height, pool)
        }
        return result
    }

    private typealias Normalization = (norm: GroupNorm, statistics: (mean: [Float], inverse: [Float]))

    /// The stored rows that some rows of the result see.
    private func seen(by rows: Range<Int>, _ grid: PatchGrid) -> ClosedRange<Int> {
        let divisor = grid.enlargedHeight == grid.height ? 1 : 2
        let last = (rows.upperBound - 1) * stride - grid.padding + kernel - 1
        return max(0, rows.lowerBound * stride - grid.padding) / divisor...min(grid.enlargedHeight - 1, last) / divisor
    }

    private func normalize(
        _ rows: ClosedRange<Int>, of x: UnsafePointer<Float>, _ grid: PatchGrid, _ normalization: Normalization,
        into out: UnsafeMutablePointer<Float>, _ pool: ThreadPool
    ) {
        Kernels.groupNormalize(
            x + rows.lowerBound * grid.width * inputs, positions: rows.count * grid.width,
            statistics: normalization.statistics, weight: normalization.norm.weight, bias: normalization.norm.bias,
            silu: true, into: out, pool: pool)
    }

    /// All pictures at once, band by band of the result's rows, by Winograd's algorithm.
    private func transform(
        _ grid: PatchGrid, _ map: FeatureMap, _ normalizations: [Normalization], _ biases: [[Float]],
        into result: FeatureMap, _ pool: ThreadPool
    ) throws(ModelError) {
        let tileRow = WeightMatrix.winogradFloats(width: result.width, inputs: inputs, pictures: map.count)
        let bandRows = 4 * max(1, Self.transformedFloats / tileRow)
        let bandFloats = min(grid.height, bandRows + kernel) * grid.width * inputs
        let band = try normalizations.isEmpty ? nil : reserve(map.count * bandFloats)
        let bias = biases.flatMap(\.self)
        var grid = grid
        for firstRow in Swift.stride(from: 0, to: result.height, by: bandRows) {
            let rows = firstRow..<min(result.height, firstRow + bandRows)
            var sources = (0..<map.count).map { UnsafePointer(map.picture($0)) }
            if let band {
                let stored = seen(by: rows, grid)
                for index in sources.indices {
                    let part = band.pointer + index * bandFloats
                    normalize(stored, of: sources[index], grid, normalizations[index], into: part, pool)
                    sources[index] = UnsafePointer(part)
                }
                grid.firstRow = stored.lowerBound
            }
            guard weight.convolve(grid, of: sources, rows: rows, bias: bias, into: result.pointer, pool: pool) else {
                throw .outOfMemory(what: "a convolution", bytes: bandRows / 4 * tileRow * MemoryLayout<Float>.stride)
            }
        }
    }

    /// One picture, band by band of the result's rows.
    private func compute(
        _ grid: PatchGrid, _ x: UnsafePointer<Float>, _ normalization: Normalization?, _ bias: [Float],
        into out: UnsafeMutablePointer<Float>, rows: Int, _ pool: ThreadPool
    ) throws(ModelError) {
        let (columns, lineFloats) = (weight.columns, grid.width * inputs)
        let block = max(64, Self.rowFloats / columns / 64 * 64)
        let isPlain =
            kernel == 1 && stride == 1 && grid.enlargedHeight == grid.height && grid.enlargedWidth == grid.width
        let bandRows = normalization == nil ? rows : max(4, Self.bandFloats / (lineFloats * stride))
        let patches = try isPlain ? nil : reserve(min(block, rows * grid.outWidth) * columns)
        let bandLines = min(grid.height, (bandRows - 1) * stride + kernel + 1)
        let band = try normalization == nil ? nil : reserve(bandLines * lineFloats)
        var grid = grid
        for firstRow in Swift.stride(from: 0, to: rows, by: bandRows) {
            let endRow = min(rows, firstRow + bandRows)
            var source = x
            grid.firstRow = 0
            if let normalization, let band {
                let stored = seen(by: firstRow..<endRow, grid)
                normalize(stored, of: x, grid, normalization, into: band.pointer, pool)
                (source, grid.firstRow) = (UnsafePointer(band.pointer), stored.lowerBound)
            }
            let end = endRow * grid.outWidth
            for first in Swift.stride(from: firstRow * grid.outWidth, to: end, by: block) {
                let count = min(block, end - first)
                var laidOut = source + (first - grid.firstRow * grid.outWidth) * inputs
                if let patches {
                    Kernels.patches(grid, of: source, first: first, count: count, into: patches.pointer, pool: pool)
                    laidOut = UnsafePointer(patches.pointer)
                }
                bias.withUnsafeBufferPointer { bias in
                    weight.multiply(
                        laidOut, count: count, into: out + first * outputs, bias: bias.baseAddress, pool: pool)
                }
            }
        }
    }

    /// Multiplications and additions for so many positions of the result.
    func operations(positions: Int) -> Double { 2 * Double(positions) * Double(weight.columns) * Double(outputs) }

    private func reserve(_ count: Int) throws(ModelError) -> FloatBuffer {
        guard let buffer = FloatBuffer(count: count) else {
            throw .outOfMemory(what: "a convolution", bytes: count * MemoryLayout<Float>.stride)
        }
        return buffer
    }
}

extension Linear {
    /// What `apply` computes, for so many rows that they are better taken some at a time.
    func applyInBlocks(
        _ x: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        let block = max(64, (1 << 20) / weight.columns / 64 * 64)
        for first in stride(from: 0, to: count, by: block) {
            apply(
                x + first * weight.columns, count: min(block, count - first), into: out + first * weight.rows,
                pool: pool)
        }
    }
}
