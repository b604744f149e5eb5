/// Why a picture or a clip cannot be used. `description` is the wording for people.
package enum MediaError: Error, Sendable, Equatable {
    /// `suggestion` is a file of nearly that name in the same folder.
    case noSuchFile(path: String, suggestion: String?)
    case isFolder(path: String)
    /// A device, a pipe or a socket.
    case notARegularFile(path: String)
    case permissionDenied(path: String)
    /// Any other refusal of the operating system.
    case unreadable(path: String, reason: String)
    /// `found` says what the content seems to be, such as "a text file".
    case notAPicture(path: String, found: String)
    case notAVideo(path: String, found: String)
    /// More bytes than are read.
    case fileTooLarge(path: String, bytes: Int, limit: Int)
    case tooManyPixels(path: String, width: Int, height: Int, limit: Int)
    case tooManyFrames(path: String, limit: Int)
    /// More frames of this size were asked for than are kept in memory together.
    case sampleTooLarge(path: String, frames: Int, width: Int, height: Int, most: Int)
    /// Cut off or corrupt; `detail` is the decoder's own words.
    case damaged(path: String, format: String, detail: String)
    /// A container without pictures, such as music.
    case noVideoStream(path: String, format: String)
    /// A codec that this installation cannot decode.
    case unsupportedCodec(path: String, codec: String)
    /// A number of frames below 1 was asked for.
    case invalidFrameCount(Int)
    case cancelled(path: String)
    /// A picture could not be encoded for storing.
    case encodingFailed(detail: String)
}
