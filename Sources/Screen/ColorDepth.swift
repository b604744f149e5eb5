/// How many colours the terminal shows.
package enum ColorDepth: Hashable, Sendable {
    case none
    case eight
    case sixteen
    case palette256
    /// Colour numbers are 24-bit values.
    case direct

    /// The terminfo entry that tells a terminal 24-bit colours, which ncurses has entries of their own for; nil for one
    /// that does not say that it shows them (`COLORTERM`), or where none are wanted.
    ///
    /// Not every system has these entries: the one of `TERM` does, with fewer colours.
    package static func directTerminal(environment: [String: String]) -> String? {
        guard ["truecolor", "24bit"].contains(environment["COLORTERM"]), (environment["NO_COLOR"] ?? "").isEmpty,
            var family = environment["TERM"], !family.isEmpty, !family.hasSuffix("-direct")
        else { return nil }
        if family.hasSuffix("-256color") { family.removeLast("-256color".count) }
        // What calls itself xterm is seldom it: this entry has the spelling of colours that all of them read.
        if family == "xterm" { family = "vte" }
        if family.hasPrefix("xterm-") { family.removeFirst("xterm-".count) }
        return family + "-direct"
    }

    /// The depth for a terminal with a number of colours; none when `NO_COLOR` is set to anything (no-color.org).
    package init(colors: Int, environment: [String: String]) {
        if let value = environment["NO_COLOR"], !value.isEmpty {
            self = .none
            return
        }
        switch colors {
        case (1 << 24)...: self = .direct
        case 256...: self = .palette256
        case 16...: self = .sixteen
        case 8...: self = .eight
        default: self = .none
        }
    }
}
