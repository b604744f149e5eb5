import Screen

/// Draws the state: a pure function, so that a screen is a value.
///
/// Takes the state's own size and clock.
package func view(_ state: AppState, theme: Theme = .standard) -> Frame {
    guard let browser = state.browser, state.pictureView == nil, state.boxPlacement == nil else {
        return conversationView(state, theme: theme)
    }
    var frame = Frame(size: state.screenSize)
    let minimum = ScreenGeometry.minimumSize
    guard frame.size.columns >= minimum.columns, frame.size.rows >= minimum.rows else {
        drawTooSmall(&frame, minimum)
        return frame
    }
    var columns = frame.size.columns
    if ScreenGeometry.showsBrowserBeside(frame.size) {
        columns = ScreenGeometry.browserColumns(frame.size)
        let chat = conversationView(state, theme: theme)
        for row in 0..<chat.size.rows {
            for column in 0..<chat.size.columns { frame[columns + column, row] = chat[column, row] }
        }
    }
    BrowserView.draw(
        browser, state, theme, Rect(column: 0, row: 0, columns: columns, rows: frame.size.rows), &frame)
    return frame
}

/// Everything but the list of sessions.
private func conversationView(_ state: AppState, theme: Theme) -> Frame {
    var frame = Frame(size: state.size)
    // Where a theme has a background of its own, it is everywhere.
    if theme.text.background != .standard { frame.fill(frame.bounds, style: theme.text) }
    let minimum = ScreenGeometry.minimumSize
    guard state.size.columns >= minimum.columns, state.size.rows >= minimum.rows else {
        drawTooSmall(&frame, minimum)
        return frame
    }
    if let picture = state.pictureView {
        PictureView.draw(picture, state, theme, &frame)
        return frame
    }
    if let placement = state.boxPlacement {
        BoxPlacementView.draw(placement, state, theme, &frame)
        return frame
    }
    let geometry = ScreenGeometry(state)
    if state.isUntouched && state.replay == nil {
        StartScreen.draw(state, theme, geometry.conversation, &frame)
    } else {
        ConversationView.draw(state, theme, geometry, &frame)
    }
    SeparatorView.draw(state, theme, geometry, &frame)
    if let replay = state.replay {
        ReplayBar.draw(replay, theme, geometry, &frame)
    } else if let overflow = state.overflow {
        OverflowView.draw(overflow, theme, geometry, &frame)
    } else {
        EditorView.draw(state, theme, geometry, &frame)
    }
    StatusLine.draw(state, theme, geometry, &frame)
    return frame
}

private func drawTooSmall(_ frame: inout Frame, _ minimum: Size) {
    let text =
        "The chat needs \(minimum.columns)×\(minimum.rows) cells; here are \(frame.size.columns)×\(frame.size.rows)."
    for (row, line) in TextWrapping.wrap(text, columns: frame.size.columns).enumerated() {
        frame.draw(line, at: Position(column: 0, row: row))
    }
}

private enum ConversationView {
    static func draw(_ state: AppState, _ theme: Theme, _ geometry: ScreenGeometry, _ frame: inout Frame) {
        let area = geometry.conversation
        let viewport = Viewport(state, theme: theme, rows: area.size.rows)
        for (offset, line) in viewport.lines.enumerated() {
            draw(line, row: area.origin.row + offset, state, theme, area, &frame)
        }
    }

    private static func draw(
        _ line: ConversationLine, row: Int, _ state: AppState, _ theme: Theme, _ area: Rect, _ frame: inout Frame
    ) {
        if let bar = line.bar { frame.draw(bar.text, at: Position(column: 0, row: row), style: bar.style, clip: area) }
        let column = 2
        switch line.content {
        case .text(let text):
            frame.draw(text, at: Position(column: column, row: row), clip: area)
        case .preview(let number, let size, let previewRow, let caption):
            frame.draw("┊", at: Position(column: column, row: row), style: theme.dim, clip: area)
            if let preview = state.pictures[number]?.preview {
                let place = Rect(column: column + 1, row: row, columns: size.columns, rows: 1)
                frame.blit(
                    preview, at: Position(column: column + 1, row: row - previewRow), clip: place.intersection(area))
            }
            let end = column + 1 + size.columns
            frame.draw("┊", at: Position(column: end, row: row), style: theme.dim, clip: area)
            frame.draw(caption, at: Position(column: end + 2, row: row), clip: area)
        }
        if let right = line.right {
            let start = area.endColumn - 1 - right.columns
            frame.draw(right, at: Position(column: start, row: row), clip: area)
        }
    }
}

private enum SeparatorView {
    static func draw(_ state: AppState, _ theme: Theme, _ geometry: ScreenGeometry, _ frame: inout Frame) {
        let row = geometry.separatorRow
        frame.fill(Rect(column: 0, row: row, columns: geometry.size.columns, rows: 1), with: "─", style: theme.dim)
        let mark: Span? =
            state.hasNewTextBelow
            ? Span(" ↓ new text below · Alt-> ", theme.accent)
            : state.scroll != nil ? Span(" ↓ more below · Alt-> ", theme.dim) : nil
        if let mark { frame.drawRight(mark.text, endingAt: geometry.size.columns - 2, row: row, style: mark.style) }
        if let name = state.sessionName, !geometry.isCompact {
            let shown = TextWidth.truncated(SanitizedText.clean(name, newlines: .joined), to: 40)
            frame.draw(" \(shown) ", at: Position(column: 2, row: row), style: theme.dim)
        }
    }
}

private enum EditorView {
    static func draw(_ state: AppState, _ theme: Theme, _ geometry: ScreenGeometry, _ frame: inout Frame) {
        let area = geometry.editor
        let layout = EditorLayout(state.editor, columns: ScreenGeometry.editorColumns(geometry.size))
        // The cursor's row is always in sight, and as much before it as there is room for.
        let first = min(max(0, layout.cursorRow - area.size.rows + 1), max(0, layout.rowCount - area.size.rows))
        frame.draw("›", at: area.origin, style: theme.accent)
        for offset in 0..<min(area.size.rows, layout.rowCount - first) {
            let row = area.origin.row + offset
            frame.draw(layout.line(first + offset, theme: theme), at: Position(column: 2, row: row))
        }
        frame.cursor = Position(column: 2 + layout.cursorColumn, row: area.origin.row + layout.cursorRow - first)

        for (offset, line) in InputMessages.lines(state, geometry.size, theme: theme).enumerated() {
            frame.draw(line, at: Position(column: 2, row: geometry.messages.origin.row + offset))
        }
        if let row = geometry.hintRow {
            frame.draw(hint(state), at: Position(column: 2, row: row), style: theme.dim)
        }
    }

    /// What fits the moment; a hint that has been followed is not given again.
    private static func hint(_ state: AppState) -> String {
        if state.sendsWhenLoaded { return "reading the picture; sent as soon as it is there · Esc keeps it here" }
        if let path = state.attachments.first?.numbers.first.flatMap({ state.pictures[$0]?.path }) {
            return "reading " + TextWidth.truncatedAtStart(SanitizedText.clean(path, newlines: .joined), to: 60)
        }
        let hints: [(Hint, String)] = [
            (.send, "Enter send"), (.newLine, "Alt-Enter new line"), (.image, "/image attach"), (.help, "F1 help"),
        ]
        return hints.filter { !state.usedHints.contains($0.0) }.map(\.1).joined(separator: " · ")
    }
}
