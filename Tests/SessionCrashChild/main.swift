import App
import Chat
import ChatUI
import Foundation
import Generation
import Inference
import Terminal

// Changes a session without end, as the program does, and says on standard output what it has done: the test that
// started it kills it at some moment. Arguments: folder, session's name, model, mode.
let arguments = CommandLine.arguments
guard arguments.count == 5 else { exit(2) }
let store = SessionStore(folder: arguments[1])
let child = CrashChild(store: store, name: arguments[2], model: arguments[3])
switch arguments[4] {
case "stream": try await child.stream()
default: try child.write()
}

struct CrashChild {
    let store: SessionStore
    let name: String
    let model: String

    /// One line, in one call, so that a kill leaves whole lines: what was done, its number, the time in microseconds.
    static func tell(_ what: String, _ number: Int) {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let line = Array("\(what) \(number) \(Int(time.tv_sec) * 1_000_000 + Int(time.tv_nsec) / 1000)\n".utf8)
        _ = line.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }

    /// Asks a real engine, through what the chat screen uses; tells each token when the screen would get it.
    func stream() async throws {
        let mailbox = ActionMailbox(wake: {})
        let keeper = try ConversationKeeper(store: store, opening: name)
        let engine = try InferenceEngine(
            model: LoadedModel(path: model, options: ModelOptions(threadCount: 1)))
        await keeper.connect(shelf: PictureShelf(store: store, colors: .none), mailbox: mailbox)
        await keeper.use(engine)
        let teller = Thread {
            var tokens = 0
            while true {
                for action in mailbox.drain() {
                    switch action {
                    case .generationEventArrived(.started): tokens = 0
                    case .generationEventArrived(.token):
                        tokens += 1
                        Self.tell("token", tokens)
                    case .generationEventArrived(.finished): Self.tell("finished", tokens)
                    default: break
                    }
                }
                usleep(500)
            }
        }
        teller.start()
        let options = GenerationOptions.greedy
        for number in 1... {
            let question = ConversationItem(id: 1, speaker: .user, parts: [.text("Question \(number)?")])
            // Each question begins the conversation anew on a branch of its own, so that the context is never full.
            await keeper.showBranch(.before(2), draftPictures: [])
            await keeper.answer(
                GenerationRequest(question: question, answerID: 2, systemText: nil, options: options))
        }
    }

    /// Saves, records, folds and renames as fast as the disk can.
    func write() throws {
        // A child that was killed in the middle may have left its other session.
        var writer = try store.open(try store.names().first { $0 != "other" } ?? name)
        Self.tell("opened", writer.session.messages.count)
        for number in 1... {
            var session = writer.session
            session.append(role: .user, parts: [.text("Question \(number)")], at: session.updated)
            try writer.save(session)
            Self.tell("saved", session.messages.count)
            try writer.beginAnswer(
                AnswerRecording(
                    id: session.nextID, parent: session.activeLeaf, created: session.updated,
                    answer: Answer(
                        model: Answer.Model(name: "none", path: "", sha256: nil), template: "none",
                        options: GenerationOptions(), seed: 1, kernel: "none", precision: "exact")))
            for token in 1...20 {
                try writer.append(
                    GeneratedToken(id: Int32(token), logProbability: 0, text: "word ", seconds: Double(token) / 100))
            }
            try writer.finishAnswer(.end, seconds: 1)
            Self.tell("saved", session.messages.count + 1)
            if number % 3 == 0 { try writer.fold() }
            if number % 4 == 0 { try writer.rename(to: writer.name == "one" ? "two" : "one") }
            if number % 10 == 0 {
                let name = writer.name
                writer = try reopened(&writer, name)
            }
        }
    }

    private func reopened(_ writer: inout SessionWriter, _ name: String) throws -> SessionWriter {
        // A child that was killed in here has left its other session, under whose name none can be made.
        _ = try? store.delete("other")
        // The lock goes with the old writer.
        writer = try store.create(named: "other", Session(created: writer.session.created))
        defer { _ = try? store.delete("other") }
        return try store.open(name)
    }
}
