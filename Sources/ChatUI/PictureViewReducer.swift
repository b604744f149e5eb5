import Screen

/// A picture or a clip that fills the screen until a key is pressed.
enum PictureViewReducer {
    static func run(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        let numbers = state.pictures.values.filter { $0.facts != nil }.map(\.number).sorted()
        guard let last = numbers.last else { throw .noPictures }
        guard state.setting.hasScreen else { throw .noScreen(command: "view") }
        var number = last
        if !invocation.argument.isEmpty {
            guard let wanted = Int(invocation.argument.drop { $0 == "#" }), numbers.contains(wanted) else {
                throw .noSuchPicture(invocation.argument, numbers: numbers)
            }
            number = wanted
        }
        state.pictureView = AppState.PictureView(number: number)
        return []
    }

    /// Any key goes back, and does nothing else; nil when no picture fills the screen.
    static func key(_ state: inout AppState, _ key: Key) -> [Effect]? {
        guard state.pictureView != nil else { return nil }
        switch key {
        case .control("l"): return [.redraw]
        case .control("z"): return [.suspend]
        default:
            state.pictureView = nil
            return []
        }
    }

    /// Goes back; false when no picture fills the screen.
    static func leave(_ state: inout AppState) -> Bool {
        defer { state.pictureView = nil }
        return state.pictureView != nil
    }

    /// Asks for the picture at the screen's size, once for each.
    static func request(_ state: inout AppState) -> [Effect] {
        guard let view = state.pictureView, let facts = state.pictures[view.number]?.facts else { return [] }
        let boxes = state.boxes(onto: view.number)
        guard view.requestedSize != state.screenSize || view.requestedBoxes != boxes else { return [] }
        state.pictureView?.requestedSize = state.screenSize
        state.pictureView?.requestedBoxes = boxes
        state.pictureView?.block = nil
        let room = Size(columns: state.screenSize.columns, rows: max(1, state.screenSize.rows - 1))
        guard facts.clip != nil else {
            return [.renderView(number: view.number, size: room, strip: nil, boxes: boxes)]
        }
        let strip = StripLayout.filling(facts, room)
        return [.renderView(number: view.number, size: strip.size, strip: strip)]
    }
}

/// Draws the picture in the middle, and what it is on the last row.
enum PictureView {
    static func draw(_ view: AppState.PictureView, _ state: AppState, _ theme: Theme, _ frame: inout Frame) {
        let rows = state.size.rows - 1
        if let block = view.block {
            let origin = Position(
                column: max(0, (state.size.columns - block.size.columns) / 2),
                row: max(0, (rows - block.size.rows) / 2))
            frame.blit(block, at: origin, clip: Rect(column: 0, row: 0, columns: state.size.columns, rows: rows))
        }
        guard let picture = state.pictures[view.number], let facts = picture.facts else { return }
        let key = " any key goes back "
        let name = Picture.placeholder(view.number, isClip: picture.isClip)
        let caption = "\(name) " + state.caption(facts)
        let room = state.size.columns - key.count - 1
        frame.draw(
            TextWidth.truncated(SanitizedText.clean(caption, newlines: .joined), to: max(1, room)),
            at: Position(column: 1, row: rows), style: theme.dim)
        frame.drawRight(key, endingAt: state.size.columns, row: rows, style: theme.text)
    }
}

extension StripLayout {
    /// The layout whose frames are largest in a room that holds all of them, or as many as can be told apart.
    package static func filling(_ facts: PictureFacts, _ room: Size) -> StripLayout {
        let count = max(1, facts.clip?.times.count ?? 1)
        var best: StripLayout?
        for stripRows in 1...max(1, min(count, room.rows / 3)) {
            let layout = StripLayout(
                facts, columns: room.columns, frameRows: max(1, room.rows / stripRows - 1), stripRows: stripRows)
            let isWider = layout.frame.columns > best?.frame.columns ?? 0
            if best == nil || layout.shown.count > best?.shown.count ?? 0
                || layout.shown.count == best?.shown.count && isWider
            {
                best = layout
            }
        }
        return best ?? StripLayout(facts, columns: room.columns, frameRows: max(1, room.rows - 1), stripRows: 1)
    }
}
