import Screen

/// How the editor's text falls into rows of a given width.
struct EditorLayout {
    struct Row: Equatable {
        /// The elements on the row, its newline left out.
        var range: Range<Int>
    }

    private(set) var rows: [Row] = []
    private(set) var cursorRow = 0
    private(set) var cursorColumn = 0
    private let elements: [Editor.Element]

    /// Lays the text out into rows of at most `columns - 1` cells, so that the cursor fits behind the last one.
    init(_ editor: Editor, columns: Int) {
        elements = editor.elements
        let limit = max(1, columns - 1)
        var start = 0
        var width = 0
        var afterSpace: Int?
        for (index, element) in elements.enumerated() {
            if element.isNewline {
                rows.append(Row(range: start..<index))
                start = index + 1
                width = 0
                afterSpace = nil
                continue
            }
            let taken = Self.columns(of: element)
            if width + taken > limit && index > start {
                let end = afterSpace ?? index
                rows.append(Row(range: start..<end))
                start = end
                width = elements[start..<index].reduce(0) { $0 + Self.columns(of: $1) }
                afterSpace = nil
            }
            width += taken
            if element == .character(" ") { afterSpace = index + 1 }
        }
        rows.append(Row(range: start..<elements.count))
        placeCursor(editor.cursor)
    }

    private mutating func placeCursor(_ cursor: Int) {
        // At a wrap the cursor stands before the next row's first element.
        cursorRow = rows.lastIndex { $0.range.lowerBound <= cursor } ?? 0
        cursorColumn = elements[rows[cursorRow].range.lowerBound..<cursor].reduce(0) { $0 + Self.columns(of: $1) }
    }

    /// The cursor position nearest to a column of a row.
    func index(row: Int, column: Int) -> Int {
        guard rows.indices.contains(row) else { return row < 0 ? 0 : elements.count }
        let range = rows[row].range
        var width = 0
        for index in range {
            let taken = Self.columns(of: elements[index])
            if width + (taken + 1) / 2 > column { return index }
            width += taken
        }
        // The end of a wrapped row is the next row's beginning: stay on this one.
        let isWrapped = row + 1 < rows.count && rows[row + 1].range.lowerBound == range.upperBound
        return isWrapped && !range.isEmpty ? range.upperBound - 1 : range.upperBound
    }

    /// A row as styled text.
    func line(_ row: Int, theme: Theme) -> TextLine {
        var spans: [Span] = []
        for element in elements[rows[row].range] {
            let style = element.pictureNumber == nil ? theme.text : theme.link
            if let last = spans.indices.last, spans[last].style == style {
                spans[last].text += element.text
            } else {
                spans.append(Span(element.text, style))
            }
        }
        return TextLine(spans)
    }

    private static func columns(of element: Editor.Element) -> Int {
        switch element {
        case .character(let character): TextWidth.columns(of: character)
        case .picture, .clip: TextWidth.columns(of: element.text)
        }
    }
}
