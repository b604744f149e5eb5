import Screen

/// How the editor's text falls into rows of a given width.
struct EditorLayout {
    private(set) var cursorRow = 0
    private(set) var cursorColumn = 0
    private let elements: [Editor.Element]
    /// The first element of each row, ascending; the first row begins with the first element.
    private let starts: [Int]

    /// Lays the text out into rows of at most `columns - 1` cells, so that the cursor fits behind the last one.
    init(_ editor: Editor, columns: Int) {
        elements = editor.elements
        starts = editor.revision.rowStarts(editor.elements, columns: columns)
        // At a wrap the cursor stands before the next row's first element.
        cursorRow = Self.row(of: editor.cursor, in: starts)
        cursorColumn = elements[starts[cursorRow]..<editor.cursor].reduce(0) { $0 + Self.columns(of: $1) }
    }

    var rowCount: Int { starts.count }

    /// The elements on a row, its newline left out.
    func range(ofRow row: Int) -> Range<Int> {
        guard row + 1 < starts.count else { return starts[row]..<elements.count }
        let end = starts[row + 1]
        return starts[row]..<(elements[end - 1].isNewline ? end - 1 : end)
    }

    /// The last row that begins at an element or before it; 0 where there are no rows.
    static func row(of index: Int, in starts: [Int]) -> Int {
        var (low, high) = (0, starts.count)
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] <= index { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    /// Where the row after the one that begins at `start` begins; nil when that is the last one.
    static func nextRow(after start: Int, _ elements: [Editor.Element], columns: Int) -> Int? {
        let limit = max(1, columns - 1)
        var width = 0
        var afterSpace: Int?
        for index in start..<elements.count {
            let element = elements[index]
            if element.isNewline { return index + 1 }
            width += Self.columns(of: element)
            if width > limit && index > start { return afterSpace ?? index }
            if element == .character(" ") { afterSpace = index + 1 }
        }
        return nil
    }

    /// The cursor position nearest to a column of a row.
    func index(row: Int, column: Int) -> Int {
        guard starts.indices.contains(row) else { return row < 0 ? 0 : elements.count }
        let range = range(ofRow: row)
        var width = 0
        for index in range {
            let taken = Self.columns(of: elements[index])
            if width + (taken + 1) / 2 > column { return index }
            width += taken
        }
        // The end of a wrapped row is the next row's beginning: stay on this one.
        let isWrapped = row + 1 < starts.count && starts[row + 1] == range.upperBound
        return isWrapped && !range.isEmpty ? range.upperBound - 1 : range.upperBound
    }

    /// A row as styled text.
    func line(_ row: Int, theme: Theme) -> TextLine {
        var spans: [Span] = []
        for element in elements[range(ofRow: row)] {
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
