import Digest
import Pixels

/// A picture as it was read from a file.
package struct LoadedImage: Sendable {
    /// Upright, in sRGB, transparency composited on white; width and height are those of the picture as displayed.
    package let pixels: PixelImage
    /// The same without its transparency, which is what Pillow's `convert("RGB")` makes of it and Emu2 was trained with:
    /// hidden colours show, and `onWhite` has them covered. Equal to `pixels` where nothing is transparent.
    package let seenPixels: PixelImage
    package let format: StillFormat
    /// Frames of an animation or pages of a document; the first is what `pixels` holds.
    package let pageCount: Int
    /// The file as it was, for storing beside a session.
    package let fileBytes: [UInt8]
    /// The file's name without its folder; empty for standard input.
    package let fileName: String

    /// Without `seenPixels` nothing is transparent.
    package init(
        pixels: PixelImage, seenPixels: PixelImage? = nil, format: StillFormat, pageCount: Int, fileBytes: [UInt8],
        fileName: String
    ) {
        self.pixels = pixels
        self.seenPixels = seenPixels ?? pixels
        self.format = format
        self.pageCount = pageCount
        self.fileBytes = fileBytes
        self.fileName = fileName
    }

    /// The digest of the file's bytes, under which a session stores it.
    package var fileDigest: SHA256Digest { SHA256Digest(of: fileBytes) }

    /// What a user should be told about the picture; nil when there is nothing unusual.
    package var note: String? {
        guard pageCount > 1 else { return nil }
        switch format {
        case .gif, .webp, .avif, .png: return "the first of \(pageCount) frames"
        default: return "the first of \(pageCount) pages"
        }
    }
}
