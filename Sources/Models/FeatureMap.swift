import Tensor

/// Activations of a batch of pictures: [B, H, W, C], channels innermost, so that each position is a row of features.
///
/// Letters here and in all parts of the diffusion decoder: B pictures in the batch, H, W height and width, N = H·W
/// positions, C channels.
package final class FeatureMap {
    package let count: Int
    package let height: Int
    package let width: Int
    package let channels: Int
    private let buffer: FloatBuffer

    /// Zeros.
    package init(count: Int = 1, height: Int, width: Int, channels: Int) throws(ModelError) {
        var floats = 1
        for length in [count, height, width, channels] {
            let (product, overflow) = floats.multipliedReportingOverflow(by: length)
            guard length > 0, !overflow, product < Int.max / 8 else {
                throw .outOfMemory(what: "a picture's activations", bytes: Int.max)
            }
            floats = product
        }
        guard let buffer = FloatBuffer(count: floats) else {
            throw .outOfMemory(what: "a picture's activations", bytes: floats * MemoryLayout<Float>.stride)
        }
        (self.count, self.height, self.width, self.channels) = (count, height, width, channels)
        self.buffer = buffer
    }

    /// Positions of one picture.
    package var positions: Int { height * width }

    /// All of [B, H, W, C].
    package var pointer: UnsafeMutablePointer<Float> { buffer.pointer }

    /// One picture of the batch, [H, W, C].
    package func picture(_ index: Int) -> UnsafeMutablePointer<Float> {
        precondition(index >= 0 && index < count, "a picture outside the batch")
        return buffer.pointer + index * positions * channels
    }

    /// The number of values.
    package var valueCount: Int { count * positions * channels }

    /// From planes [B, C, H, W], as PyTorch has them.
    package convenience init(
        planes: [Float], count: Int = 1, height: Int, width: Int, channels: Int
    ) throws(ModelError) {
        try self.init(count: count, height: height, width: width, channels: channels)
        precondition(planes.count == valueCount, "planes of another size")
        forEachPlaneValue { place, plane in pointer[place] = planes[plane] }
    }

    /// The values as planes [B, C, H, W].
    package var planes: [Float] {
        var result = [Float](repeating: 0, count: valueCount)
        forEachPlaneValue { place, plane in result[plane] = pointer[place] }
        return result
    }

    private func forEachPlaneValue(_ body: (_ place: Int, _ plane: Int) -> Void) {
        for picture in 0..<count {
            for channel in 0..<channels {
                for position in 0..<positions {
                    body(
                        (picture * positions + position) * channels + channel,
                        (picture * channels + channel) * positions + position)
                }
            }
        }
    }

    /// Both maps' channels side by side, [B, H, W, C + C'].
    func concatenated(with other: FeatureMap) throws(ModelError) -> FeatureMap {
        precondition((count, height, width) == (other.count, other.height, other.width), "maps of different sizes")
        let result = try FeatureMap(
            count: count, height: height, width: width, channels: channels + other.channels)
        for position in 0..<count * positions {
            let to = result.pointer + position * result.channels
            to.update(from: pointer + position * channels, count: channels)
            (to + channels).update(from: other.pointer + position * other.channels, count: other.channels)
        }
        return result
    }

    /// self += other.
    func add(_ other: FeatureMap) {
        precondition(valueCount == other.valueCount, "maps of different sizes")
        Kernels.add(pointer, other.pointer, count: valueCount)
    }
}
