import Glibc
import Tensor
import Testing

extension KernelTests {
    /// Operations over pictures' activations against their definitions in double precision; every variant, the same bits.
    @Suite struct SpatialKernelTests {
        private func wave(_ count: Int, _ step: Int) -> [Float] {
            (0..<count).map { Float(($0 * step) % 1009) / 1009 * 2 - 1 }
        }

        /// Computes with every variant and with several threads; returns what all of them agree on.
        private func agreed(_ count: Int, _ compute: (UnsafeMutablePointer<Float>, ThreadPool) -> Void) -> [Float] {
            func result(_ threads: Int) -> [Float] {
                var out = [Float](repeating: .nan, count: count)
                out.withUnsafeMutableBufferPointer { buffer in
                    if let base = buffer.baseAddress { compute(base, ThreadPool(threadCount: threads)) }
                }
                return out
            }
            let expected = result(3)
            Kernels.withEachVariant { variant in
                #expect(result(1).map(\.bitPattern) == expected.map(\.bitPattern), "\(variant)")
            }
            return expected
        }

        private func largest(_ found: [Float], _ expected: [Double]) -> Double {
            guard found.count == expected.count else { return .infinity }
            return zip(found, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
        }

        @Test(arguments: [(5, 3), (40, 64), (130, 20)]) func attentionSeesEverything(_ keys: Int, _ size: Int) {
            let (queries, heads) = (29, 2)
            let width = heads * size
            let (q, k, v) = (wave(queries * width, 37), wave(keys * width, 101), wave(keys * width, 53))
            var expected = [Double](repeating: 0, count: queries * width)
            for query in 0..<queries {
                for head in 0..<heads {
                    let scores = (0..<keys).map { key in
                        (0..<size).reduce(0.0) { sum, i in
                            sum + Double(q[query * width + head * size + i]) * Double(k[key * width + head * size + i])
                        } / Double(size).squareRoot()
                    }
                    let weights = scores.map { exp($0) }
                    for i in 0..<size {
                        let sum = (0..<keys).reduce(0.0) { $0 + weights[$1] * Double(v[$1 * width + head * size + i]) }
                        expected[query * width + head * size + i] = sum / weights.reduce(0, +)
                    }
                }
            }
            let found = agreed(queries * width) { out, pool in
                let isDone = Kernels.attendWhole(
                    queries: q, count: queries, keys: k, values: v, keyCount: keys, heads: heads, headSize: size,
                    into: out, pool: pool)
                #expect(isDone)
            }
            #expect(largest(found, expected) < 1e-6)
        }

        @Test(arguments: [(7, 6, 3), (300, 40, 4), (513, 16, 16)])
        func groupsAreNormalised(_ positions: Int, _ channels: Int, _ groups: Int) throws {
            // A mean far above the deviation, which one pass would lose.
            let x = wave(positions * channels, 37).map { $0 * 0.01 + 3 }
            let (weight, bias, size) = (wave(channels, 11), wave(channels, 7), channels / groups)
            var expected = [Double](repeating: 0, count: x.count)
            for group in 0..<groups {
                let places = (0..<positions).flatMap { position in
                    (group * size..<(group + 1) * size).map { position * channels + $0 }
                }
                let mean = places.reduce(0.0) { $0 + Double(x[$1]) } / Double(places.count)
                let variance = places.reduce(0.0) { $0 + pow(Double(x[$1]) - mean, 2) } / Double(places.count)
                for place in places {
                    let y =
                        (Double(x[place]) - mean) / (variance + 1e-6).squareRoot() * Double(weight[place % channels])
                        + Double(bias[place % channels])
                    expected[place] = y / (1 + exp(-y))
                }
            }
            let found = agreed(x.count) { out, pool in
                guard
                    let statistics = Kernels.groupStatistics(
                        x, positions: positions, channels: channels, groups: groups, epsilon: 1e-6, pool: pool)
                else { return }
                Kernels.groupNormalize(
                    x, positions: positions, statistics: statistics, weight: weight, bias: bias, silu: true, into: out,
                    pool: pool)
            }
            #expect(largest(found, expected) < 2e-4)
        }

        @Test(arguments: [(3, 1, 1, 1), (3, 2, 1, 1), (3, 2, 0, 1), (1, 1, 0, 1), (3, 1, 1, 2), (2, 1, 1, 1)])
        func patchesAreWhatTheKernelCovers(_ kernel: Int, _ stride: Int, _ padding: Int, _ factor: Int) {
            let (height, width, channels) = (5, 7, 3)
            // Enlarged to one less than twice the height, as where an odd size was halved.
            let (tall, wide) = (factor == 2 ? 2 * height - 1 : height, factor * width)
            let outWidth = (wide + 2 * padding - kernel) / stride + 1
            let outHeight = (tall + 2 * padding - kernel) / stride + 1
            let x = wave(height * width * channels, 37)
            let grid = PatchGrid(
                height: height, width: width, channels: channels, enlargedHeight: tall, enlargedWidth: wide,
                kernel: kernel, stride: stride, padding: padding, outWidth: outWidth)
            let columns = channels * kernel * kernel
            var expected = [Double]()
            for position in 2..<outHeight * outWidth {
                for channel in 0..<channels {
                    for tap in 0..<kernel * kernel {
                        let row = position / outWidth * stride + tap / kernel - padding
                        let column = position % outWidth * stride + tap % kernel - padding
                        let isInside = (0..<tall).contains(row) && (0..<wide).contains(column)
                        let place = (row / factor * width + column / factor) * channels + channel
                        expected.append(isInside ? Double(x[place]) : 0)
                    }
                }
            }
            let found = agreed((outHeight * outWidth - 2) * columns) { out, pool in
                Kernels.patches(grid, of: x, first: 2, count: outHeight * outWidth - 2, into: out, pool: pool)
            }
            #expect(largest(found, expected) == 0)
        }

        @Test func theGateIsGELU() {
            let (rows, columns) = (3, 21)
            let x = wave(rows * 2 * columns, 37).map { $0 * 3 }
            let expected = (0..<rows * columns).map { index in
                let (row, column) = (index / columns, index % columns)
                let gate = Double(x[row * 2 * columns + columns + column])
                return Double(x[row * 2 * columns + column]) * 0.5 * gate * (1 + erf(gate / 2.0.squareRoot()))
            }
            let found = agreed(rows * columns) { out, pool in
                Kernels.geluGate(x, rows: rows, columns: columns, into: out, pool: pool)
            }
            #expect(largest(found, expected) < 2e-6)
        }
    }
}
