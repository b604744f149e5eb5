import Screen

/// The lines below the editor: what went wrong, what a command found, and which pictures the draft holds.
enum InputMessages {
    private static let maximumPictures = 3

    /// As many as the screen has room for; the last one then says how many more there are, and how to see them.
    static func lines(_ state: AppState, _ size: Size, theme: Theme = .standard) -> [TextLine] {
        let columns = max(1, size.columns - 2)
        let lines = messages(state, theme, maximumPictures: maximumPictures).flatMap { message in
            TextWrapping.wrap(message.text, columns: columns, style: message.style)
        }
        let rows = max(0, size.rows / 3)
        guard lines.count > rows, rows > 0 else { return Array(lines.prefix(rows)) }
        let left = lines.count - (rows - 1)
        return lines.prefix(rows - 1) + [TextLine("and \(left) more lines · Alt-M shows all", theme.accent)]
    }

    /// Puts all of them into the conversation, where they can be scrolled, and makes room for it.
    static func showAll(_ state: inout AppState) {
        let messages = messages(state, .standard, maximumPictures: .max)
        guard !messages.isEmpty else { return }
        state.inputErrors = []
        state.inputNote = nil
        state.showFromTop(state.appendItem(.program, messages.map(\.text).joined(separator: "\n")))
    }

    private static func messages(_ state: AppState, _ theme: Theme, maximumPictures: Int) -> [Span] {
        var messages = state.inputErrors.map { Span("⚠ " + SanitizedText.clean($0), theme.error) }
        if let search = state.historySearch { messages.append(Span(HistoryReducer.line(search), theme.accent)) }
        if !state.completions.isEmpty {
            messages.append(Span(CompletionReducer.line(state.completions), theme.dim))
        }
        if let editing = state.editing {
            let questions = state.items.filter { $0.speaker == .user && $0.place != nil && $0.example == nil }
            let number = questions.firstIndex { $0.place?.messageID == editing.messageID }.map { " \($0 + 1)" } ?? ""
            let text = "question\(number), asked otherwise: Enter sends it on a branch, Esc leaves it"
            messages.append(Span(text, theme.accent))
        }
        for note in [GroundingReducer.note(state), BoxCommand.note(state), ExampleReducer.note(state)].compactMap(
            \.self)
        {
            messages.append(Span(SanitizedText.clean(note, newlines: .joined), theme.accent))
        }
        if let note = state.inputNote { messages.append(Span(SanitizedText.clean(note), theme.dim)) }
        return messages + pictures(state, theme, maximum: maximumPictures)
    }

    /// One for each picture as soon as its file has been read, so that nobody finds out later what it is, or that the
    /// model does not see it.
    private static func pictures(_ state: AppState, _ theme: Theme, maximum: Int) -> [Span] {
        var numbers: [Int] = []
        for number in state.editor.placedPictures where !numbers.contains(number) {
            if state.pictures[number]?.facts != nil { numbers.append(number) }
        }
        var messages: [Span] = []
        for number in numbers.prefix(maximum) {
            guard let picture = state.pictures[number], let facts = picture.facts else { continue }
            let style = state.modelSees == false ? theme.warning : theme.dim
            let placeholder = Picture.placeholder(number, isClip: picture.isClip)
            messages.append(Span("\(placeholder) \(state.caption(facts))", style))
        }
        if numbers.count > maximum {
            messages.append(Span("and \(numbers.count - maximum) more · Alt-M shows all", theme.dim))
        }
        return messages
    }
}
