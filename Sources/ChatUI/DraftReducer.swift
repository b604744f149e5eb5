import Chat
import Screen

/// What is being written and was not sent.
///
/// Taken apart only by whoever keeps it: that takes as long as the text is.
package struct Draft: Equatable, Sendable {
    fileprivate var elements: [Editor.Element]
    fileprivate var pictures: [Int: Picture]

    /// For the next time; pictures whose files are not known are left out.
    package var parts: [DraftPart] {
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

extension AppState {
    package var draft: Draft {
        var elements = editor.elements
        if let editing, !editing.draft.isEmpty { elements = editing.draft + [.character("\n")] + elements }
        let numbers = Set(elements.lazy.compactMap(\.pictureNumber))
        return Draft(elements: elements, pictures: pictures.filter { numbers.contains($0.key) })
    }
}

extension DraftPart {
    fileprivate var isBlank: Bool {
        if case .text(let text) = self { text.allSatisfy(\.isWhitespace) } else { false }
    }
}

enum DraftReducer {
    /// Seconds after which a change is kept, however much is typed meanwhile.
    private static let delay = 0.5

    /// Notes that the draft has to be kept when it is not the one that was.
    static func noteChange(_ state: inout AppState) {
        guard state.editor.revision.number != state.notedRevision else { return }
        state.notedRevision = state.editor.revision.number
        // What was sent is kept elsewhere, and should not come back.
        let delay = state.editor.isEmpty ? 0 : Self.delay
        state.draftDueAt = min(state.draftDueAt ?? .infinity, state.now + delay)
    }

    /// Keeps the draft when it is time.
    static func ticked(_ state: inout AppState) -> [Effect] {
        guard let due = state.draftDueAt, due <= state.now else { return [] }
        state.draftDueAt = nil
        return [.keepDraft(state.draft)]
    }

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
