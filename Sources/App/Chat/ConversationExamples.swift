import Chat
import ChatUI
import Generation
import Pixels

/// What a conversation's examples need: its session, its pictures, the sets.
struct ConversationExamples {
    let sets: ExampleSets
    let store: SessionStore
    let shelf: PictureShelf

    /// An example as the user wrote it, its pictures kept beside the session.
    func example(_ parts: [ConversationItem.Part], answer: String) throws(SessionError) -> Example {
        var question = [Part]()
        for part in parts {
            switch part {
            case .text(let text): question.append(.text(text))
            case .undrawn: break
            case .picture(let number), .clip(let number):
                if let medium = try shelf.store(number: number) { question.append(medium.part) }
            }
        }
        return Example(question: question, answer: answer)
    }

    /// The examples of a set, their pictures copied beside the session.
    func load(_ set: String) throws -> [Example] {
        let examples = try sets.load(set)
        if examples.isEmpty { throw ExampleError.isEmpty(set) }
        return try copied(examples)
    }

    func copied(_ examples: [Example]) throws(SessionError) -> [Example] {
        for example in examples { try ExampleSets.copyPictures(of: example, from: sets.store, to: store) }
        return examples
    }

    /// Adds the examples of a session to a set, but those that it holds already, and tells what it holds now.
    func keep(_ session: Session, in set: String) throws -> String {
        let known = (try? sets.load(set)) ?? []
        let examples = session.examples
        guard !examples.isEmpty else { return "there are no examples in this conversation; /example ANSWER makes one" }
        let new = examples.filter { !known.contains($0) }
        for example in new { try ExampleSets.copyPictures(of: example, from: store, to: sets.store) }
        if !new.isEmpty { try sets.add(new, to: set) }
        return "\(set) now holds \(counted(known.count + new.count, "example"))"
    }

    func list() throws(ExampleError) -> String {
        let (found, problems) = try sets.list()
        let rows = found.map { "\($0.name): \(counted($0.examples, "example")), \(counted($0.pictures, "picture"))" }
        let lines = rows + problems.map { "⚠ \($0.description)" }
        let usage =
            "/examples use SET puts them before what is asked next, nearest N SET those nearest to its picture "
            + "(by the encoder's mean features, our own choice), keep SET keeps this conversation's, show SET and remove SET [N] do what they say."
        return (lines.isEmpty ? ["there are no sets yet"] : lines).joined(separator: "\n") + "\n" + usage
    }

    func show(_ set: String) throws(ExampleError) -> String {
        let examples = try sets.load(set)
        return ([set] + examples.enumerated().map { "\($0 + 1). \($1.line)" }).joined(separator: "\n")
    }

    func remove(_ set: String, number: Int?) throws(ExampleError) -> String {
        guard let number else { return "\(set) was moved to \(try sets.delete(set))" }
        try sets.remove([number], from: set)
        return "example \(number) of \(set) was removed"
    }

    /// Tokens that examples add to a prompt; nil while there is no model.
    func tokens(of examples: [Example], _ backend: (any GenerationBackend)?) throws -> Int? {
        guard let backend else { return nil }
        let messages = try examples.flatMap { example in
            try example.promptMessages { file throws in try shelf.pixels(of: file) }
        }
        let question = PromptMessage(role: .user, text: "?")
        return try backend.cost(of: Prompt(messages: messages + [question])).totalTokens
            - backend.cost(of: Prompt(messages: [question])).totalTokens
    }
}
