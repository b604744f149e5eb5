import Foundation

/// Reads strict JSON (RFC 8259): valid UTF-8, no duplicate keys, no lone surrogates, nothing after the value.
package struct JSONParser {
    /// Arrays and objects within each other.
    package static let maximumDepth = 64

    /// A place that is no JSON, before its line has been counted.
    struct Failure: Error {
        let offset: Int
        let expected: String
    }

    /// Lives only as long as the call that `parsing` makes; every access stands behind a comparison with its count.
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position: Int
    /// The values of members of this name are passed over without looking into them.
    private let passedOver: String?

    private init(_ bytes: UnsafeBufferPointer<UInt8>, from position: Int, passingOver key: String?) {
        self.bytes = bytes
        self.position = position
        passedOver = key
    }

    private static func parsing<Value>(
        _ bytes: [UInt8], from start: Int = 0, passingOver key: String? = nil,
        _ body: (inout JSONParser) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try bytes.withUnsafeBufferPointer { buffer -> Result<Value, Failure> in
            var parser = JSONParser(buffer, from: start, passingOver: key)
            do throws(Failure) { return .success(try body(&parser)) } catch { return .failure(error) }
        }.get()
    }

    /// The value that the bytes spell.
    ///
    /// - Parameter key: members of this name are left out, and only their end is looked for, which is much quicker.
    package static func parse(_ bytes: [UInt8], passingOver key: String? = nil) throws(JSONSyntaxError) -> JSONValue {
        do throws(Failure) {
            return try parsing(bytes, passingOver: key) { parser throws(Failure) in
                let value = try parser.value(depth: 0)
                parser.skipSpaces()
                guard parser.position == bytes.count else { throw parser.expected("the end of the file") }
                return value
            }
        } catch {
            let before = bytes[..<min(error.offset, bytes.count)]
            let line = before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
            let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            throw JSONSyntaxError(line: line, column: before.count - lineStart + 1, expected: error.expected)
        }
    }

    /// The value that begins at a place among the bytes, and where it ends; for files that are damaged elsewhere.
    static func parse(_ bytes: [UInt8], from start: Int) throws(Failure) -> (value: JSONValue, end: Int) {
        try parsing(bytes, from: start) { parser throws(Failure) in
            let value = try parser.value(depth: 0)
            return (value, parser.position)
        }
    }

    private func expected(_ what: String) -> Failure { Failure(offset: position, expected: what) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpaces() {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    }

    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(Failure) -> JSONValue {
        guard depth <= Self.maximumDepth else { throw expected("at most \(Self.maximumDepth) levels") }
        skipSpaces()
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ spelling: String, _ value: JSONValue) throws(Failure) -> JSONValue {
        guard bytes[position...].starts(with: spelling.utf8) else { throw expected(spelling) }
        position += spelling.utf8.count
        return value
    }

    private mutating func array(depth: Int) throws(Failure) -> JSONValue {
        position += 1
        var elements = [JSONValue]()
        skipSpaces()
        if accept("]") { return .array(elements) }
        if let numbers = integers() { return .integers(numbers) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpaces()
            if accept("]") { return .array(elements) }
            guard accept(",") else { throw expected("a comma or ]") }
        }
    }

    /// Integers alone, up to the closing bracket; nil, and nothing read, when there is anything else among them.
    ///
    /// Most of a session file is such arrays.
    private mutating func integers() -> [Int64]? {
        var numbers = [Int64]()
        var place = position
        func skipSpaces() {
            while place < bytes.count, Self.isSpace(bytes[place]) { place += 1 }
        }
        while true {
            let isNegative = place < bytes.count && bytes[place] == UInt8(ascii: "-")
            if isNegative { place += 1 }
            let firstDigit = place
            var magnitude: Int64 = 0
            // So many digits need no check for overflow.
            while place < bytes.count, bytes[place] &- 0x30 <= 9, place - firstDigit < 18 {
                magnitude = magnitude &* 10 &+ Int64(bytes[place] &- 0x30)
                place += 1
            }
            guard place > firstDigit, bytes[firstDigit] != 0x30 || (place == firstDigit + 1 && !isNegative) else {
                return nil
            }
            numbers.append(isNegative ? -magnitude : magnitude)
            skipSpaces()
            guard place < bytes.count else { return nil }
            if bytes[place] == UInt8(ascii: "]") {
                position = place + 1
                return numbers
            }
            guard bytes[place] == UInt8(ascii: ",") else { return nil }
            place += 1
            skipSpaces()
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> JSONValue {
        position += 1
        var members = JSONObject()
        var keys = KeyCheck()
        skipSpaces()
        if accept("}") { return .object(members) }
        while true {
            skipSpaces()
            let start = position
            guard current == UInt8(ascii: "\"") else { throw expected("a key in quotes") }
            let key = try string()
            skipSpaces()
            guard accept(":") else { throw expected("a colon") }
            if key == passedOver {
                try passOverValue()
                skipSpaces()
                if accept("}") { return .object(members) }
                guard accept(",") else { throw expected("a comma or }") }
                continue
            }
            let member = try value(depth: depth + 1)
            guard keys.isNew(key, in: members) else {
                position = start
                throw expected("a key that the object does not have yet")
            }
            members.append(key, member)
            skipSpaces()
            if accept("}") { return .object(members) }
            guard accept(",") else { throw expected("a comma or }") }
        }
    }

    /// Goes behind a value, by its brackets and quotes alone.
    private mutating func passOverValue() throws(Failure) {
        var depth = 0
        while position < bytes.count {
            // Nearly all are digits.
            if bytes[position] &- 0x30 <= 9 {
                position += 1
                continue
            }
            switch bytes[position] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                // The end of what holds the value is not its own.
                if depth == 0 { return }
                depth -= 1
            case UInt8(ascii: ",") where depth == 0: return
            case UInt8(ascii: "\""):
                position += 1
                while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
                    position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
                }
            default: break
            }
            position += 1
        }
        position = min(position, bytes.count)
        throw expected("the end of the value")
    }

    private mutating func number() throws(Failure) -> JSONValue {
        let start = position
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { $0 >= 0x30 && $0 <= 0x39 } ?? false }
        let isNegative = accept("-")
        guard isDigit(current) else {
            position = start
            throw expected("a value")
        }
        let firstDigit = current
        var magnitude: Int64 = 0
        var isInteger = true
        var digits = 0
        while isDigit(current), let digit = current {
            let (product, tooLarge) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(Int64(digit - 0x30))
            if tooLarge || overflow { isInteger = false } else { magnitude = sum }
            digits += 1
            position += 1
        }
        guard digits == 1 || firstDigit != 0x30 else { throw expected("a number without leading zeros") }
        if accept(".") {
            isInteger = false
            guard isDigit(current) else { throw expected("a digit") }
            while isDigit(current) { position += 1 }
        }
        if accept("e") || accept("E") {
            isInteger = false
            if !accept("+") { _ = accept("-") }
            guard isDigit(current) else { throw expected("a digit") }
            while isDigit(current) { position += 1 }
        }
        if isInteger, !(isNegative && magnitude == 0) { return .integer(isNegative ? -magnitude : magnitude) }
        guard position - start <= 1000 else { throw expected("a number of at most 1000 characters") }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func string() throws(Failure) -> String {
        position += 1
        var result = ""
        while true {
            let start = position
            while position < bytes.count, Self.isPlain(bytes[position]) { position += 1 }
            if position > start {
                let piece = UnsafeBufferPointer(rebasing: bytes[start..<position])
                guard let piece = String(validatingUTF8: piece) else {
                    position = start
                    throw expected("text in UTF-8")
                }
                if result.isEmpty { result = piece } else { result += piece }
            }
            switch current {
            case 0x22:
                position += 1
                return result
            case 0x5C: result.unicodeScalars.append(try escape())
            case nil: throw expected("the closing quote")
            default: throw expected("no bare control character")
            }
        }
    }

    /// Whether a byte stands for itself within quotes.
    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool { byte != 0x22 && byte != 0x5C && byte >= 0x20 }

    private mutating func escape() throws(Failure) -> Unicode.Scalar {
        position += 1
        guard let letter = current else { throw expected("an escape") }
        position += 1
        switch letter {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let first = try hexadecimal()
            if let scalar = Unicode.Scalar(first) { return scalar }
            guard UTF16.isLeadSurrogate(UInt16(first)), accept("\\"), accept("u") else {
                throw expected("a whole surrogate pair")
            }
            let second = try hexadecimal()
            guard UTF16.isTrailSurrogate(UInt16(second)),
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            else { throw expected("a whole surrogate pair") }
            return scalar
        default:
            position -= 1
            throw expected("an escape that JSON knows")
        }
    }

    /// Four hexadecimal digits: at most 0xFFFF.
    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw expected("four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}

extension String {
    /// Text of UTF-8 bytes; nil when they are not. Of short texts several times as fast as `init(validating:as:)`, which
    /// looks its generic types up at run time with every call (Swift 6.3).
    init?(validatingUTF8 bytes: UnsafeBufferPointer<UInt8>) {
        var text = String(decoding: bytes, as: UTF8.self)
        // What is not UTF-8 was replaced.
        let isSame = text.withUTF8 { text in
            guard text.count == bytes.count, let base = text.baseAddress, let given = bytes.baseAddress else {
                return text.count == bytes.count
            }
            return memcmp(base, given, bytes.count) == 0
        }
        guard isSame else { return nil }
        self = text
    }
}

/// Finds keys that an object has twice. Small objects are looked through; large ones, which only a hostile file has, are
/// remembered in a set.
private struct KeyCheck {
    private static let largestSmallObject = 32
    private var known: Set<String> = []

    mutating func isNew(_ key: String, in members: JSONObject) -> Bool {
        if members.count < Self.largestSmallObject { return members.index(of: key) == nil }
        if known.isEmpty { known = Set(members.map(\.key)) }
        return known.insert(key).inserted
    }
}
