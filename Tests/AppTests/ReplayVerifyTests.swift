import App
import Chat
import ChatUI
import Foundation
import Generation
import Inference
import Synchronization
import Tensor
import Terminal
import TestSupport
import Testing

/// `emuchat replay --verify`, on conversations that the program's own parts recorded with a real model.
@Suite(.serialized) struct ReplayVerifyTests {
    private let runner: ProgramRunner
    private let store: SessionStore

    init() throws {
        runner = try ProgramRunner()
        store = SessionStore(folder: runner.folder.appendingPathComponent("sessions").path)
    }

    /// Talks for some turns, with branches, edited questions, pictures, changed system texts and stopped answers.
    private func record(turns: Range<Int>) async throws {
        let mailbox = ActionMailbox(wake: {})
        let keeper = try ConversationKeeper(store: store, opening: "talk")
        let shelf = PictureShelf(store: store, colors: .none)
        let engine = try InferenceEngine(
            model: LoadedModel(path: ProgramRunner.tinyModel, options: ModelOptions(threadCount: 2)))
        await keeper.connect(shelf: shelf, mailbox: mailbox)
        await keeper.use(engine)
        let picture = TestSupport.fixture("MediaTests", "quadrants.png").path
        _ = shelf.load(PictureRequest(number: 1, path: picture))
        for turn in turns {
            var options = GenerationOptions.greedy
            options.maximumTokens = 6
            if turn % 2 == 0 { (options.temperature, options.topK, options.seed) = (1.5, 0, UInt64(turn)) }
            if turn % 5 == 4 { (options.temperature, options.beamCount) = (0, 3) }
            if turn % 7 == 3 { options.repetitionPenalty = 1.3 }
            var parts: [ConversationItem.Part] = [.text("Q\(turn)")]
            if turn % 3 == 0 { parts.append(.picture(1)) }
            let branch = (try? store.load("talk").activeBranch) ?? []
            var origin = QuestionOrigin.end
            if turn % 4 == 2, let question = branch.last(where: { $0.role == .user }) {
                origin = .regenerated(question: question.id)
            }
            if turn % 4 == 3, let question = branch.last(where: { $0.role == .user }) { origin = .edited(question.id) }
            if turn % 6 == 5 {
                try await stopAnAnswer(keeper, mailbox, question: parts)
                continue
            }
            let request = GenerationRequest(
                question: ConversationItem(id: 1, speaker: .user, parts: parts), answerID: 2,
                systemText: turn % 8 < 4 ? nil : "S", options: options, origin: origin)
            await keeper.answer(request)
        }
    }

    /// Asks until an answer could be stopped in its middle: the model is fast.
    private func stopAnAnswer(
        _ keeper: ConversationKeeper, _ mailbox: ActionMailbox, question: [ConversationItem.Part]
    ) async throws {
        // Long enough to be stopped, short enough that a machine that stops late does not fill the context.
        var options = GenerationOptions.greedy
        options.maximumTokens = 64
        for attempt in 1...100 {
            let last = (try? store.load("talk").activeBranch)?.last { $0.role == .user }?.id
            let request = GenerationRequest(
                question: ConversationItem(id: 1, speaker: .user, parts: question), answerID: 2, systemText: nil,
                options: options, origin: attempt == 1 ? .end : .regenerated(question: last ?? 0))
            _ = mailbox.drain()
            let isDone = Atomic(false)
            let answering = Task {
                await keeper.answer(request)
                isDone.store(true, ordering: .releasing)
            }
            while !isDone.load(ordering: .acquiring) {
                for case .generationEventArrived(.token) in mailbox.drain() { await keeper.cancel() }
                await Task.yield()
            }
            await answering.value
            let answer = try store.load("talk").activeBranch.last?.answer
            if answer?.finishReason == .cancelled, answer?.tokenIDs.isEmpty == false { return }
        }
        Issue.record("no answer could be stopped")
    }

    private func verify(_ arguments: String...) throws -> ProgramResult {
        try runner.start("emuchat", ["replay", "--verify", "--sessions", "sessions", "talk"] + arguments).finish()
    }

    /// Changes the session's file by hand.
    private func edit(_ change: (inout String) throws -> Void) throws {
        let path = runner.folder.appendingPathComponent("sessions/talk.json")
        var text = try String(contentsOf: path, encoding: .utf8)
        try change(&text)
        try text.write(to: path, atomically: true, encoding: .utf8)
    }

    @Test func twentyTurnsAgreeAndOneChangedTokenIsNamed() async throws {
        // Reopened in the middle, by a program that has nothing of the conversation in its cache.
        try await record(turns: 0..<11)
        try await record(turns: 11..<20)
        let session = try store.load("talk")
        let answers = session.messages.filter { !($0.answer?.tokenIDs.isEmpty ?? true) }
        #expect(answers.count >= 18)
        #expect(answers.contains { $0.answer?.finishReason == .cancelled && ($0.answer?.tokenIDs.count ?? 0) > 0 })
        #expect(session.messages.contains { session.siblings(of: $0.id).count > 1 })
        for threads in ["1", "2"] {
            let result = try verify("--threads", threads)
            #expect(result.status == 0, "\(result.text)\(result.errorText)")
            #expect(result.text == "\(answers.count) of \(answers.count) answers agree.\n")
        }
        // One token of one answer in the middle, changed by hand.
        let changed = answers[9]
        let answer = try #require(changed.answer)
        let place = answer.tokenIDs.count / 2
        try edit { text in
            let before = "\"token_ids\": [" + answer.tokenIDs.map(String.init).joined(separator: ",") + "]"
            var ids = answer.tokenIDs
            ids[place] = ids[place] == 5 ? 6 : 5
            let after = "\"token_ids\": [" + ids.map(String.init).joined(separator: ",") + "]"
            let message = try #require(text.range(of: "\"id\": \(changed.id),"))
            // Keys are sorted, so that an answer stands before its message's number.
            let found = try #require(
                text.range(of: before, options: .backwards, range: text.startIndex..<message.lowerBound))
            text.replaceSubrange(found, with: after)
        }
        let result = try verify()
        let turn = session.branch(to: changed.parent).count { $0.role == .user }
        #expect(result.status == 1)
        let id = answer.tokenIDs[place]
        #expect(
            result.text.hasPrefix(
                "turn \(turn), message \(changed.id), token \(place + 1): recorded \(id == 5 ? 6 : 5)"),
            "\(result.text)")
        #expect(result.text.contains("generated \(id)"))
    }

    /// A model that sees is shown the same colours again, also those under transparency, and asked for places again.
    @Test(.enabled(if: TestSupport.shared != nil, "../shared is missing"))
    func whatWasSeenAndAskedForIsTheSame() async throws {
        let model = try #require(TestSupport.shared).appendingPathComponent("golden/emu2-tiny/chat").path
        let keeper = try ConversationKeeper(store: store, opening: "talk")
        let shelf = PictureShelf(store: store, colors: .none)
        let engine = try InferenceEngine(
            model: LoadedModel(path: model, options: ModelOptions(contextLength: 512, threadCount: 2)))
        await keeper.connect(shelf: shelf, mailbox: ActionMailbox(wake: {}))
        await keeper.use(engine)
        let picture = TestSupport.fixture("MediaTests", "hidden-colours.png").path
        _ = shelf.load(PictureRequest(number: 1, path: picture))
        var options = GenerationOptions(maximumTokens: 24, temperature: 2, topP: 1, seed: 7)
        for turn in 0..<4 {
            options.seed = UInt64(turn)
            await keeper.answer(
                GenerationRequest(
                    question: ConversationItem(id: 1, speaker: .user, parts: [.picture(1), .text("Where?")]),
                    answerID: 2, systemText: nil, options: options,
                    grounding: turn % 2 == 0 ? Answer.Grounding(picture: turn + 1) : nil))
        }
        let answers = try store.load("talk").messages.compactMap(\.answer)
        #expect(answers.map { $0.grounding?.picture } == [1, nil, 3, nil])
        let result = try verify()
        #expect(result.text == "4 of 4 answers agree.\n", "\(result.text)\(result.errorText)")
    }

    /// What another level of the CPU computed is verified with that level, which is told.
    @Test func whichKernelHasToBeAskedForIsSaid() async throws {
        try await record(turns: 0..<1)
        let recorded = "\"kernel\": \"\(Kernels.packedVariantName)\""
        try edit {
            #expect($0.contains(recorded))
            $0 = $0.replacing(recorded, with: "\"kernel\": \"plain\"")
        }
        if Kernels.packedVariantName != "plain" {
            let result = try verify()
            #expect(result.status == 3, "\(result.text)")
            #expect(result.text.contains("was plain; EMUCHAT_KERNEL=plain has it"), "\(result.text)")
        }
        let command = ["replay", "--verify", "--sessions", "sessions", "talk"]
        let asked = try runner.start("emuchat", command, environment: ["EMUCHAT_KERNEL": "plain"]).finish()
        #expect(!asked.text.contains("the kernel is"), "\(asked.text)")
    }

    @Test func whatCannotBeVerifiedIsSaid() async throws {
        try await record(turns: 0..<1)
        let model = URL(fileURLWithPath: ProgramRunner.tinyModel)
        #expect(try verify("--model", model.path).status == 0)
        let other = try verify("--model", TestSupport.fixture("InferenceTests", "tiny-llama-q8_0.gguf").path)
        #expect(other.status == 3 && other.text.contains("another model"), "\(other.text)")
        for (field, value, words) in [
            ("\"kernel\": \"", "abacus-", "the kernel is"),
            ("\"path\": \"", "/nowhere", TestSupport.builtInModel == nil ? "--model" : "another model"),
            ("\"cache\": \"", "f", "was kept as ff32"),
        ] {
            let original = try store.load("talk").json.prettyBytes
            try edit { $0 = $0.replacing(field, with: field + value) }
            let result = try verify()
            #expect(result.status == 3 && result.text.contains(words), "\(field): \(result.text)")
            #expect(result.text.contains("turn 1, message 2"))
            try Data(original).write(to: runner.folder.appendingPathComponent("sessions/talk.json"))
        }
        for arguments in [["replay", "--model", "x", "talk"], ["replay", "--verify", "--threads", "0", "talk"]] {
            #expect(try runner.start("emuchat", arguments).finish().status == 2)
        }
        #expect(try runner.emuchat("replay", "--verify", "nobody").status == 1)
    }
}
