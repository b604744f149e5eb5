import CKernels

/// Convolutions of 3x3 kernels at step 1 between zeros, by Winograd's F(4x4, 3x3) in exact precision.
extension WeightMatrix {
    /// Floats of scratch memory for each row of tiles, 4 rows of a result of that width, of so many pictures.
    package static func winogradFloats(width: Int, inputs: Int, pictures: Int) -> Int {
        36 * inputs * pictures * ((width + 3) / 4)
    }

    /// Some rows of the result for several pictures of one size: out[pictures, enlarged height and width, rows of self].
    ///
    /// Computed from the weights' exact values, also where they are packed: a quarter of a plain convolution's products,
    /// within a few units of the last place of its largest sums. A picture's bits depend neither on the other pictures
    /// nor on how the rows are cut, nor on threads or CPU.
    /// - Parameters:
    ///   - grid: what each kernel sees; side 3, step 1, one zero on each side.
    ///   - sources: the row `grid.firstRow` of each picture; all rows that the result's need must follow.
    ///   - range: from a multiple of 4 to before a multiple of 4 or the end.
    ///   - bias: [pictures, rows of self].
    /// - Returns: false when memory is short.
    package func convolve(
        _ grid: PatchGrid, of sources: [UnsafePointer<Float>], rows range: Range<Int>, bias: [Float],
        into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) -> Bool {
        precondition((grid.kernel, grid.stride, grid.padding) == (3, 1, 1), "a kernel of another kind")
        precondition(grid.channels * 9 == columns && sources.count * rows == bias.count, "other shapes")
        precondition(
            range.lowerBound % 4 == 0 && range.upperBound <= grid.enlargedHeight
                && (range.upperBound % 4 == 0 || range.upperBound == grid.enlargedHeight), "rows between tiles")
        let grids = sources.map { grid.seen(from: $0) }
        return grids.withUnsafeBufferPointer { grids in
            bias.withUnsafeBufferPointer { bias in
                var band = emu_winograd_band(
                    grids: grids.baseAddress, pictures: grids.count, first_row: range.lowerBound,
                    end_row: range.upperBound, outputs: rows, type: type.rawValue, weights: bytes, row_bytes: rowBytes,
                    bias: bias.baseAddress, out: out)
                let floats = emu_winograd_scratch(Int32(pool.threadCount), &band)
                guard let scratch = pool.scratch(bytes: floats * MemoryLayout<Float>.stride) else { return false }
                emu_winograd(pool.handle, &band, scratch.assumingMemoryBound(to: Float.self))
                return true
            }
        }
    }
}
