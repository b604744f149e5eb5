import Digest

/// A picture as 8-bit RGB rows without padding, top row first.
///
/// What both the screen and the models see: already oriented, in sRGB, transparency composited.
package struct PixelImage: Sendable, Equatable {
    /// Width in pixels, at least 1.
    package let width: Int
    /// Height in pixels, at least 1.
    package let height: Int
    /// `height * width * 3` bytes, row-major, R G B.
    package let bytes: [UInt8]

    /// Makes a picture; nil when the byte count does not fit the size or the size is empty.
    package init?(width: Int, height: Int, bytes: [UInt8]) {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard width > 0, height > 0, !overflow, pixels <= Int.max / 3, bytes.count == pixels * 3 else { return nil }
        self.width = width
        self.height = height
        self.bytes = bytes
    }

    /// The digest of size and pixels: equal pictures share it however their files were encoded.
    package var digest: SHA256Digest {
        var content = [UInt8]()
        content.reserveCapacity(bytes.count + 16)
        for value in [width, height] {
            withUnsafeBytes(of: UInt64(value).littleEndian) { content.append(contentsOf: $0) }
        }
        content.append(contentsOf: bytes)
        return SHA256Digest(of: content)
    }
}
