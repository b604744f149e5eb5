import App
import Chat
import ChatUI
import Foundation
import Generation
import Inference
import Screen
import Terminal
import TestSupport
import Testing

/// A conversation that grows beyond a tiny model's context: what is told, what is saved, what a choice changes.
@Suite struct ContextOverflowTests {
    private let folder: URL
    private let store: SessionStore
    private let mailbox = ActionMailbox {}
    private let keeper: ConversationKeeper

    private static let contextLength = 128

    init() async throws {
        folder = try TestSupport.temporaryFolder()
        store = SessionStore(folder: folder.path)
        keeper = try ConversationKeeper(store: store, opening: "talk")
        let model = TestSupport.fixture("InferenceTests", "tiny-llama-f32.gguf").path
        let engine = try InferenceEngine(
            model: LoadedModel(
                path: model, options: ModelOptions(contextLength: Self.contextLength, threadCount: 1)))
        await keeper.connect(shelf: PictureShelf(store: store, colors: .none), mailbox: mailbox)
        await keeper.use(engine)
    }

    private func ask(_ text: String, remedy: ContextRemedy? = nil) async -> [Action] {
        let question = ConversationItem(id: 1, speaker: .user, parts: [.text(text)])
        var options = GenerationOptions.greedy
        options.maximumTokens = 4
        await keeper.answer(
            GenerationRequest(question: question, answerID: 2, systemText: nil, options: options, remedy: remedy))
        return mailbox.drain()
    }

    private func overflow(_ actions: [Action]) -> (plan: ContextPlan, droppedTurns: Int)? {
        for case .contextOverflowed(let plan, let dropped) in actions { return (plan, dropped) }
        return nil
    }

    private func summary(_ actions: [Action]) -> GenerationSummary? {
        for case .generationEventArrived(.finished(let summary)) in actions { return summary }
        return nil
    }

    private func start(_ actions: [Action]) -> GenerationStart? {
        for case .generationEventArrived(.started(let start)) in actions { return start }
        return nil
    }

    /// Asks until a question no longer fits.
    private func fill() async throws -> (question: String, plan: ContextPlan) {
        for number in 1...100 {
            let question = "Question \(number)?"
            if let overflow = overflow(await ask(question)) { return (question, overflow.plan) }
        }
        throw CancellationError()
    }

    private func remove() { try? FileManager.default.removeItem(at: folder) }

    @Test func nothingIsSentOrSavedBeforeTheChoice() async throws {
        defer { remove() }
        let (question, plan) = try await fill()
        #expect(plan.neededTokens > Self.contextLength && plan.contextLength == Self.contextLength)
        let saved = try store.load("talk")
        #expect(saved.messages.last?.role == .assistant)
        #expect(!saved.messages.contains { $0.text == question })
        // Asked again, it is told again.
        let again = await ask(question)
        #expect(again.count == 1 && overflow(again)?.plan == plan)
    }

    @Test func droppedTurnsAreRecordedAndStayDropped() async throws {
        defer { remove() }
        let (question, plan) = try await fill()
        let remedy = try #require(plan.remedies.first)
        guard case .dropTurns(let count, let saved) = remedy else {
            Issue.record("\(plan.remedies)")
            return
        }
        let actions = await ask(question, remedy: remedy)
        #expect(summary(actions)?.finishReason != nil)
        #expect(start(actions)?.promptTokens.count == plan.promptTokens - saved)
        #expect(actions.contains { if case .conversationShortened(count, 0) = $0 { true } else { false } })
        let session = try store.load("talk")
        let dropped = try #require(session.activeBranch.last?.answer?.dropped)
        #expect(dropped.turns == count)
        // What is dropped next is counted behind it, and both together are recorded.
        let next = try await fill()
        #expect(next.plan.promptTokens < plan.promptTokens + 40)
        let told = try #require(overflow(await ask(next.question)))
        #expect(told.droppedTurns == count)
        guard case .dropTurns(let more, _)? = told.plan.remedies.first else {
            Issue.record("\(told.plan.remedies)")
            return
        }
        _ = await ask(next.question, remedy: told.plan.remedies.first)
        #expect(try store.load("talk").activeBranch.last?.answer?.dropped?.turns == count + more)
    }

    @Test func aLargerContextTakesItAll() async throws {
        defer { remove() }
        let (question, plan) = try await fill()
        let remedy = try #require(
            plan.remedies.first { if case .enlargeContext = $0 { true } else { false } },
            "the model of the test was trained for no more than \(Self.contextLength)")
        let actions = await ask(question, remedy: remedy)
        guard case .enlargeContext(let length, _) = remedy, case .modelLoaded(let model)? = actions.first else {
            Issue.record("\(actions)")
            return
        }
        #expect(model.contextLength == length && length > Self.contextLength)
        #expect(start(actions)?.promptTokens.count == plan.promptTokens)
        #expect(start(actions)?.reusedTokens == 0)
        #expect(try store.load("talk").activeBranch.last?.answer?.dropped == nil)
    }

    @Test func aPromptThatOutgrowsTheContextAllTheSameFailsPlainly() async throws {
        defer { remove() }
        let (_, _) = try await fill()
        let before = try store.load("talk").activeBranch
        let actions = await ask(String(repeating: "word ", count: 200), remedy: .shortenAnswer(tokens: 1))
        let failed = actions.contains {
            if case .generationEventArrived(.failed(.contextOverflow)) = $0 { true } else { false }
        }
        #expect(failed)
        #expect(try store.load("talk").activeBranch == before)
    }
}
