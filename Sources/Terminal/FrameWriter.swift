import CNcurses
import Screen

/// Sends frames to ncurses: only cells that differ, each run after an explicit move.
struct FrameWriter {
    private struct ColorPair: Hashable {
        let foreground: Int
        let background: Int
    }

    /// As many as a theme may need; a terminal with fewer would be repainted all the time.
    private static let fewPairs = 1024

    let depth: ColorDepth
    private let maximumPairs: Int
    private var pairs: [ColorPair: Int32] = [:]
    private var shown: Frame?

    init(depth: ColorDepth, maximumPairs: Int) {
        self.depth = depth
        self.maximumPairs = maximumPairs
    }

    /// Forgets what the terminal shows.
    mutating func invalidate() {
        shown = nil
        emu_curses_invalidate()
    }

    mutating func show(_ frame: Frame) {
        // Previews in 24-bit colours take hundreds of pairs each: beginning afresh now and then costs one repaint.
        if pairs.count > maximumPairs / 2, pairs.count > Self.fewPairs {
            emu_curses_forget_pairs()
            pairs = [:]
            invalidate()
        }
        let before = shown?.size == frame.size ? shown : nil
        if let before, before == frame { return }
        var unsettled: [Position] = []
        for row in 0..<frame.size.rows {
            put(row: row, of: frame, before: before, unsettled: &unsettled)
        }
        // Terminals disagree about these cells' width. Their places were left blank above; now each is written by
        // itself, and the cursor is put where it belongs by an absolute address.
        if !unsettled.isEmpty {
            emu_curses_refresh(-1, 0)
            for position in unsettled {
                put(frame[position.column, position.row], at: position)
                emu_curses_refresh_and_readdress(Int32(position.row), Int32(position.column))
            }
        }
        if let cursor = frame.cursor, frame.bounds.contains(cursor) {
            emu_curses_refresh(Int32(cursor.row), Int32(cursor.column))
        } else {
            emu_curses_refresh(-1, 0)
        }
        shown = frame
    }

    private mutating func put(row: Int, of frame: Frame, before: Frame?, unsettled: inout [Position]) {
        let columns = frame.size.columns
        let changed = before.map { before in
            (0..<columns).filter { before[$0, row] != frame[$0, row] }
        }
        if let changed, changed.isEmpty { return }
        let unsettledColumns = self.unsettledColumns(row, of: frame)
        unsettled += unsettledColumns.map { Position(column: $0, row: row) }
        for column in unsettledColumns {
            let style = frame[column, row].style
            put(Cell(text: " ", style: style), at: Position(column: column, row: row))
            if column + 1 < columns && frame[column + 1, row].text.isEmpty {
                put(Cell(text: " ", style: style), at: Position(column: column + 1, row: row))
            }
        }
        for column in changed ?? Array(0..<columns) {
            let cell = frame[column, row]
            // The second half of a wide grapheme comes with its first.
            if cell.text.isEmpty || unsettledColumns.contains(column) { continue }
            put(cell, at: Position(column: column, row: row))
        }
    }

    /// The columns of a row that are written one by one: those of unsettled cells, and of the cell after each, which a
    /// terminal that takes the one before it for wider would have overwritten.
    private func unsettledColumns(_ row: Int, of frame: Frame) -> [Int] {
        var columns: [Int] = []
        var isAfterUnsettled = false
        for column in 0..<frame.size.columns where !frame[column, row].text.isEmpty {
            let isUnsettled = self.isUnsettled(at: column, row, frame)
            if isUnsettled || (isAfterUnsettled && frame[column, row].text != " ") { columns.append(column) }
            isAfterUnsettled = isUnsettled
        }
        return columns
    }

    private mutating func put(_ cell: Cell, at position: Position) {
        var scalars = cell.text.unicodeScalars.map(\.value)
        if let first = scalars.first, emu_curses_scalar_width(first) < 1 {
            // Newer than the C library's tables.
            scalars = [DisplayScalar.replacement.value]
        }
        emu_curses_put(
            Int32(position.row), Int32(position.column), scalars, Int32(scalars.count),
            UInt32(cell.style.attributes.rawValue), pair(cell.style))
    }

    /// Whether terminals may give a cell another width than the frame does: emoji, flags, spacing marks, and what the
    /// C library measures differently.
    private func isUnsettled(at column: Int, _ row: Int, _ frame: Frame) -> Bool {
        let scalars = frame[column, row].text.unicodeScalars
        guard let first = scalars.first, first.value >= 0x300 || scalars.count > 1 else { return false }
        let columns: Int32 = column + 1 < frame.size.columns && frame[column + 1, row].text.isEmpty ? 2 : 1
        if emu_curses_scalar_width(first.value) != columns { return true }
        if first.value >= 0x1F000 && first.value < 0x1FB00 { return true }
        return scalars.count > 1 || first.properties.generalCategory == .spacingMark
    }

    private mutating func pair(_ style: Style) -> Int32 {
        let wanted = ColorPair(
            foreground: Palette.number(style.foreground, depth: depth),
            background: Palette.number(style.background, depth: depth))
        if wanted.foreground < 0 && wanted.background < 0 { return 0 }
        if let known = pairs[wanted] { return known }
        // More combinations than pairs: the text stays readable in the terminal's own colours.
        let next = Int32(pairs.count + 1)
        guard Int(next) < maximumPairs else { return 0 }
        let defined = emu_curses_define_pair(next, Int32(wanted.foreground), Int32(wanted.background)) != 0
        guard defined else { return 0 }
        pairs[wanted] = next
        return next
    }
}

extension Rect {
    fileprivate func contains(_ position: Position) -> Bool {
        position.column >= origin.column && position.row >= origin.row && position.column < endColumn
            && position.row < endRow
    }
}
