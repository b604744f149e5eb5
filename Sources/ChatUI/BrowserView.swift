import Screen

/// Draws the list of sessions.
enum BrowserView {
    static func draw(_ browser: SessionBrowser, _ state: AppState, _ theme: Theme, _ area: Rect, _ frame: inout Frame) {
        let isBeside = ScreenGeometry.showsBrowserBeside(state.screenSize)
        let columns = area.size.columns - (isBeside ? 2 : 1)
        if isBeside {
            for row in area.origin.row..<area.endRow {
                frame.draw("▏", at: Position(column: area.endColumn - 1, row: row), style: theme.dim)
            }
        }
        frame.draw("sessions", at: Position(column: 1, row: area.origin.row), style: theme.accent)
        let footer = footer(browser, columns: columns - 1, theme)
        let searchRow = area.endRow - 1 - footer.count
        drawSearch(browser, theme, row: searchRow, columns: columns, &frame)
        for (offset, line) in footer.enumerated() {
            frame.draw(line, at: Position(column: 1, row: searchRow + 1 + offset), clip: area)
        }
        drawEntries(
            browser, state, theme,
            Rect(column: 0, row: area.origin.row + 1, columns: columns, rows: max(0, searchRow - area.origin.row - 1)),
            &frame)
    }

    private static func drawSearch(
        _ browser: SessionBrowser, _ theme: Theme, row: Int, columns: Int, _ frame: inout Frame
    ) {
        let clip = Rect(column: 0, row: row, columns: columns, rows: 1)
        if let title = browser.title {
            let mark = "new title: "
            let layout = EditorLayout(title, columns: 10_000)
            let room = columns - 1 - mark.count - 1
            // The cursor is always in sight.
            let shift = max(0, layout.cursorColumn - room)
            frame.draw(mark, at: Position(column: 1, row: row), style: theme.accent, clip: clip)
            let start = 1 + mark.count
            frame.draw(
                title.text, at: Position(column: start - shift, row: row), style: theme.text,
                clip: Rect(column: start, row: row, columns: max(0, columns - start), rows: 1))
            frame.cursor = Position(column: start + layout.cursorColumn - shift, row: row)
            return
        }
        if browser.query.isEmpty {
            frame.draw(
                "type to search text and titles", at: Position(column: 1, row: row), style: theme.dim, clip: clip)
            frame.cursor = Position(column: 1, row: row)
        } else {
            let shown = TextWidth.truncatedAtStart(browser.query, to: max(1, columns - 4))
            let end = frame.draw("/" + shown, at: Position(column: 1, row: row), style: theme.text, clip: clip)
            frame.cursor = Position(column: min(end, columns - 1), row: row)
        }
    }

    /// What went wrong, what can be undone, and the keys.
    private static func footer(_ browser: SessionBrowser, columns: Int, _ theme: Theme) -> [TextLine] {
        if let problem = browser.problem {
            return TextWrapping.wrap("⚠ " + SanitizedText.clean(problem), columns: columns, style: theme.error)
        }
        if browser.title != nil {
            return TextWrapping.wrap("Enter renames · Esc keeps the title", columns: columns, style: theme.dim)
        }
        var lines: [TextLine] = []
        if let deleted = browser.deleted {
            let title = TextWidth.truncated(
                SanitizedText.clean(deleted.title, newlines: .joined), to: max(8, columns - 8))
            lines += TextWrapping.wrap("deleted \(title) · Ctrl-_ undoes", columns: columns, style: theme.warning)
        }
        return lines
            + TextWrapping.wrap(
                "Enter opens · Ctrl-R renames · Del deletes · Esc closes", columns: columns, style: theme.dim)
    }

    private static func drawEntries(
        _ browser: SessionBrowser, _ state: AppState, _ theme: Theme, _ area: Rect, _ frame: inout Frame
    ) {
        guard let entries = browser.entries else {
            frame.draw("reading …", at: Position(column: 1, row: area.origin.row), style: theme.dim, clip: area)
            return
        }
        guard !entries.isEmpty else {
            let text = browser.query.isEmpty ? "no conversations yet" : "nothing found"
            frame.draw(text, at: Position(column: 1, row: area.origin.row), style: theme.dim, clip: area)
            return
        }
        let blocks = entries.indices.map { lines(entries[$0], isSelected: $0 == browser.selected, state, theme, area) }
        // As many before the selected one as leave it whole.
        var first = browser.selected
        var height = blocks[first].count
        while first > 0, height + blocks[first - 1].count <= area.size.rows {
            first -= 1
            height += blocks[first].count
        }
        var row = area.origin.row
        for block in blocks[first...] {
            for line in block where row < area.endRow {
                frame.draw(line.left, at: Position(column: 0, row: row), clip: area)
                if let right = line.right {
                    frame.draw(right, at: Position(column: area.endColumn - right.columns, row: row), clip: area)
                }
                row += 1
            }
        }
    }

    private struct Line {
        var left: TextLine
        var right: TextLine?
    }

    private static func lines(
        _ entry: RecentSession, isSelected: Bool, _ state: AppState, _ theme: Theme, _ area: Rect
    ) -> [Line] {
        let columns = area.size.columns
        let time = FigureText.moment(entry.time, now: state.now, offset: state.setting.secondsFromGMT)
        let room = max(1, columns - 5 - TextWidth.columns(of: time))
        let named = entry.title.isEmpty ? entry.name : entry.title
        let title = TextWidth.truncated(SanitizedText.clean(named, newlines: .joined), to: room)
        let style = isSelected ? theme.selection : entry.name == state.sessionName ? theme.accent : theme.text
        var lines = [
            Line(
                left: TextLine([Span(isSelected ? " › " : "   ", theme.accent), Span(title, style)]),
                right: TextLine(time, theme.dim))
        ]
        func add(_ text: String) {
            let shown = TextWidth.truncated(SanitizedText.clean(text, newlines: .joined), to: max(1, columns - 4))
            lines.append(Line(left: TextLine("   " + shown, theme.dim)))
        }
        if let excerpt = entry.excerpt {
            add(excerpt)
        } else if isSelected {
            var figures = [entry.turns == 1 ? "1 turn" : "\(FigureText.grouped(entry.turns)) turns"]
            if entry.pictures > 0 {
                figures.insert(entry.pictures == 1 ? "1 picture" : "\(entry.pictures) pictures", at: 0)
            }
            add(figures.joined(separator: " · "))
        }
        return lines
    }
}
