/// What arrives from the terminal's user.
package enum InputEvent: Hashable, Sendable {
    case key(Key)
    /// Text pasted in one piece (bracketed paste), control characters not yet removed.
    case paste(String)
    case resized(Size)
    /// The job control asks to stop (SIGTSTP from outside; Ctrl-Z itself arrives as a key).
    case suspendRequested
    /// The process runs again after a stop: everything has to be drawn anew.
    case resumed
    /// SIGTERM, SIGHUP, SIGINT from outside, or the terminal's end: save and leave.
    case terminationRequested
}

/// A key with its modifiers.
package struct Key: Hashable, Sendable {
    package enum Code: Hashable, Sendable {
        /// A printable grapheme or scalar.
        case character(Character)
        case enter, tab, backTab, backspace, delete, insert, escape
        case up, down, left, right, home, end, pageUp, pageDown
        case function(Int)
    }

    package struct Modifiers: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let control = Modifiers(rawValue: 1)
        package static let alt = Modifiers(rawValue: 2)
        package static let shift = Modifiers(rawValue: 4)
    }

    package var code: Code
    package var modifiers: Modifiers

    package init(_ code: Code, _ modifiers: Modifiers = []) {
        self.code = code
        self.modifiers = modifiers
    }

    /// Control with a letter, such as `.control("c")`.
    package static func control(_ letter: Character) -> Key { Key(.character(letter), .control) }
}
