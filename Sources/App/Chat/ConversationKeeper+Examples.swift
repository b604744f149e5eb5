import Chat
import ChatUI
import Generation
import Inference

extension ConversationKeeper {
    /// Does something about examples, and posts what came of it.
    func perform(_ request: ExamplesRequest) async {
        guard let mailbox, let examples else { return }
        do {
            switch request {
            case .add(let parts, let answer, let systemText):
                let example = try examples.example(parts, answer: answer)
                try append([example], ofSet: "", systemText: systemText, draftPictures: [])
            case .use(let set, let draftPictures):
                try append(examples.load(set), ofSet: set, draftPictures: draftPictures)
            case .nearest(let wish, let question, let draftPictures):
                try await appendNearest(wish, question, draftPictures: draftPictures)
            case .keep(let set): mailbox.post(.examplesTold(try examples.keep(session, in: set), isNote: true))
            case .list: mailbox.post(.examplesTold(try examples.list(), isNote: false))
            case .show(let set): mailbox.post(.examplesTold(try examples.show(set), isNote: false))
            case .remove(let set, let number):
                mailbox.post(.examplesTold(try examples.remove(set, number: number), isNote: true))
            }
        } catch {
            switch request {
            case .add, .use: mailbox.post(.sessionFailed("\(error)"))
            case .nearest, .keep, .list, .show, .remove: mailbox.post(.examplesFailed("\(error)"))
            }
        }
    }

    private func append(
        _ new: [Example], ofSet set: String, systemText: String? = nil, draftPictures: Set<Int>
    ) throws {
        let tokens = try examples?.tokens(of: new, engine)
        add(new, ofSet: set, systemText: systemText)
        showCurrentBranch(reserved: draftPictures)
        let cost = tokens.map { " · \($0) tokens" } ?? ""
        mailbox?.post(
            .examplesTold("\(counted(new.count, "example")) before what is asked next\(cost)", isNote: true))
    }

    /// Adds those that are nearest to the question's last picture, but those that the conversation has already.
    private func appendNearest(
        _ wish: ExamplesWish, _ question: ConversationItem, draftPictures: Set<Int>
    ) async throws {
        guard let mailbox, let examples, let engine else { return }
        let asked = try examples.example(question.parts, answer: "")
        guard let picture = asked.picture else {
            throw GenerationFailure.backend(
                "/examples nearest compares pictures, and the question has none: attach one, or /examples off.")
        }
        let cancellation = beginComparing()
        defer { endComparing() }
        let chosen = try await NearestExamples(sets: examples.sets, engine: engine).choose(
            wish.count, from: wish.set, for: examples.shelf.pixels(of: picture.file), cancellation: cancellation
        ) { completed, total in mailbox.post(.picturesCompared(completed: completed, total: total)) }
        guard let chosen else { throw GenerationFailure.backend("stopped; the question is here again") }
        let known = session.examples
        let new = chosen.filter { !known.contains($0) }
        try append(examples.copied(new), ofSet: wish.set, draftPictures: draftPictures)
    }
}
