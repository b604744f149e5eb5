import Chat
import Generation

/// Answers that say where things are: asked for by a key, drawn onto the picture.
enum GroundingReducer {
    /// Asks for places, or no longer.
    static func toggle(_ state: inout AppState) -> [Effect] {
        state.inputErrors = []
        if state.groundingWish != nil {
            state.groundingWish = nil
            return []
        }
        do throws(CommandProblem) { try wish(&state, picture: nil) } catch { state.inputErrors = [error.description] }
        return []
    }

    static func run(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        let argument = invocation.argument
        if argument == "off" {
            state.groundingWish = nil
        } else if argument.isEmpty {
            try wish(&state, picture: nil)
        } else {
            let numbers = state.pictures.values.filter { !$0.isClip }.map(\.number).sorted()
            guard let number = Int(argument.drop { $0 == "#" }), numbers.contains(number) else {
                throw .noPictureToGround(argument, numbers: numbers)
            }
            try wish(&state, picture: number)
        }
        return []
    }

    private static func wish(_ state: inout AppState, picture: Int?) throws(CommandProblem) {
        if let model = state.loadedModel, model.givesBoxes != true { throw .modelGivesNoBoxes(model: model.name) }
        state.groundingWish = ConversationItem.GroundingWish(picture: picture)
    }

    /// What is said while the next answer is to say where things are.
    static func note(_ state: AppState) -> String? {
        guard let wish = state.groundingWish else { return nil }
        let place = wish.picture.map { "in " + Picture.placeholder($0) } ?? "in the last picture"
        return "the next answer says where things are, \(place) · Alt-G ends this"
    }

    /// What is asked for with a question, by the conversation's own count of pictures, and as it is shown; nil for an
    /// answer in words alone.
    static func grounding(
        of question: ConversationItem, in state: AppState
    ) -> (asked: Answer.Grounding, shown: ConversationItem.Grounding)? {
        guard let wish = question.groundingWish, let end = state.index(of: question.id) else { return nil }
        let media = state.items[...end].filter { !$0.marks.contains(.waiting) }.flatMap(\.pictureNumbers)
        let index = media.lastIndex { number in
            wish.picture.map { $0 == number } ?? (state.pictures[number]?.isClip == false)
        }
        return (
            Answer.Grounding(picture: index.map { $0 + 1 }),
            ConversationItem.Grounding(picture: index.map { media[$0] })
        )
    }

    /// Reads an answer from its beginning again, and returns what is to be shown of it.
    static func restart(_ item: inout ConversationItem, _ text: String) -> String {
        guard item.grounding != nil else { return text }
        item.grounding?.answer = GroundedAnswer()
        return item.grounding?.answer.append(text) ?? text
    }
}

extension AppState {
    /// What is drawn onto a picture: the boxes of the last answer that has any there.
    func boxes(onto number: Int) -> [NumberedBox] {
        items.last { $0.grounding?.picture == number && $0.grounding?.answer.boxes.isEmpty == false }?
            .grounding?.answer.boxes ?? []
    }
}
