/// The picture formats that are read, told apart by content.
package enum StillFormat: String, Sendable, CaseIterable {
    case jpeg, png, webp, gif, tiff, bmp, heic, avif, svg

    /// The name to show, such as `JPEG`.
    package var name: String { self == .webp ? "WebP" : rawValue.uppercased() }

    /// The usual file extension, without a dot.
    package var fileExtension: String {
        switch self {
        case .jpeg: "jpg"
        default: rawValue
        }
    }
}

/// What a file is, by its content; its name has no say.
package enum MediaKind: Sendable, Equatable {
    case still(StillFormat)
    /// A container of moving pictures, by its name such as `MP4`.
    case video(String)
    /// Anything else, in words that complete "found …", such as "a text file".
    case other(String)

    /// How many bytes of a file's beginning `detect` looks at.
    package static let prefixLength = 4096

    /// Tells a file's kind from its first bytes (`prefixLength`, or all there are).
    package static func detect(_ bytes: some Collection<UInt8>) -> MediaKind {
        let head = Array(bytes.prefix(prefixLength))
        if head.isEmpty { return .other("an empty file") }
        if let kind = byMagic(head) { return kind }
        if let kind = baseMediaFile(head) { return kind }
        if isTransportStream(head) { return .video("MPEG-TS") }
        return textual(head)
    }

    /// Tells a file's kind from its content.
    package static func detect(path: String) throws(MediaError) -> MediaKind {
        detect(try MediaFile.prefix(path))
    }

    private static func byMagic(_ head: [UInt8]) -> MediaKind? {
        for (magic, kind) in magics where head.starts(with: magic) { return kind }
        if head.starts(with: Array("RIFF".utf8)), head.count >= 12 {
            switch String(decoding: head[8..<12], as: UTF8.self) {
            case "WEBP": return .still(.webp)
            case "AVI ": return .video("AVI")
            case "WAVE": return .other("a sound file")
            default: return nil
            }
        }
        // BMP: "BM", then the size of a header that exists.
        if head.starts(with: Array("BM".utf8)), head.count >= 18, [12, 40, 52, 56, 64, 108, 124].contains(head[14]) {
            return .still(.bmp)
        }
        return nil
    }

    private static let magics: [([UInt8], MediaKind)] = [
        ([0xFF, 0xD8, 0xFF], .still(.jpeg)),
        ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], .still(.png)),
        (Array("GIF87a".utf8), .still(.gif)), (Array("GIF89a".utf8), .still(.gif)),
        ([0x49, 0x49, 0x2A, 0x00], .still(.tiff)), ([0x4D, 0x4D, 0x00, 0x2A], .still(.tiff)),
        ([0x49, 0x49, 0x2B, 0x00], .still(.tiff)), ([0x4D, 0x4D, 0x00, 0x2B], .still(.tiff)),
        ([0x1A, 0x45, 0xDF, 0xA3], .video("Matroska")),
        (Array("OggS".utf8), .video("Ogg")), (Array("FLV\u{1}".utf8), .video("FLV")),
        ([0x00, 0x00, 0x01, 0xBA], .video("MPEG")), ([0x00, 0x00, 0x01, 0xB3], .video("MPEG")),
        ([0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11], .video("ASF")),
        (Array("%PDF-".utf8), .other("a PDF document")), (Array("%!PS".utf8), .other("a PostScript document")),
        ([0x50, 0x4B, 0x03, 0x04], .other("a ZIP archive or an office document")),
        ([0x1F, 0x8B], .other("a gzip archive")), (Array("BZh".utf8), .other("a bzip2 archive")),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A], .other("an xz archive")),
        ([0x7F, 0x45, 0x4C, 0x46], .other("a program")), (Array("GGUF".utf8), .other("a GGUF model")),
        (Array("ID3".utf8), .other("a sound file")), (Array("fLaC".utf8), .other("a sound file")),
        (Array("8BPS".utf8), .other("a Photoshop document")),
    ]

    /// ISO base media files (ISO/IEC 14496-12) begin with a box `ftyp` that lists brands.
    private static func baseMediaFile(_ head: [UInt8]) -> MediaKind? {
        guard head.count >= 12 else { return nil }
        let type = String(decoding: head[4..<8], as: UTF8.self)
        if ["moov", "mdat", "wide", "free", "skip", "pnot"].contains(type) { return .video("MOV") }
        guard type == "ftyp" else { return nil }
        let declared = head[0..<4].reduce(0) { $0 << 8 | Int($1) }
        let end = min(max(declared, 16), head.count)
        var brands = [String(decoding: head[8..<12], as: UTF8.self)]
        var offset = 16
        while offset + 4 <= end {
            brands.append(String(decoding: head[offset..<offset + 4], as: UTF8.self))
            offset += 4
        }
        // The major brand decides; the compatible ones only when it says no more than "an image collection".
        switch brands[0] {
        case "avif": return .still(.avif)
        case "heic", "heix", "heim", "heis": return .still(.heic)
        case "avis", "mif1", "msf1", "hevc", "hevx":
            return .still(brands.contains("avif") || brands.contains("avis") ? .avif : .heic)
        case "qt  ": return .video("MOV")
        case "M4A ", "M4B ": return .other("a sound file")
        case "crx ": return .other("a Canon raw picture; convert it to JPEG")
        default: return .video("MP4")
        }
    }

    /// Packets of 188 bytes, each beginning with the same byte (ISO/IEC 13818-1).
    private static func isTransportStream(_ head: [UInt8]) -> Bool {
        head.count >= 188 * 3 && stride(from: 0, to: 188 * 3, by: 188).allSatisfy { head[$0] == 0x47 }
    }

    private static func textual(_ head: [UInt8]) -> MediaKind {
        var bytes = head[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        // A character may be cut where the prefix ends.
        let isText = (0...3).contains { cut in
            cut == 0 || head.count == prefixLength
                ? String(validating: bytes.dropLast(cut), as: UTF8.self) != nil : false
        }
        guard isText, !bytes.contains(0) else { return .other("data of an unknown kind") }
        let text = String(decoding: bytes, as: UTF8.self)
        let start = text.drop { $0.isWhitespace }
        if start.first == "<" {
            if text.contains("<svg") { return .still(.svg) }
            let opening = start.prefix(200).lowercased()
            if opening.contains("<html") || opening.contains("<!doctype html") { return .other("a web page") }
            return .other("an XML file")
        }
        return .other("a text file")
    }
}
