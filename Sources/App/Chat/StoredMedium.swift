import Chat
import ChatUI
import Digest
import Media
import Pixels

/// A picture or a clip as a session notes it.
package enum StoredMedium: Sendable, Equatable {
    case image(StoredImage)
    case clip(StoredVideo)

    /// The message's part that it is.
    var part: Part {
        switch self {
        case .image(let image): .image(image)
        case .clip(let video): .video(video)
        }
    }

    /// The part of the item on the screen.
    func itemPart(_ number: Int) -> ConversationItem.Part {
        switch self {
        case .image: .picture(number)
        case .clip: .clip(number)
        }
    }

    var facts: PictureFacts {
        switch self {
        case .image(let image): PictureFacts(name: image.name, width: image.width, height: image.height)
        case .clip(let video):
            PictureFacts(
                name: video.name, width: video.width, height: video.height,
                clip: ClipFacts(
                    times: video.frames.map(\.seconds), frameCount: video.frameCount, seconds: video.seconds))
        }
    }
}

/// The frames that were taken from a clip, encoded for storing: decoded they would fill the memory.
struct SampledClip: Sendable {
    struct Frame: Sendable {
        let png: [UInt8]
        /// SHA-256 of `png`, under which the session stores it.
        let digest: String
        let seconds: Double
        let index: Int
    }

    let frames: [Frame]
    let facts: PictureFacts
    private let format: String

    /// - Parameter remember: is given each frame's pixels.
    init(_ clip: DecodedVideo, remember: (PixelImage, String) -> Void) throws(MediaError) {
        var frames: [Frame] = []
        for frame in clip.frames {
            let png = try StillEncoder.png(frame.image)
            let digest = SHA256Digest(of: png).hexadecimal
            frames.append(Frame(png: png, digest: digest, seconds: frame.seconds, index: frame.index))
            remember(frame.image, digest)
        }
        self.frames = frames
        format = clip.container
        facts = PictureFacts(
            name: clip.fileName, width: clip.width, height: clip.height,
            clip: ClipFacts(
                times: clip.frames.map(\.seconds), frameCount: clip.frameCount, seconds: clip.seconds))
    }

    /// Copies the frames beside the session.
    func stored(in store: SessionStore) throws(SessionError) -> StoredVideo {
        var stored: [StoredVideo.Frame] = []
        for frame in frames {
            let file = try store.storeMedia(frame.png, fileExtension: "png")
            stored.append(StoredVideo.Frame(file: file, seconds: frame.seconds, index: frame.index))
        }
        return StoredVideo(
            name: facts.name, width: facts.width, height: facts.height, format: format,
            seconds: facts.clip?.seconds ?? 0, frameCount: facts.clip?.frameCount ?? stored.count, frames: stored)
    }
}
