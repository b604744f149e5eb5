import Screen

/// Pasted text: kept as it is, unless it names pictures or clips.
enum PasteReducer {
    /// Characters that are taken of one paste: more than any context holds.
    package static let maximumPaste = 1 << 20
    /// Longer texts are no list of paths.
    private static let maximumCharacters = 16_384
    private static let maximumPaths = 64

    /// Puts the text at the cursor at once, and asks whether it names files when it looks as if it did.
    static func pasted(_ state: inout AppState, _ text: String) -> [Effect] {
        let count = state.editor.elements.count
        let kept = text.prefix(maximumPaste)
        if kept.endIndex != text.endIndex {
            state.inputErrors = [
                "of the pasted text only the first \(FigureText.grouped(maximumPaste)) characters were taken"
            ]
        }
        state.editor.insert(String(kept))
        let readings = readings(text, homeFolder: state.setting.homeFolder)
        guard !readings.isEmpty, let pasted = inserted(state.editor, count: state.editor.elements.count - count) else {
            return []
        }
        state.nextPasteID += 1
        state.pastes.append(AppState.Paste(id: state.nextPasteID, elements: pasted))
        return [.probePaste(PasteProbe(id: state.nextPasteID, readings: readings))]
    }

    /// Placeholders take the text's place when it named nothing but pictures and clips and still stands there.
    static func probed(_ state: inout AppState, _ id: Int, _ found: [FoundMedium]) -> [Effect] {
        guard let index = state.pastes.firstIndex(where: { $0.id == id }) else { return [] }
        let paste = state.pastes.remove(at: index)
        guard !found.isEmpty, let range = state.editor.range(of: paste.elements) else { return [] }
        let asText = state.editor
        let media = found.map { (path: $0.path, kind: AttachCommand.kind($0)) }
        let (elements, requests) = AttachCommand.place(media, &state)
        state.editor.exchange(range, for: elements)
        state.attachments.append(
            AppState.Attachment(numbers: requests.map(\.number), before: asText, after: state.editor))
        state.usedHints.insert(.image)
        return [.loadPictures(requests)]
    }

    /// The elements that an insertion at the cursor has brought.
    private static func inserted(_ editor: Editor, count: Int) -> [Editor.Element]? {
        guard count > 0, editor.cursor >= count else { return nil }
        return Array(editor.elements[(editor.cursor - count)..<editor.cursor])
    }

    /// Ways to read a text as paths: each line as one path, as file managers copy them, and words as a shell has them,
    /// as terminals paste what is dropped on them.
    private static func readings(_ text: String, homeFolder: String) -> [[String]] {
        guard text.count <= maximumCharacters else { return [] }
        let lines = text.split(whereSeparator: \.isNewline).map { CommandLine.trimmed($0) }.filter { !$0.isEmpty }
        let words = ShellWord.split(text).map(\.text)
        var readings: [[String]] = []
        for reading in [lines, words] where !readings.contains(reading) && reading.allSatisfy(looksLikePath) {
            if (1...maximumPaths).contains(reading.count) { readings.append(reading) }
        }
        return readings.map { $0.map { CommandLine.path($0, homeFolder: homeFolder) } }
    }

    private static func looksLikePath(_ text: String) -> Bool {
        text.contains("/") || text.contains(".") && !text.hasSuffix(".")
    }
}
