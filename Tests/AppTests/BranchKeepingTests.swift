import App
import Chat
import ChatUI
import Foundation
import Generation
import Inference
import Terminal
import TestSupport
import Testing

/// Branches as they are asked for, generated and saved, with a tiny model.
@Suite struct BranchKeepingTests {
    private let folder: URL
    private let store: SessionStore
    private let mailbox = ActionMailbox {}
    private let keeper: ConversationKeeper
    private let engine: InferenceEngine

    init() async throws {
        folder = try TestSupport.temporaryFolder()
        store = SessionStore(folder: folder.path)
        keeper = try ConversationKeeper(store: store, opening: "talk")
        let model = TestSupport.fixture("InferenceTests", "tiny-llama-f32.gguf").path
        engine = try InferenceEngine(
            model: LoadedModel(path: model, options: ModelOptions(contextLength: 256, threadCount: 1)))
        await keeper.connect(shelf: PictureShelf(store: store, colors: .none), mailbox: mailbox)
        await keeper.use(engine)
    }

    private func remove() { try? FileManager.default.removeItem(at: folder) }

    @discardableResult
    private func ask(
        _ text: String, _ origin: QuestionOrigin = .end, tokens: Int = 4, seed: UInt64 = 1, system: String? = nil
    ) async -> [Action] {
        let question = ConversationItem(id: 101, speaker: .user, parts: [.text(text)])
        let options = GenerationOptions(maximumTokens: tokens, temperature: 2, topP: 1, seed: seed)
        await keeper.answer(
            GenerationRequest(
                question: question, answerID: 102, systemText: system, options: options, origin: origin))
        return mailbox.drain()
    }

    private func start(_ actions: [Action]) -> GenerationStart? {
        for case .generationEventArrived(.started(let start)) in actions { return start }
        return nil
    }

    private func places(_ actions: [Action]) -> [ConversationItem.ID: BranchPlace]? {
        for case .messagesPlaced(let places) in actions { return places }
        return nil
    }

    private func shown(_ actions: [Action]) -> OpenedConversation? {
        for case .branchShown(let conversation) in actions { return conversation }
        return nil
    }

    private func saved() throws -> Session { try store.load("talk") }

    @Test func anotherAnswerStandsBesideTheFirst() async throws {
        defer { remove() }
        await ask("Hello")
        let actions = await ask("Hello", .regenerated(question: 1), seed: 2)
        #expect(places(actions)?[102] == BranchPlace(messageID: 3, alternatives: [2, 3]))
        #expect(places(actions)?[101] == BranchPlace(messageID: 1, alternatives: [1]))
        let session = try saved()
        #expect(session.messages.map(\.parent) == [nil, 1, 1])
        #expect(session.activeLeaf == 3)
        #expect(session.message(2)?.answer?.tokenIDs != session.message(3)?.answer?.tokenIDs)
        // The question is in the cache.
        let start = try #require(self.start(actions))
        #expect(start.reusedTokens == start.promptTokens.count - 1)
    }

    @Test func theBranchThatWasShownIsShownAgain() async throws {
        defer { remove() }
        await ask("Hello")
        await ask("Hello", .regenerated(question: 1), seed: 2)
        await keeper.showBranch(.through(2), draftPictures: [])
        let conversation = try #require(shown(mailbox.drain()))
        #expect(conversation.items.map(\.place?.count) == [nil, "1/2"])
        #expect(try saved().activeLeaf == 2)
        // What is asked next goes on from it.
        await ask("And?")
        #expect(try saved().activeBranch.map(\.id) == [1, 2, 4, 5])
    }

    @Test func anAnswerGoesOnWithTheVeryTokensThatItHad() async throws {
        defer { remove() }
        await ask("Hello", tokens: 4)
        let actions = await ask("Hello", .continued(answer: 2), tokens: 3)
        let session = try saved()
        let (first, second) = (try #require(session.message(2)), try #require(session.message(3)))
        #expect(second.parent == 1 && session.activeLeaf == 3)
        #expect(first.answer?.finishReason == .length)
        let beginning = AnswerBeginning(first)
        let answer = try #require(second.answer)
        #expect(answer.continuedTokens == beginning.tokenIDs.count && answer.continuedTokens > 0)
        #expect(answer.tokenIDs.starts(with: beginning.tokenIDs))
        #expect(answer.tokenIDs.count == beginning.tokenIDs.count + 3)
        #expect(second.text.hasPrefix(beginning.text))
        #expect(
            actions.contains { action in
                if case .answerResumed(let parts, _) = action { parts == [.text(beginning.text)] } else { false }
            })
        // What was sent is what the first answer was asked, and its own tokens.
        let asked = try #require(self.start(actions)?.promptTokens)
        #expect(asked.suffix(beginning.tokenIDs.count) == beginning.tokenIDs[...])
        #expect(answer.promptTokens == first.answer?.promptTokens)
        // A prompt made of it is the one that was generated.
        let prompt = engine.loadedModel.promptBuilder.build(
            try session.prompt { _ throws(SessionError) in throw .mediaMissing(path: "") })
        #expect(prompt.tokens.starts(with: asked))
    }

    @Test func whatGoesOnIsTheSameAsIfItHadNotBeenCut() async throws {
        defer { remove() }
        func ask(_ origin: QuestionOrigin, tokens: Int) async {
            let question = ConversationItem(id: 101, speaker: .user, parts: [.text("Tell me of emus")])
            let options = GenerationOptions(maximumTokens: tokens, temperature: 0)
            await keeper.answer(
                GenerationRequest(question: question, answerID: 102, systemText: nil, options: options, origin: origin))
        }
        await ask(.end, tokens: 12)
        await ask(.regenerated(question: 1), tokens: 5)
        await ask(.continued(answer: 3), tokens: 12)
        let session = try saved()
        let whole = try #require(session.message(2)?.answer?.tokenIDs)
        let continued = try #require(session.message(4)?.answer?.tokenIDs)
        #expect(continued.starts(with: whole))
    }

    @Test func anEditedQuestionBeginsABranch() async throws {
        defer { remove() }
        await ask("Hello")
        await ask("And?")
        let actions = await ask("But?", .edited(3))
        #expect(places(actions)?[101] == BranchPlace(messageID: 5, alternatives: [3, 5]))
        let session = try saved()
        #expect(session.activeBranch.map(\.id) == [1, 2, 5, 6])
        #expect(session.message(3)?.text == "And?")
        await ask("Hi", .edited(1))
        #expect(try saved().activeBranch.map(\.id) == [7, 8])
    }

    @Test func anotherSystemTextKeepsTheAlternatives() async throws {
        defer { remove() }
        await ask("Hello")
        let actions = await ask("Hello", .regenerated(question: 1), system: "Be brief.")
        #expect(places(actions)?[102]?.count == "2/2")
        #expect(try saved().activeBranch.map(\.role) == [.user, .system, .assistant])
    }

    @Test func aQuestionTakenBackStaysOnItsBranch() async throws {
        defer { remove() }
        await ask("Hello")
        await ask("And?")
        await keeper.showBranch(.before(3), draftPictures: [])
        let conversation = try #require(shown(mailbox.drain()))
        #expect(conversation.items.map(\.id) == [1, 2])
        #expect(conversation.continuations == [3])
        #expect(try saved().messages.count == 4)
        await keeper.showBranch(.before(1), draftPictures: [])
        #expect(shown(mailbox.drain())?.items.isEmpty == true)
        let session = try saved()
        #expect(session.activeLeaf == nil && session.messages.count == 4)
    }

    @Test func aBranchThatFailsIsNotMade() async throws {
        defer { remove() }
        await ask("Hello")
        let before = try saved()
        let actions = await ask(String(repeating: "word ", count: 400), .edited(1))
        #expect(actions.contains { if case .contextOverflowed = $0 { true } else { false } })
        #expect(try saved() == before)
        // Options that the engine refuses.
        let question = ConversationItem(id: 101, speaker: .user, parts: [.text("Hello")])
        var options = GenerationOptions.greedy
        options.topP = 7
        await keeper.answer(
            GenerationRequest(
                question: question, answerID: 102, systemText: nil, options: options, origin: .regenerated(question: 1))
        )
        let failed = mailbox.drain()
        #expect(shown(failed)?.items.map(\.id) == [1, 2])
        #expect(failed.contains { if case .sessionFailed = $0 { true } else { false } })
        #expect(try saved().activeLeaf == 2)
        // The next answer can be recorded.
        await ask("And?")
        #expect(try saved().activeBranch.map(\.id) == [1, 2, 3, 4])
    }

    @Test func picturesOfABranchLeaveTheDraftsNumbersAlone() async throws {
        defer { remove() }
        let shelf = PictureShelf(store: store, colors: .none)
        await keeper.connect(shelf: shelf, mailbox: mailbox)
        let path = TestSupport.fixture("MediaTests", "quadrants.png").path
        _ = shelf.load(PictureRequest(number: 1, path: path))
        let question = ConversationItem(id: 101, speaker: .user, parts: [.picture(1), .text("?")])
        let options = GenerationOptions(maximumTokens: 2, temperature: 0)
        await keeper.answer(
            GenerationRequest(question: question, answerID: 102, systemText: nil, options: options))
        _ = mailbox.drain()
        await keeper.showBranch(.current, draftPictures: [1, 2])
        let conversation = try #require(shown(mailbox.drain()))
        #expect(conversation.pictures.map(\.number) == [3])
        #expect(conversation.items[0].pictureNumbers == [3])
        #expect(conversation.items[1].marks.first == .didNotSee([3]))
    }
}
