import Tensor
import Testing

extension KernelTests {
    /// Convolutions of 3x3 kernels by Winograd's algorithm against their definition in double precision.
    @Suite struct WinogradTests {
        struct Shape: CustomTestStringConvertible {
            var type = GGMLType.f32
            var pictures = 1
            let height: Int
            let width: Int
            let inputs: Int
            let outputs: Int
            /// Enlarged by 2 to one less than twice the height, as where an odd size was halved.
            var isEnlarged = false

            var testDescription: String {
                "\(pictures) of [\(height), \(width), \(inputs)] to \(outputs) by \(type)\(isEnlarged ? ", enlarged" : "")"
            }

            var grid: PatchGrid {
                let (tall, wide) = isEnlarged ? (2 * height - 1, 2 * width) : (height, width)
                return PatchGrid(
                    height: height, width: width, channels: inputs, enlargedHeight: tall, enlargedWidth: wide,
                    kernel: 3, stride: 1, padding: 1, outWidth: wide)
            }
        }

        static let shapes = [
            Shape(height: 1, width: 1, inputs: 1, outputs: 1),
            Shape(pictures: 2, height: 5, width: 7, inputs: 20, outputs: 19),
            // More channels than are transformed at a time, and more outputs than are computed at a time.
            Shape(type: .f16, height: 9, width: 13, inputs: 300, outputs: 70),
            // More tiles than are computed at a time, of both pictures.
            Shape(pictures: 2, height: 41, width: 43, inputs: 3, outputs: 5),
            Shape(type: .q8_0, height: 6, width: 5, inputs: 32, outputs: 64, isEnlarged: true),
            Shape(type: .q4_K, height: 4, width: 4, inputs: 512, outputs: 5),
        ]

        private final class Owner: Sendable {}

        private func noise(_ count: Int, seed: UInt32) -> [Float] {
            var state = seed
            return (0..<count).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return Float(state >> 8) / Float(1 << 23) - 1
            }
        }

        private func stored(_ values: [Float], as type: GGMLType) throws -> [UInt8] {
            var out = [UInt8](repeating: 0, count: try #require(type.rowBytes(columns: values.count)))
            let fits = values.withUnsafeBytes { source in
                out.withUnsafeMutableBytes { WeightConversion.convert(source, from: .f32, to: type, into: $0) }
            }
            try #require(fits)
            return out
        }

        /// The definition.
        private func expected(_ shape: Shape, _ x: [Float], _ weights: [Float], _ bias: [Float]) -> [Double] {
            let (grid, factor) = (shape.grid, shape.isEnlarged ? 2 : 1)
            var result = [Double]()
            for place in 0..<shape.pictures * grid.enlargedHeight * grid.enlargedWidth {
                let picture = place / (grid.enlargedHeight * grid.enlargedWidth)
                let (row, column) = (place / grid.enlargedWidth % grid.enlargedHeight, place % grid.enlargedWidth)
                for output in 0..<shape.outputs {
                    var sum = Double(bias[picture * shape.outputs + output])
                    for tap in 0..<9 {
                        let (y, z) = (row + tap / 3 - 1, column + tap % 3 - 1)
                        guard (0..<grid.enlargedHeight).contains(y), (0..<grid.enlargedWidth).contains(z) else {
                            continue
                        }
                        let from =
                            ((picture * shape.height + y / factor) * shape.width + z / factor) * shape.inputs
                        for channel in 0..<shape.inputs {
                            sum +=
                                Double(x[from + channel])
                                * Double(weights[(output * shape.inputs + channel) * 9 + tap])
                        }
                    }
                    result.append(sum)
                }
            }
            return result
        }

        /// What is computed in bands of so many rows, for some of the pictures.
        private func found(
            _ shape: Shape, _ x: [Float], _ bytes: [UInt8], _ bias: [Float], pictures: Range<Int>, rows: Int,
            threads: Int
        ) throws -> [UInt32] {
            var grid = shape.grid
            let pool = ThreadPool(threadCount: threads)
            let each = grid.enlargedHeight * grid.enlargedWidth * shape.outputs
            var out = [Float](repeating: .nan, count: pictures.count * each)
            try bytes.withUnsafeBytes { raw in
                let matrix = try #require(
                    WeightMatrix(
                        rows: shape.outputs, columns: shape.inputs * 9, type: shape.type, bytes: raw, owner: Owner()))
                let line = shape.width * shape.inputs
                for first in stride(from: 0, to: grid.enlargedHeight, by: rows) {
                    // Nothing before the rows that are needed is at hand.
                    grid.firstRow = max(0, first - 1) / (shape.isEnlarged ? 2 : 1)
                    x.withUnsafeBufferPointer { x in
                        out.withUnsafeMutableBufferPointer { out in
                            guard let x = x.baseAddress, let out = out.baseAddress else { return }
                            let sources = pictures.map { x + ($0 * shape.height + grid.firstRow) * line }
                            let isDone = matrix.convolve(
                                grid, of: sources, rows: first..<min(grid.enlargedHeight, first + rows),
                                bias: Array(
                                    bias[pictures.lowerBound * shape.outputs..<pictures.upperBound * shape.outputs]),
                                into: out, pool: pool)
                            #expect(isDone)
                        }
                    }
                }
            }
            return out.map(\.bitPattern)
        }

        @Test(arguments: shapes) func convolutionsAgreeWithTheirDefinition(_ shape: Shape) throws {
            let x = noise(shape.pictures * shape.height * shape.width * shape.inputs, seed: 1)
            let bytes = try stored(noise(shape.outputs * shape.inputs * 9, seed: 2), as: shape.type)
            let bias = noise(shape.pictures * shape.outputs, seed: 3)
            let weights = try bytes.withUnsafeBytes { raw in
                try #require(Kernels.widen(type: shape.type, bytes: raw, count: shape.outputs * shape.inputs * 9))
            }
            let definition = expected(shape, x, weights, bias)
            let all = 0..<shape.pictures
            let whole = try found(shape, x, bytes, bias, pictures: all, rows: 1 << 20, threads: 1)
            let largest = definition.reduce(0) { max($0, abs($1)) }
            #expect(
                zip(whole, definition).allSatisfy { abs(Double(Float(bitPattern: $0)) - $1) < 1e-5 * largest })
            try Kernels.withEachVariant { variant in
                let cut = try found(shape, x, bytes, bias, pictures: all, rows: 4, threads: 3)
                #expect(cut == whole, "\(variant), in bands")
            }
            let last = try found(shape, x, bytes, bias, pictures: all.suffix(1), rows: 8, threads: 2)
            #expect(last == Array(whole.suffix(last.count)), "alone")
        }
    }
}
