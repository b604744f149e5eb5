import Generation
import Screen

/// A line of the conversation, ready to be drawn.
struct ConversationLine: Equatable {
    enum Content: Equatable {
        case text(TextLine)
        /// A row of the place that is reserved for a picture, with the caption's part beside it.
        case preview(number: Int, size: Size, row: Int, caption: TextLine)
    }

    var content: Content
    var bar: Span?
    var right: TextLine?

    static let blank = ConversationLine(content: .text(TextLine()))
}

/// Lays one item of the conversation out into lines. Nothing depends on the items around it.
struct ConversationLayout {
    let state: AppState
    let theme: Theme
    let columns: Int
    let isCompact: Bool

    init(_ state: AppState, theme: Theme) {
        self.state = state
        self.theme = theme
        columns = ScreenGeometry.textColumns(state.size)
        isCompact = ScreenGeometry.isCompact(state.size)
    }

    func lines(_ item: ConversationItem) -> [ConversationLine] {
        var lines: [ConversationLine] = []
        let bar = bar(item.speaker)
        if let name = name(item) {
            lines.append(
                ConversationLine(content: .text(TextLine(name, bar?.style ?? theme.dim)), bar: bar, right: right(item)))
        }
        for mark in item.marks {
            switch mark {
            case .didNotSee(let numbers): lines += text(didNotSee(numbers), theme.dim, bar)
            case .leftOut(let turns, let pictures):
                lines += text(OverflowText.leftOut(turns: turns, pictures: pictures), theme.dim, bar)
            case .waiting, .stopped, .cutShort, .interrupted, .withheld, .failed: break
            }
        }
        let (parts, boxes) = DrawReducer.taken(apart: item)
        lines += body(item, parts, bar)
        for box in boxes {
            lines += text(BoxCommand.line(box), theme.dim, bar)
            lines += box.mentioned.flatMap { preview($0, bar) }
        }
        lines += places(item, bar)
        for mark in item.marks { lines += after(mark, item, bar) }
        return lines
    }

    private func name(_ item: ConversationItem) -> String? {
        if let example = item.example {
            let set = SanitizedText.clean(example, newlines: .joined)
            return item.speaker == .assistant ? "its answer" : set.isEmpty ? "example" : "example of \(set)"
        }
        return switch item.speaker {
        case .user: item.drawing == nil ? "you" : "you · /draw"
        case .assistant: "emuchat"
        case .system: "system"
        case .program: nil
        }
    }

    private func bar(_ speaker: ConversationItem.Speaker) -> Span? {
        switch speaker {
        case .user: Span("▌", theme.user)
        case .assistant: Span("▐", theme.assistant)
        case .system: Span("▌", theme.system)
        case .program: nil
        }
    }

    private func right(_ item: ConversationItem) -> TextLine? {
        // Which of several it is belongs to what is read; the figures do not.
        var pieces = [item.place?.count].compactMap(\.self)
        if !isCompact {
            if item.speaker == .assistant {
                pieces += [item.figures?.tokensPerSecond.map(FigureText.rate)].compactMap(\.self)
            } else if let time = item.time {
                pieces.append(FigureText.moment(time, now: state.now, offset: state.setting.secondsFromGMT))
            }
        }
        return pieces.isEmpty ? nil : TextLine(pieces.joined(separator: " · "), theme.dim)
    }

    private func didNotSee(_ numbers: [Int]) -> String {
        let names = numbers.map { Picture.placeholder($0, isClip: state.pictures[$0]?.isClip == true) }
        return "did not see " + names.joined(separator: ", ")
    }

    private func after(_ mark: ConversationItem.Mark, _ item: ConversationItem, _ bar: Span?) -> [ConversationLine] {
        switch mark {
        case .didNotSee, .leftOut: []
        case .stopped: text("⏹ stopped", theme.dim, bar)
        case .cutShort: text("… cut short by the token limit", theme.dim, bar)
        case .interrupted: text("⏹ interrupted: the program ended", theme.dim, bar)
        case .withheld(let numbers, let count):
            text("⚠ " + WithheldPictures.words(numbers, of: count), theme.warning, bar)
        case .failed(let message): text("⚠ " + message, theme.error, bar)
        case .waiting where state.overflow?.questionID == item.id:
            text("not sent yet", theme.dim, bar)
        case .waiting:
            switch state.model {
            case .ready: text("waiting for the answer before", theme.dim, bar)
            case .loading, .absent: text("waiting for the model", theme.dim, bar)
            case .failed: text("not sent; Esc brings it back", theme.dim, bar)
            }
        }
    }

    private func text(_ text: String, _ style: Style, _ bar: Span?) -> [ConversationLine] {
        TextWrapping.wrap(SanitizedText.clean(text), columns: columns, style: style)
            .map { ConversationLine(content: .text($0), bar: bar) }
    }

    /// The list of places below an answer; each with its number in the colour in which it is drawn.
    private func places(_ item: ConversationItem, _ bar: Span?) -> [ConversationLine] {
        // While it is being written there is nothing to say of what is missing.
        guard let grounding = item.grounding,
            !(state.answer?.itemID == item.id && grounding.answer.phrases.isEmpty)
        else { return [] }
        return GroundingText.lines(grounding, state.pictures).flatMap { line in
            guard let number = line.number else { return text(line.text, theme.dim, bar) }
            let color = NumberedBox.color(number)
            var style = theme.text
            // Without colours the theme's text has none, and neither has this.
            if theme.usesColors { style.foreground = .rgb(color.red, color.green, color.blue) }
            let words = SanitizedText.clean(line.text, newlines: .joined)
            return TextWrapping.wrap([Span("\(number) ", style), Span(words, theme.text)], columns: columns)
                .map { ConversationLine(content: .text($0), bar: bar) }
        }
    }

    // MARK: Text and pictures in order

    private func body(
        _ item: ConversationItem, _ parts: [ConversationItem.Part], _ bar: Span?
    ) -> [ConversationLine] {
        let key = BodyLayout.Key(
            parts: parts, columns: columns, theme: theme, style: item.speaker == .system ? theme.dim : theme.text,
            isMarkdown: item.speaker == .assistant, hasCaret: state.answer?.itemID == item.id)
        var lines: [ConversationLine] = []
        for segment in state.layouts.body(of: item.id, key) {
            switch segment {
            case .text(let text): lines += text.map { ConversationLine(content: .text($0), bar: bar) }
            case .picture(let number): lines += preview(number, bar)
            }
        }
        return lines
    }

    /// The picture's rows: its place is kept from the beginning, so that nothing jumps when the preview comes.
    private func preview(_ number: Int, _ bar: Span?) -> [ConversationLine] {
        guard let facts = state.pictures[number]?.facts else {
            return text("\(Picture.placeholder(number)) is not available", theme.dim, bar)
        }
        let size =
            facts.clip == nil
            ? ScreenGeometry.previewSize(width: facts.width, height: facts.height, on: state.size)
            : StripLayout(facts, on: state.size).size
        let caption = SanitizedText.clean(state.caption(facts), newlines: .joined)
        let room = columns - size.columns - 3
        let isBeside = room >= 16
        let wrapped = TextWrapping.wrap(caption, columns: isBeside ? room : columns, style: theme.dim)
        var rows = (0..<size.rows).map { row in
            ConversationLine(
                content: .preview(
                    number: number, size: size, row: row,
                    caption: isBeside && row < wrapped.count ? wrapped[row] : TextLine()),
                bar: bar)
        }
        let below = isBeside ? wrapped.dropFirst(size.rows) : wrapped[...]
        rows += below.map { ConversationLine(content: .text($0), bar: bar) }
        return rows
    }
}
