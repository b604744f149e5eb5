import Tensor
import Testing

extension KernelTests {
    /// Many rows of activations, of which CPUs that multiply tiles take sixteen at once.
    @Suite struct MatrixTileTests {
        private static let integerTypes: [GGMLType] = [.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K]
        /// More columns than are multiplied in one go, and rows of weights that leave a panel half empty.
        private static let (columns, rows) = (1536, 40)

        private final class Owner: Sendable {}

        private func packed(_ type: GGMLType, pool: ThreadPool) throws -> (WeightMatrix, [Float]) {
            let bytes = try KernelTests.weights(type, rows: Self.rows, columns: Self.columns)
            return try bytes.withUnsafeBytes { raw in
                let matrix = try #require(
                    WeightMatrix(rows: Self.rows, columns: Self.columns, type: type, bytes: raw, owner: Owner()))
                let widened = try #require(Kernels.widen(type: type, bytes: raw, count: Self.rows * Self.columns))
                return (WeightPacker(pool: pool) { _ in }.pack(matrix), widened)
            }
        }

        /// Values of one size but for a few that are far greater, as in a language model's states.
        private func activations(_ count: Int) -> [Float] {
            (0..<count * Self.columns).map { index in
                let value = Float((index * 31) % 977) / 977 - 0.4
                return index % 611 == 70 ? value * 60 : value
            }
        }

        private func multiply(_ matrix: WeightMatrix, _ x: [Float], bias: [Float]? = nil, pool: ThreadPool) -> [Float] {
            var out = [Float](repeating: .nan, count: x.count / Self.columns * Self.rows)
            matrix.multiply(x, count: x.count / Self.columns, into: &out, bias: bias, pool: pool)
            return out
        }

        /// Of bytes the products are integers, so that tiles find what vectors find, to the bit.
        @Test(arguments: integerTypes) func tilesOfBytesHaveTheBitsOfVectors(_ type: GGMLType) throws {
            let pool = ThreadPool(threadCount: 2)
            let (matrix, _) = try packed(type, pool: pool)
            // Sixteen tiles, one more, and three rows that fill none.
            let x = activations(275)
            var first: [UInt32]?
            Kernels.withEachVariant { variant in
                let bits = multiply(matrix, x, pool: pool).map(\.bitPattern)
                #expect(first == nil || first == bits, "\(variant) has other bits")
                first = first ?? bits
            }
        }

        private func toBF16(_ value: Float) -> Double {
            let rounded = (value.bitPattern &+ 0x7FFF &+ (value.bitPattern >> 16 & 1)) & 0xFFFF_0000
            return Double(Float(bitPattern: rounded))
        }

        /// For fixed rows weights in bytes are widened to bf16 where that is faster, and nothing changes elsewhere.
        @Test(arguments: integerTypes + [.f16, .bf16]) func widenedProductsAgreeWithTheirDefinition(
            _ type: GGMLType
        ) throws {
            let pools = [1, 3].map { ThreadPool(threadCount: $0) }
            let (matrix, weights) = try packed(type, pool: pools[0])
            let bias = (0..<Self.rows).map { Float($0) / 8 }
            let x = activations(53)
            try Kernels.withEachVariant { variant in
                let out = multiply(matrix.forFixedRows(), x, bias: bias, pool: pools[0])
                let others = multiply(matrix.forFixedRows(), x, bias: bias, pool: pools[1])
                #expect(out == others, "\(variant) depends on the number of threads")
                guard variant == "amx" else {
                    #expect(out == multiply(matrix, x, bias: bias, pool: pools[0]), "\(variant) has other products")
                    return
                }
                // Scales of groups are rounded to fp16 when they are packed, which moves weights to other bf16 numbers.
                let tolerance = [.q4_K, .q5_K, .q6_K].contains(type) ? 6e-3 : type == .bf16 ? 2e-6 : 4e-4
                for row in [0, 15, 16, 47, 48, 51, 52] {
                    for feature in 0..<Self.rows {
                        var (expected, scale) = (Double(bias[feature]), 0.0)
                        for k in 0..<Self.columns {
                            let term =
                                toBF16(weights[feature * Self.columns + k]) * toBF16(x[row * Self.columns + k])
                            expected += term
                            scale += abs(term)
                        }
                        try #require(
                            abs(Double(out[row * Self.rows + feature]) - expected) <= tolerance * scale + 1e-30,
                            "\(variant) \(type) [\(row), \(feature)]")
                    }
                }
            }
        }

        /// Few rows are not worth widening: a row of them has the bits that it has alone.
        @Test func fewRowsAreNotWidened() throws {
            let pool = ThreadPool(threadCount: 2)
            let (matrix, _) = try packed(.q8_0, pool: pool)
            let x = activations(17)
            Kernels.withEachVariant { variant in
                #expect(multiply(matrix.forFixedRows(), x, pool: pool) == multiply(matrix, x, pool: pool), "\(variant)")
            }
        }
    }
}
