import CUtf8proc

/// Measuring text in cells.
package enum TextWidth {
    /// The version of the library that knows of Unicode.
    package static var libraryVersion: String { String(cString: utf8proc_version()) }

    /// Cells that a text takes on one line; newlines count nothing.
    package static func columns(of text: String) -> Int {
        Graphemes(text).reduce(0) { $0 + $1.columns }
    }

    /// Cells that one character takes.
    package static func columns(of character: Character) -> Int {
        if let value = character.asciiValue { return value >= 0x20 ? 1 : 0 }
        return columns(of: String(character))
    }

    /// The text itself when it fits, else its beginning and `…`; never wider than `columns`.
    package static func truncated(_ text: String, to columns: Int) -> String {
        guard columns > 0 else { return "" }
        var width = 0
        var kept = ""
        var keptBeforeEllipsis = ""
        for grapheme in Graphemes(text) where !grapheme.isNewline {
            if width + grapheme.columns > columns { return keptBeforeEllipsis + "…" }
            width += grapheme.columns
            kept += grapheme.text
            if width <= columns - 1 { keptBeforeEllipsis = kept }
        }
        return kept
    }

    /// The end of the text after `…` when it does not fit; what matters in a path stands at its end.
    package static func truncatedAtStart(_ text: String, to columns: Int) -> String {
        let graphemes = Graphemes(text).filter { !$0.isNewline }
        guard graphemes.reduce(0, { $0 + $1.columns }) > columns else { return graphemes.map(\.text).joined() }
        guard columns > 0 else { return "" }
        var width = 1
        var kept: [String] = []
        for grapheme in graphemes.reversed() {
            if width + grapheme.columns > columns { break }
            width += grapheme.columns
            kept.append(grapheme.text)
        }
        return "…" + kept.reversed().joined()
    }
}
