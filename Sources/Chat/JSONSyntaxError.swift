/// A place in a text that is no JSON, and what belongs there.
package struct JSONSyntaxError: Error, Sendable, Equatable {
    /// Both from 1; the column counts bytes.
    package let line: Int
    package let column: Int
    /// What was expected there.
    package let expected: String

    package init(line: Int, column: Int, expected: String) {
        self.line = line
        self.column = column
        self.expected = expected
    }
}
