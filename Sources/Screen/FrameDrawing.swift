extension Rect {
    package init(origin: Position, size: Size) {
        self.origin = origin
        self.size = size
    }

    /// The column after the last one.
    package var endColumn: Int { origin.column + size.columns }
    /// The row after the last one.
    package var endRow: Int { origin.row + size.rows }

    package func intersection(_ other: Rect) -> Rect {
        let column = max(origin.column, other.origin.column)
        let row = max(origin.row, other.origin.row)
        return Rect(
            column: column, row: row, columns: max(0, min(endColumn, other.endColumn) - column),
            rows: max(0, min(endRow, other.endRow) - row))
    }
}

extension Frame {
    /// The whole frame.
    package var bounds: Rect { Rect(origin: Position(column: 0, row: 0), size: size) }

    /// Draws one line of text from a position on and returns the column after it.
    ///
    /// What falls outside `clip` (the frame when nil) is left out, a wide grapheme cut by its edge becomes blank.
    /// Drawing ends at a newline. No control character can get into a cell: `Graphemes` lets none through.
    @discardableResult
    package mutating func draw(_ text: String, at position: Position, style: Style = .plain, clip: Rect? = nil) -> Int {
        let area = clip.map(bounds.intersection) ?? bounds
        var column = position.column
        guard position.row >= area.origin.row, position.row < area.endRow else {
            return column + TextWidth.columns(of: text)
        }
        for grapheme in Graphemes(text) {
            if grapheme.isNewline || column >= area.endColumn { break }
            let end = column + grapheme.columns
            if column >= area.origin.column && end <= area.endColumn {
                put(Cell(text: grapheme.text, style: style), columns: grapheme.columns, column, position.row)
            } else {
                for inside in max(
                    column, area.origin.column)..<max(column, min(end, area.endColumn), area.origin.column)
                {
                    put(Cell(text: " ", style: style), columns: 1, inside, position.row)
                }
            }
            column = end
        }
        return column
    }

    /// Draws a line of styled text as `draw(_:at:style:clip:)` does.
    @discardableResult
    package mutating func draw(_ line: TextLine, at position: Position, clip: Rect? = nil) -> Int {
        var column = position.column
        for span in line.spans {
            column = draw(span.text, at: Position(column: column, row: position.row), style: span.style, clip: clip)
        }
        return column
    }

    /// Draws text so that it ends before `endColumn`.
    package mutating func drawRight(
        _ text: String, endingAt endColumn: Int, row: Int, style: Style = .plain, clip: Rect? = nil
    ) {
        let column = endColumn - TextWidth.columns(of: text)
        draw(text, at: Position(column: column, row: row), style: style, clip: clip)
    }

    /// Fills a rectangle with one single-width grapheme.
    package mutating func fill(_ rect: Rect, with text: String = " ", style: Style = .plain) {
        let area = bounds.intersection(rect)
        for row in area.origin.row..<max(area.origin.row, area.endRow) {
            for column in area.origin.column..<max(area.origin.column, area.endColumn) {
                put(Cell(text: text, style: style), columns: 1, column, row)
            }
        }
    }

    /// Copies ready cells to a position, as far as they lie inside `clip` (the frame when nil).
    package mutating func blit(_ block: CellBlock, at position: Position, clip: Rect? = nil) {
        let area = (clip.map(bounds.intersection) ?? bounds)
            .intersection(Rect(origin: position, size: block.size))
        for row in area.origin.row..<max(area.origin.row, area.endRow) {
            let start = (row - position.row) * block.size.columns
            for column in area.origin.column..<max(area.origin.column, area.endColumn) {
                put(block.cells[start + column - position.column], columns: 1, column, row)
            }
        }
    }

    /// Writes a grapheme and leaves no half of a wide one behind.
    private mutating func put(_ cell: Cell, columns: Int, _ column: Int, _ row: Int) {
        if self[column, row].text.isEmpty && !cell.text.isEmpty && column > 0 {
            self[column - 1, row].text = " "
        }
        let last = column + columns - 1
        if last + 1 < size.columns && self[last + 1, row].text.isEmpty && !cell.text.isEmpty {
            self[last + 1, row].text = " "
        }
        self[column, row] = cell
        for continuation in stride(from: column + 1, through: last, by: 1) {
            self[continuation, row] = Cell(text: "", style: cell.style)
        }
    }
}
