import Generation
import Screen

/// The outline of a box on a picture's pixels.
struct BoxOutline {
    private let columns: Range<Int>
    private let rows: Range<Int>
    private let width: Int
    private let horizontal: Int
    private let vertical: Int
    private let color: (red: UInt8, green: UInt8, blue: UInt8)

    /// - Parameters:
    ///   - width: of the picture in pixels.
    ///   - cells: into which the picture will be drawn; lines are a third of one, so that each can be told from it.
    init(_ numbered: NumberedBox, width: Int, height: Int, cells: Size) {
        self.width = width
        horizontal = max(1, width / max(1, cells.columns * 3))
        vertical = max(1, height / max(1, cells.rows * 3))
        let edges = numbered.box.pixels(width: width, height: height)
        let (left, top) = (min(max(0, edges[0]), width - 1), min(max(0, edges[1]), height - 1))
        columns = left..<max(left + 1, min(edges[2], width))
        rows = top..<max(top + 1, min(edges[3], height))
        color = NumberedBox.color(numbered.number)
    }

    /// - Parameter bytes: RGBA rows without padding.
    func draw(onto bytes: inout [UInt8]) {
        for row in rows {
            let isEdge = row < rows.lowerBound + vertical || row >= rows.upperBound - vertical
            for column in columns
            where isEdge || column < columns.lowerBound + horizontal || column >= columns.upperBound - horizontal {
                let offset = (row * width + column) * 4
                guard offset + 3 < bytes.count else { return }
                bytes[offset] = color.red
                bytes[offset + 1] = color.green
                bytes[offset + 2] = color.blue
            }
        }
    }
}

/// The numbers of boxes in the cells of their upper left corners: in pixels they could not be read.
struct BoxLabels {
    private var cells: [Position: Cell] = [:]

    init(_ boxes: [NumberedBox], on size: Size, hasColors: Bool = true) {
        for numbered in boxes {
            let corner = numbered.box.pixels(width: size.columns, height: size.rows)
            let color = NumberedBox.color(numbered.number)
            let style =
                hasColors
                ? Style(
                    foreground: .rgb(0, 0, 0), background: .rgb(color.red, color.green, color.blue), attributes: .bold)
                : Style(attributes: .reverse)
            let text = String(numbered.number)
            let row = min(max(0, corner[1]), max(0, size.rows - 1))
            let start = min(max(0, corner[0]), max(0, size.columns - text.count))
            for (index, character) in text.enumerated() {
                // Of boxes that begin in one place the first one's number stays, and the others stand beside it.
                var position = Position(column: start + index, row: row)
                while cells[position] != nil { position.column += 1 }
                guard position.column < size.columns else { break }
                cells[position] = Cell(text: String(character), style: style)
            }
        }
    }

    subscript(position: Position) -> Cell? { cells[position] }
}
