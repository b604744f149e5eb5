/// A JSON value as a session file holds it, so that what this version does not know survives a rewrite.
///
/// Source: RFC 8259. Numbers that are no 64-bit integers keep their spelling.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Any other number, spelt as in the file.
    case number(String)
    case string(String)
    /// Read its elements through `elements`: an array may also be the next case.
    case array([JSONValue])
    /// An array of integers alone, which most of a session file is, in a third of the room.
    case integers([Int64])
    case object(JSONObject)

    /// A finite number; anything else becomes null, which JSON can say.
    package static func double(_ value: Double) -> JSONValue {
        value.isFinite ? .number("\(value)") : .null
    }

    package static func unsigned(_ value: UInt64) -> JSONValue {
        Int64(exactly: value).map { .integer($0) } ?? .number("\(value)")
    }

    package static func integers(clamping values: [some BinaryInteger]) -> JSONValue {
        .integers(values.map { Int64(clamping: $0) })
    }

    /// What an array holds; nil for any other value.
    package var elements: [JSONValue]? {
        switch self {
        case .array(let elements): elements
        case .integers(let numbers): numbers.map { .integer($0) }
        default: nil
        }
    }

    package static func == (a: JSONValue, b: JSONValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)), (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.integers(let a), .integers(let b)): a == b
        case (.array, .integers), (.integers, .array): a.elements == b.elements
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }

    /// For people: two spaces per level, keys sorted, arrays of numbers on one line, a line end after the last line.
    package var prettyBytes: [UInt8] {
        var writer = JSONWriter(isPretty: true)
        writer.write(self, level: 0)
        writer.bytes.append(UInt8(ascii: "\n"))
        return writer.bytes
    }

    /// On one line, keys sorted, no spaces, no line end.
    package var compactBytes: [UInt8] {
        var writer = JSONWriter(isPretty: false)
        writer.write(self, level: 0)
        return writer.bytes
    }
}

private struct JSONWriter {
    let isPretty: Bool
    var bytes: [UInt8] = []

    mutating func write(_ value: JSONValue, level: Int) {
        switch value {
        case .null: text("null")
        case .bool(let flag): text(flag ? "true" : "false")
        case .integer(let number): integer(number)
        case .number(let spelling): text(spelling)
        case .string(let string): quoted(string)
        case .array(let elements):
            let isFlat = !isPretty || elements.allSatisfy(\.isScalarNumber)
            text("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { text(",") }
                if !isFlat { newLine(level + 1) }
                write(element, level: level + 1)
            }
            if !isFlat { newLine(level) }
            text("]")
        case .integers(let numbers):
            text("[")
            for (index, number) in numbers.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                integer(number)
            }
            text("]")
        case .object(let members):
            text("{")
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { text(",") }
                if isPretty { newLine(level + 1) }
                quoted(member.key)
                text(isPretty ? ": " : ":")
                write(member.value, level: level + 1)
            }
            if isPretty, !members.isEmpty { newLine(level) }
            text("}")
        }
    }

    private mutating func text(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func newLine(_ level: Int) {
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: level * 2))
    }

    /// Escapes what JSON requires, and also DEL and the C1 controls, so that a file can be shown in a terminal.
    private mutating func quoted(_ string: String) {
        bytes.append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { text in
            // Up to here the text is written.
            var done = 0
            var index = 0
            while index < text.count {
                guard let escape = Self.escape(text, at: index) else {
                    index += 1
                    continue
                }
                bytes.append(contentsOf: text[done..<index])
                bytes.append(contentsOf: escape.spelling.utf8)
                index += escape.length
                done = index
            }
            bytes.append(contentsOf: text[done...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// How a character has to be spelt, and of how many bytes it is; nil when it stands for itself.
    @inline(__always)
    private static func escape(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> (spelling: String, length: Int)? {
        let byte = text[index]
        // Most bytes are neither of these, and neither are the following bytes of a character.
        if byte >= 0x20, byte < 0x7F { return byte == 0x22 ? ("\\\"", 1) : byte == 0x5C ? ("\\\\", 1) : nil }
        switch byte {
        case UInt8(ascii: "\n"): return ("\\n", 1)
        case UInt8(ascii: "\r"): return ("\\r", 1)
        case UInt8(ascii: "\t"): return ("\\t", 1)
        case 0x00..<0x20, 0x7F: return (unicodeEscape(UInt32(byte)), 1)
        // U+0080 to U+009F, U+2028 and U+2029 in UTF-8.
        case 0xC2 where index + 1 < text.count && text[index + 1] < 0xA0:
            return (unicodeEscape(UInt32(text[index + 1])), 2)
        case 0xE2 where index + 2 < text.count && text[index + 1] == 0x80 && (0xA8...0xA9).contains(text[index + 2]):
            return (unicodeEscape(0x2000 + UInt32(text[index + 2] - 0x80)), 3)
        default: return nil
        }
    }

    private static func unicodeEscape(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }

    private mutating func integer(_ number: Int64) {
        if number < 0 { return text(String(number)) }
        let end = bytes.count
        var rest = number
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        // They came from the last to the first.
        if bytes.count - end > 1 { bytes[end...].reverse() }
    }
}

extension JSONValue {
    fileprivate var isScalarNumber: Bool {
        switch self {
        case .integer, .number, .null, .bool: true
        case .string, .array, .integers, .object: false
        }
    }
}
