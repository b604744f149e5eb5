import Generation

enum GenerationReducer {
    /// Adds a question to the conversation and has it answered when its turn comes.
    ///
    /// - Parameter drawing: how a picture is to be drawn of it; nil asks for words.
    static func ask(
        _ state: inout AppState, _ parts: [ConversationItem.Part], drawing: DrawingOptions? = nil
    ) -> [Effect] {
        if let editing = state.editing { return askOtherwise(&state, parts, drawing, editing) }
        let id = state.appendItem(.user, parts: parts, marks: [.waiting])
        takeWish(&state, for: id, drawing)
        if drawing == nil, let wish = state.examplesWish, let index = state.index(of: id) {
            state.items[index].examplesWish = wish
            state.examplesWish = nil
        }
        state.waiting.append(id)
        state.scroll = nil
        state.hasNewTextBelow = false
        return startNext(&state)
    }

    /// Asks a question in another's place, on a branch of its own.
    private static func askOtherwise(
        _ state: inout AppState, _ parts: [ConversationItem.Part], _ drawing: DrawingOptions?,
        _ editing: AppState.Editing
    ) -> [Effect] {
        state.editing = nil
        if let index = state.items.firstIndex(where: { $0.place?.messageID == editing.messageID }) {
            state.items.removeSubrange(index...)
        }
        state.scroll = nil
        state.hasNewTextBelow = false
        let id = state.appendItem(.user, parts: parts)
        takeWish(&state, for: id, drawing)
        state.editor.setElements(editing.draft)
        return start(&state, id, origin: .edited(editing.messageID), remedy: nil) ?? []
    }

    /// Gives a question what was wished for it, which ends the wish.
    private static func takeWish(
        _ state: inout AppState, for id: ConversationItem.ID, _ drawing: DrawingOptions?
    ) {
        guard let index = state.index(of: id) else { return }
        state.items[index].drawing = drawing
        guard drawing == nil, let wish = state.groundingWish else { return }
        state.items[index].groundingWish = wish
        state.groundingWish = nil
    }

    /// Starts the next answer when the model is free and a question waits.
    static func startNext(_ state: inout AppState) -> [Effect] {
        guard case .ready = state.model, state.answer == nil, state.overflow == nil, !state.awaitsConversation,
            state.loadingModel == nil, !state.waiting.isEmpty
        else { return [] }
        if let id = state.waiting.first, let effects = ExampleReducer.request(&state, for: id) { return effects }
        let id = state.waiting.removeFirst()
        return start(&state, id, origin: .end, remedy: nil) ?? startNext(&state)
    }

    /// Starts the answer to a question; nil when there is no such item.
    ///
    /// - Parameter text: what the answer that it goes on with has said.
    static func start(
        _ state: inout AppState, _ id: ConversationItem.ID, origin: QuestionOrigin, remedy: ContextRemedy?,
        text: String = ""
    ) -> [Effect]? {
        guard let index = state.index(of: id) else { return nil }
        state.items[index].marks.removeAll { $0 == .waiting }
        let grounding = GroundingReducer.grounding(of: state.items[index], in: state)
        let answer = ConversationItem(
            id: state.nextItemID, speaker: .assistant, parts: text.isEmpty ? [] : [.text(text)], time: state.now,
            grounding: grounding?.shown)
        state.nextItemID += 1
        state.items.insert(answer, at: index + 1)
        let drawnNumbers = DrawReducer.reserveNumbers(&state, for: state.items[index], origin: origin)
        state.answer = AppState.RunningAnswer(
            itemID: answer.id, questionID: id, startedAt: state.now, progressSince: state.now, tokens: 0,
            lastTokenSeconds: 0, isStopping: false, origin: origin, beginning: text)
        state.answer?.drawnNumbers = drawnNumbers
        state.noteNewText()
        return [
            .startGeneration(
                GenerationRequest(
                    question: state.items[index], answerID: answer.id, systemText: state.systemText,
                    options: state.options, origin: origin, remedy: remedy,
                    draftPictures: state.editor.pictureNumbers, grounding: grounding?.asked,
                    drawnNumbers: drawnNumbers))
        ]
    }

    /// The answer begins with exactly this; of its pictures these facts are known.
    static func resumed(
        _ state: inout AppState, _ parts: [ConversationItem.Part], _ facts: [Int: PictureFacts]
    ) {
        guard let answer = state.answer, let index = state.index(of: answer.itemID) else { return }
        let text = parts.map { if case .text(let text) = $0 { text } else { "" } }.joined()
        let shown = GroundingReducer.restart(&state.items[index], text)
        state.answer?.beginning = text
        for (number, facts) in facts { state.pictures[number]?.content = .ready(facts) }
        let isText = parts.allSatisfy { if case .text = $0 { true } else { false } }
        state.items[index].parts = !isText ? parts : shown.isEmpty ? [] : [.text(shown)]
    }

    /// Stops the running answer; false when there is none.
    static func stop(_ state: inout AppState) -> [Effect]? {
        guard state.answer != nil else { return nil }
        if state.answer?.isStopping == true { return [] }
        state.answer?.isStopping = true
        return [.cancelGeneration]
    }

    /// Takes the last waiting question back into the editor; false when there is none, or the editor is in use.
    static func takeBackWaiting(_ state: inout AppState) -> Bool {
        guard state.editor.isEmpty, let id = state.waiting.last, let index = state.index(of: id) else { return false }
        state.waiting.removeLast()
        let item = state.items.remove(at: index)
        state.editor.setElements(elements(item))
        state.groundingWish = item.groundingWish
        state.examplesWish = item.examplesWish
        if item.drawing != nil { state.boxes = DrawReducer.taken(apart: item).boxes }
        return true
    }

    /// An item as the editor holds it.
    static func elements(_ item: ConversationItem) -> [Editor.Element] {
        let command = item.drawing.map(DrawReducer.command) ?? ""
        let parts = DrawReducer.taken(apart: item).parts.flatMap { part -> [Editor.Element] in
            switch part {
            case .text(let text): text.map { .character($0) }
            case .picture(let number): [.picture(number)]
            case .clip(let number): [.clip(number)]
            case .undrawn(let words): words.map { .character($0) }
            }
        }
        return command.map { .character($0) } + parts
    }

    static func reduce(_ state: inout AppState, _ event: GenerationEvent) -> [Effect] {
        guard let answer = state.answer, let index = state.index(of: answer.itemID) else { return [] }
        switch event {
        case .progress(let progress):
            if state.answer?.progress?.stage != progress.stage { state.answer?.progressSince = state.now }
            state.answer?.progress = progress
        case .started(let start):
            state.answer?.progress = nil
            // Less than before, when turns were left out.
            state.contextTokens = start.promptTokens.count
            let unseen = pictures(start.unseenMedia, askedBy: answer, in: state)
            if !unseen.isEmpty { state.items[index].marks.append(.didNotSee(unseen)) }
        case .provisional(let text):
            state.answer?.progress = nil
            state.answer?.isProvisional = true
            let shown = GroundingReducer.restart(&state.items[index], answer.beginning + text)
            state.items[index].parts = [.text(shown)]
            state.noteNewText()
        case .picture(_, .predicted):
            // Its embeddings stand in the context like a picture's that was seen; the token that opened it counts itself.
            state.contextTokens = (state.contextTokens ?? 0) + max(0, (state.loadedModel?.mediaCost.image ?? 1) - 1)
        case .picture: break
        case .token(let token):
            state.answer?.progress = nil
            state.answer?.drawing = nil
            if state.answer?.isProvisional == true {
                state.answer?.isProvisional = false
                let shown = GroundingReducer.restart(&state.items[index], answer.beginning)
                state.items[index].parts = shown.isEmpty ? [] : [.text(shown)]
            }
            state.answer?.tokens += 1
            state.answer?.lastTokenSeconds = token.seconds
            if state.answer?.firstTokenSeconds == nil { state.answer?.firstTokenSeconds = token.seconds }
            append(token.text, to: index, &state)
        case .finished(let summary):
            append(summary.remainingText, to: index, &state)
            append(rest: state.items[index].grounding?.answer.finish() ?? "", to: index, &state)
            let figures = AnswerFigures(summary)
            state.items[index].figures = figures
            state.lastFigures = figures
            // An answer that was stopped while its pictures were seen read nothing: the conversation is no shorter for that.
            state.contextTokens = max(state.contextTokens ?? 0, summary.contextTokens)
            switch summary.finishReason {
            case .cancelled: state.items[index].marks.append(.stopped)
            case .length: state.items[index].marks.append(.cutShort)
            case .end, .stop: break
            }
            DrawReducer.releaseNumbers(&state)
            state.answer = nil
            return startNext(&state)
        case .failed(let failure):
            state.items[index].grounding = nil
            DrawReducer.releaseNumbers(&state)
            state.items[index].marks.append(.failed(text(failure)))
            state.answer = nil
            return startNext(&state)
        }
        return []
    }

    private static func append(_ text: String, to index: Int, _ state: inout AppState) {
        append(rest: state.items[index].grounding?.answer.append(text) ?? text, to: index, &state)
    }

    /// Appends what is to be shown as it is.
    private static func append(rest text: String, to index: Int, _ state: inout AppState) {
        guard !text.isEmpty else { return }
        if case .text(let before)? = state.items[index].parts.last {
            // Dropped first, so that the string grows in place.
            state.items[index].parts.removeLast()
            state.items[index].parts.append(.text(before + text))
        } else {
            state.items[index].parts.append(.text(text))
        }
        state.noteNewText()
    }

    /// The conversation's numbers of pictures that the prompt counts from 1 in reading order, up to the question.
    private static func pictures(
        _ unseen: [Int], askedBy answer: AppState.RunningAnswer, in state: AppState
    ) -> [Int] {
        guard let question = state.index(of: answer.questionID) else { return [] }
        let sent = state.items[...question].filter { !$0.marks.contains(.waiting) }.flatMap(\.pictureNumbers)
        return Set(unseen.filter { sent.indices.contains($0 - 1) }.map { sent[$0 - 1] }).sorted()
    }

    private static func text(_ failure: GenerationFailure) -> String {
        switch failure {
        case .contextOverflow(let needed, let available, _):
            "this turn needs \(FigureText.grouped(needed)) tokens; the context holds \(FigureText.grouped(available))."
                + " /new begins afresh, Up brings the question back"
        case .invalidOption(let message): message + ". /set shows all options"
        case .backend(let message): message
        }
    }
}
