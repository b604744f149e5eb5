/// A position in a mapped file or a part of it, from which little-endian values are read; nothing is read past the end.
struct ByteCursor {
    let file: MappedFile
    private(set) var offset: Int
    private let end: Int

    init(_ file: MappedFile) {
        self.init(file, range: 0..<file.bytes.count)
    }

    /// Reads from a part of the file, which must lie inside.
    init(_ file: MappedFile, range: Range<Int>) {
        self.file = file
        offset = range.lowerBound
        end = range.upperBound
    }

    /// Bytes from here to the end.
    var remaining: Int { end - offset }

    /// Skips `count` bytes and returns their offsets. `what` names the item in errors.
    mutating func take(_ count: UInt64, _ what: @autoclosure () -> String) throws(ModelFileError) -> Range<Int> {
        guard count <= UInt64(remaining) else {
            throw .truncated(path: file.path, what: what(), offset: offset, needed: count, available: remaining)
        }
        let start = offset
        offset += Int(count)
        return start..<offset
    }

    /// Reads one number.
    mutating func read<Number: FixedWidthInteger>(
        _ type: Number.Type, _ what: @autoclosure () -> String
    ) throws(ModelFileError) -> Number {
        let range = try take(UInt64(MemoryLayout<Number>.size), what())
        return Number(littleEndian: file.bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: Number.self))
    }

    /// Reads the length of a text, then skips the text and returns its offsets.
    mutating func takeString(
        limit: UInt64 = .max, _ what: @autoclosure () -> String
    ) throws(ModelFileError) -> Range<Int> {
        let length = try read(UInt64.self, what())
        guard length <= limit else {
            throw .tooLarge(path: file.path, what: "the length of \(what())", found: length, limit: limit)
        }
        return try take(length, what())
    }
}
