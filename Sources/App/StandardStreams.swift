import Foundation
import Screen

/// Standard error, for everything that is not a result.
enum StandardError {
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes text as it is; callers clean what comes from outside.
    static func write(_ text: String) {
        // Where this cannot be told, nothing can.
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}

/// Standard output, for results.
enum StandardOutput {
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// How wide the terminal is; 80 where that is not known.
    static var columns: Int { terminalColumns(STDOUT_FILENO) }

    /// Whether places in a result may be marked: on a terminal, unless the user wants none (no-color.org).
    static var isColoured: Bool {
        let environment = ProcessInfo.processInfo.environment
        return isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    /// Writes one line's text with some of its characters in bold.
    static func writeMarked(_ text: String, marks: [Range<Int>]) throws(CommandError) {
        let marked = Set(marks.joined())
        var output = ""
        for (index, character) in text.enumerated() {
            let clean = SanitizedText.clean(String(character), newlines: .joined)
            output += marked.contains(index) ? "\u{1B}[1m\(clean)\u{1B}[22m" : clean
        }
        try write(Data(output.utf8))
    }

    /// Writes a result: to a terminal without control characters, elsewhere as it is.
    static func write(_ text: String) throws(CommandError) {
        try write(Data((isTerminal ? SanitizedText.clean(text, newlines: .kept) : text).utf8))
    }

    /// Writes a result for other programs: one JSON value with sorted keys, and a line end.
    static func writeJSON(_ value: some Encodable, isIndented: Bool = false) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isIndented { encoder.outputFormatting.insert(.prettyPrinted) }
        try write(encoder.encode(value) + Data("\n".utf8))
    }

    /// Writes a result; an error says that it is not whole, such as on a full disk.
    static func write(_ data: Data) throws(CommandError) {
        do { try FileHandle.standardOutput.write(contentsOf: data) } catch {
            throw .failed("Standard output cannot be written: \(error.localizedDescription)")
        }
    }
}

/// How wide the terminal behind a descriptor is; 80 where that is not known.
func terminalColumns(_ descriptor: Int32) -> Int {
    var size = winsize()
    return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1 ? Int(size.ws_col) : 80
}

/// Standard input, which a command line may name once.
enum StandardInput {
    static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Reads everything, up to a limit in bytes.
    static func readAll(limit: Int = 1 << 30) throws(CommandError) -> Data {
        var data = Data()
        do {
            while let part = try FileHandle.standardInput.read(upToCount: 1 << 16), !part.isEmpty {
                data.append(part)
                guard data.count <= limit else {
                    throw CommandError.failed("Standard input is larger than \(limit) bytes.")
                }
            }
        } catch let error as CommandError {
            throw error
        } catch {
            throw .failed("Standard input cannot be read: \(error.localizedDescription)")
        }
        return data
    }

    /// Reads everything as UTF-8 text; an error names the position of the first byte that is not.
    static func readText() throws(CommandError) -> String {
        let data = try readAll()
        guard let text = String(validating: data, as: UTF8.self) else {
            let valid = data.validUTF8PrefixLength
            throw .failed("Standard input is not UTF-8: byte \(valid + 1) does not belong to a character.")
        }
        return text
    }
}

extension Data {
    /// How many bytes at the beginning form whole UTF-8 characters.
    var validUTF8PrefixLength: Int {
        var decoder = UTF8()
        var iterator = makeIterator()
        var length = 0
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { length += UTF8.width(scalar) }
        return length
    }
}
