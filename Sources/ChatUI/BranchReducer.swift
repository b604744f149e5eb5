import Generation
import Screen

/// Answering anew, going on, editing, taking back, and changing between the branches that come of it.
enum BranchReducer {
    /// Why nothing can be done to the conversation now; nil when something can.
    static func obstacle(_ command: String, _ state: AppState) -> CommandProblem? {
        if state.answer != nil || !state.waiting.isEmpty || state.overflow != nil || state.awaitsConversation {
            return .answerIsRunning(command: command)
        }
        if state.loadingModel != nil { return .modelIsNotReady(command: command) }
        return nil
    }

    /// The last question that is part of the session.
    private static func lastQuestion(_ state: AppState) -> Int? {
        state.items.lastIndex { $0.speaker == .user && $0.place != nil && $0.example == nil }
    }

    /// Has the last question answered once more, beside the answers that it has.
    static func regenerate(_ state: inout AppState) throws(CommandProblem) -> [Effect] {
        guard let index = lastQuestion(state), let place = state.items[index].place else {
            throw .nothingAsked(command: "regenerate")
        }
        return try restart(&state, question: index, .regenerated(question: place.messageID), command: "regenerate")
    }

    /// Has an answer that was cut short go on where it ended, beside the one that ended there.
    static func resume(_ state: inout AppState) throws(CommandProblem) -> [Effect] {
        if let obstacle = obstacle("continue", state) { throw obstacle }
        guard let index = lastQuestion(state),
            let answer = state.items[index...].last(where: { $0.speaker == .assistant })
        else { throw .nothingAsked(command: "continue") }
        guard let place = answer.place else { throw .answerFailed }
        guard answer.marks.contains(where: \.isCut) else { throw .answerIsComplete }
        if state.items[index].drawing != nil { throw .drawingCannotGoOn }
        return try restart(
            &state, question: index, .continued(answer: place.messageID), command: "continue", text: answer.text)
    }

    private static func restart(
        _ state: inout AppState, question: Int, _ origin: QuestionOrigin, command: String, text: String = ""
    ) throws(CommandProblem) -> [Effect] {
        if let obstacle = obstacle(command, state) { throw obstacle }
        guard case .ready = state.model else { throw .modelIsNotReady(command: command) }
        // An answer beside one that says where things are says so, too.
        if let grounding = state.items[question...].last(where: { $0.speaker == .assistant })?.grounding {
            state.items[question].groundingWish = ConversationItem.GroundingWish(picture: grounding.picture)
        }
        if let wish = state.groundingWish {
            state.items[question].groundingWish = wish
            state.groundingWish = nil
        }
        state.items.removeSubrange((question + 1)...)
        state.scroll = nil
        state.hasNewTextBelow = false
        let id = state.items[question].id
        return GenerationReducer.start(&state, id, origin: origin, remedy: nil, text: text) ?? []
    }

    /// Puts a question into the editor, to be asked otherwise; nil is the last one.
    static func edit(_ state: inout AppState, number: Int?) throws(CommandProblem) -> [Effect] {
        if let obstacle = obstacle("edit", state) { throw obstacle }
        let questions = state.items.filter { $0.speaker == .user && $0.place != nil && $0.example == nil }
        guard !questions.isEmpty else { throw .nothingAsked(command: "edit") }
        let number = number ?? questions.count
        guard questions.indices.contains(number - 1), let place = questions[number - 1].place else {
            throw .noSuchQuestion("\(number)", count: questions.count)
        }
        let draft = state.editing?.draft ?? state.editor.elements
        state.editing = AppState.Editing(messageID: place.messageID, draft: draft)
        state.editor.setElements(GenerationReducer.elements(questions[number - 1]))
        if questions[number - 1].drawing != nil {
            state.boxes = DrawReducer.taken(apart: questions[number - 1]).boxes
        }
        if let index = state.index(of: questions[number - 1].id), state.items.indices.contains(index + 1),
            let grounding = state.items[index + 1].grounding
        {
            state.groundingWish = ConversationItem.GroundingWish(picture: grounding.picture)
        }
        return []
    }

    /// Leaves editing; what was being written before is back. False when nothing was edited.
    static func stopEditing(_ state: inout AppState) -> Bool {
        guard let editing = state.editing else { return false }
        state.editing = nil
        state.editor.setElements(editing.draft)
        return true
    }

    /// Takes the last question and its answer back; they stay on a branch of their own.
    static func undo(_ state: inout AppState) throws(CommandProblem) -> [Effect] {
        if let obstacle = obstacle("undo", state) { throw obstacle }
        // An example is a turn, too.
        guard let place = state.items.last(where: { $0.speaker == .user && $0.place != nil })?.place else {
            throw .nothingAsked(command: "undo")
        }
        return [request(&state, .before(place.messageID))]
    }

    /// Shows another alternative; `number` counts from 1, nil is the next one.
    static func show(_ state: inout AppState, number: Int?, step: Int = 1) throws(CommandProblem) -> [Effect] {
        if let obstacle = obstacle("branch", state) { throw obstacle }
        guard let (alternatives, current) = choice(state) else { throw .noBranches }
        let wanted: Int
        if let number {
            wanted = number - 1
        } else if let current {
            wanted = (current + step + alternatives.count) % alternatives.count
        } else {
            wanted = alternatives.count - 1
        }
        guard alternatives.indices.contains(wanted) else {
            throw .noSuchBranch("\(number ?? 0)", count: alternatives.count)
        }
        return [request(&state, .through(alternatives[wanted]))]
    }

    /// The alternatives to choose among: those of the first message on the screen that has any when the user has
    /// scrolled up, else what goes on from the conversation's end, else those of the last message that has any.
    private static func choice(_ state: AppState) -> (alternatives: [Int], current: Int?)? {
        func choice(_ item: ConversationItem?) -> (alternatives: [Int], current: Int?)? {
            item?.place.map { ($0.alternatives, $0.alternatives.firstIndex(of: $0.messageID)) }
        }
        func isBranched(_ item: ConversationItem) -> Bool { (item.place?.alternatives.count ?? 0) > 1 }
        if let top = state.scroll.flatMap({ state.index(of: $0.itemID) }),
            let item = state.items[top...].first(where: isBranched)
        {
            return choice(item)
        }
        if !state.continuations.isEmpty { return (state.continuations, nil) }
        return choice(state.items.last(where: isBranched))
    }

    /// What a replay is asked for: the next alternative or the one before.
    static func replayed(_ state: AppState, step: Int) -> [Effect] {
        guard state.replay?.liveNote == nil, let (alternatives, current) = choice(state), let current else { return [] }
        let wanted = (current + step + alternatives.count) % alternatives.count
        return [.replay(.showBranch(through: alternatives[wanted]))]
    }

    /// Which of the alternatives that a replay has to choose among is played, such as `2/3`; nil when there is only one.
    static func replayedPlace(_ state: AppState) -> String? {
        guard state.replay?.liveNote == nil, let (alternatives, current) = choice(state), let current else {
            return nil
        }
        return "\(current + 1)/\(alternatives.count)"
    }

    /// Asks for a branch; what is asked of the model before it has come waits.
    static func request(_ state: inout AppState, _ choice: BranchChoice) -> Effect {
        state.awaitsConversation = true
        var pictures = state.editor.pictureNumbers
        for id in state.waiting { pictures.formUnion(state.item(id)?.pictureNumbers ?? []) }
        return .showBranch(choice, draftPictures: pictures)
    }

    /// A branch takes the place of what is shown; everything that is being written stays.
    static func shown(_ state: inout AppState, _ conversation: OpenedConversation) -> [Effect] {
        state.answer = nil
        state.adopt(conversation)
        state.scroll = nil
        state.hasNewTextBelow = false
        if !state.continuations.isEmpty {
            let count = state.continuations.count
            state.inputNote = "\(count == 1 ? "a branch goes" : "\(count) branches go") on from here; /branch shows it"
        }
        return GenerationReducer.startNext(&state)
    }

    static func placed(_ state: inout AppState, _ places: [ConversationItem.ID: BranchPlace]) {
        for (id, place) in places {
            if let index = state.index(of: id) { state.items[index].place = place }
        }
        state.continuations = []
    }
}

enum BranchCommands {
    static func regenerate(
        _ invocation: CommandInvocation, _ state: inout AppState
    ) throws(CommandProblem) -> [Effect] {
        try BranchReducer.regenerate(&state)
    }

    static func resume(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        try BranchReducer.resume(&state)
    }

    static func edit(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        try BranchReducer.edit(&state, number: try number(invocation.argument) { .noSuchQuestion($0, count: nil) })
    }

    static func undo(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        try BranchReducer.undo(&state)
    }

    static func branch(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        try BranchReducer.show(&state, number: try number(invocation.argument) { .noSuchBranch($0, count: nil) })
    }

    private static func number(
        _ argument: String, _ problem: (String) -> CommandProblem
    ) throws(CommandProblem) -> Int? {
        if argument.isEmpty { return nil }
        guard let number = Int(argument), number >= 1 else { throw problem(argument) }
        return number
    }
}
