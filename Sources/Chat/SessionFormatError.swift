/// What is wrong in the content of a session file or journal.
package enum SessionFormatError: Error, Sendable, Equatable {
    case syntax(JSONSyntaxError)
    /// A field with a wrong value; `path` is like `messages[3].parts[0].sha256`.
    case field(path: String, expected: String, found: String)
    /// Written by a later version of the program.
    case newerVersion(found: Int, known: Int)
}
