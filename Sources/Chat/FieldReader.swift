/// Takes the known fields out of a JSON object, checking each; what is left is unknown and kept.
struct FieldReader {
    /// Where the object stands, such as `messages[3]`; empty for the whole file.
    let path: String
    private let members: JSONObject
    /// For each member whether it has been taken.
    private var isTaken: [Bool]

    init(_ value: JSONValue, path: String) throws(SessionFormatError) {
        guard case .object(let members) = value else {
            throw .field(path: path.isEmpty ? "the file" : path, expected: "an object", found: value.summary)
        }
        self.path = path
        self.members = members
        isTaken = Array(repeating: false, count: members.count)
    }

    /// The fields not taken yet.
    var rest: JSONObject {
        var rest = JSONObject()
        for index in isTaken.indices where !isTaken[index] { rest.append(members[index].key, members[index].value) }
        return rest
    }

    /// Whether a field is there and not null.
    func has(_ key: String) -> Bool {
        guard let index = members.index(of: key), !isTaken[index] else { return false }
        if case .null = members[index].value { return false }
        return true
    }

    func path(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func wrong(_ key: String, _ expected: String, _ found: JSONValue?) -> SessionFormatError {
        .field(path: path(key), expected: expected, found: found?.summary ?? "nothing")
    }

    /// The field's value; nil when it is missing or null.
    mutating func take(_ key: String) -> JSONValue? {
        guard let index = members.index(of: key), !isTaken[index] else { return nil }
        isTaken[index] = true
        let value = members[index].value
        if case .null = value { return nil }
        return value
    }

    mutating func object(_ key: String) throws(SessionFormatError) -> FieldReader {
        guard let value = take(key) else { throw wrong(key, "an object", nil) }
        return try FieldReader(value, path: path(key))
    }

    mutating func elements(_ key: String, limit: Int) throws(SessionFormatError) -> [JSONValue] {
        let value = take(key)
        guard let elements = value?.elements else { throw wrong(key, "a list", value) }
        guard elements.count <= limit else {
            throw .field(path: path(key), expected: "at most \(limit) elements", found: "\(elements.count)")
        }
        return elements
    }

    mutating func optionalString(_ key: String) throws(SessionFormatError) -> String? {
        guard let value = take(key) else { return nil }
        guard case .string(let text) = value else { throw wrong(key, "a text", value) }
        return text
    }

    mutating func string(_ key: String) throws(SessionFormatError) -> String {
        guard let text = try optionalString(key) else { throw wrong(key, "a text", nil) }
        return text
    }

    mutating func optionalInteger(_ key: String, in range: ClosedRange<Int>) throws(SessionFormatError) -> Int? {
        guard let value = take(key) else { return nil }
        guard case .integer(let number) = value, range.contains(Int(number)) else {
            throw wrong(key, Self.wholeNumber(range), value)
        }
        return Int(number)
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(SessionFormatError) -> Int {
        guard let number = try optionalInteger(key, in: range) else {
            throw wrong(key, Self.wholeNumber(range), nil)
        }
        return number
    }

    mutating func optionalUnsigned(_ key: String) throws(SessionFormatError) -> UInt64? {
        switch take(key) {
        case nil: return nil
        case .integer(let number)? where number >= 0: return UInt64(number)
        case .number(let spelling)? where UInt64(spelling) != nil: return UInt64(spelling)
        case let value: throw wrong(key, "a whole number from 0 to \(UInt64.max)", value)
        }
    }

    mutating func optionalDouble(_ key: String) throws(SessionFormatError) -> Double? {
        switch take(key) {
        case nil: return nil
        case .integer(let number)?: return Double(number)
        case .number(let spelling)?:
            if let number = Double(spelling), number.isFinite { return number }
            throw wrong(key, "a number", .number(spelling))
        case let value: throw wrong(key, "a number", value)
        }
    }

    mutating func optionalBool(_ key: String) throws(SessionFormatError) -> Bool? {
        guard let value = take(key) else { return nil }
        guard case .bool(let flag) = value else { throw wrong(key, "true or false", value) }
        return flag
    }

    mutating func integers(_ key: String, limit: Int, in range: ClosedRange<Int>) throws(SessionFormatError) -> [Int] {
        let value = take(key)
        let numbers: [Int64]
        switch value {
        case .integers(let all):
            numbers = all
        case .array(let elements):
            // Empty, of very large numbers, or of other things.
            var all = [Int64]()
            for (index, element) in elements.enumerated() {
                guard case .integer(let number) = element else {
                    throw wrong("\(key)[\(index)]", Self.wholeNumber(range), element)
                }
                all.append(number)
            }
            numbers = all
        default:
            throw wrong(key, "a list", value)
        }
        guard numbers.count <= limit else {
            throw .field(path: path(key), expected: "at most \(limit) elements", found: "\(numbers.count)")
        }
        if let index = numbers.firstIndex(where: { !range.contains(Int($0)) }) {
            throw wrong("\(key)[\(index)]", Self.wholeNumber(range), .integer(numbers[index]))
        }
        return numbers.map { Int($0) }
    }

    private static func wholeNumber(_ range: ClosedRange<Int>) -> String {
        "a whole number from \(range.lowerBound) to \(range.upperBound)"
    }

    mutating func choice<Value: RawRepresentable<String>>(
        _ key: String, _ choices: [Value]
    ) throws(SessionFormatError) -> Value {
        let value = take(key)
        guard case .string(let text) = value, let choice = choices.first(where: { $0.rawValue == text }) else {
            throw wrong(key, "one of " + choices.map { "\"\($0.rawValue)\"" }.joined(separator: ", "), value)
        }
        return choice
    }

    mutating func timestamp(_ key: String) throws(SessionFormatError) -> Timestamp {
        let value = take(key)
        guard case .string(let text) = value, let time = Timestamp(text) else {
            throw wrong(key, "a time such as 2026-11-21T14:02:03.123Z", value)
        }
        return time
    }

    mutating func optionalDigest(_ key: String) throws(SessionFormatError) -> String? {
        if has(key) { return try digest(key) }
        _ = take(key)
        return nil
    }

    mutating func digest(_ key: String) throws(SessionFormatError) -> String {
        let value = take(key)
        guard case .string(let text) = value, Self.isDigest(text) else {
            throw wrong(key, "64 hexadecimal digits", value)
        }
        return text
    }

    /// Whether a text is a SHA-256 in lower-case hexadecimal.
    static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    }
}

extension JSONValue {
    /// A short mention for error messages.
    var summary: String {
        switch self {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .integer(let number): "\(number)"
        case .number(let spelling): String(spelling.prefix(30))
        case .string(let text): "\"\(SessionNaming.printable(text.prefix(30)))\(text.count > 30 ? "…" : "")\""
        case .array(let elements): "a list of \(elements.count)"
        case .integers(let numbers): "a list of \(numbers.count)"
        case .object: "an object"
        }
    }
}
