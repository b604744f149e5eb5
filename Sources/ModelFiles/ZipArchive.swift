/// The directory of a ZIP archive whose entries are stored as they are, which is how `torch.save` writes.
///
/// Source: PKWARE's APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (its end, with the
/// 64-bit form) and 4.5.3 (the extra field for 64-bit sizes).
struct ZipArchive {
    /// Offsets of each entry's bytes in the file, all checked to lie inside.
    let entries: [String: Range<Int>]

    /// Ceilings far above any checkpoint's.
    private enum Limit {
        static let entries: UInt64 = 1 << 17
        /// A comment may stand behind the directory's end.
        static let comment = 65_535
    }

    private enum Signature {
        static let localHeader: UInt32 = 0x0403_4B50
        static let entry: UInt32 = 0x0201_4B50
        static let end: UInt32 = 0x0605_4B50
        static let end64: UInt32 = 0x0606_4B50
        static let locator64: UInt32 = 0x0706_4B50
    }

    private let file: MappedFile

    /// Reads the directory; every entry's own header is compared with it.
    init(_ file: MappedFile) throws(ModelFileError) {
        self.file = file
        let end = try ZipArchive.findEnd(file)
        let directory = try ZipArchive.directory(file, end: end)
        var cursor = ByteCursor(file, range: directory.range)
        var entries = [String: Range<Int>]()
        var ranges = [(range: Range<Int>, name: String)]()
        for index in 0..<directory.count {
            let (name, range) = try ZipArchive.entry(&cursor, file, index: index, limit: directory.range.lowerBound)
            guard entries.updateValue(range, forKey: name) == nil else {
                throw .malformed(
                    path: file.path, what: "the archive's directory", expected: "names that differ",
                    found: "\(name) twice")
            }
            if !range.isEmpty { ranges.append((range, name)) }
        }
        ranges.sort { $0.range.lowerBound < $1.range.lowerBound }
        for (first, second) in zip(ranges, ranges.dropFirst())
        where first.range.upperBound > second.range.lowerBound {
            throw .malformed(
                path: file.path, what: "the archive's entry \(second.name)", expected: "bytes of its own",
                found: "bytes of \(first.name)")
        }
        self.entries = entries
    }

    /// The offset of the record that ends the archive: the last one whose comment reaches the file's end.
    private static func findEnd(_ file: MappedFile) throws(ModelFileError) -> Int {
        let bytes = file.bytes
        var offset = bytes.count - 22
        let last = max(0, offset - Limit.comment)
        while offset >= last {
            if bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self).littleEndian == Signature.end,
                Int(bytes.loadUnaligned(fromByteOffset: offset + 20, as: UInt16.self).littleEndian)
                    == bytes.count - offset - 22
            {
                return offset
            }
            offset -= 1
        }
        throw .malformed(
            path: file.path, what: "the archive's end", expected: "its directory",
            found: "none, as after an interrupted download")
    }

    private static func directory(
        _ file: MappedFile, end: Int
    ) throws(ModelFileError) -> (range: Range<Int>, count: Int) {
        var cursor = ByteCursor(file, range: end + 4..<file.bytes.count)
        let what = "the archive's end record"
        _ = try cursor.take(6, what)
        var count = UInt64(try cursor.read(UInt16.self, what))
        var size = UInt64(try cursor.read(UInt32.self, what))
        var offset = UInt64(try cursor.read(UInt32.self, what))
        if end >= 20,
            file.bytes.loadUnaligned(fromByteOffset: end - 20, as: UInt32.self).littleEndian == Signature.locator64
        {
            var locator = ByteCursor(file, range: end - 12..<end)
            let position = try locator.read(UInt64.self, what)
            guard position <= UInt64(end - 20) else {
                throw .malformed(
                    path: file.path, what: "the archive's 64-bit end record", expected: "an offset up to \(end - 20)",
                    found: "\(position)")
            }
            var record = ByteCursor(file, range: Int(position)..<end - 20)
            guard try record.read(UInt32.self, what) == Signature.end64 else {
                throw .malformed(
                    path: file.path, what: "the archive's 64-bit end record", expected: "its signature",
                    found: "other bytes")
            }
            _ = try record.take(28, what)
            count = try record.read(UInt64.self, what)
            size = try record.read(UInt64.self, what)
            offset = try record.read(UInt64.self, what)
        }
        guard offset <= UInt64(end), size <= UInt64(end) - offset else {
            throw .truncated(
                path: file.path, what: "the archive's directory", offset: Int(clamping: offset), needed: size,
                available: max(0, end - Int(clamping: offset)))
        }
        let possible = min(Limit.entries, size / 46)
        guard count <= possible else {
            throw .tooLarge(path: file.path, what: "the number of the archive's entries", found: count, limit: possible)
        }
        return (Int(offset)..<Int(offset + size), Int(count))
    }

    private static func entry(
        _ cursor: inout ByteCursor, _ file: MappedFile, index: Int, limit: Int
    ) throws(ModelFileError) -> (name: String, range: Range<Int>) {
        let what = "entry \(index + 1) of the archive's directory"
        guard try cursor.read(UInt32.self, what) == Signature.entry else {
            throw .malformed(path: file.path, what: what, expected: "its signature", found: "other bytes")
        }
        _ = try cursor.take(4, what)
        let flags = try cursor.read(UInt16.self, what)
        let method = try cursor.read(UInt16.self, what)
        _ = try cursor.take(8, what)
        var stored = UInt64(try cursor.read(UInt32.self, what))
        var size = UInt64(try cursor.read(UInt32.self, what))
        let nameLength = try cursor.read(UInt16.self, what)
        let extraLength = try cursor.read(UInt16.self, what)
        let commentLength = try cursor.read(UInt16.self, what)
        _ = try cursor.take(8, what)
        var offset = UInt64(try cursor.read(UInt32.self, what))
        let nameRange = try cursor.take(UInt64(nameLength), what)
        guard let name = String(validating: file.bytes[nameRange], as: UTF8.self) else {
            throw .malformed(path: file.path, what: what, expected: "a name in UTF-8", found: "other bytes")
        }
        var extra = ByteCursor(file, range: try cursor.take(UInt64(extraLength), what))
        _ = try cursor.take(UInt64(commentLength), what)
        try widen(&size, &stored, &offset, from: &extra, "the 64-bit sizes of \(name)")
        guard method == 0, flags & 1 == 0, stored == size else {
            throw .malformed(
                path: file.path, what: "the archive's entry \(name)", expected: "stored bytes, as PyTorch writes them",
                found: flags & 1 != 0 ? "encrypted ones" : "compressed ones")
        }
        return (name, try bytes(of: name, nameRange, file, offset: offset, size: size, limit: limit))
    }

    /// Takes from the extra field what the 32-bit fields had no room for; it stands there in this order.
    private static func widen(
        _ size: inout UInt64, _ stored: inout UInt64, _ offset: inout UInt64, from extra: inout ByteCursor,
        _ what: String
    ) throws(ModelFileError) {
        let full = UInt64(UInt32.max)
        while extra.remaining >= 4 {
            let tag = try extra.read(UInt16.self, what)
            let length = try extra.read(UInt16.self, what)
            let range = try extra.take(UInt64(length), what)
            guard tag == 1 else { continue }
            var field = ByteCursor(extra.file, range: range)
            if size == full { size = try field.read(UInt64.self, what) }
            if stored == full { stored = try field.read(UInt64.self, what) }
            if offset == full { offset = try field.read(UInt64.self, what) }
        }
    }

    /// Where an entry's bytes lie: behind its own header, whose name must be the directory's.
    private static func bytes(
        of name: String, _ nameRange: Range<Int>, _ file: MappedFile, offset: UInt64, size: UInt64, limit: Int
    ) throws(ModelFileError) -> Range<Int> {
        let what = "the header of the archive's entry \(name)"
        guard offset <= UInt64(limit) else {
            throw .truncated(
                path: file.path, what: what, offset: Int(clamping: offset), needed: 30, available: 0)
        }
        var header = ByteCursor(file, range: Int(offset)..<limit)
        guard try header.read(UInt32.self, what) == Signature.localHeader else {
            throw .malformed(path: file.path, what: what, expected: "its signature", found: "other bytes")
        }
        _ = try header.take(22, what)
        let nameLength = try header.read(UInt16.self, what)
        let extraLength = try header.read(UInt16.self, what)
        let ownName = try header.take(UInt64(nameLength), what)
        guard file.bytes[ownName].elementsEqual(file.bytes[nameRange]) else {
            throw .malformed(path: file.path, what: what, expected: "the directory's name", found: "another")
        }
        _ = try header.take(UInt64(extraLength), what)
        return try header.take(size, "the archive's entry \(name)")
    }
}
