import CKernels
import Glibc
import Tensor
import Testing

/// Kernels against definitions written out in double precision.
@Suite(.serialized) struct KernelTests {
    static let types: [GGMLType] = [.f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K]

    /// Deterministic bytes whose fp16 scales are small and finite.
    static func weights(_ type: GGMLType, rows: Int, columns: Int) throws -> [UInt8] {
        let size = try #require(type.rowBytes(columns: columns)) * rows
        var state: UInt32 = 12345
        var bytes = (0..<size).map { _ -> UInt8 in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
        // High exponent bits off: no infinities, in any place where a scale may lie.
        for index in bytes.indices { bytes[index] &= type == .f32 || type == .bf16 ? 0xBF : 0xFF }
        if type != .f32 && type != .bf16 {
            let stride = type.blockBytes
            for block in 0..<(size / stride) {
                let scaleOffsets: [Int] =
                    switch type {
                    case .f16: [0]
                    case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
                    case .q6_K: [208]
                    default: [0]
                    }
                for offset in scaleOffsets { bytes[block * stride + offset + 1] &= 0x3B }
            }
        }
        return bytes
    }

    @Test(arguments: types) func productsAgreeWithTheirDefinition(_ type: GGMLType) throws {
        let (rows, columns, count) = (37, 512, 5)
        let bytes = try Self.weights(type, rows: rows, columns: columns)
        let x = (0..<count * columns).map { Float(($0 * 31) % 17) / 17 - 0.4 }
        var first: [UInt32]?
        try Kernels.withEachVariant { variant in
            let out = try product(type, bytes, rows, columns, x, count)
            let widened = try bytes.withUnsafeBytes { raw in
                try #require(Kernels.widen(type: type, bytes: raw, count: rows * columns))
            }
            for row in 0..<count {
                for feature in 0..<rows {
                    var expected = 0.0
                    var scale = 0.0
                    for k in 0..<columns {
                        let term = Double(widened[feature * columns + k]) * Double(x[row * columns + k])
                        expected += term
                        scale += abs(term)
                    }
                    let found = Double(out[row * rows + feature])
                    #expect(abs(found - expected) <= 1e-6 * scale + 1e-30, "\(variant) \(type) [\(row), \(feature)]")
                }
            }
            let bits = out.map(\.bitPattern)
            #expect(first == nil || first == bits, "\(variant) has other bits")
            first = first ?? bits
        }
    }

    private func product(
        _ type: GGMLType, _ bytes: [UInt8], _ rows: Int, _ columns: Int, _ x: [Float], _ count: Int
    ) throws -> [Float] {
        final class Owner: Sendable {}
        let pool = ThreadPool(threadCount: 2)
        var out = [Float](repeating: .nan, count: rows * count)
        try bytes.withUnsafeBytes { raw in
            let matrix = try #require(
                WeightMatrix(rows: rows, columns: columns, type: type, bytes: raw, owner: Owner()))
            out.withUnsafeMutableBufferPointer { buffer in
                if let base = buffer.baseAddress { matrix.multiply(x, count: count, into: base, pool: pool) }
            }
        }
        return out
    }

    @Test func wrongSizesGiveNoMatrix() {
        final class Owner: Sendable {}
        let bytes = [UInt8](repeating: 0, count: 100)
        bytes.withUnsafeBytes { raw in
            #expect(WeightMatrix(rows: 2, columns: 32, type: .q4_1, bytes: raw, owner: Owner()) == nil)
            #expect(WeightMatrix(rows: 5, columns: 33, type: .q4_1, bytes: raw, owner: Owner()) == nil)
            #expect(WeightMatrix(rows: Int.max, columns: 32, type: .q4_1, bytes: raw, owner: Owner()) == nil)
            #expect(WeightMatrix(rows: 5, columns: 32, type: .q4_1, bytes: raw, owner: Owner()) != nil)
            #expect(WeightMatrix(rows: 1, columns: 100, type: .i8, bytes: raw, owner: Owner()) == nil)
        }
    }

    @Test(arguments: [1, 2, 3, 8]) func everyItemRunsOnce(_ threads: Int) {
        let pool = emu_pool_create(Int32(threads))
        defer { emu_pool_destroy(pool) }
        var counts = [Int32](repeating: 0, count: 1000)
        counts.withUnsafeMutableBufferPointer { buffer in
            for _ in 0..<200 {
                emu_pool_run(
                    pool, 1000,
                    { context, index, _ in
                        context?.assumingMemoryBound(to: Int32.self)[Int(index)] += 1
                    }, buffer.baseAddress)
            }
        }
        #expect(counts.allSatisfy { $0 == 200 })
    }

    @Test func siluAndSoftmaxStayFiniteAtTheEdges() {
        let pool = ThreadPool(threadCount: 1)
        var gate: [Float] = [-1e30, -100, -1, 0, 1, 100, 1e30, 20, -20]
        let input = gate
        let up = [Float](repeating: 1, count: gate.count)
        Kernels.siluMultiply(&gate, up, rows: 1, columns: gate.count, pool: pool)
        for (found, x) in zip(gate, input) {
            let expected = Double(x) / (1 + exp(-Double(x)))
            #expect(abs(Double(found) - expected) <= 1e-6 * max(1, abs(expected)), "silu(\(x)) = \(found)")
        }
    }

    @Test func layerNormAndExactGELUFollowTheirFormulas() {
        let pool = ThreadPool(threadCount: 2)
        // Widths around the lanes, far from zero so that a one-pass variance would drown.
        for width in [1, 5, 16, 23, 64] {
            let x = (0..<2 * width).map { Float(100 + ($0 * 37 + 11) % 17) }
            let weight = (0..<width).map { Float($0 % 3) + 0.5 }
            let bias = (0..<width).map { Float($0) * 0.25 - 1 }
            var out = x
            out.withUnsafeMutableBufferPointer { buffer in
                if let base = buffer.baseAddress {
                    Kernels.layerNorm(base, weight: weight, bias: bias, epsilon: 1e-3, rows: 2, into: base, pool: pool)
                }
            }
            for row in 0..<2 {
                let values = x[row * width..<(row + 1) * width].map(Double.init)
                let mean = values.reduce(0, +) / Double(width)
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
                for index in 0..<width {
                    let expected =
                        (values[index] - mean) / (variance + 1e-3).squareRoot() * Double(weight[index])
                        + Double(bias[index])
                    #expect(abs(Double(out[row * width + index]) - expected) < 1e-4, "width \(width)")
                }
            }
        }
        let inputs = stride(from: Float(-8), through: 8, by: 0.125).map { $0 }
        var first: [UInt32]?
        Kernels.withEachVariant { variant in
            var values = inputs
            Kernels.gelu(&values, rows: 3, columns: values.count / 3, pool: pool)
            for (x, found) in zip(inputs.map(Double.init), values) {
                // The tanh form is off by up to 5e-4; one that subtracts from 1 has no digits left at -5.
                let expected = 0.5 * x * erfc(-x / 2.0.squareRoot())
                #expect(
                    abs(Double(found) - expected) <= min(3e-7, 1e-5 * abs(expected)), "\(variant) gelu(\(x)) = \(found)"
                )
            }
            first = first ?? values.map(\.bitPattern)
            #expect(first == values.map(\.bitPattern), "\(variant) has other bits")
        }
    }

    @Test func geluAndSoftCapFollowTheirFormulas() {
        let pool = ThreadPool(threadCount: 1)
        // More than 16 values, so that whole vectors and the rest are both computed.
        let input: [Float] = [-1e30, -100, -8, -3, -1, -0.1, -1e-6, 0, 1e-6, 0.1, 0.5, 1, 2, 3, 8, 100, 1e30, -2, 20]
        var gate = input
        let up = [Float](repeating: 2, count: gate.count)
        Kernels.geluMultiply(&gate, up, rows: 1, columns: gate.count, pool: pool)
        for (found, x) in zip(gate, input.map(Double.init)) {
            let expected = x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
            #expect(abs(Double(found) - expected) <= 1e-6 * max(1, abs(expected)), "gelu(\(x)) = \(found)")
        }
        var capped = input
        Kernels.softCap(&capped, cap: 4, rows: 1, columns: capped.count, pool: pool)
        for (found, x) in zip(capped, input.map(Double.init)) {
            #expect(abs(Double(found) - 4 * tanh(x / 4)) <= 2e-6, "cap(\(x)) = \(found)")
        }
    }

    @Test func rotationKeepsLengthsAndPairsAsItsLayoutSays() {
        let pool = ThreadPool(threadCount: 1)
        for layout in [RotaryAngles.Layout.interleaved, .halfSplit] {
            var x: [Float] = [1, 2, 3, 4, 5, 6]
            let angles = RotaryAngles(positions: [3], inverseFrequencies: [0.5, 0.25], layout: layout)
            Kernels.rotate(&x, rows: 1, heads: 1, headSize: 6, angles: angles, pool: pool)
            let pairs = layout == .interleaved ? [(0, 1), (2, 3)] : [(0, 2), (1, 3)]
            for ((a, b), angle) in zip(pairs, [1.5, 0.75]) {
                let (u, v) = (Double(a + 1), Double(b + 1))
                #expect(abs(Double(x[a]) - (u * cos(angle) - v * sin(angle))) < 1e-6)
                #expect(abs(Double(x[b]) - (u * sin(angle) + v * cos(angle))) < 1e-6)
            }
            #expect(Array(x[4...]) == [5, 6], "features beyond the rotated ones stay")
        }
    }

    @Test func logSumExpAndWeightsAgreeWithTheirDefinition() {
        for count in [1, 2, 15, 16, 17, 1000, 49152] {
            let x = (0..<count).map { Float(($0 * 7919) % 1013) / 1013 * 30 - 20 }
            let greatest = Double(x.max() ?? 0)
            let sum = x.reduce(0.0) { $0 + exp(Double($1) - greatest) }
            var first: (UInt64, [UInt32])?
            Kernels.withEachVariant { variant in
                let found = Kernels.logSumExp(x, count: count)
                #expect(abs(found - (greatest + log(sum))) < 1e-6, "\(variant), \(count) values")
                var weights = [Float](repeating: .nan, count: count)
                let total = Kernels.softmaxWeights(x, count: count, temperature: 0.5, into: &weights)
                #expect(abs(total - weights.reduce(0.0) { $0 + Double($1) }) <= 1e-12 * total)
                #expect(weights.max() == 1)
                for (weight, value) in zip(weights, x) {
                    let expected = exp((Double(value) - greatest) / 0.5)
                    #expect(abs(Double(weight) - expected) <= 1e-5 * expected)
                }
                let bits = (found.bitPattern, weights.map(\.bitPattern))
                #expect(first == nil || first! == bits, "\(variant) has other bits")
                first = first ?? bits
            }
        }
    }

    @Test(arguments: [0, 5, 16, 20]) func whatIsNoNumberIsTold(_ place: Int) {
        var x = [Float](repeating: 0.5, count: 21)
        x[place] = .nan
        var weights = [Float](repeating: 7, count: 21)
        #expect(Kernels.logSumExp(x, count: 21).isNaN)
        #expect(Kernels.softmaxWeights(x, count: 21, temperature: 1, into: &weights).isNaN)
        #expect(weights.allSatisfy { $0 == 7 })
        x[place] = .infinity
        #expect(Kernels.logSumExp(x, count: 21) == .infinity)
        x[place] = -.infinity
        #expect(abs(Kernels.logSumExp(x, count: 21) - (0.5 + log(20))) < 1e-6)
        let none = [Float](repeating: -.infinity, count: 21)
        #expect(Kernels.logSumExp(none, count: 21) == -.infinity)
    }
}
