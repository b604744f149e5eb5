import Generation
import Screen

/// What an empty conversation shows: the program, the model, what to try, and the last conversations.
enum StartScreen {
    static func draw(_ state: AppState, _ theme: Theme, _ area: Rect, _ frame: inout Frame) {
        let columns = min(area.size.columns - 4, 100)
        var lines: [TextLine] = [
            TextLine([Span("emuchat", theme.accent), Span(" " + state.setting.version, theme.dim)])
        ]
        lines += model(state, theme, columns)
        let terms = terms(state, theme, columns)
        // Under whose terms the model may be used is told whole, or not here.
        lines = lines.count + terms.count > area.size.rows ? terms : lines + terms
        lines.append(TextLine())
        let sessions = self.sessions(state, theme, columns)
        // Small screens drop what is known least missed: the later things to try.
        let room = area.size.rows - lines.count - (sessions.isEmpty ? 0 : sessions.count + 1) - 1
        lines += tries.prefix(max(1, room)).map { entry in
            TextLine([
                Span(entry.typed + String(repeating: " ", count: max(1, 22 - entry.typed.count)), theme.text),
                Span(TextWidth.truncated(entry.meaning, to: columns - 22), theme.dim),
            ])
        }
        // A heading without a conversation below it would lead nowhere; a conversation without one can be opened.
        let left = area.size.rows - lines.count
        lines +=
            left >= 3 && !sessions.isEmpty ? [TextLine()] + sessions : Array(sessions.dropFirst().prefix(max(0, left)))
        let top = area.size.rows > lines.count + 2 ? 1 : 0
        for (offset, line) in lines.prefix(area.size.rows - top).enumerated() {
            frame.draw(line, at: Position(column: 2, row: area.origin.row + top + offset), clip: area)
        }
    }

    private static let tries: [(typed: String, meaning: String)] = [
        ("What is a poodle?", "type a question, Enter sends it"),
        ("/image ~/dog.jpg", "put a picture into the message"),
        ("/system Be brief.", "tell the model how to behave"),
        ("/set temperature 0.7", "change how answers are sampled"),
        ("/help", "all commands and keys"),
    ]

    private static func terms(_ state: AppState, _ theme: Theme, _ columns: Int) -> [TextLine] {
        guard !state.items.isEmpty, let terms = state.loadedModel?.termsToTell else { return [] }
        return TextWrapping.wrap(SanitizedText.clean(terms), columns: columns, style: theme.text)
    }

    private static func model(_ state: AppState, _ theme: Theme, _ columns: Int) -> [TextLine] {
        let text: Span
        switch state.model {
        case .loading(let loading):
            text = Span("loading \(loading.name); type already, it is sent when ready", theme.dim)
        case .failed(let message): text = Span("⚠ " + message, theme.error)
        case .absent: return []
        case .ready(let model):
            let size = FigureText.parameters(model.parameterCount)
            let sight =
                (model.seesImages ? "text and pictures" : "text only, it cannot see pictures")
                + (model.drawing == nil ? "" : ", /draw draws")
                + (model.sightRemedy.map { ": " + $0 } ?? "")
            let context = FigureText.grouped(model.contextLength)
            // Many names end in their size.
            let name = model.name.contains(size) ? model.name : "\(model.name), \(size)"
            let epithet = model.epithet.map { " · \($0), /help tells how to use a larger one" } ?? ""
            text = Span("\(name)\(epithet) · \(model.weightType) · context \(context) · \(sight)", theme.dim)
        }
        return TextWrapping.wrap(SanitizedText.clean(text.text), columns: columns, style: text.style)
    }

    private static func sessions(_ state: AppState, _ theme: Theme, _ columns: Int) -> [TextLine] {
        guard !state.recentSessions.isEmpty else { return [] }
        let rows = state.recentSessions.prefix(3).enumerated().map { index, session in
            let when = FigureText.moment(session.time, now: state.now, offset: state.setting.secondsFromGMT)
            var figures = [when]
            if columns >= 50 { figures.append(session.turns == 1 ? "1 turn" : "\(session.turns) turns") }
            if columns >= 50 && session.pictures > 0 {
                figures.append(session.pictures == 1 ? "1 picture" : "\(session.pictures) pictures")
            }
            let tail = "  " + figures.joined(separator: " · ")
            let command = "/open \(index + 1)  "
            let room = columns - command.count - TextWidth.columns(of: tail)
            let title = TextWidth.truncated(SanitizedText.clean(session.title, newlines: .joined), to: max(8, room))
            return TextLine([Span(command, theme.text), Span(title, theme.text), Span(tail, theme.dim)])
        }
        return [TextLine("earlier conversations", theme.dim)] + rows
    }
}
