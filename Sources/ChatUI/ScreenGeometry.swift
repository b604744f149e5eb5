import Screen

/// Where the parts of the chat screen stand.
struct ScreenGeometry: Equatable {
    /// Below this there is no chat, only a word about it.
    static let minimumSize = Size(columns: 40, rows: 12)
    /// Lines of text are no longer than this, however wide the screen: longer ones are hard to read.
    private static let maximumTextColumns = 120

    let size: Size
    /// Little room: no figures at the right edge, smaller previews, no hint line.
    let isCompact: Bool
    let conversation: Rect
    let separatorRow: Int
    /// The editor, the replay bar, or the question what to do about a full context.
    let editor: Rect
    /// Errors and notes below the editor.
    let messages: Rect
    let hintRow: Int?
    let statusRow: Int

    init(_ state: AppState) {
        size = state.size
        isCompact = Self.isCompact(size)
        statusRow = size.rows - 1
        let columns = max(1, size.columns)
        let showsEditor = state.replay == nil && state.overflow == nil
        let messageRows = showsEditor ? InputMessages.lines(state, size).count : 0
        let hintRows = isCompact || !showsEditor || messageRows > 0 ? 0 : 1
        var editorRows = 1
        if let overflow = state.overflow, state.replay == nil {
            // Every way out has to be seen; the conversation can wait.
            editorRows = min(OverflowView.lines(overflow, size: size, theme: .standard).count, max(1, size.rows - 2))
        } else if showsEditor {
            let wanted = EditorLayout(state.editor, columns: Self.editorColumns(size)).rowCount
            editorRows = min(wanted, max(1, size.rows / 3))
        }
        let conversationRows = max(0, size.rows - 2 - editorRows - messageRows - hintRows)
        conversation = Rect(column: 0, row: 0, columns: columns, rows: conversationRows)
        separatorRow = conversationRows
        editor = Rect(column: 0, row: separatorRow + 1, columns: columns, rows: editorRows)
        messages = Rect(column: 0, row: editor.endRow, columns: columns, rows: messageRows)
        hintRow = hintRows == 1 ? messages.endRow : nil
    }

    /// Whether the list of sessions has room beside the conversation.
    static func showsBrowserBeside(_ screen: Size) -> Bool { screen.columns >= 100 }

    /// Cells of the list of sessions where it stands beside the conversation.
    static func browserColumns(_ screen: Size) -> Int { min(44, max(32, screen.columns / 4)) }

    static func isCompact(_ size: Size) -> Bool { size.columns < 60 || size.rows < 18 }

    /// Cells for the editor's text, beside its mark.
    static func editorColumns(_ size: Size) -> Int { max(1, size.columns - 2) }

    /// Cells for a message's text, beside its bar.
    static func textColumns(_ size: Size) -> Int { max(1, min(size.columns - 3, maximumTextColumns)) }

    /// The cells that a picture's preview takes: its shape kept, a cell being twice as high as wide.
    static func previewSize(width: Int, height: Int, on screen: Size) -> Size {
        let maximumRows = isCompact(screen) ? 4 : screen.rows >= 40 ? 12 : 6
        let maximumColumns = max(1, min(maximumRows * 4, textColumns(screen) / 2))
        let width = Double(max(1, width))
        let height = Double(max(1, height))
        let scale = min(Double(maximumColumns) / width, 2 * Double(maximumRows) / height)
        return Size(
            columns: min(maximumColumns, max(1, Int((width * scale).rounded()))),
            rows: min(maximumRows, max(1, Int((height * scale / 2).rounded()))))
    }
}
