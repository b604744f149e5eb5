import CLibAV
import Foundation
import Pixels

/// A frame taken from a clip.
package struct SampledFrame: Sendable, Equatable {
    /// Upright, RGB8.
    package let image: PixelImage
    /// Seconds from the clip's start.
    package let seconds: Double
    /// The frame's number in the clip, from 0.
    package let index: Int

    package init(image: PixelImage, seconds: Double, index: Int) {
        self.image = image
        self.seconds = seconds
        self.index = index
    }
}

/// A clip as it was sampled.
package struct DecodedVideo: Sendable {
    /// In the order of time.
    package let frames: [SampledFrame]
    /// Frames of the whole clip.
    package let frameCount: Int
    /// Length of the clip.
    package let seconds: Double
    /// Size of a frame as displayed.
    package let width: Int
    package let height: Int
    /// The container's name, such as `MP4`, and the codec's, such as `h264`.
    package let container: String
    package let codec: String
    /// The file's name without its folder.
    package let fileName: String
}

/// Samples clips: MP4, MOV, WebM, Matroska, AVI, MPEG, Ogg, FLV, ASF and animated GIF, told apart by content.
package struct VideoDecoder: Sendable {
    package let limits: MediaLimits

    package init(limits: MediaLimits = .standard) {
        self.limits = limits
    }

    /// The middle frames of k equal parts: index `floor((2i+1)·N / 2k)`; all frames when there are fewer than k.
    package static func sampledIndices(frameCount: Int, wanted: Int) -> [Int] {
        guard frameCount > 0, wanted > 0 else { return [] }
        if frameCount <= wanted { return Array(0..<frameCount) }
        // Exact for any sizes: the product is divided in two words.
        return (0..<wanted).map { i in
            let product = (2 * i + 1).multipliedFullWidth(by: frameCount)
            return (2 * wanted).dividingFullWidth(product).quotient
        }
    }

    /// Decodes up to `count` frames, spread evenly over the clip.
    ///
    /// Non-square pixels are not stretched. `isCancelled` is polled between packets.
    package func sample(
        path: String, count: Int, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(MediaError) -> DecodedVideo {
        guard count >= 1, count <= 1_000_000 else { throw .invalidFrameCount(count) }
        let container: String
        switch try MediaKind.detect(path: path) {
        case .video(let name): container = name
        case .still(.gif): container = "GIF"
        case .still(let format): throw .notAVideo(path: path, found: "a \(format.name) picture")
        case .other(let found): throw .notAVideo(path: path, found: found)
        }
        let clip = try ClipReader(path: path, container: container, limits: limits, isCancelled: isCancelled)
        var frameCount = try clip.countFrames()
        let most = limits.sampledPixels / max(1, clip.codedWidth * clip.codedHeight)
        guard min(count, frameCount) <= max(1, most) else {
            throw .sampleTooLarge(
                path: path, frames: min(count, frameCount), width: clip.codedWidth, height: clip.codedHeight,
                most: max(1, most))
        }
        var pictures: [Int: (PixelImage, Double)] = [:]
        // A damaged clip can decode to fewer frames than it has packets: then the parts are cut anew.
        while true {
            let decoded = try clip.decode(Self.sampledIndices(frameCount: frameCount, wanted: count))
            pictures = decoded.pictures
            guard let actual = decoded.frameCountAtEnd, actual != frameCount else { break }
            guard actual > 0, actual < frameCount else {
                throw .damaged(path: path, format: container, detail: "no frame could be decoded")
            }
            frameCount = actual
        }
        let frames = pictures.sorted { $0.key < $1.key }.map { index, value in
            SampledFrame(image: value.0, seconds: value.1, index: index)
        }
        guard let first = frames.first else {
            throw .damaged(path: path, format: container, detail: "no frame could be decoded")
        }
        return DecodedVideo(
            frames: frames, frameCount: frameCount, seconds: clip.seconds(frameCount: frameCount),
            width: first.image.width, height: first.image.height, container: container, codec: clip.codecName,
            fileName: (path as NSString).lastPathComponent)
    }
}
