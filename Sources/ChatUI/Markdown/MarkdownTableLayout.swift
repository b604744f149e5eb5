import Screen

/// Lays a table out: columns as wide as their text where there is room, else narrowed and wrapped; where even that is
/// too wide, a line for each cell.
struct MarkdownTableLayout {
    private static let separator = " │ "
    /// Narrower columns cannot be read.
    private static let minimumColumns = 6

    private(set) var lines: [TextLine] = []
    private let table: MarkdownTable
    private let theme: Theme
    private let spans: ([MarkdownRun], Style) -> [Span]

    init(
        _ table: MarkdownTable, columns: Int, theme: Theme, spans: @escaping ([MarkdownRun], Style) -> [Span]
    ) {
        self.table = table
        self.theme = theme
        self.spans = spans
        guard !table.alignments.isEmpty else { return }
        if let widths = widths(columns) {
            lines = grid(widths)
        } else {
            lines = records(columns)
        }
    }

    private var headerStyle: Style {
        var style = theme.text
        style.attributes.insert(.bold)
        return style
    }

    // MARK: Widths

    /// Cells for each column; nil when the columns would become too narrow.
    private func widths(_ columns: Int) -> [Int]? {
        let room = columns - (table.alignments.count - 1) * Self.separator.count
        var wanted = [Int](repeating: 1, count: table.alignments.count)
        for row in [table.header] + table.rows {
            for (index, cell) in row.enumerated() { wanted[index] = max(wanted[index], natural(cell)) }
        }
        if wanted.reduce(0, +) <= room { return wanted }
        guard room >= table.alignments.count * Self.minimumColumns else { return nil }
        // Narrow columns keep their width, the others share what is left.
        var left = room
        var widths = wanted
        var open = Array(wanted.indices).sorted { wanted[$0] < wanted[$1] }
        while let index = open.first {
            widths[index] = min(wanted[index], left / open.count)
            left -= widths[index]
            open.removeFirst()
        }
        return widths
    }

    private func natural(_ cell: [MarkdownRun]) -> Int {
        spans(cell, theme.text).reduce(0) { $0 + TextWidth.columns(of: $1.text) }
    }

    // MARK: Grid

    private func grid(_ widths: [Int]) -> [TextLine] {
        var lines = row(table.header, widths, headerStyle)
        let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "─┼─")
        lines.append(TextLine(rule, theme.dim))
        for row in table.rows { lines += self.row(row, widths, theme.text) }
        return lines
    }

    private func row(_ cells: [[MarkdownRun]], _ widths: [Int], _ style: Style) -> [TextLine] {
        let wrapped = zip(cells, widths).map { TextWrapping.wrap(spans($0, style), columns: $1) }
        let height = wrapped.map(\.count).max() ?? 0
        return (0..<height).map { offset in
            var line: [Span] = []
            for (index, cell) in wrapped.enumerated() {
                if index > 0 { line.append(Span(Self.separator, theme.dim)) }
                let text = offset < cell.count ? cell[offset] : TextLine()
                line += aligned(text, to: widths[index], table.alignments[index], isLast: index == wrapped.count - 1)
            }
            return TextLine(line)
        }
    }

    private func aligned(
        _ text: TextLine, to width: Int, _ alignment: MarkdownTable.Alignment, isLast: Bool
    ) -> [Span] {
        let free = max(0, width - text.columns)
        let before: Int
        switch alignment {
        case .left: before = 0
        case .center: before = free / 2
        case .right: before = free
        }
        let after = isLast ? 0 : free - before
        return [Span(String(repeating: " ", count: before), theme.text)] + text.spans
            + [Span(String(repeating: " ", count: after), theme.text)]
    }

    // MARK: Records

    private func records(_ columns: Int) -> [TextLine] {
        var lines: [TextLine] = []
        for (index, row) in table.rows.enumerated() {
            if index > 0 { lines.append(TextLine(String(repeating: "─", count: min(columns, 8)), theme.dim)) }
            for (name, cell) in zip(table.header, row) where !cell.isEmpty {
                let label = spans(name, headerStyle) + (name.isEmpty ? [] : [Span(": ", theme.dim)])
                lines += TextWrapping.wrap(label + spans(cell, theme.text), columns: columns)
            }
        }
        if table.rows.isEmpty {
            for name in table.header { lines += TextWrapping.wrap(spans(name, headerStyle), columns: columns) }
        }
        return lines
    }
}
