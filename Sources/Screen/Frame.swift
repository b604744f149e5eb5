/// A size in cells.
package struct Size: Hashable, Sendable {
    package var columns: Int
    package var rows: Int

    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }
}

/// A position in cells, from the top left.
package struct Position: Hashable, Sendable {
    package var column: Int
    package var row: Int

    package init(column: Int, row: Int) {
        self.column = column
        self.row = row
    }
}

/// A rectangle of cells.
package struct Rect: Hashable, Sendable {
    package var origin: Position
    package var size: Size

    package init(column: Int, row: Int, columns: Int, rows: Int) {
        origin = Position(column: column, row: row)
        size = Size(columns: columns, rows: rows)
    }
}

/// One cell of the screen.
package struct Cell: Hashable, Sendable {
    /// One grapheme, already free of control characters; empty in the second half of a wide one.
    package var text: String
    package var style: Style

    package init(text: String = " ", style: Style = .plain) {
        self.text = text
        self.style = style
    }

    package static let blank = Cell()
}

/// A whole screen as a value, so that a test can compare it and the driver can send differences.
package struct Frame: Equatable, Sendable {
    package let size: Size
    /// `rows * columns` cells, row-major.
    package private(set) var cells: [Cell]
    /// Where the cursor stands; nil hides it.
    package var cursor: Position?

    package init(size: Size) {
        self.size = Size(columns: max(0, size.columns), rows: max(0, size.rows))
        cells = Array(repeating: .blank, count: self.size.columns * self.size.rows)
    }

    /// The cell at a position inside the frame; writes outside are dropped, reads give a blank.
    package subscript(column: Int, row: Int) -> Cell {
        get { contains(column, row) ? cells[row * size.columns + column] : .blank }
        set { if contains(column, row) { cells[row * size.columns + column] = newValue } }
    }

    private func contains(_ column: Int, _ row: Int) -> Bool {
        column >= 0 && row >= 0 && column < size.columns && row < size.rows
    }
}

/// A rectangle of ready cells, such as a picture's preview.
package struct CellBlock: Equatable, Sendable {
    package let size: Size
    /// `rows * columns` cells, row-major.
    package let cells: [Cell]

    /// Makes a block; nil when the count does not fit the size.
    package init?(size: Size, cells: [Cell]) {
        guard size.columns >= 0, size.rows >= 0, cells.count == size.columns * size.rows else { return nil }
        self.size = size
        self.cells = cells
    }
}
