import Screen

/// What stands in the editor's place while a session is played back.
enum ReplayBar {
    static func draw(_ replay: ReplayStatus, _ theme: Theme, _ geometry: ScreenGeometry, _ frame: inout Frame) {
        let row = geometry.editor.origin.row
        let columns = geometry.size.columns
        if let note = replay.liveNote {
            let end = columns - (columns >= 60 ? 10 : 1)
            let text = TextWidth.truncated("● " + note, to: max(1, end - 2))
            frame.draw(text, at: Position(column: 1, row: row), style: theme.accent)
            if columns >= 60 { frame.drawRight("q leave", endingAt: columns - 1, row: row, style: theme.dim) }
            return
        }
        let speed = (replay.isPaused ? "⏸ " : "▶ ") + FigureText.tenths(replay.speed) + "×"
        let time = FigureText.clock(replay.position) + " / " + FigureText.clock(replay.duration)
        let keys = "space \(replay.isPaused ? "play" : "pause") · ←→ turn · +− speed · q leave"
        var end = columns - 1
        if columns >= 80 {
            frame.drawRight(keys, endingAt: end, row: row, style: theme.dim)
            end -= TextWidth.columns(of: keys) + 3
        }
        frame.drawRight(time, endingAt: end, row: row, style: theme.text)
        end -= TextWidth.columns(of: time) + 2
        let start = frame.draw(speed, at: Position(column: 1, row: row), style: theme.accent) + 2
        let length = max(1, end - start)
        let share = replay.duration > 0 ? min(max(0, replay.position / replay.duration), 1) : 1
        let knob = min(length - 1, Int(share * Double(length - 1) + 0.5))
        for index in 0..<length {
            let text = index < knob ? "━" : index == knob ? "●" : "─"
            let style = index <= knob ? theme.gauge : theme.dim
            frame.draw(text, at: Position(column: start + index, row: row), style: style)
        }
    }
}
