import Screen

/// The list of sessions beside the conversation, or over it.
package struct SessionBrowser: Equatable, Sendable {
    /// A session that was deleted from the list, and can be brought back.
    package struct Deleted: Equatable, Sendable {
        package var name: String
        package var title: String
        /// Where it lies now.
        package var path: String

        package init(name: String, title: String, path: String) {
            self.name = name
            self.title = title
            self.path = path
        }
    }

    /// What is searched for.
    package var query = ""
    /// Number of the last list that was asked for; others that arrive late are dropped.
    package var request = 0
    /// nil until the first list has come.
    package var entries: [RecentSession]?
    package var selected = 0
    /// The new title of the selected session, while it is typed.
    package var title: Editor?
    package var deleted: Deleted?
    /// What went wrong, until the next key.
    package var problem: String?

    package var selectedEntry: RecentSession? {
        guard let entries, entries.indices.contains(selected) else { return nil }
        return entries[selected]
    }
}

/// What is asked of the folder of sessions.
package enum SessionListRequest: Hashable, Sendable {
    /// Answers by `sessionsListed`.
    case list(query: String, request: Int)
    /// Answers by `sessionListChanged` or `sessionListFailed`.
    case retitle(name: String, title: String)
    /// Answers by `sessionDeleted` or `sessionListFailed`.
    case delete(name: String, title: String)
    /// Answers by `sessionListChanged` or `sessionListFailed`.
    case restore(name: String, path: String)
}

/// Keys and news of the list.
enum BrowserReducer {
    static func toggle(_ state: inout AppState) -> [Effect] {
        if state.browser != nil {
            close(&state)
            return []
        }
        state.browser = SessionBrowser()
        state.fitToScreen()
        return list(&state)
    }

    private static func close(_ state: inout AppState) {
        state.browser = nil
        state.fitToScreen()
    }

    /// Asks for what the list is to show.
    private static func list(_ state: inout AppState) -> [Effect] {
        guard let browser = state.browser else { return [] }
        state.browser?.request += 1
        return [.sessionList(.list(query: browser.query, request: browser.request + 1))]
    }

    static func listed(_ state: inout AppState, _ request: Int, _ entries: [RecentSession]) {
        guard let browser = state.browser, browser.request == request else { return }
        // The selection stays with its session.
        let name = browser.selectedEntry?.name
        state.browser?.entries = entries
        state.browser?.selected =
            entries.firstIndex { $0.name == name } ?? min(browser.selected, max(0, entries.count - 1))
    }

    static func changed(_ state: inout AppState) -> [Effect] { list(&state) }

    static func deleted(_ state: inout AppState, _ deleted: SessionBrowser.Deleted) -> [Effect] {
        state.browser?.deleted = deleted
        return list(&state)
    }

    static func failed(_ state: inout AppState, _ message: String) {
        if state.browser == nil { state.inputErrors = [message] } else { state.browser?.problem = message }
    }

    static func paste(_ state: inout AppState, _ text: String) -> [Effect]? {
        guard state.browser != nil else { return nil }
        if state.browser?.title != nil {
            state.browser?.title?.insert(SanitizedText.clean(text, newlines: .joined))
            return []
        }
        return search(&state) { $0 += SanitizedText.clean(String(text.prefix(200)), newlines: .joined) }
    }

    /// What a key does to the list; nil when it is closed.
    static func key(_ state: inout AppState, _ key: Key) -> [Effect]? {
        guard let browser = state.browser else { return nil }
        state.browser?.problem = nil
        if browser.title != nil { return retitle(&state, key) }
        switch (key.code, key.modifiers) {
        case (.character("o"), .control), (.character("c"), .control), (.character("g"), .control):
            close(&state)
        case (.escape, _):
            if browser.query.isEmpty { close(&state) } else { return search(&state) { $0 = "" } }
        case (.character("l"), .control): return [.redraw]
        case (.character("z"), .control): return [.suspend]
        case (.up, _), (.character("p"), .control): move(&state, by: -1)
        case (.down, _), (.character("n"), .control): move(&state, by: 1)
        case (.pageUp, _): move(&state, by: -10)
        case (.pageDown, _): move(&state, by: 10)
        case (.home, _): move(&state, by: -browser.selected)
        case (.end, _): move(&state, by: browser.entries?.count ?? 0)
        case (.enter, _): return open(&state)
        case (.character("r"), .control):
            guard let entry = browser.selectedEntry else { break }
            state.browser?.title = Editor(entry.title.map { .character($0) })
        case (.delete, _), (.character("d"), .control): return delete(&state)
        case (.character("_"), .control):
            guard let deleted = browser.deleted else { break }
            state.browser?.deleted = nil
            return [.sessionList(.restore(name: deleted.name, path: deleted.path))]
        case (.backspace, _), (.character("h"), .control):
            return search(&state) { if !$0.isEmpty { $0.removeLast() } }
        case (.character("u"), .control): return search(&state) { $0 = "" }
        case (.character(let character), []), (.character(let character), .shift):
            return search(&state) { $0.append(SanitizedText.clean(String(character), newlines: .joined)) }
        default: break
        }
        return []
    }

    private static func move(_ state: inout AppState, by offset: Int) {
        guard let browser = state.browser, let count = browser.entries?.count, count > 0 else { return }
        state.browser?.selected = min(max(0, browser.selected + offset), count - 1)
    }

    private static func search(_ state: inout AppState, _ change: (inout String) -> Void) -> [Effect] {
        guard var query = state.browser?.query else { return [] }
        let before = query
        change(&query)
        guard query != before else { return [] }
        state.browser?.query = query
        state.browser?.selected = 0
        return list(&state)
    }

    private static func open(_ state: inout AppState) -> [Effect] {
        guard let entry = state.browser?.selectedEntry else { return [] }
        if let obstacle = BranchReducer.obstacle("open", state) {
            state.browser?.problem = obstacle.description
            return []
        }
        // Beside the conversation it can stay; over it, what was opened could not be seen.
        if !ScreenGeometry.showsBrowserBeside(state.screenSize) { close(&state) }
        return [SessionCommands.request(&state, entry.name)]
    }

    private static func delete(_ state: inout AppState) -> [Effect] {
        guard let entry = state.browser?.selectedEntry else { return [] }
        guard entry.name != state.sessionName else {
            state.browser?.problem = "this conversation is open; /new leaves it"
            return []
        }
        return [.sessionList(.delete(name: entry.name, title: entry.title))]
    }

    private static func retitle(_ state: inout AppState, _ key: Key) -> [Effect] {
        switch (key.code, key.modifiers) {
        case (.escape, _), (.character("c"), .control), (.character("g"), .control):
            state.browser?.title = nil
        case (.enter, []):
            guard let entry = state.browser?.selectedEntry, let title = state.browser?.title?.text else { break }
            state.browser?.title = nil
            let trimmed = CommandLine.trimmed(title)
            if trimmed.isEmpty || trimmed == entry.title { break }
            return [.sessionList(.retitle(name: entry.name, title: trimmed))]
        case (.enter, _), (.character("j"), .control): break
        default: _ = state.browser?.title?.handle(key, columns: 1000)
        }
        return []
    }
}
