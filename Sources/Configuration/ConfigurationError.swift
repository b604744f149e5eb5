/// Why a configuration or theme file cannot be used.
package enum ConfigurationError: Error, Hashable, Sendable {
    /// The reason is the system's.
    case unreadable(path: String, reason: String)
    case tooLarge(path: String, limit: Int)
    /// The byte that belongs to no text, counted from 1.
    case notText(path: String, byte: Int)
    case syntax(path: String, line: Int, column: Int, problem: String)
    case unknownKey(path: String, line: Int, key: String, known: [String])
    case wrongValue(path: String, line: Int, key: String, found: String, expected: String)
    /// The key is written in a way that the program does not change.
    case cannotEdit(path: String, key: String)
    case unknownTheme(name: String, known: [String], folder: String)
}
