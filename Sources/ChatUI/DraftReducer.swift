import Chat
import Screen

extension AppState {
    /// What is being written and was not sent, for the next time; pictures whose files are not known are left out.
    package var draft: [DraftPart] {
        var elements = editor.elements
        if let editing, !editing.draft.isEmpty { elements = editing.draft + [.character("\n")] + elements }
        var parts: [DraftPart] = []
        var text = ""
        func endText() {
            if !text.isEmpty { parts.append(.text(text)) }
            text = ""
        }
        for element in elements {
            guard let number = element.pictureNumber else {
                text += element.text
                continue
            }
            guard let request = pictures[number]?.request else { continue }
            endText()
            switch request.kind {
            case .still: parts.append(.image(path: request.path))
            case .clip(let frames): parts.append(.video(path: request.path, frames: frames))
            // Not read yet: what was typed says the same.
            case .pattern: text += "/image \(pictures[number]?.path ?? "") "
            }
        }
        endText()
        return parts.allSatisfy(\.isBlank) ? [] : parts
    }
}

extension DraftPart {
    fileprivate var isBlank: Bool {
        if case .text(let text) = self { text.allSatisfy(\.isWhitespace) } else { false }
    }
}

enum DraftReducer {
    /// Puts what was not sent the last time before what has been typed since, and asks for its pictures.
    static func restored(_ state: inout AppState, _ parts: [DraftPart]) -> [Effect] {
        guard !parts.isEmpty else { return [] }
        var elements: [Editor.Element] = []
        var requests: [PictureRequest] = []
        func attach(_ path: String, _ kind: PictureRequest.Kind) {
            let (placed, wanted) = AttachCommand.place([(path, kind)], &state)
            // The space behind it is part of the text that was kept.
            elements += placed.prefix(1)
            requests += wanted
        }
        for part in parts {
            switch part {
            case .text(let text): elements += SanitizedText.clean(text).map { .character($0) }
            case .image(let path): attach(path, .still)
            case .video(let path, let frames): attach(path, .clip(frames: frames))
            }
        }
        let before = state.editor
        state.editor.setElements(elements + before.elements)
        state.inputNote = "not sent the last time; Ctrl-_ takes it away"
        guard !requests.isEmpty else { return [] }
        // There is no command to give back when none of them can be read.
        state.attachments.append(
            AppState.Attachment(
                numbers: requests.map(\.number), before: state.editor, after: state.editor, hasLoaded: true))
        return [.loadPictures(requests)]
    }
}
