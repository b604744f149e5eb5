import Screen

enum PictureReducer {
    static func loaded(_ state: inout AppState, _ number: Int, _ facts: PictureFacts) -> [Effect] {
        state.pictures[number]?.content = .ready(facts)
        for index in state.attachments.indices where state.attachments[index].numbers.contains(number) {
            state.attachments[index].hasLoaded = true
        }
        finish(&state, number)
        return sendIfComplete(&state)
    }

    /// The picture's placeholder goes, everything else that was typed stays. When all of a command's pictures failed and
    /// nothing was typed since, the command is back where it was, to be corrected.
    static func failed(_ state: inout AppState, _ number: Int, _ message: String) -> [Effect] {
        guard let picture = state.pictures.removeValue(forKey: number) else { return [] }
        state.inputErrors.append("/image \(picture.path): \(message)")
        state.sendsWhenLoaded = false
        let index = state.attachments.firstIndex { $0.numbers.contains(number) }
        if let index, state.attachments[index].numbers == [number], !state.attachments[index].hasLoaded,
            state.editor == state.attachments[index].after
        {
            state.editor = state.attachments[index].before
        } else {
            state.editor.forget(picture: number)
            // Without the placeholder too, so that what the user types can still be told from it.
            if let index { state.attachments[index].after.forget(picture: number) }
        }
        finish(&state, number)
        state.nextPictureNumber = (state.pictures.keys.max() ?? 0) + 1
        return []
    }

    /// Asks for the previews that can be seen and are missing, or were made for another size of screen.
    static func previewRequests(_ state: inout AppState) -> [Effect] {
        guard !state.pictures.isEmpty, !state.items.isEmpty else { return [] }
        let rows = ScreenGeometry(state).conversation.size.rows
        let visible = Viewport(state, theme: .standard, rows: rows).pictureNumbers
        var effects: [Effect] = []
        for number in visible.sorted() {
            guard let picture = state.pictures[number], let facts = picture.facts else { continue }
            let size = ScreenGeometry.previewSize(width: facts.width, height: facts.height, on: state.size)
            if picture.requestedSize == size { continue }
            state.pictures[number]?.requestedSize = size
            effects.append(.renderPreview(number: number, size: size))
        }
        return effects
    }

    private static func finish(_ state: inout AppState, _ number: Int) {
        for index in state.attachments.indices { state.attachments[index].numbers.removeAll { $0 == number } }
        state.attachments.removeAll { $0.numbers.isEmpty }
    }

    private static func sendIfComplete(_ state: inout AppState) -> [Effect] {
        guard state.sendsWhenLoaded, state.attachments.isEmpty else { return [] }
        return InputReducer.send(&state)
    }
}
