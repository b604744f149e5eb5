import Foundation
import TOMLKit

/// A TOML file, with the lines on which its keys stand.
struct TOMLDocument {
    /// Far more than any configuration has.
    private static let maximumBytes = 256 << 10

    let path: String
    let root: TOMLTable
    private let lines: TOMLKeyLines

    /// Reads a regular file.
    init(path: String) throws(ConfigurationError) {
        try self.init(bytes: Self.read(path), path: path)
    }

    /// - Parameter path: the name for messages.
    init(bytes: [UInt8], path: String) throws(ConfigurationError) {
        self.path = path
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .notText(path: path, byte: Self.validPrefix(bytes) + 1)
        }
        // The library takes a C string.
        if let zero = bytes.firstIndex(of: 0) { throw .notText(path: path, byte: zero + 1) }
        do { root = try TOMLTable(string: text) } catch let error as TOMLParseError {
            throw .syntax(
                path: path, line: error.source.begin.line, column: error.source.begin.column,
                problem: error.description)
        } catch {
            throw .syntax(path: path, line: 1, column: 1, problem: "\(error)")
        }
        lines = TOMLKeyLines(text)
    }

    /// Refuses keys that nobody reads, since a mistyped one would be ignored silently.
    func refuseUnknownKeys(in table: TOMLTable, at parents: [String] = [], known: [String]) throws(ConfigurationError) {
        // In the order of the file.
        let unknown = table.keys.filter { !known.contains($0) }.map { (key: $0, line: line(parents + [$0])) }
        if let first = unknown.min(by: { ($0.line, $0.key) < ($1.line, $1.key) }) {
            let key = (parents + [first.key]).joined(separator: ".")
            throw .unknownKey(path: path, line: first.line, key: key, known: known)
        }
    }

    func wrongValue(_ keys: [String], _ value: TOMLValueConvertible, expected: String) -> ConfigurationError {
        .wrongValue(
            path: path, line: line(keys), key: keys.joined(separator: "."), found: Self.shown(value),
            expected: expected)
    }

    /// The line of a key, counted from 1; its table's, or the first, where it is written in an unusual way.
    func line(_ keys: [String]) -> Int { lines.line(of: keys) }

    private static func shown(_ value: TOMLValueConvertible) -> String {
        switch value.type {
        case .table: "a table"
        case .array: "a list"
        default: String(value.debugDescription.prefix(60))
        }
    }

    private static func read(_ path: String) throws(ConfigurationError) -> [UInt8] {
        // Not blocking, so that a pipe is refused instead of waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(path: path, reason: "it is no file")
        }
        var bytes = [UInt8](repeating: 0, count: maximumBytes + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw .unreadable(path: path, reason: String(cString: strerror(errno))) }
            if got == 0 { break }
            count += got
        }
        guard count <= maximumBytes else { throw .tooLarge(path: path, limit: maximumBytes) }
        return Array(bytes[..<count])
    }

    private static func validPrefix(_ bytes: [UInt8]) -> Int {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var length = 0
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { length += UTF8.width(scalar) }
        return length
    }
}

/// Where keys stand in a TOML text. The library tells the places of syntax errors only.
private struct TOMLKeyLines {
    private var lines: [[String]: Int] = [:]

    init(_ text: String) {
        var table: [String] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let trimmed = line.drop { $0 == " " || $0 == "\t" }
            if trimmed.first == "[" {
                table = Self.keys(trimmed.drop { $0 == "[" }.prefix { $0 != "]" })
                note(table, index + 1)
            } else if trimmed.first != "#", let sign = trimmed.firstIndex(of: "=") {
                note(table + Self.keys(trimmed[..<sign]), index + 1)
            }
        }
    }

    func line(of keys: [String]) -> Int {
        var keys = keys
        while !keys.isEmpty {
            if let line = lines[keys] { return line }
            keys.removeLast()
        }
        return 1
    }

    private mutating func note(_ keys: [String], _ line: Int) {
        // Tables that are opened by their children are found as well.
        for count in 1...max(1, keys.count) where lines[Array(keys.prefix(count))] == nil {
            lines[Array(keys.prefix(count))] = line
        }
    }

    private static func keys(_ text: Substring) -> [String] {
        text.split(separator: ".").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " \t\"'")) }
    }
}
