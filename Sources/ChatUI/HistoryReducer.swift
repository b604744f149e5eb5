import Screen

/// Ctrl-R: looking for what was sent before, as shells do.
enum HistoryReducer {
    static func begin(_ state: inout AppState) {
        state.historySearch = AppState.HistorySearch(draft: state.editor.elements)
        state.inputErrors = []
        state.inputNote = nil
    }

    /// What a key does to the search; nil when there is none, or when the key ended it and means something else, too.
    static func key(_ state: inout AppState, _ key: Key) -> [Effect]? {
        guard let search = state.historySearch else { return nil }
        switch (key.code, key.modifiers) {
        case (.character("r"), .control), (.up, []):
            find(&state, before: search.index)
        case (.escape, _), (.character("g"), .control):
            state.historySearch = nil
            state.editor.setElements(search.draft)
        case (.enter, []), (.tab, []):
            // Taken over, not sent: who looks for something seldom wants just that.
            state.historySearch = nil
        case (.backspace, _), (.character("h"), .control):
            state.historySearch?.query = String(search.query.dropLast())
            find(&state, before: nil)
        case (.character(let character), []), (.character(let character), .shift):
            state.historySearch?.query.append(SanitizedText.clean(String(character), newlines: .joined))
            // What is shown may still fit.
            find(&state, before: search.index.map { $0 + 1 })
        default:
            state.historySearch = nil
            return nil
        }
        return []
    }

    private static func find(_ state: inout AppState, before index: Int?) {
        guard let search = state.historySearch else { return }
        guard !search.query.isEmpty else {
            state.historySearch?.index = nil
            state.editor.setElements(search.draft)
            return
        }
        guard let found = state.history.index(holding: search.query, before: index) else {
            state.historySearch?.hasFailed = true
            return
        }
        state.historySearch?.hasFailed = false
        state.historySearch?.index = found
        // A placeholder of another conversation stands for nothing any more.
        state.editor.setElements(
            state.history.entries[found].filter { $0.pictureNumber.map { state.pictures[$0] != nil } ?? true })
    }

    static func line(_ search: AppState.HistorySearch) -> String {
        "\(search.hasFailed ? "not found" : "looking for"): \(SanitizedText.clean(search.query, newlines: .joined))"
            + " · Ctrl-R older · Enter takes it · Esc goes back"
    }
}

/// A text on its way through the user's own editor.
enum ExternalEditing {
    /// Placeholders that are still spelt as they were stand for their pictures again.
    static func edited(_ state: inout AppState, _ text: String) {
        var text = text[...]
        // Editors end the last line.
        if text.last?.isNewline == true { text.removeLast() }
        var elements: [Editor.Element] = []
        let known = state.editor.elements.filter { $0.pictureNumber != nil }
        var rest = SanitizedText.clean(String(text))[...]
        while let character = rest.first {
            if character == "[", let element = known.first(where: { rest.hasPrefix($0.text) }) {
                elements.append(element)
                rest = rest.dropFirst(element.text.count)
            } else {
                elements.append(.character(character))
                rest = rest.dropFirst()
            }
        }
        if elements != state.editor.elements { state.editor.setElements(elements) }
    }
}
