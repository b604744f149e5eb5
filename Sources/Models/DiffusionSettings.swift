import Foundation
import ModelFiles

/// A configuration of diffusers as it was published, JSON text, read key by key with errors that name them.
///
/// Source: `config.json` of `unet` and `vae`, `scheduler_config.json`. A key that is absent has the library's default.
struct DiffusionSettings {
    let path: String
    /// What the keys belong to, such as `unet`; errors name it.
    let part: String
    private let values: [String: Value]

    /// Channels, heads, layers and so on above this are nonsense.
    static let greatest = 1 << 16

    private enum Value: Decodable {
        case null
        case bool(Bool)
        case number(Double)
        case text(String)
        case list([Value])
        case object([String: Value])
        case other

        init(from decoder: any Swift.Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else if let value = try? container.decode(String.self) {
                self = .text(value)
            } else if let value = try? container.decode([Value].self) {
                self = .list(value)
            } else if let value = try? container.decode([String: Value].self) {
                self = .object(value)
            } else {
                self = .other
            }
        }

        var description: String {
            switch self {
            case .null: "null"
            case .bool(let value): "\(value)"
            case .number(let value): value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
            case .text(let value): value
            case .list(let values): "[\(values.map(\.description).joined(separator: ", "))]"
            case .object, .other: "something else"
            }
        }
    }

    init(_ text: String, part: String, path: String) throws(ModelError) {
        (self.part, self.path) = (part, path)
        do {
            values = try JSONDecoder().decode([String: Value].self, from: Data(text.utf8))
        } catch {
            throw .file(
                .malformed(path: path, what: "\(part)'s configuration", expected: "JSON", found: "something else"))
        }
    }

    private init(path: String, part: String, values: [String: Value]) {
        (self.path, self.part, self.values) = (path, part, values)
    }

    /// The settings that stand under a key, of which those under `overriding` take the place; none where there is neither.
    func settings(_ key: String, overriding: String) throws(ModelError) -> DiffusionSettings {
        var found: [String: Value] = [:]
        for key in [key, overriding] {
            switch value(key) {
            case .object(let values): found.merge(values) { $1 }
            case nil: break
            case let value?: throw invalid(key, "settings by name", value.description)
            }
        }
        return DiffusionSettings(path: path, part: "\(part).\(key)", values: found)
    }

    /// A number that stands alone or, where there are several by name, under every one of `names` that is there.
    func integer(_ key: String, named names: [String], default absent: Int) throws(ModelError) -> Int {
        guard case .object(let values)? = value(key) else { return try integer(key, default: absent) }
        let numbers = values.map { names.contains($0.key) ? whole($0.value, 1...Self.greatest) : nil }
        guard let first = numbers.first, let number = first, numbers.allSatisfy({ $0 == number }) else {
            throw invalid(key, "one whole number above 0 as \(names.joined(separator: " and "))", "something else")
        }
        return number
    }

    private func value(_ key: String) -> Value? {
        guard let value = values[key] else { return nil }
        if case .null = value { return nil }
        return value
    }

    private func invalid(_ key: String, _ expected: String, _ found: String) -> ModelError {
        .invalidParameter(path: path, key: "\(part).\(key)", found: found, expected: expected)
    }

    // MARK: Values

    /// Whether a key stands there and is not null.
    func contains(_ key: String) -> Bool { value(key) != nil }

    /// A whole number from `range`; `absent` where the key is.
    func integer(
        _ key: String, default absent: Int? = nil, in range: ClosedRange<Int> = 1...greatest
    ) throws(ModelError) -> Int {
        guard let value = value(key) else {
            if let absent { return absent }
            throw .file(.missingKey(path: path, key: "\(part).\(key)", expected: "a whole number"))
        }
        guard let number = whole(value, range) else {
            throw invalid(key, "a whole number from \(range.lowerBound) to \(range.upperBound)", value.description)
        }
        return number
    }

    /// Whole numbers, one for each of `count` places: a list, or one number that stands for all.
    func integers(
        _ key: String, count: Int? = nil, default absent: Int? = nil, in range: ClosedRange<Int> = 1...greatest
    ) throws(ModelError) -> [Int] {
        if case .list(let values) = value(key) {
            let numbers = values.compactMap { whole($0, range) }
            guard !numbers.isEmpty, numbers.count == values.count, count == nil || numbers.count == count,
                numbers.count <= Self.mostLevels
            else {
                throw invalid(
                    key, "\(count.map(String.init) ?? "1 to \(Self.mostLevels)") whole numbers above 0",
                    Value.list(values).description)
            }
            return numbers
        }
        return Array(repeating: try integer(key, default: absent, in: range), count: count ?? 1)
    }

    /// Levels of resolution that any model has.
    static let mostLevels = 8

    private func whole(_ value: Value, _ range: ClosedRange<Int>) -> Int? {
        guard case .number(let number) = value, number == number.rounded(), abs(number) < 1e15 else { return nil }
        return range.contains(Int(number)) ? Int(number) : nil
    }

    /// A number from `range`.
    func number(
        _ key: String, default absent: Double, in range: ClosedRange<Double>
    ) throws(ModelError) -> Double {
        guard let value = value(key) else { return absent }
        guard case .number(let number) = value, range.contains(number) else {
            throw invalid(key, "a number from \(range.lowerBound) to \(range.upperBound)", value.description)
        }
        return number
    }

    func bool(_ key: String, default absent: Bool) throws(ModelError) -> Bool {
        guard let value = value(key) else { return absent }
        guard case .bool(let flag) = value else { throw invalid(key, "true or false", value.description) }
        return flag
    }

    /// A word, which must be one of `known`.
    func word<Word: RawRepresentable & CaseIterable>(
        _ key: String, default absent: Word
    ) throws(ModelError) -> Word where Word.RawValue == String {
        guard let value = value(key) else { return absent }
        guard case .text(let text) = value, let word = Word(rawValue: text) else {
            throw unsupported(key, value)
        }
        return word
    }

    /// As many numbers from `range` as there are where the key is absent.
    func numbers(
        _ key: String, default absent: [Float], in range: ClosedRange<Double>
    ) throws(ModelError) -> [Float] {
        guard let value = value(key) else { return absent }
        if case .list(let values) = value {
            let numbers = values.compactMap { value -> Float? in
                if case .number(let number) = value, range.contains(number) { Float(number) } else { nil }
            }
            if numbers.count == values.count, numbers.count == absent.count { return numbers }
        }
        throw invalid(
            key, "\(absent.count) numbers from \(range.lowerBound) to \(range.upperBound)", value.description)
    }

    /// Words, one for each level.
    func words(_ key: String, count: Int) throws(ModelError) -> [String] {
        guard case .list(let values) = value(key) else {
            throw .file(.missingKey(path: path, key: "\(part).\(key)", expected: "a list of \(count) words"))
        }
        let words = values.compactMap { value -> String? in
            if case .text(let text) = value { text } else { nil }
        }
        guard words.count == values.count, words.count == count else {
            throw invalid(key, "\(count) words", Value.list(values).description)
        }
        return words
    }

    // MARK: What is not computed here

    private func unsupported(_ key: String, _ value: Value) -> ModelError {
        .unsupportedFeature(path: path, feature: "\(part).\(key) = \(value.description)")
    }

    /// Refuses keys with a value other than absent, null, false or what is given: they ask for another computation.
    func requireUsual(_ usual: [String: String?]) throws(ModelError) {
        for (key, expected) in usual.sorted(by: { $0.key < $1.key }) {
            guard let value = value(key) else { continue }
            if case .bool(false) = value, expected == nil { continue }
            guard value.description == expected else { throw unsupported(key, value) }
        }
    }
}
