import Generation
import Screen

/// `/example` and `/examples`: turns that show the model what is wanted, before what is asked.
enum ExampleCommands {
    /// What the draft asks, with the command's argument as its answer, becomes an example.
    static func add(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        if let obstacle = BranchReducer.obstacle("example", state) { throw obstacle }
        guard !invocation.argument.isEmpty else { throw .noExampleAnswer }
        guard state.attachments.isEmpty else { throw .picturesAreLoading(command: "example") }
        guard let parts = state.editor.messageParts else { throw .noExampleQuestion }
        state.editor = state.editor.emptied
        state.awaitsConversation = true
        return [.examples(.add(parts: parts, answer: invocation.argument, systemText: state.systemText))]
    }

    static func manage(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        let words = invocation.argument.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let verb = words.first else { return [.examples(.list)] }
        switch (verb, words.count) {
        case ("use", 2):
            if let obstacle = BranchReducer.obstacle("examples", state) { throw obstacle }
            state.awaitsConversation = true
            return [.examples(.use(set: words[1], draftPictures: state.editor.pictureNumbers))]
        case ("nearest", 3):
            guard let count = Int(words[1]), (1...ExamplesWish.most).contains(count) else {
                throw .wrongExamplesCount(words[1])
            }
            if state.modelSees == false { throw .modelCannotCompare(model: state.loadedModel?.name ?? "") }
            state.examplesWish = ExamplesWish(count: count, set: words[2])
        case ("off", 1): state.examplesWish = nil
        case ("keep", 2): return [.examples(.keep(set: words[1]))]
        case ("show", 2): return [.examples(.show(set: words[1]))]
        case ("remove", 2): return [.examples(.remove(set: words[1], number: nil))]
        case ("remove", 3):
            guard let number = Int(words[2]), number >= 1 else { throw .wrongExamplesCommand }
            return [.examples(.remove(set: words[1], number: number))]
        default: throw .wrongExamplesCommand
        }
        return []
    }
}

/// The nearest examples of a set are wanted before a question.
package struct ExamplesWish: Hashable, Sendable {
    package let count: Int
    package let set: String

    package init(count: Int, set: String) {
        self.count = count
        self.set = set
    }

    /// More fill every context.
    static let most = 64
}

/// Something about examples that is not the screen's own.
package enum ExamplesRequest: Equatable, Sendable {
    /// Add one to the conversation; answers by `branchShown`.
    case add(parts: [ConversationItem.Part], answer: String, systemText: String?)
    /// Add all of a set to the conversation; answers by `branchShown`.
    case use(set: String, draftPictures: Set<Int>)
    /// Add the nearest ones of a set; answers by `picturesCompared` and then `branchShown`, or by `examplesFailed`.
    case nearest(ExamplesWish, question: ConversationItem, draftPictures: Set<Int>)
    /// Add the conversation's examples to a set; answers by `examplesTold`.
    case keep(set: String)
    case list
    case show(set: String)
    /// Remove one of a set's examples, or the set.
    case remove(set: String, number: Int?)
}

enum ExampleReducer {
    /// What is said while the next question will have examples.
    static func note(_ state: AppState) -> String? {
        state.examplesWish.map { wish in
            "before the next question: the \(wish.count == 1 ? "example" : "\(wish.count) examples") of \(wish.set) "
                + "nearest to its picture · /examples off ends this"
        }
    }

    /// Asks for a question's examples, if it is to have any; they come before it is sent.
    static func request(_ state: inout AppState, for id: ConversationItem.ID) -> [Effect]? {
        guard let index = state.index(of: id), let wish = state.items[index].examplesWish else { return nil }
        state.items[index].examplesWish = nil
        state.awaitsConversation = true
        state.comparing = AppState.Comparing(wish: wish)
        var pictures = state.editor.pictureNumbers
        for id in state.waiting { pictures.formUnion(state.item(id)?.pictureNumbers ?? []) }
        return [.examples(.nearest(wish, question: state.items[index], draftPictures: pictures))]
    }

    /// There are no examples for the first question that waits: it is back in the editor.
    static func failed(_ state: inout AppState, _ message: String) -> [Effect] {
        state.awaitsConversation = false
        state.inputErrors = [message]
        guard let comparing = state.comparing else { return GenerationReducer.startNext(&state) }
        state.comparing = nil
        guard let id = state.waiting.first, let index = state.index(of: id) else { return [] }
        state.waiting.removeFirst()
        let item = state.items.remove(at: index)
        let rest = state.editor.isEmpty ? [] : [.character("\n")] + state.editor.elements
        state.editor.setElements(GenerationReducer.elements(item) + rest)
        state.groundingWish = item.groundingWish
        state.examplesWish = comparing.wish
        return GenerationReducer.startNext(&state)
    }
}

extension AppState {
    /// Tokens of the pictures of examples that were added and not sent yet.
    var unsentExampleTokens: Int {
        items.reversed().prefix { $0.example != nil || $0.speaker == .program }.flatMap(\.pictureNumbers)
            .reduce(0) { sum, number in sum + (pictures[number]?.facts.map(tokens) ?? 0) }
    }
}
