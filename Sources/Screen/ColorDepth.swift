/// How many colours the terminal shows.
package enum ColorDepth: Hashable, Sendable {
    case none
    case eight
    case sixteen
    case palette256
    /// Colour numbers are 24-bit values.
    case direct

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
