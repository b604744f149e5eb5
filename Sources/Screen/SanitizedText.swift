/// Text from outside, made safe to keep and to show.
package enum SanitizedText {
    /// What becomes of line ends.
    package enum Newlines: Sendable {
        case kept
        /// Each becomes one space.
        case joined
    }

    /// The text without control characters, escape sequences' first bytes, bidirectional overrides and other scalars
    /// that could do more than be read; each becomes U+FFFD. Tabs are expanded to stops `tabWidth` cells apart,
    /// CR LF and a lone CR count as a newline. Joiners and selectors stay, so that editing keeps emoji whole.
    package static func clean(_ text: String, newlines: Newlines = .kept, tabWidth: Int = 4) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
        var result = String.UnicodeScalarView()
        var column = 0
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            defer { previous = scalar }
            if scalar == "\n" && previous == "\r" { continue }
            switch scalar == "\r" ? .newline : DisplayScalar(scalar) {
            case .spacing(let columns):
                result.append(scalar)
                column += columns
            case .combining:
                result.append(scalar)
            case .newline:
                result.append(newlines == .kept ? "\n" : " ")
                column = newlines == .kept ? 0 : column + 1
            case .tab:
                let width = max(1, tabWidth)
                let count = width - column % width
                result.append(contentsOf: repeatElement(" ", count: count))
                column += count
            case .dropped:
                break
            case .replaced:
                // Tags spell the flags of England, Scotland and Wales; anywhere else they hide text.
                if (0xE0020...0xE007F).contains(scalar.value) && previous.map(isFlagOrTag) == true { continue }
                result.append(DisplayScalar.replacement)
                column += 1
            }
        }
        return String(result)
    }

    private static func isFlagOrTag(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value == 0x1F3F4 || (0xE0020...0xE007F).contains(scalar.value)
    }
}
