import Generation
import Screen

extension AppState {
    /// A box for the next drawing that is being placed with keys, on a screen of its own.
    package struct BoxPlacement: Equatable, Sendable {
        package var box: DrawingBox
        /// Arrow keys move the lower right corner instead of the box.
        package var isSizing = false
        /// The picture below it: what was drawn last, if anything.
        package var background: PictureView?

        /// The cells that stand for the grid: those of the picture below, or a square.
        func canvas(on screen: Size) -> Size {
            if let block = background?.block { return block.size }
            let room = Self.room(on: screen)
            // A cell is about twice as high as wide.
            let rows = max(1, min(room.rows, room.columns / 2))
            return Size(columns: max(1, min(room.columns, 2 * rows)), rows: rows)
        }

        /// All but the two rows that tell where the box is and what keys do.
        static func room(on screen: Size) -> Size {
            Size(columns: screen.columns, rows: max(1, screen.rows - 2))
        }
    }
}

/// `/box NAME` without numbers: arrow keys say where.
enum BoxPlacementReducer {
    /// Begins with the box of that name, where there is one already, else with one in the middle.
    static func begin(_ state: inout AppState, name: String) throws(CommandProblem) {
        let known = state.boxes.last { $0.name == name }
        guard known != nil || state.boxes.count < DrawingBox.most else { throw .tooManyBoxes }
        let side = DrawingBox.gridSide
        let middle = DrawingBox(name: name, left: side / 4, top: side / 4, right: 3 * side / 4, bottom: 3 * side / 4)
        guard let box = known ?? middle else { return }
        let drawn = state.items.last { $0.speaker == .assistant && !$0.pictureNumbers.isEmpty }?.pictureNumbers.last
        state.boxPlacement = AppState.BoxPlacement(
            box: box, background: drawn.map { AppState.PictureView(number: $0) })
    }

    /// Nil when no box is being placed; else no key means anything else.
    static func key(_ state: inout AppState, _ key: Key) -> [Effect]? {
        guard let placement = state.boxPlacement else { return nil }
        switch (key.code, key.modifiers) {
        case (.character("l"), .control): return [.redraw]
        case (.character("z"), .control): return [.suspend]
        case (.escape, _), (.character("c"), .control), (.character("g"), .control), (.character("q"), []):
            state.boxPlacement = nil
            state.inputNote = "no box was placed"
        case (.enter, _):
            state.boxPlacement = nil
            if let place = state.boxes.lastIndex(where: { $0.name == placement.box.name }) {
                state.boxes[place] = placement.box
            } else {
                state.boxes.append(placement.box)
            }
        case (.tab, []):
            state.boxPlacement?.isSizing.toggle()
        case (.left, let modifiers): step(&state, columns: -1, rows: 0, modifiers)
        case (.right, let modifiers): step(&state, columns: 1, rows: 0, modifiers)
        case (.up, let modifiers): step(&state, columns: 0, rows: -1, modifiers)
        case (.down, let modifiers): step(&state, columns: 0, rows: 1, modifiers)
        default: break
        }
        return []
    }

    /// Moves the box, or its lower right corner, by a cell of the screen; never out of the grid nor to nothing.
    private static func step(_ state: inout AppState, columns: Int, rows: Int, _ modifiers: Key.Modifiers) {
        guard let placement = state.boxPlacement else { return }
        let (box, canvas) = (placement.box, placement.canvas(on: state.screenSize))
        let side = DrawingBox.gridSide
        let (wide, high) = (max(1, side / canvas.columns), max(1, side / canvas.rows))
        var (left, top, right, bottom) = (box.left, box.top, box.right, box.bottom)
        if placement.isSizing || modifiers.contains(.shift) {
            right = min(side, max(left + wide, right + columns * wide))
            bottom = min(side, max(top + high, bottom + rows * high))
        } else {
            let across = min(side - right, max(-left, columns * wide))
            let down = min(side - bottom, max(-top, rows * high))
            (left, right, top, bottom) = (left + across, right + across, top + down, bottom + down)
        }
        if let moved = DrawingBox(name: box.name, left: left, top: top, right: right, bottom: bottom) {
            state.boxPlacement?.box = moved
        }
    }

    /// Asks for the picture below the box, once for each size of the screen.
    static func request(_ state: inout AppState) -> [Effect] {
        guard let background = state.boxPlacement?.background, state.pictures[background.number]?.facts != nil,
            background.requestedSize != state.screenSize
        else { return [] }
        state.boxPlacement?.background?.requestedSize = state.screenSize
        let room = AppState.BoxPlacement.room(on: state.screenSize)
        // What is there stays until the new one comes, so that the box's steps stay the same while a picture sharpens.
        if let shown = background.block?.size, shown.columns > room.columns || shown.rows > room.rows {
            state.boxPlacement?.background?.block = nil
        }
        return [.renderView(number: background.number, size: room, strip: nil)]
    }
}

/// Draws the grid with its boxes, and on the last rows where the box is and what keys do.
enum BoxPlacementView {
    static func draw(_ placement: AppState.BoxPlacement, _ state: AppState, _ theme: Theme, _ frame: inout Frame) {
        let (screen, canvas) = (frame.size, placement.canvas(on: frame.size))
        let room = AppState.BoxPlacement.room(on: screen)
        let origin = Position(
            column: max(0, (screen.columns - canvas.columns) / 2), row: max(0, (room.rows - canvas.rows) / 2))
        let area = Rect(column: origin.column, row: origin.row, columns: canvas.columns, rows: canvas.rows)
        if let block = placement.background?.block {
            frame.blit(block, at: origin, clip: area)
        } else {
            frame.fill(area, with: "·", style: theme.dim)
        }
        for box in state.boxes where box.name != placement.box.name {
            outline(box, in: area, style: theme.dim, &frame)
        }
        outline(placement.box, in: area, style: theme.accent, &frame)
        let box = placement.box
        let edges = "\(box.left) \(box.top) \(box.right) \(box.bottom)"
        let name = SanitizedText.clean(box.name, newlines: .joined)
        let columns = max(1, screen.columns - edges.count - 3)
        frame.draw(
            TextWidth.truncated(name, to: columns) + " " + edges,
            at: Position(column: 1, row: screen.rows - 2), style: theme.text)
        let keys =
            placement.isSizing
            ? [
                "arrows move the corner · Tab the box · Enter places it · Esc leaves",
                "arrows size · Tab · Enter · Esc",
            ]
            : [
                "arrows move · Shift-arrows or Tab size · Enter places it · Esc leaves",
                "arrows move · Tab sizes · Enter · Esc",
            ]
        let shown = keys.first { TextWidth.columns(of: $0) <= screen.columns - 2 } ?? keys[keys.count - 1]
        frame.draw(shown, at: Position(column: 1, row: screen.rows - 1), style: theme.dim)
    }

    /// A frame around the cells in which the box lies, its name in the upper edge.
    private static func outline(_ box: DrawingBox, in area: Rect, style: Style, _ frame: inout Frame) {
        func cells(_ first: Int, _ last: Int, of count: Int) -> (Int, Int) {
            let side = DrawingBox.gridSide
            let begin = min(count - 1, first * count / side)
            return (begin, max(begin, (last * count + side - 1) / side - 1))
        }
        let (left, right) = cells(box.left, box.right, of: area.size.columns)
        let (top, bottom) = cells(box.top, box.bottom, of: area.size.rows)
        let (column, row) = (area.origin.column, area.origin.row)
        for (edge, ends) in [(top, ("┌", "┐")), (bottom, ("└", "┘"))] {
            let line = ends.0 + String(repeating: "─", count: max(0, right - left - 1)) + (right > left ? ends.1 : "")
            frame.draw(line, at: Position(column: column + left, row: row + edge), style: style, clip: area)
        }
        for edge in (top + 1)..<max(top + 1, bottom) {
            for side in [left, right] {
                frame.draw("│", at: Position(column: column + side, row: row + edge), style: style, clip: area)
            }
        }
        let room = right - left - 3
        let name = SanitizedText.clean(box.name, newlines: .joined)
        guard room > 0, !name.isEmpty else { return }
        frame.draw(
            " " + TextWidth.truncated(name, to: room) + " ", at: Position(column: column + left + 1, row: row + top),
            style: style, clip: area)
    }
}
