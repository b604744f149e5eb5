import Foundation
import Generation
import Pixels

/// A question, mostly about a picture, with the answer that it should have: shown to a model before it is asked.
package struct Example: Sendable, Equatable {
    /// Words and pictures in order.
    package var question: [Part]
    package var answer: String

    package init(question: [Part], answer: String) {
        self.question = question
        self.answer = answer
    }

    /// The words of the question.
    package var questionText: String {
        question.map { part in if case .text(let text) = part.content { text } else { "" } }.joined()
    }

    /// The last still picture of the question, by which examples are compared; nil when there is none.
    package var picture: StoredImage? { Self.lastPicture(of: question) }

    /// The last still picture among parts.
    package static func lastPicture(of parts: [Part]) -> StoredImage? {
        parts.compactMap { part in if case .image(let image) = part.content { image } else { nil } }.last
    }

    /// The turn that it is in a prompt.
    package func promptMessages<Failure: Error>(
        picture: (StoredFile) throws(Failure) -> PixelImage
    ) throws(Failure) -> [PromptMessage] {
        let message = Message(id: 1, parent: nil, role: .user, created: Timestamp(milliseconds: 0), parts: question)
        return [
            PromptMessage(role: .user, parts: try message.promptParts(picture: picture)),
            PromptMessage(role: .assistant, text: answer),
        ]
    }
}

/// Examples under names, in the user's data folder.
///
/// A set is a session file whose turns are the examples, so that reading, writing, locking, pictures and the trash are
/// those of conversations.
package struct ExampleSets: Sendable {
    package let store: SessionStore
    private let application: String

    package init(folder: String, application: String) {
        store = SessionStore(folder: folder)
        self.application = application
    }

    /// A set in a list.
    package struct Summary: Sendable, Equatable {
        package let name: String
        package let examples: Int
        package let pictures: Int
    }

    /// The sets by name, and what is wrong with those that cannot be read.
    package func list() throws(ExampleError) -> (sets: [Summary], problems: [ExampleError]) {
        var sets: [Summary] = []
        var problems: [ExampleError] = []
        for name in try attempt({ () throws(SessionError) in try store.names() }) {
            do throws(ExampleError) {
                let examples = try load(name)
                let pictures = examples.flatMap(\.question).filter { !$0.files.isEmpty }.count
                sets.append(Summary(name: name, examples: examples.count, pictures: pictures))
            } catch { problems.append(error) }
        }
        return (sets, problems)
    }

    /// The examples of a set, in the order in which they were added.
    package func load(_ name: String) throws(ExampleError) -> [Example] {
        try check(name)
        return Self.examples(of: try attempt { () throws(SessionError) in try store.load(name) })
    }

    /// Adds examples, whose pictures lie in this store already, to a set, which is made where there is none.
    package func add(_ examples: [Example], to name: String) throws(ExampleError) {
        try check(name)
        do throws(SessionError) {
            let writer: SessionWriter
            do throws(SessionError) {
                writer = try store.open(name)
            } catch {
                guard case .notFound = error else { throw error }
                let session = Session(title: name, created: .now(), application: application)
                writer = try store.create(named: name, session)
            }
            var session = writer.session
            for example in examples { session.append(example, ofSet: nil, at: .now()) }
            try writer.save(session)
        } catch { throw Self.explained(error, name: name) }
    }

    /// Removes examples by their numbers, from 1.
    package func remove(_ numbers: [Int], from name: String) throws(ExampleError) {
        let examples = try load(name)
        if let wrong = numbers.first(where: { !examples.indices.contains($0 - 1) }) {
            throw .noSuchExample(number: wrong, set: name, count: examples.count)
        }
        let kept = examples.enumerated().filter { !numbers.contains($0.offset + 1) }.map(\.element)
        do throws(SessionError) {
            let writer = try store.open(name)
            let old = writer.session
            var session = Session(
                title: old.title, created: old.created, application: application, unknown: old.unknown)
            for example in kept { session.append(example, ofSet: nil, at: .now()) }
            try writer.save(session)
        } catch { throw Self.explained(error, name: name) }
    }

    /// Moves a whole set into the trash beside the sets, and returns where it lies there.
    package func delete(_ name: String) throws(ExampleError) -> String {
        try check(name)
        do throws(SessionError) { return try store.delete(name) } catch { throw Self.explained(error, name: name) }
    }

    /// Copies the pictures of an example from another store into this one, or from this one into another.
    package static func copyPictures(
        of example: Example, from source: SessionStore, to target: SessionStore
    ) throws(SessionError) {
        for file in example.question.flatMap(\.files) {
            _ = try target.storeMedia(try source.loadMedia(file), fileExtension: file.fileExtension)
        }
    }

    /// The turns of a question and an answer on the branch that a set's file shows.
    private static func examples(of session: Session) -> [Example] {
        let branch = session.activeBranch
        return zip(branch, branch.dropFirst()).compactMap { question, answer in
            guard question.role == .user, answer.role == .assistant else { return nil }
            return Example(question: question.parts, answer: answer.text)
        }
    }

    // MARK: Errors

    /// A set goes by its name; a path would lead out of the folder.
    private func check(_ name: String) throws(ExampleError) {
        guard SessionNaming.isValid(name) else { throw .invalidName(name) }
    }

    private func attempt<Value>(_ body: () throws(SessionError) -> Value) throws(ExampleError) -> Value {
        do throws(SessionError) { return try body() } catch { throw Self.explained(error, name: "") }
    }

    private static func explained(_ error: SessionError, name: String) -> ExampleError {
        switch error {
        case .notFound(let name, _, let suggestion): .noSuchSet(name, suggestion: suggestion)
        case .locked(let name, _): .inUse(name)
        default: .file(error)
        }
    }
}

extension Session {
    /// Adds an example's turn at the end of the branch that is shown, marked as one.
    ///
    /// - Parameter set: the name of the set that it is from, empty for none; nil in the file of a set, where all are
    ///   examples.
    package mutating func append(_ example: Example, ofSet set: String?, at time: Timestamp) {
        for (role, parts) in [(Role.user, example.question), (.assistant, [.text(example.answer)])] {
            var message = Message(id: nextID, parent: activeLeaf, role: role, created: time, parts: parts)
            message.example = set
            append(message)
        }
    }

    /// The examples of the branch that is shown.
    package var examples: [Example] {
        let branch = activeBranch
        return zip(branch, branch.dropFirst()).compactMap { question, answer in
            guard question.example != nil, answer.example != nil, question.role == .user, answer.role == .assistant
            else { return nil }
            return Example(question: question.parts, answer: answer.text)
        }
    }
}
