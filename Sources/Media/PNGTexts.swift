/// Adds texts to a PNG file: what it shows and how it was made, readable by other programs.
///
/// Source: "Portable Network Graphics (PNG) Specification (Third Edition)", sections 5.3 and 11.3.3.
package struct PNGTexts {
    /// Keyword (1 to 79 Latin letters, digits and spaces) and text.
    private let texts: [(keyword: String, text: String)]

    package init(_ texts: [(keyword: String, text: String)]) {
        self.texts = texts
    }

    /// The file with the texts behind its header; as it is when it is no PNG.
    package func added(to file: [UInt8]) -> [UInt8] {
        // The signature, then IHDR: length, type, 13 bytes and a checksum.
        let headerEnd = 8 + 4 + 4 + 13 + 4
        guard file.count > headerEnd, file[12..<16].elementsEqual("IHDR".utf8) else { return file }
        return file[..<headerEnd] + texts.flatMap(Self.chunk) + file[headerEnd...]
    }

    /// tEXt where ASCII suffices, which every reader knows; else iTXt.
    private static func chunk(_ keyword: String, _ text: String) -> [UInt8] {
        // A zero byte ends a field.
        let clean = text.utf8.filter { $0 != 0 }
        let isPlain = clean.allSatisfy { $0 == 0x0A || (0x20..<0x7F).contains($0) }
        // Of iTXt: not compressed, in no given language, the keyword not translated.
        let fields = Array(keyword.utf8) + (isPlain ? [0] : [0, 0, 0, 0, 0]) + clean
        let content = Array((isPlain ? "tEXt" : "iTXt").utf8) + fields
        return bigEndian(UInt32(fields.count)) + content + bigEndian(checksum(content))
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    /// CRC-32 as in section 5.5.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(0xFFFF_FFFF) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
    }
}
