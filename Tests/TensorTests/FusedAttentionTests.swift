import Glibc
import Tensor
import Testing

extension KernelTests {
    /// Attention in one pass against its definition in double precision.
    @Suite struct FusedAttentionTests {
        private struct Case: Sendable, CustomStringConvertible {
            let heads: Int
            let keyValueHeads: Int
            let headSize: Int
            let length: Int
            var description: String { "\(heads)/\(keyValueHeads) heads of \(headSize), \(length) keys" }
        }

        // Shorter than a block of keys, behind one, behind a part, several parts; heads of odd sizes; large groups.
        private static let cases = [
            Case(heads: 3, keyValueHeads: 1, headSize: 64, length: 5),
            Case(heads: 2, keyValueHeads: 2, headSize: 128, length: 33),
            Case(heads: 4, keyValueHeads: 2, headSize: 80, length: 257),
            Case(heads: 16, keyValueHeads: 1, headSize: 32, length: 300),
            Case(heads: 2, keyValueHeads: 1, headSize: 20, length: 700),
        ]

        private struct Operands {
            let rows = 6
            let queries: [Float]
            let keys: [Float]
            let values: [Float]
            let slots: [Int32]
            let lengths: [Int32]

            init(_ shape: Case) {
                func wave(_ count: Int, _ step: Int) -> [Float] {
                    (0..<count).map { Float(($0 * step) % 1009) / 1009 * 2 - 1 }
                }
                queries = wave(6 * shape.heads * shape.headSize, 37)
                keys = wave((shape.length + 3) * shape.keyValueHeads * shape.headSize, 101)
                values = wave((shape.length + 3) * shape.keyValueHeads * shape.headSize, 53)
                // Slots in no order; rows that see ever more, the last of them everything.
                slots = (0..<shape.length).map { Int32(($0 * 7 + 3) % (shape.length + 3)) }
                lengths = (0..<6).map { Int32(max(1, shape.length - 5 + $0)) }
            }
        }

        private func attend(
            _ shape: Case, _ operands: Operands, rows: Range<Int>, threads: Int, precision: Precision
        ) throws -> [Float] {
            let pool = ThreadPool(threadCount: threads)
            let attention = AttentionShape(
                heads: shape.heads, keyValueHeads: shape.keyValueHeads, headSize: shape.headSize)
            let width = shape.heads * shape.headSize
            var out = [Float](repeating: .nan, count: rows.count * width)
            let scratch = try #require(FloatBuffer(count: shape.length * pool.threadCount))
            operands.slots.withUnsafeBufferPointer { slots in
                operands.queries.withUnsafeBufferPointer { queries in
                    guard let base = queries.baseAddress else { return }
                    attention.attend(
                        queries: base + rows.lowerBound * width, keys: operands.keys, values: operands.values,
                        cacheType: .f32, headBytes: shape.headSize * 4, slots: rows.map { _ in slots.baseAddress },
                        lengths: Array(operands.lengths[rows]), scratch: scratch, into: &out, precision: precision,
                        pool: pool)
                }
            }
            return out
        }

        private func definition(_ shape: Case, _ operands: Operands, row: Int, head: Int) -> [Double] {
            let (size, group) = (shape.headSize, shape.heads / shape.keyValueHeads)
            func feature(_ cache: [Float], _ t: Int, _ i: Int) -> Double {
                Double(cache[(Int(operands.slots[t]) * shape.keyValueHeads + head / group) * size + i])
            }
            let scores = (0..<Int(operands.lengths[row])).map { t in
                (0..<size).reduce(0.0) {
                    $0 + Double(operands.queries[(row * shape.heads + head) * size + $1])
                        * feature(operands.keys, t, $1)
                } / Double(size).squareRoot()
            }
            let weights = scores.map { exp($0 - (scores.max() ?? 0)) }
            let sum = weights.reduce(0, +)
            return (0..<size).map { i in
                weights.indices.reduce(0.0) { $0 + weights[$1] * feature(operands.values, $1, i) } / sum
            }
        }

        @Test(arguments: cases) private func agreesWithItsDefinition(_ shape: Case) throws {
            let operands = Operands(shape)
            var first: [UInt32]?
            try Kernels.withEachVariant { variant in
                let out = try attend(shape, operands, rows: 0..<6, threads: 2, precision: .fast)
                for row in [0, 5] {
                    for head in 0..<shape.heads {
                        let expected = definition(shape, operands, row: row, head: head)
                        let found = out.dropFirst((row * shape.heads + head) * shape.headSize)
                        let worst = zip(found, expected).map { abs(Double($0) - $1) }.max() ?? .infinity
                        #expect(worst < 3e-6, "\(variant), row \(row), head \(head)")
                    }
                }
                let bits = out.map(\.bitPattern)
                #expect(first == nil || first == bits, "\(variant) has other bits")
                first = first ?? bits
            }
        }

        @Test(arguments: cases) private func aQuerysBitsDependOnNothingElse(_ shape: Case) throws {
            let operands = Operands(shape)
            let whole = try attend(shape, operands, rows: 0..<6, threads: 1, precision: .fast)
            let width = shape.heads * shape.headSize
            for threads in [1, 2, 3, 8] {
                for rows in [0..<1, 2..<5, 5..<6, 0..<6] {
                    let part = try attend(shape, operands, rows: rows, threads: threads, precision: .fast)
                    let expected = whole[rows.lowerBound * width..<rows.upperBound * width]
                    #expect(part.map(\.bitPattern) == expected.map(\.bitPattern), "\(threads) threads, rows \(rows)")
                }
            }
        }

        @Test(arguments: cases) private func exactAttentionAgreesToo(_ shape: Case) throws {
            let operands = Operands(shape)
            let exact = try attend(shape, operands, rows: 0..<6, threads: 2, precision: .exact)
            let fast = try attend(shape, operands, rows: 0..<6, threads: 2, precision: .fast)
            #expect((zip(exact, fast).map { abs($0 - $1) }.max() ?? .infinity) < 3e-6)
        }
    }
}
