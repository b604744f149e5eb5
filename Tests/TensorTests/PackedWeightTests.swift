import Glibc
import Tensor
import Testing

extension KernelTests {
    /// Products in fast precision against their definition in double precision: exact weights, narrowed activations.
    @Suite struct PackedWeightTests {
        private static let columns = 512
        private static let integerTypes: [GGMLType] = [.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K]
        private static let types = integerTypes + [.f16, .bf16]

        private final class Owner: Sendable {}

        /// A packed matrix of its own bytes, which are gone when this returns: only what was packed is read.
        private func packed(_ type: GGMLType, rows: Int, pool: ThreadPool) throws -> (WeightMatrix, [Float]) {
            let bytes = try KernelTests.weights(type, rows: rows, columns: Self.columns)
            return try bytes.withUnsafeBytes { raw in
                let packer = WeightPacker(pool: pool) { _ in }
                let matrix = try #require(
                    WeightMatrix(rows: rows, columns: Self.columns, type: type, bytes: raw, owner: Owner()))
                let widened = try #require(Kernels.widen(type: type, bytes: raw, count: rows * Self.columns))
                return (packer.pack(matrix), widened)
            }
        }

        private func activations(_ count: Int) -> [Float] {
            // Blocks of very different sizes, one of them zero; in every third row one value dwarfs all others.
            (0..<count * Self.columns).map { index in
                let row = index / Self.columns
                if row % 3 == 1, index % Self.columns == 37 * row % Self.columns { return -300 }
                let size: Float = index / 32 % 5 == 3 ? 0 : [1, 1e-3, 40, 0, 7][index / 32 % 5]
                return (Float((index * 31) % 977) / 977 - 0.4) * size
            }
        }

        private func multiply(_ matrix: WeightMatrix, _ x: [Float], pool: ThreadPool) -> [Float] {
            var out = [Float](repeating: .nan, count: x.count / Self.columns * matrix.rows)
            matrix.multiply(x, count: x.count / Self.columns, into: &out, pool: pool)
            return out
        }

        /// What a row of activations is in 8 bits, or in bf16.
        private func narrowed(_ x: [Float], as type: GGMLType) -> [Double] {
            if type == .f16 || type == .bf16 {
                return x.map { value in
                    let rounded = (value.bitPattern &+ 0x7FFF &+ (value.bitPattern >> 16 & 1)) & 0xFFFF_0000
                    return Double(Float(bitPattern: rounded))
                }
            }
            return stride(from: 0, to: x.count, by: 32).flatMap { first -> [Double] in
                let block = x[first..<first + 32]
                let greatest = block.map(abs).max() ?? 0
                guard greatest > 0 else { return [Double](repeating: 0, count: 32) }
                let (inverse, scale) = (127 / greatest, greatest / 127)
                let row = x[first / Self.columns * Self.columns..<(first / Self.columns + 1) * Self.columns]
                let rootMeanSquare = (row.reduce(0) { $0 + Double($1) * Double($1) } / Double(Self.columns))
                    .squareRoot()
                // What the first 8 bits of a block with an outlier leave over is kept in 8 more.
                let hasSecondTerm = Double(greatest) > 6 * rootMeanSquare
                return block.map { value in
                    let quant = (value * inverse).rounded(.toNearestOrEven)
                    let narrow = Double(quant) * Double(scale)
                    guard hasSecondTerm else { return narrow }
                    let rest = value.addingProduct(-quant, scale) * (254 * 127 / greatest)
                    return narrow + Double(rest.rounded(.toNearestOrEven)) * Double(scale / 254)
                }
            }
        }

        @Test(arguments: types) func productsAgreeWithTheirDefinition(_ type: GGMLType) throws {
            let (rows, count, columns) = (37, 5, Self.columns)
            let pool = ThreadPool(threadCount: 2)
            let (matrix, widened) = try packed(type, rows: rows, pool: pool)
            #expect(matrix.isPacked)
            let x = activations(count)
            let narrow = narrowed(x, as: type)
            // Scales of groups are rounded to fp16 when they are packed, weights in fp16 to bf16.
            let tolerance = [.q4_K, .q5_K, .q6_K].contains(type) ? 1e-3 : type == .f16 ? 4e-3 : 2e-6
            var first: [UInt32]?
            try Kernels.withEachVariant { variant in
                let out = multiply(matrix, x, pool: pool)
                for row in 0..<count {
                    for feature in 0..<rows {
                        var (expected, scale) = (0.0, 0.0)
                        for k in 0..<columns {
                            let term = Double(widened[feature * columns + k]) * narrow[row * columns + k]
                            expected += term
                            scale += abs(term)
                        }
                        let found = Double(out[row * rows + feature])
                        try #require(
                            abs(found - expected) <= tolerance * scale + 1e-30,
                            "\(variant) \(type) [\(row), \(feature)]")
                    }
                }
                guard Self.integerTypes.contains(type) else { return }
                let bits = out.map(\.bitPattern)
                #expect(first == nil || first == bits, "\(variant) has other bits")
                first = first ?? bits
            }
        }

        /// One value that dwarfs the others of its block must not cost them their precision.
        @Test func outliersCostTheirNeighboursNothing() throws {
            let pool = ThreadPool(threadCount: 2)
            let (matrix, widened) = try packed(.q8_0, rows: 16, pool: pool)
            var x = (0..<Self.columns).map { Float(($0 * 31) % 977) / 977 - 0.4 }
            x[70] = 90
            let out = multiply(matrix, x, pool: pool)
            for feature in 0..<16 {
                let expected = (0..<Self.columns).reduce(0.0) {
                    $0 + Double(widened[feature * Self.columns + $1]) * Double(x[$1])
                }
                let size = (0..<Self.columns).reduce(0.0) {
                    $0 + ($1 == 70 ? 0 : abs(Double(widened[feature * Self.columns + $1]) * Double(x[$1])))
                }
                // With one term of 8 bits the block's other values would be rounded to multiples of 0.7.
                #expect(abs(Double(out[feature]) - expected) < 2e-3 * size, "feature \(feature)")
            }
        }

        /// Quants and activations as great as they come: what holds a block's sums holds these.
        @Test(arguments: [(GGMLType.q4_0, 0xFF, 7), (.q4_0, 0x00, -8), (.q4_1, 0xFF, 15), (.q8_0, 0x80, -128)])
        private func theGreatestQuantsHaveRoom(_ type: GGMLType, _ quants: UInt8, _ weight: Float) throws {
            let (rows, pool) = (16, ThreadPool(threadCount: 1))
            var bytes = [UInt8](repeating: quants, count: try #require(type.rowBytes(columns: Self.columns)) * rows)
            for block in stride(from: 0, to: bytes.count, by: type.blockBytes) {
                // A scale of one in fp16, and no minimum.
                bytes[block..<block + 2] = [0x00, 0x3C]
                if type == .q4_1 { bytes[block + 2..<block + 4] = [0, 0] }
            }
            let matrix = try bytes.withUnsafeBytes { raw in
                let matrix = try #require(
                    WeightMatrix(rows: rows, columns: Self.columns, type: type, bytes: raw, owner: Owner()))
                return WeightPacker(pool: pool) { _ in }.pack(matrix)
            }
            let x = [Float](repeating: 1, count: 5 * Self.columns) + [Float](repeating: -1, count: 5 * Self.columns)
            Kernels.withEachVariant { variant in
                let out = multiply(matrix, x, pool: pool)
                let expected = [1, -1].flatMap { sign in
                    [Float](repeating: Float(sign * Self.columns) * weight, count: 5 * rows)
                }
                #expect(zip(out, expected).allSatisfy { abs($0 - $1) <= 1e-5 * abs($1) }, "\(variant)")
            }
        }

        @Test(arguments: types) func aRowsBitsDependOnNothingElse(_ type: GGMLType) throws {
            let pools = [1, 2, 3, 8].map { ThreadPool(threadCount: $0) }
            let rows = 40
            let (matrix, _) = try packed(type, rows: rows, pool: pools[2])
            let x = activations(29)
            Kernels.withEachVariant { variant in
                let alone = (0..<29).flatMap { row in
                    multiply(matrix, Array(x[row * Self.columns..<(row + 1) * Self.columns]), pool: pools[0])
                }
                for count in 1...29 {
                    let part = multiply(matrix, Array(x[..<(count * Self.columns)]), pool: pools[count % 4])
                    #expect(
                        part.map(\.bitPattern) == alone[..<(count * rows)].map(\.bitPattern),
                        "\(variant) \(type) \(count)"
                    )
                }
            }
        }

        @Test func severalProductsAtOnceAreTheProducts() throws {
            let pool = ThreadPool(threadCount: 2)
            let x = activations(3)
            let matrices = try [(GGMLType.q4_1, 64), (.q8_0, 17), (.f16, 5), (.q6_K, 33)].map {
                try packed($0.0, rows: $0.1, pool: pool).0
            }
            let bias = FloatBuffer(count: 64)
            for index in 0..<64 { bias?.pointer[index] = Float(index) }
            let buffers = matrices.compactMap { FloatBuffer(count: 3 * $0.rows) }
            WeightMatrix.multiply(
                x, count: 3,
                zip(matrices, buffers).map { WeightMatrix.Product(matrix: $0, bias: bias?.pointer, out: $1.pointer) },
                pool: pool)
            for (matrix, buffer) in zip(matrices, buffers) {
                let single = multiply(matrix, x, pool: pool)
                let expected = single.enumerated().map { $1 + Float($0 % matrix.rows) }
                #expect(buffer.values(0..<expected.count) == expected)
            }
        }

        @Test func manyMatricesKeepTheirPlaces() throws {
            let pool = ThreadPool(threadCount: 2)
            let bytes = try KernelTests.weights(.q8_0, rows: 16, columns: Self.columns)
            var released = 0
            let packer = WeightPacker(pool: pool) { released += $0.count }
            let x = activations(1)
            func pack(_ index: Int, _ packer: WeightPacker) throws -> WeightMatrix {
                var own = bytes
                // Weights of the block whose activations are the greatest.
                for place in 0..<30 { own[2 * 34 + 2 + place] = UInt8(truncatingIfNeeded: index * place) }
                return try own.withUnsafeBytes { raw in
                    packer.pack(
                        try #require(
                            WeightMatrix(rows: 16, columns: Self.columns, type: .q8_0, bytes: raw, owner: Owner())))
                }
            }
            let matrices = try (0..<40).map { try pack($0, packer) }
            #expect(released == 40 * bytes.count)
            let expected = try (0..<40).map { multiply(try pack($0, WeightPacker(pool: pool) { _ in }), x, pool: pool) }
            #expect(Set(expected).count == 40)
            #expect(matrices.map { multiply($0, x, pool: pool) } == expected)
        }

        @Test func whatIsNoNumberStaysNone() throws {
            let pool = ThreadPool(threadCount: 1)
            for type in [GGMLType.q4_0, .q8_0, .bf16] {
                let (matrix, _) = try packed(type, rows: 3, pool: pool)
                for value in [Float.nan, .infinity] {
                    var x = activations(1)
                    x[70] = value
                    Kernels.withEachVariant { variant in
                        let out = multiply(matrix, x, pool: pool)
                        #expect(out.allSatisfy { !$0.isFinite }, "\(variant) \(type) \(value)")
                    }
                }
                #expect(multiply(matrix, [Float](repeating: 0, count: 512), pool: pool) == [0, 0, 0])
            }
        }

        @Test func whatCannotBePackedIsComputedAsItIs() throws {
            let pool = ThreadPool(threadCount: 1)
            let (plain, widened) = try packed(.f32, rows: 2, pool: pool)
            #expect(!plain.isPacked && widened.count == 1024)
            let halves = [UInt8](repeating: 0, count: 2 * 33)
            try halves.withUnsafeBytes { raw in
                let narrow = try #require(WeightMatrix(rows: 1, columns: 33, type: .f16, bytes: raw, owner: Owner()))
                #expect(!WeightPacker(pool: pool) { _ in }.pack(narrow).isPacked)
            }
        }
    }
}
