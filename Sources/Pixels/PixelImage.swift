import Digest

/// A picture as 8-bit RGB rows without padding, top row first.
///
/// What both the screen and the models see: already oriented, in sRGB.
package struct PixelImage: Sendable, Equatable {
    /// Width in pixels, at least 1.
    package let width: Int
    /// Height in pixels, at least 1.
    package let height: Int
    /// `height * width * 3` bytes, row-major, R G B.
    package let bytes: [UInt8]
    /// Where `bytes` hold the colours that lie under transparency, the same rows composited on white; else nil.
    private let bytesOnWhite: [UInt8]?

    /// Makes a picture; nil when a byte count does not fit the size or the size is empty.
    package init?(width: Int, height: Int, bytes: [UInt8], onWhite: [UInt8]? = nil) {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard width > 0, height > 0, !overflow, pixels <= Int.max / 3, bytes.count == pixels * 3 else { return nil }
        guard onWhite.map({ $0.count == bytes.count }) ?? true else { return nil }
        self.width = width
        self.height = height
        self.bytes = bytes
        bytesOnWhite = onWhite
    }

    /// The picture as people see it, nothing transparent.
    package var onWhite: PixelImage {
        bytesOnWhite.flatMap { PixelImage(width: width, height: height, bytes: $0) } ?? self
    }

    /// The digest of size, pixels and, where something is transparent, of the pixels on white: equal pictures share it
    /// however their files were encoded.
    package var digest: SHA256Digest {
        var content = [UInt8]()
        content.reserveCapacity(bytes.count + 16)
        for value in [width, height] {
            withUnsafeBytes(of: UInt64(value).littleEndian) { content.append(contentsOf: $0) }
        }
        content.append(contentsOf: bytes)
        content.append(contentsOf: bytesOnWhite ?? [])
        return SHA256Digest(of: content)
    }
}
