extension PixelImage {
    /// Channels one after another, each byte b as (b / 255 - mean) / deviation of its channel: [3, height, width].
    ///
    /// `mean` and `deviation` have three values, for red, green and blue.
    package func normalized(mean: [Float], deviation: [Float]) -> [Float] {
        precondition(mean.count == 3 && deviation.count == 3, "a mean and a deviation for each channel")
        let plane = width * height
        return [Float](unsafeUninitializedCapacity: plane * 3) { target, initialized in
            bytes.withUnsafeBufferPointer { source in
                for channel in 0..<3 {
                    // In the reference's order of operations, so that the bits agree.
                    for index in 0..<plane {
                        let value = Float(source[index * 3 + channel]) / 255
                        target[channel * plane + index] = (value - mean[channel]) / deviation[channel]
                    }
                }
            }
            initialized = plane * 3
        }
    }
}
