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
    case array([JSONValue])
    case object([String: JSONValue])

    /// A finite number; anything else becomes null, which JSON can say.
    package static func double(_ value: Double) -> JSONValue {
        value.isFinite ? .number("\(value)") : .null
    }

    package static func unsigned(_ value: UInt64) -> JSONValue {
        Int64(exactly: value).map { .integer($0) } ?? .number("\(value)")
    }

    package static func integers(_ values: some Sequence<some BinaryInteger>) -> JSONValue {
        .array(values.map { .integer(Int64(clamping: $0)) })
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
        case .integer(let number): text(String(number))
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
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text("\\\"")
            case "\\": text("\\\\")
            case "\n": text("\\n")
            case "\r": text("\\r")
            case "\t": text("\\t")
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                text("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
            default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSONValue {
    fileprivate var isScalarNumber: Bool {
        switch self {
        case .integer, .number, .null, .bool: true
        case .string, .array, .object: false
        }
    }
}
