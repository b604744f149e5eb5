import Glibc

extension TerminalError: CustomStringConvertible {
    /// One line for people: what was found, and the remedy.
    package var description: String {
        let name = Self.environment("TERM").map { "TERM=\($0)" } ?? "TERM, which is not set,"
        switch self {
        case .inputIsNoTerminal:
            return "standard input is no terminal, and the chat needs one: use `emuchat ask` or `emuchat --plain`"
        case .outputIsNoTerminal:
            return "standard output is no terminal, and the chat needs one: use `emuchat ask` or `emuchat --plain`"
        case .unknownTerminal:
            return "\(name) is unknown to this system: try `TERM=xterm-256color emuchat`, or install ncurses-term"
        case .incapableTerminal:
            return
                "\(name) cannot place its cursor, and the screen needs that: use another terminal, or `emuchat --plain`"
        case .notUTF8:
            let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { key in
                Self.environment(key).map { "\(key)=\($0)" }
            }.first
            return "the locale (\(locale ?? "none set")) is not UTF-8: try `LC_ALL=C.UTF-8 emuchat`"
        case .noSignalPipe:
            return "no file descriptors are left for the terminal: close programs, or raise `ulimit -n`"
        }
    }

    private static func environment(_ key: String) -> String? {
        guard let value = getenv(key) else { return nil }
        // A variable comes from outside as everything does.
        let text = String(cString: value).unicodeScalars.filter { $0.value >= 0x20 && $0.value < 0x7F }
        return text.isEmpty ? nil : String(String.UnicodeScalarView(text.prefix(100)))
    }
}
