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
        state.inputErrors.append("/\(picture.isClip ? "video" : "image") \(picture.path): \(message)")
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

    /// The pictures of a pattern stand where its one placeholder stood.
    static func expanded(_ state: inout AppState, _ number: Int, _ paths: [String]) -> [Effect] {
        guard state.pictures[number] != nil, let first = paths.first else { return [] }
        var requests = [PictureRequest(number: number, path: first)]
        state.pictures[number]?.path = first
        for path in paths.dropFirst() {
            let next = state.nextPictureNumber
            state.nextPictureNumber += 1
            state.pictures[next] = Picture(number: next, path: path)
            requests.append(PictureRequest(number: next, path: path))
        }
        for request in requests { state.pictures[request.number]?.request = request }
        let placeholders = requests.map { Editor.Element.picture($0.number) }
        let elements = Array(placeholders.map { [$0] }.joined(separator: [.character(" ")]))
        func expand(_ editor: inout Editor) {
            guard let range = editor.range(of: [.picture(number)]) else { return }
            editor.exchange(range, for: elements)
        }
        let index = state.attachments.firstIndex { $0.numbers.contains(number) }
        let isAsLeft = index.map { state.editor == state.attachments[$0].after } ?? false
        expand(&state.editor)
        if let index {
            state.attachments[index].numbers += requests.dropFirst().map(\.number)
            if isAsLeft {
                state.attachments[index].after = state.editor
            } else {
                expand(&state.attachments[index].after)
            }
        }
        return [.loadPictures(requests)]
    }

    /// Asks for the previews that can be seen and are missing, or were made for another size of screen.
    static func previewRequests(_ state: inout AppState) -> [Effect] {
        guard !state.pictures.isEmpty, !state.items.isEmpty else { return [] }
        let rows = ScreenGeometry(state).conversation.size.rows
        let visible = Viewport(state, theme: .standard, rows: rows).pictureNumbers
        var effects: [Effect] = []
        for number in visible.sorted() {
            guard let picture = state.pictures[number], let facts = picture.facts else { continue }
            let strip = facts.clip.map { _ in StripLayout(facts, on: state.size) }
            let size =
                strip?.size ?? ScreenGeometry.previewSize(width: facts.width, height: facts.height, on: state.size)
            let boxes = state.boxes(onto: number)
            if picture.requestedSize == size, picture.requestedBoxes == boxes { continue }
            state.pictures[number]?.requestedSize = size
            state.pictures[number]?.requestedBoxes = boxes
            effects.append(
                strip.map { .renderStrip(number: number, $0) }
                    ?? .renderPreview(number: number, size: size, boxes: boxes))
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
