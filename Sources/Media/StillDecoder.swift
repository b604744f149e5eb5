import Foundation
import Pixels

/// Reads still pictures: JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC, AVIF and SVG, told apart by content.
package struct StillDecoder: Sendable {
    package let limits: MediaLimits

    package init(limits: MediaLimits = .standard) {
        self.limits = limits
    }

    /// Reads a picture from a file.
    package func load(path: String) throws(MediaError) -> LoadedImage {
        let bytes = try MediaFile.read(path, limit: limits.fileBytes)
        return try load(bytes: bytes, path: path, fileName: (path as NSString).lastPathComponent)
    }

    /// Reads a picture from memory; `name` stands for it in errors, and is kept as its file name.
    package func load(bytes: [UInt8], name: String) throws(MediaError) -> LoadedImage {
        guard bytes.count <= limits.fileBytes else {
            throw .fileTooLarge(path: name, bytes: bytes.count, limit: limits.fileBytes)
        }
        return try load(bytes: bytes, path: name, fileName: name)
    }

    /// Reads a picture from standard input to its end.
    package func loadStandardInput() throws(MediaError) -> LoadedImage {
        let name = "standard input"
        let bytes = try MediaFile.read(
            descriptor: STDIN_FILENO, name: name, expected: 1 << 20, limit: limits.fileBytes)
        return try load(bytes: bytes, path: name, fileName: "")
    }

    /// Decodes at a reduced size that fits into a box, upright and in sRGB; much faster than `load` for large pictures.
    ///
    /// For the screen only: models are given `load`'s exact pixels.
    package func preview(
        bytes: [UInt8], name: String, maximumWidth: Int, maximumHeight: Int
    ) throws(MediaError) -> PixelImage {
        let format = try stillFormat(bytes, name)
        guard VipsPicture.isReady else { throw .encodingFailed(detail: "libvips does not start") }
        if format == .bmp { return try load(bytes: bytes, name: name).pixels }
        return try bytes.withUnsafeBytes { buffer in
            decoding(name, format) { () throws(VipsPicture.Failure) in
                let header = try VipsPicture.open(buffer, sequential: true)
                if let error = tooLarge(name, header.width, header.height) { return .failure(error) }
                let small = try VipsPicture.thumbnail(
                    buffer, width: max(1, maximumWidth), height: max(1, maximumHeight))
                return .success(try small.standardised().pixels())
            }
        }.get()
    }

    private func stillFormat(_ bytes: [UInt8], _ path: String) throws(MediaError) -> StillFormat {
        switch MediaKind.detect(bytes) {
        case .still(let format): return format
        case .video(let container): throw .notAPicture(path: path, found: "a video (\(container))")
        case .other(let found): throw .notAPicture(path: path, found: found)
        }
    }

    private func load(bytes: [UInt8], path: String, fileName: String) throws(MediaError) -> LoadedImage {
        let format = try stillFormat(bytes, path)
        if format == .bmp {
            let pixels = try BitmapDecoder.decode(bytes, path: path, limits: limits)
            return LoadedImage(pixels: pixels, format: .bmp, pageCount: 1, fileBytes: bytes, fileName: fileName)
        }
        guard VipsPicture.isReady else {
            throw .damaged(path: path, format: format.name, detail: "libvips does not start")
        }
        let (pixels, seenPixels, pageCount) = try bytes.withUnsafeBytes { buffer in
            decoding(path, format) { () throws(VipsPicture.Failure) in try decode(buffer, path: path) }
        }.get()
        return LoadedImage(
            pixels: pixels, seenPixels: seenPixels, format: format, pageCount: pageCount, fileBytes: bytes,
            fileName: fileName)
    }

    /// The picture on white, the same without its transparency where it has some, and the number of its pages.
    private func decode(
        _ buffer: UnsafeRawBufferPointer, path: String
    ) throws(VipsPicture.Failure) -> Result<(PixelImage, PixelImage?, Int), MediaError> {
        let header = try VipsPicture.open(buffer, sequential: true)
        if let error = tooLarge(path, header.width, header.height) { return .failure(error) }
        let pageCount = header.pageCount
        // Turning needs any row at any time; an upright picture streams through from the top.
        let isUpright = header.orientation <= 1
        let hasAlpha = header.hasAlpha
        let picture = isUpright ? header : try VipsPicture.open(buffer, sequential: false)
        let pixels = try picture.standardised().pixels()
        guard hasAlpha else { return .success((pixels, nil, pageCount)) }
        let bare = try VipsPicture.open(buffer, sequential: isUpright).standardised(keepsHiddenColours: true).pixels()
        let seen = PixelImage(width: bare.width, height: bare.height, bytes: bare.bytes, onWhite: pixels.bytes)
        return .success((pixels, seen, pageCount))
    }

    private func decoding<Value>(
        _ path: String, _ format: StillFormat,
        _ body: () throws(VipsPicture.Failure) -> Result<Value, MediaError>
    ) -> Result<Value, MediaError> {
        do {
            return try body()
        } catch {
            return .failure(.damaged(path: path, format: format.name, detail: error.detail))
        }
    }

    private func tooLarge(_ path: String, _ width: Int, _ height: Int) -> MediaError? {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard overflow || pixels > limits.pixels else { return nil }
        return .tooManyPixels(path: path, width: width, height: height, limit: limits.pixels)
    }
}

/// Encodes pictures for storing beside a session.
package enum StillEncoder {
    /// A lossless PNG file.
    package static func png(_ image: PixelImage) throws(MediaError) -> [UInt8] {
        guard VipsPicture.isReady else { throw .encodingFailed(detail: "libvips does not start") }
        return try image.bytes.withUnsafeBytes { buffer -> Result<[UInt8], MediaError> in
            do {
                return .success(try VipsPicture.rows(buffer, width: image.width, height: image.height).png())
            } catch let failure as VipsPicture.Failure {
                return .failure(.encodingFailed(detail: failure.detail))
            } catch {
                return .failure(.encodingFailed(detail: "unknown reason"))
            }
        }.get()
    }
}
