import Generation
import Screen

/// Brings the state up to what has happened, and returns what has to be done about it.
///
/// Pure: the only writer of `AppState`, without I/O or a clock of its own.
package func reduce(into state: inout AppState, _ action: Action) -> [Effect] {
    var effects: [Effect]
    let outcome = CommandOutcome.told(by: action, state)
    switch action {
    case .inputArrived(let event): effects = InputReducer.reduce(&state, event)
    case .ticked(let now):
        state.now = now
        effects = DraftReducer.ticked(&state)
    case .modelLoadingProgressed, .modelLoaded, .modelFailed, .modelChangeFailed:
        effects = ModelReducer.reduce(&state, action)
    case .pictureLoaded(let number, let facts): effects = PictureReducer.loaded(&state, number, facts)
    case .pictureFailed(let number, let message): effects = PictureReducer.failed(&state, number, message)
    case .previewRendered(let number, let block):
        state.pictures[number]?.preview = block
        effects = []
    case .viewRendered(let number, let block):
        if state.pictureView?.number == number { state.pictureView?.block = block }
        if state.boxPlacement?.background?.number == number { state.boxPlacement?.background?.block = block }
        effects = []
    case .patternExpanded(let number, let paths): effects = PictureReducer.expanded(&state, number, paths)
    case .pasteProbed(let id, let found): effects = PasteReducer.probed(&state, id, found)
    case .generationEventArrived(let event): effects = GenerationReducer.reduce(&state, event)
    case .drawingProgressed(let progress):
        DrawReducer.progressed(&state, progress)
        effects = []
    case .pictureDrawn(let number, let facts):
        DrawReducer.drawn(&state, number, facts)
        effects = []
    case .pictureNotDrawn(let number, let problem):
        DrawReducer.notDrawn(&state, number, problem)
        effects = []
    case .pictureWithheld(let number, let which):
        WithheldReducer.withheld(&state, number, which)
        effects = []
    case .contextOverflowed(let plan, let droppedTurns):
        effects = OverflowReducer.overflowed(&state, plan, droppedTurns: droppedTurns)
    case .conversationShortened(let turns, let pictures):
        if let id = state.answer?.itemID, let index = state.index(of: id) {
            state.items[index].marks.append(.leftOut(turns: turns, pictures: pictures))
        }
        effects = []
    case .conversationOpened(let conversation):
        // Nothing of the session before is to be shown again.
        _ = OverflowReducer.keepEditing(&state)
        _ = BranchReducer.stopEditing(&state)
        state.replaceConversation(conversation)
        effects = GenerationReducer.startNext(&state)
    case .branchShown(let conversation):
        effects = BranchReducer.shown(&state, conversation)
    case .messagesPlaced(let places):
        BranchReducer.placed(&state, places)
        effects = []
    case .answerResumed(let parts, let facts):
        GenerationReducer.resumed(&state, parts, facts)
        effects = []
    case .historyLoaded(let entries):
        let sent = state.history.entries
        state.history = EditorHistory(entries.map { $0.map { .character($0) } } + sent)
        effects = []
    case .draftNotKept(let message):
        state.inputErrors.append(message)
        effects = []
    case .draftRestored(let parts): effects = DraftReducer.restored(&state, parts)
    case .contextParked(let tokens, let bytes):
        state.inputNote =
            "\(FigureText.grouped(tokens)) tokens parked (\(FigureText.bytes(bytes))): opened again, this conversation goes "
            + "on at once"
        effects = []
    case .contextNotParked(let message):
        state.inputErrors = [message]
        effects = []
    case .optionsSaved(let path):
        state.inputNote = "saved in \(path)"
        effects = []
    case .optionsNotSaved(let message):
        state.inputErrors = [message]
        effects = []
    case .examplesTold(let text, let isNote):
        if isNote { state.inputNote = text } else { state.showFromTop(state.appendItem(.program, text)) }
        effects = []
    case .examplesFailed(let message): effects = ExampleReducer.failed(&state, message)
    case .picturesCompared(let completed, let total):
        state.comparing?.completed = completed
        state.comparing?.total = total
        effects = []
    case .diagnosed(let report):
        state.showFromTop(state.appendItem(.program, report))
        effects = []
    case .externallyEdited(let text):
        ExternalEditing.edited(&state, text)
        effects = []
    case .externalEditorFailed(let message):
        state.inputErrors = [message]
        effects = []
    case .pathsCompleted(let request, let names):
        CompletionReducer.completed(&state, request, names)
        effects = []
    case .sessionSaved(let name):
        state.sessionName = name
        effects = []
    case .sessionFailed(let message):
        state.inputErrors = [message]
        state.awaitsConversation = false
        effects = GenerationReducer.startNext(&state)
    case .recentSessionsListed(let sessions):
        state.recentSessions = sessions
        effects = []
    case .themeChanged, .themeFailed, .themesListed:
        ThemeReducer.reduce(&state, action)
        effects = []
    case .sessionsListed(let request, let sessions):
        BrowserReducer.listed(&state, request, sessions)
        effects = []
    case .sessionDeleted(let deleted): effects = BrowserReducer.deleted(&state, deleted)
    case .sessionListChanged: effects = BrowserReducer.changed(&state)
    case .sessionListFailed(let message):
        BrowserReducer.failed(&state, message)
        effects = []
    case .replayAdvanced(let status, let items):
        state.replay = status
        if state.items != items { state.items = items }
        effects = []
    }
    outcome?.settle(&state)
    DraftReducer.noteChange(&state)
    if action.mayUncoverPictures {
        effects += PictureReducer.previewRequests(&state) + PictureViewReducer.request(&state)
        effects += BoxPlacementReducer.request(&state)
    }
    return effects
}

extension Action {
    /// Whether a picture may have come into sight. Time passes and text grows many times a second, and neither
    /// uncovers one: what stands on the screen only moves up.
    fileprivate var mayUncoverPictures: Bool {
        switch self {
        case .ticked, .modelLoadingProgressed: false
        case .generationEventArrived(.token), .generationEventArrived(.progress): false
        default: true
        }
    }
}

extension AppState {
    /// Adds an item at the end.
    @discardableResult
    mutating func appendItem(_ speaker: ConversationItem.Speaker, _ text: String) -> ConversationItem.ID {
        appendItem(speaker, parts: [.text(text)])
    }

    @discardableResult
    mutating func appendItem(
        _ speaker: ConversationItem.Speaker, parts: [ConversationItem.Part], marks: [ConversationItem.Mark] = []
    ) -> ConversationItem.ID {
        let item = ConversationItem(id: nextItemID, speaker: speaker, parts: parts, time: now, marks: marks)
        nextItemID += 1
        items.append(item)
        noteNewText()
        return item.id
    }

    /// Scrolls to an item's beginning, when not all of it fits.
    mutating func showFromTop(_ id: ConversationItem.ID) {
        scroll = Viewport.anchor(atTopOf: id, self)
        hasNewTextBelow = false
    }

    /// Text has come at the end; when it cannot be seen, the screen says so.
    mutating func noteNewText() {
        if scroll != nil { hasNewTextBelow = true }
    }

    /// Shows another conversation. What is being written stays.
    mutating func replaceConversation(_ conversation: OpenedConversation) {
        adopt(conversation)
        sessionName = conversation.name
        if let opened = conversation.options { options = opened }
        sendsWhenLoaded = false
        scroll = nil
        hasNewTextBelow = false
        inputErrors = []
        replay = nil
    }

    /// Takes a conversation's items and pictures in place of those that are shown.
    ///
    /// Questions that wait were asked since it was asked for, and follow its end.
    mutating func adopt(_ conversation: OpenedConversation) {
        let asked = waiting.compactMap { item($0) }
        items = conversation.items
        nextItemID = (items.map(\.id).max() ?? 0) + 1
        waiting = asked.map { question in
            let id = appendItem(.user, parts: question.parts, marks: question.marks)
            items[items.count - 1].groundingWish = question.groundingWish
            items[items.count - 1].drawing = question.drawing
            items[items.count - 1].examplesWish = question.examplesWish
            return id
        }
        comparing = nil
        awaitsConversation = false
        let drafted = editor.pictureNumbers.union(asked.flatMap(\.pictureNumbers))
        let opened = Dictionary(conversation.pictures.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        for number in drafted where opened[number] != nil { editor.forget(picture: number) }
        pictures = pictures.filter { drafted.contains($0.key) }.merging(opened) { _, new in new }
        nextPictureNumber = (pictures.keys.max() ?? 0) + 1
        systemText = conversation.systemText
        contextTokens = conversation.contextTokens
        continuations = conversation.continuations
        lastFigures = nil
    }
}
