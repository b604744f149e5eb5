extension Frame {
    /// The frame's rows as text without trailing spaces, for golden files and screenshots.
    package var plainText: String {
        (0..<size.rows).map(rowText).joined(separator: "\n") + "\n"
    }

    /// One row's text without trailing spaces.
    package func rowText(_ row: Int) -> String {
        var text = (0..<size.columns).map { self[$0, row].text }.joined()
        while text.last == " " { text.removeLast() }
        return text
    }

    /// A line for each run of cells that are not plain: `row:first-last foreground/background attributes`.
    package var styleRuns: String {
        var lines: [String] = []
        for row in 0..<size.rows {
            var column = 0
            while column < size.columns {
                let style = self[column, row].style
                let first = column
                while column < size.columns && self[column, row].style == style { column += 1 }
                if style != .plain { lines.append("\(row):\(first)-\(column - 1) \(style.dump)") }
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }
}

extension Style {
    fileprivate var dump: String {
        let names: [(Attributes, String)] = [
            (.bold, "bold"), (.dim, "dim"), (.italic, "italic"), (.underline, "underline"), (.reverse, "reverse"),
        ]
        let words = names.filter { attributes.contains($0.0) }.map(\.1)
        return (["\(foreground.dump)/\(background.dump)"] + words).joined(separator: " ")
    }
}

extension Color {
    fileprivate var dump: String {
        switch self {
        case .standard: "-"
        case .palette(let index): "\(index)"
        case .rgb(let red, let green, let blue): "\(red),\(green),\(blue)"
        }
    }
}
