/// Reads the JSON header of a safetensors file.
///
/// Not a general JSON reader: the header has a fixed shape, and a parser of just that shape neither recurses nor
/// allocates more than the header's own size in a few small multiples.
struct SafetensorsHeaderParser {
    struct Entry {
        var name: String
        var type = ""
        var shape: [Int] = []
        var start = 0
        var end = 0
    }

    private let path: String
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(path: String, bytes: UnsafeRawBufferPointer) {
        self.path = path
        self.bytes = bytes
    }

    mutating func parse() throws(ModelFileError) -> (entries: [Entry], metadata: [String: String]) {
        var entries = [Entry]()
        var metadata: [String: String]?
        try expect("{")
        var first = true
        while try next(in: "}", first: &first) {
            let name = try string()
            try expect(":")
            if name == "__metadata__" {
                guard metadata == nil else { throw .duplicateKey(path: path, key: name) }
                metadata = try parseMetadata()
            } else {
                entries.append(try parseEntry(name))
            }
        }
        skipSpace()
        guard offset == bytes.count else { throw malformed("the end of the header") }
        return (entries, metadata ?? [:])
    }

    private mutating func parseMetadata() throws(ModelFileError) -> [String: String] {
        var metadata = [String: String]()
        try expect("{")
        var first = true
        while try next(in: "}", first: &first) {
            let key = try string()
            try expect(":")
            guard metadata.updateValue(try string(), forKey: key) == nil else {
                throw .duplicateKey(path: path, key: key)
            }
        }
        return metadata
    }

    private mutating func parseEntry(_ name: String) throws(ModelFileError) -> Entry {
        var entry = Entry(name: name)
        var seen = Set<String>()
        try expect("{")
        var first = true
        while try next(in: "}", first: &first) {
            let key = try string()
            try expect(":")
            guard seen.insert(key).inserted else { throw .duplicateKey(path: path, key: "\(name).\(key)") }
            switch key {
            case "dtype": entry.type = try string()
            case "shape": entry.shape = try integers(limit: 16, name)
            case "data_offsets":
                let offsets = try integers(limit: 2, name)
                guard offsets.count == 2 else { throw malformed("two offsets for tensor \(name)") }
                (entry.start, entry.end) = (offsets[0], offsets[1])
            default: throw malformed("dtype, shape or data_offsets for tensor \(name)")
            }
        }
        guard seen.count == 3 else { throw malformed("dtype, shape and data_offsets for tensor \(name)") }
        return entry
    }

    private mutating func integers(limit: Int, _ name: String) throws(ModelFileError) -> [Int] {
        var numbers = [Int]()
        try expect("[")
        var first = true
        while try next(in: "]", first: &first) {
            guard numbers.count < limit else { throw malformed("at most \(limit) numbers for tensor \(name)") }
            numbers.append(try integer())
        }
        return numbers
    }

    private mutating func integer() throws(ModelFileError) -> Int {
        skipSpace()
        var number = 0
        let start = offset
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            guard !overflow, !carried else { throw malformed("a smaller number") }
            number = sum
            offset += 1
        }
        guard offset > start else { throw malformed("a whole number") }
        return number
    }

    /// A JSON string with its escapes resolved; must be valid UTF-8.
    private mutating func string() throws(ModelFileError) -> String {
        try expect("\"")
        var text = [UInt8]()
        while let byte = peek() {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let result = String(validating: text, as: UTF8.self) else { throw malformed("UTF-8") }
                return result
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw malformed("no control characters in text")
            default: text.append(byte)
            }
        }
        throw malformed("the end of a text")
    }

    private mutating func escape(into text: inout [UInt8]) throws(ModelFileError) {
        guard let byte = peek() else { throw malformed("an escape") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            var value = try hexadecimal()
            if (0xD800..<0xDC00).contains(value), peek() == UInt8(ascii: "\\") {
                offset += 1
                guard peek() == UInt8(ascii: "u") else { throw malformed("the second half of a surrogate pair") }
                offset += 1
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw malformed("the second half of a surrogate pair") }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw malformed("a Unicode scalar") }
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw malformed("a known escape")
        }
    }

    private mutating func hexadecimal() throws(ModelFileError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw malformed("four hexadecimal digits")
            }
            offset += 1
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// Steps to the next member of an object or array; false at its end, which is consumed.
    private mutating func next(in close: Unicode.Scalar, first: inout Bool) throws(ModelFileError) -> Bool {
        skipSpace()
        if peek() == UInt8(ascii: close) {
            offset += 1
            return false
        }
        if !first { try expect(",") }
        first = false
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(ModelFileError) {
        skipSpace()
        guard peek() == UInt8(ascii: character) else { throw malformed("`\(character)`") }
        offset += 1
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 32 || (9...10).contains(byte) || byte == 13 { offset += 1 }
    }

    private func peek() -> UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    private func malformed(_ expected: String) -> ModelFileError {
        let found = String(decoding: bytes[offset...].prefix(16), as: UTF8.self)
        return .malformed(
            path: path, what: "the header at byte \(offset + 8)", expected: expected,
            found: found.isEmpty ? "its end" : "`\(found)`")
    }
}
