import Generation
import Screen

/// The question what to do about a turn that does not fit into the context.
enum OverflowReducer {
    /// Nothing was sent: the question waits for the choice, and its answer's place goes.
    static func overflowed(_ state: inout AppState, _ plan: ContextPlan, droppedTurns: Int) -> [Effect] {
        guard let answer = state.answer else { return [] }
        state.items.removeAll { $0.id == answer.itemID }
        if let index = state.index(of: answer.questionID) { state.items[index].marks.append(.waiting) }
        state.answer = nil
        state.sendsWhenLoaded = false
        state.overflow = AppState.Overflow(
            questionID: answer.questionID, origin: answer.origin, plan: plan, droppedTurns: droppedTurns)
        // Who stopped it meanwhile has decided already.
        return answer.isStopping ? keepEditing(&state) : []
    }

    static func reduce(_ state: inout AppState, _ key: Key) -> [Effect] {
        switch (key.code, key.modifiers) {
        case (.escape, _):
            return keepEditing(&state)
        case (.character(let character), []):
            guard let overflow = state.overflow, let number = character.wholeNumberValue,
                overflow.plan.remedies.indices.contains(number - 1)
            else { return [] }
            state.overflow = nil
            let remedy = overflow.plan.remedies[number - 1]
            return GenerationReducer.start(&state, overflow.questionID, origin: overflow.origin, remedy: remedy)
                ?? GenerationReducer.startNext(&state)
        default:
            // Whatever else was typed is meant for a message and must not choose.
            break
        }
        return []
    }

    /// Puts the question back into the editor, before what was written since; so are those that waited behind it, since
    /// they were asked as if it had been answered. A branch that was to be made is not, and what it would have taken the
    /// place of is shown again.
    static func keepEditing(_ state: inout AppState) -> [Effect] {
        guard let overflow = state.overflow else { return [] }
        var ids = state.waiting
        switch overflow.origin {
        case .end, .edited: ids.insert(overflow.questionID, at: 0)
        case .regenerated, .continued: break
        }
        state.overflow = nil
        state.waiting = []
        state.groundingWish = state.groundingWish ?? ids.compactMap { state.item($0)?.groundingWish }.first
        var drafts = ids.compactMap { state.item($0) }.map(GenerationReducer.elements)
        if !state.editor.isEmpty { drafts.append(state.editor.elements) }
        state.items.removeAll { ids.contains($0.id) }
        if state.scroll.map({ ids.contains($0.itemID) }) == true { state.scroll = nil }
        if case .edited(let messageID) = overflow.origin, let question = drafts.first {
            let draft = Array(drafts.dropFirst().joined(separator: [.character("\n")]))
            state.editing = AppState.Editing(messageID: messageID, draft: draft)
            drafts = [question]
        }
        if !drafts.isEmpty { state.editor.setElements(Array(drafts.joined(separator: [.character("\n")]))) }
        return overflow.origin == .end ? [] : [BranchReducer.request(&state, .current)]
    }
}
