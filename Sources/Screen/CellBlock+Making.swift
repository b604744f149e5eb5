extension CellBlock {
    /// Makes a block by asking for each cell, row by row; negative sizes count as 0.
    package init(size: Size, cellAt: (Position) -> Cell) {
        self.size = Size(columns: max(0, size.columns), rows: max(0, size.rows))
        var cells = [Cell]()
        cells.reserveCapacity(self.size.columns * self.size.rows)
        for row in 0..<self.size.rows {
            for column in 0..<self.size.columns { cells.append(cellAt(Position(column: column, row: row))) }
        }
        self.cells = cells
    }
}
