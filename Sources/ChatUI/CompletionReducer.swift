import Screen

/// Tab: completes commands, their options, and paths.
enum CompletionReducer {
    /// Names that are shown when several are possible.
    private static let maximumShown = 40

    /// Completes what stands before the cursor.
    static func complete(_ state: inout AppState) -> [Effect] {
        state.completions = []
        let line = state.editor.lineRange(at: state.editor.cursor)
        let typed = state.editor.elements[line.lowerBound..<state.editor.cursor]
        guard let slash = commandStart(typed) else { return [] }
        let text = typed[slash...].map(\.text).joined()
        let words = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(words[0].dropFirst())
        guard words.count > 1 else {
            offer(&state, Command.all.map(\.name).filter { $0.hasPrefix(name) }.map { $0 + " " }, typed: name)
            return []
        }
        let argument = String(words[1])
        switch Command.named(name)?.completion {
        case .path: return completePath(&state, argument)
        case .words(let candidates):
            guard !argument.contains(" ") else { return [] }
            offer(&state, candidates(state).filter { $0.hasPrefix(argument) }.map { $0 + " " }, typed: argument)
            return []
        case nil: return []
        }
    }

    /// Where the command begins that the text ends in: at a slash that begins the line or follows a space.
    private static func commandStart(_ typed: ArraySlice<Editor.Element>) -> Int? {
        let first = typed.firstIndex { $0 != .character(" ") }
        if let first, typed[first] == .character("/") { return first }
        return typed.indices.last { index in
            guard typed[index] == .character("/"), index > typed.startIndex, typed[index - 1] == .character(" ") else {
                return false
            }
            let name = typed[(index + 1)...].map(\.text).joined().prefix { $0 != " " }
            return Command.all.contains { $0.canEndDraft && ($0.name == name || $0.name.hasPrefix(name)) }
        }
    }

    private static func completePath(_ state: inout AppState, _ argument: String) -> [Effect] {
        // A word behind a space that is neither quoted nor behind a backslash is the next one.
        guard !argument.isEmpty, !ShellWord.endsBetweenWords(argument), let word = ShellWord.split(argument).last else {
            return request(&state, folder: "", prefix: "")
        }
        let path = CommandLine.path(word.text, homeFolder: state.setting.homeFolder)
        if path == state.setting.homeFolder && word.text == "~" {
            state.editor.insert("/")
            return []
        }
        let slash = path.lastIndex(of: "/")
        return request(
            &state, folder: slash.map { String(path[...$0]) } ?? "",
            prefix: slash.map { String(path[path.index(after: $0)...]) } ?? path)
    }

    private static func request(_ state: inout AppState, folder: String, prefix: String) -> [Effect] {
        state.completionRequest += 1
        state.completionBase = AppState.CompletionBase(editor: state.editor, prefix: prefix)
        return [
            .completePath(PathCompletion(request: state.completionRequest, folder: folder, prefix: prefix))
        ]
    }

    /// Names have been found; nothing happens when something was typed since.
    static func completed(_ state: inout AppState, _ request: Int, _ names: [String]) {
        guard request == state.completionRequest, let base = state.completionBase, state.editor == base.editor else {
            return
        }
        state.completionBase = nil
        let quote = ShellWord.openQuote(lineBefore(state))
        offer(&state, names, typed: base.prefix) { rest, isWhole in
            let escaped = ShellWord.escaped(rest, quote: quote)
            // A file is complete, a folder goes on.
            return isWhole && !rest.hasSuffix("/") ? escaped + (quote.map(String.init) ?? "") + " " : escaped
        }
    }

    private static func lineBefore(_ state: AppState) -> String {
        let line = state.editor.lineRange(at: state.editor.cursor)
        return state.editor.elements[line.lowerBound..<state.editor.cursor].map(\.text).joined()
    }

    /// Puts in what all candidates go on with, and shows them when there are several.
    private static func offer(
        _ state: inout AppState, _ candidates: [String], typed: String,
        spell: (String, Bool) -> String = { rest, _ in rest }
    ) {
        guard let first = candidates.first else { return }
        var common = Substring(first)
        for candidate in candidates.dropFirst() { common = common.commonPrefix(with: candidate) }
        let rest = String(common.dropFirst(typed.count))
        if candidates.count == 1 || !rest.isEmpty { state.editor.insert(spell(rest, candidates.count == 1)) }
        if candidates.count > 1 { state.completions = candidates }
    }

    static func line(_ completions: [String]) -> String {
        let shown = completions.prefix(maximumShown).map {
            SanitizedText.clean(CommandLine.trimmed($0), newlines: .joined)
        }
        let more = completions.count - shown.count
        return shown.joined(separator: "  ") + (more > 0 ? "  and \(FigureText.grouped(more)) more" : "")
    }
}

extension Substring {
    fileprivate func commonPrefix(with other: String) -> Substring {
        prefix(zip(self, other).prefix { $0 == $1 }.count)
    }
}
