import Generation
import Screen

/// What stands in the editor's place while a question does not fit into the context.
enum OverflowView {
    /// Cells before an item's words: its number stands in them.
    private static let indent = 5

    static func draw(_ overflow: AppState.Overflow, _ theme: Theme, _ geometry: ScreenGeometry, _ frame: inout Frame) {
        let area = geometry.editor
        for (offset, line) in lines(overflow, size: geometry.size, theme: theme).prefix(area.size.rows).enumerated() {
            frame.draw(line, at: Position(column: 1, row: area.origin.row + offset), clip: area)
        }
    }

    static func lines(_ overflow: AppState.Overflow, size: Size, theme: Theme) -> [TextLine] {
        let columns = max(1, size.columns - 2)
        var lines = TextWrapping.wrap(OverflowText.problem(overflow.plan), columns: columns, style: theme.warning)
        for (index, remedy) in overflow.plan.remedies.enumerated() {
            let text = OverflowText.choice(remedy, droppedTurns: overflow.droppedTurns)
            lines += item("\(index + 1)", text, columns: columns, theme: theme)
        }
        // On a small screen the status line alone says it.
        if !ScreenGeometry.isCompact(size) { lines += item("Esc", "keep editing", columns: columns, theme: theme) }
        return lines
    }

    private static func item(_ key: String, _ text: String, columns: Int, theme: Theme) -> [TextLine] {
        let wrapped = TextWrapping.wrap(text, columns: max(1, columns - indent), style: theme.text)
        return wrapped.enumerated().map { offset, line in
            let mark = offset == 0 ? "  " + key : ""
            let gap = String(repeating: " ", count: max(2, indent - mark.count))
            return TextLine([Span(mark + gap, theme.accent)] + line.spans)
        }
    }
}

/// The words about a full context.
enum OverflowText {
    static func problem(_ plan: ContextPlan) -> String {
        let needed = FigureText.grouped(plan.neededTokens)
        let answer = FigureText.grouped(plan.answerTokens)
        let held = FigureText.grouped(plan.contextLength)
        let problem = "This turn needs \(needed) tokens (\(answer) to answer); the context holds \(held)."
        guard let question = plan.questionTokens else { return problem }
        let alone = question == plan.neededTokens ? "" : " The question alone needs \(FigureText.grouped(question))."
        return problem + alone + (plan.remedies.isEmpty ? " Shorten it." : " Shorten it, or:")
    }

    static func choice(_ remedy: ContextRemedy, droppedTurns: Int) -> String {
        switch remedy {
        case .dropTurns(let count, let saved):
            "drop \(oldestTurns(count)) (−\(FigureText.grouped(saved)))"
        case .dropPictures(let turns, let saved):
            "drop pictures from \(range(turns, after: droppedTurns)) (−\(FigureText.grouped(saved)))"
        case .dropTurnsAndPictures(let count, let turns, let saved):
            "drop \(oldestTurns(count)) and pictures from \(range(turns, after: droppedTurns))"
                + " (−\(FigureText.grouped(saved)))"
        case .enlargeContext(let length, let bytes):
            "reload with a context of \(FigureText.grouped(length)) (+\(FigureText.bytes(bytes)))"
        case .shortenAnswer(let tokens):
            "send it with room for \(count(tokens, "token")) to answer"
        }
    }

    /// What an answer was asked without.
    static func leftOut(turns: Int, pictures: Int) -> String {
        var pieces: [String] = []
        if turns > 0 { pieces.append(oldestTurns(turns)) }
        if pictures > 0 { pieces.append(count(pictures, "earlier picture")) }
        return "from here on without " + pieces.joined(separator: " and ")
    }

    private static func oldestTurns(_ count: Int) -> String {
        count == 1 ? "the oldest turn" : "the \(FigureText.grouped(count)) oldest turns"
    }

    private static func range(_ turns: ClosedRange<Int>, after dropped: Int) -> String {
        let (first, last) = (turns.lowerBound + dropped, turns.upperBound + dropped)
        return first == last ? "turn \(first)" : "turns \(first)-\(last)"
    }

    private static func count(_ number: Int, _ noun: String) -> String {
        "\(FigureText.grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }
}
