// Bicubic resampling with the support of Pillow: Keys' cubic convolution with a = -0.5, its support widened when the
// picture shrinks, two passes with 8 bits in between, coefficients in fixed point. Models were trained on what Pillow
// makes of a picture, so every byte is the same. Source: `Resample.c` of Pillow, its passes for 8 bits per channel, and
// the order of the passes as Pillow 13 has it (before, rows always came first), found by trying sizes.

extension PixelImage {
    /// The whole picture squeezed or stretched to a size, bit for bit as Pillow's bicubic `resize` does it.
    ///
    /// A pass whose size does not change is left out; which pass comes first shows in the last bits, since there are 8
    /// bits in between. Nil when the size is empty or too large to count.
    package func resampledBicubic(width newWidth: Int, height newHeight: Int) -> PixelImage? {
        guard newWidth > 0, newHeight > 0, newWidth <= Self.longestSide, newHeight <= Self.longestSide else {
            return nil
        }
        var image = self
        let columnsFirst = height > newHeight && height - newHeight > 2 * (width - newWidth)
        if columnsFirst { image = image.resampledColumns(to: newHeight) }
        if newWidth != width { image = image.resampledRows(to: newWidth) }
        if !columnsFirst, newHeight != height { image = image.resampledColumns(to: newHeight) }
        return image
    }

    private func resampledRows(to newWidth: Int) -> PixelImage {
        let rows = Self.resampleRows(bytes, width: width, height: height, BicubicTaps(from: width, to: newWidth))
        return PixelImage(width: newWidth, height: height, bytes: rows) ?? self
    }

    private func resampledColumns(to newHeight: Int) -> PixelImage {
        let rows = Self.resampleColumns(bytes, rowBytes: width * 3, BicubicTaps(from: height, to: newHeight))
        return PixelImage(width: width, height: newHeight, bytes: rows) ?? self
    }

    /// Above this no model wants a picture, and products of two sides with the channels could overflow.
    private static let longestSide = 1 << 20

    /// [height, width, 3] to [height, taps.count, 3].
    private static func resampleRows(_ source: [UInt8], width: Int, height: Int, _ taps: BicubicTaps) -> [UInt8] {
        let count = taps.count
        return [UInt8](unsafeUninitializedCapacity: height * count * 3) { target, initialized in
            source.withUnsafeBufferPointer { source in
                taps.withCoefficients { first, lengths, coefficients, stride in
                    for row in 0..<height {
                        for column in 0..<count {
                            var sums = (BicubicTaps.half, BicubicTaps.half, BicubicTaps.half)
                            var from = (row * width + first[column]) * 3
                            for tap in 0..<lengths[column] {
                                let coefficient = coefficients[column * stride + tap]
                                sums.0 &+= Int32(source[from]) &* coefficient
                                sums.1 &+= Int32(source[from + 1]) &* coefficient
                                sums.2 &+= Int32(source[from + 2]) &* coefficient
                                from += 3
                            }
                            let to = (row * count + column) * 3
                            target[to] = BicubicTaps.byte(sums.0)
                            target[to + 1] = BicubicTaps.byte(sums.1)
                            target[to + 2] = BicubicTaps.byte(sums.2)
                        }
                    }
                }
            }
            initialized = height * count * 3
        }
    }

    /// [height, rowBytes] to [taps.count, rowBytes].
    private static func resampleColumns(_ source: [UInt8], rowBytes: Int, _ taps: BicubicTaps) -> [UInt8] {
        let count = taps.count
        return [UInt8](unsafeUninitializedCapacity: count * rowBytes) { target, initialized in
            var sums = [Int32](repeating: 0, count: rowBytes)
            source.withUnsafeBufferPointer { source in
                taps.withCoefficients { first, lengths, coefficients, stride in
                    sums.withUnsafeMutableBufferPointer { sums in
                        for row in 0..<count {
                            for index in 0..<rowBytes { sums[index] = BicubicTaps.half }
                            // Row by row, so that memory is read as it lies.
                            for tap in 0..<lengths[row] {
                                let coefficient = coefficients[row * stride + tap]
                                let from = (first[row] + tap) * rowBytes
                                for index in 0..<rowBytes { sums[index] &+= Int32(source[from + index]) &* coefficient }
                            }
                            for index in 0..<rowBytes { target[row * rowBytes + index] = BicubicTaps.byte(sums[index]) }
                        }
                    }
                }
            }
            initialized = count * rowBytes
        }
    }
}

/// Which neighbours make each new sample along one side, and with which weights.
private struct BicubicTaps {
    /// Bits behind the point of a weight: 32 less 8 for the sample and 2 for the sum and the sign.
    private static let precisionBits: Int32 = 32 - 8 - 2
    /// One half of a sample's last bit, so that cutting off rounds.
    static let half: Int32 = 1 << (precisionBits - 1)

    /// Samples along the new side.
    let count: Int
    /// For each new sample its first neighbour, and how many there are.
    private let first: [Int]
    private let lengths: [Int]
    /// [count, stride]
    private let coefficients: [Int32]
    private let stride: Int

    init(from oldCount: Int, to newCount: Int) {
        let scale = Double(oldCount) / Double(newCount)
        let filterScale = max(scale, 1)
        let support = 2 * filterScale
        let stride = Int(support.rounded(.up)) * 2 + 1
        var first = [Int](repeating: 0, count: newCount)
        var lengths = first
        var coefficients = [Int32](repeating: 0, count: newCount * stride)
        var weights = [Double](repeating: 0, count: stride)
        for index in 0..<newCount {
            let center = (Double(index) + 0.5) * scale
            // Cut off, not rounded down: below 0 both give the first sample.
            let low = max(0, Int(center - support + 0.5))
            let high = min(oldCount, Int(center + support + 0.5))
            var sum = 0.0
            for tap in 0..<high - low {
                weights[tap] = Self.weight((Double(tap + low) - center + 0.5) * (1 / filterScale))
                sum += weights[tap]
            }
            for tap in 0..<high - low {
                let weight = sum == 0 ? weights[tap] : weights[tap] / sum
                let scaled = weight * Double(1 << Self.precisionBits)
                coefficients[index * stride + tap] = Int32(weight < 0 ? scaled - 0.5 : scaled + 0.5)
            }
            (first[index], lengths[index]) = (low, high - low)
        }
        count = newCount
        (self.first, self.lengths, self.coefficients, self.stride) = (first, lengths, coefficients, stride)
    }

    /// Keys' cubic convolution at a distance in samples, a = -0.5.
    private static func weight(_ distance: Double) -> Double {
        let (x, a) = (abs(distance), -0.5)
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    }

    @inline(__always)
    static func byte(_ sum: Int32) -> UInt8 { UInt8(clamping: sum >> precisionBits) }

    /// Lends first neighbours, their counts, the weights [count, stride] and the stride as plain memory.
    func withCoefficients<Result>(
        _ body: (UnsafeBufferPointer<Int>, UnsafeBufferPointer<Int>, UnsafeBufferPointer<Int32>, Int) -> Result
    ) -> Result {
        first.withUnsafeBufferPointer { first in
            lengths.withUnsafeBufferPointer { lengths in
                coefficients.withUnsafeBufferPointer { body(first, lengths, $0, stride) }
            }
        }
    }
}
