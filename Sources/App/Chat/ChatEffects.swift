import Chat
import ChatUI
import Foundation
import Generation
import Inference

/// Does what the reducer asks for, off the event loop, and posts what came of it.
final class ChatEffects: Sendable {
    private let keeper: ConversationKeeper
    private let store: SessionStore
    private let shelf: PictureShelf
    private let mailbox: ActionMailbox
    /// Effects on the conversation, one after another in the order in which they were asked for.
    private let queue: AsyncStream<@Sendable () async -> Void>.Continuation
    private let worker: Task<Void, Never>

    /// How many earlier sessions the start screen offers.
    private static let recentCount = 3

    init(keeper: ConversationKeeper, store: SessionStore, shelf: PictureShelf, screen: ChatScreen) {
        self.keeper = keeper
        self.store = store
        self.shelf = shelf
        mailbox = screen.mailbox
        let (stream, queue) = AsyncStream.makeStream(of: (@Sendable () async -> Void).self)
        self.queue = queue
        worker = Task.detached {
            for await work in stream { await work() }
        }
    }

    /// Stops what runs, and returns when everything asked for is saved; `unanswered` are questions that still waited.
    func finish(unanswered: [AppState.Unanswered], systemText: String?) async {
        await keeper.beginClosing()
        for unanswered in unanswered {
            queue.yield { [keeper] in
                await keeper.keep(unanswered.question, unanswered.origin, systemText: systemText)
            }
        }
        queue.finish()
        await worker.value
    }

    /// Begins to load the model, shows the session that was asked for, and lists earlier ones.
    func start(modelPath: String, options: ModelOptions) async {
        await keeper.connect(shelf: shelf, mailbox: mailbox)
        Task.detached { await self.loadModel(modelPath, options) }
        Task.detached { await self.showSessions() }
    }

    private func showSessions() async {
        await keeper.showOpened()
        mailbox.post(.recentSessionsListed(recentSessions()))
    }

    private func loadModel(_ path: String, _ options: ModelOptions) async {
        do throws(InferenceError) {
            let engine = try InferenceEngine(
                model: LoadedModel(path: path, options: options), pictureStore: Folders.pictureStore)
            await keeper.use(engine)
            mailbox.post(.modelLoaded(engine.model))
            // Known before the first answer ends, so that its session names the weights.
            _ = await engine.modelDigest()
        } catch {
            mailbox.post(.modelFailed(error.description))
        }
    }

    private func recentSessions() -> [RecentSession] {
        let entries = (try? store.list()) ?? []
        let summaries = entries.compactMap { entry -> SessionStore.Summary? in
            if case .session(let summary) = entry { summary } else { nil }
        }
        return summaries.prefix(Self.recentCount).map { summary in
            RecentSession(
                name: summary.name, title: summary.title, time: Double(summary.updated.milliseconds) / 1000,
                turns: summary.turns, pictures: summary.pictures)
        }
    }

    func perform(_ effect: Effect) {
        switch effect {
        case .loadPictures(let requests):
            for request in requests {
                Task.detached { [mailbox, shelf] in mailbox.post(shelf.load(request)) }
            }
        case .renderPreview(let number, let size):
            Task.detached { [mailbox, shelf] in
                if let action = shelf.preview(number: number, size: size) { mailbox.post(action) }
            }
        case .renderStrip(let number, let layout):
            Task.detached { [mailbox, shelf] in
                if let action = shelf.strip(number: number, layout) { mailbox.post(action) }
            }
        case .renderView(let number, let size, let strip):
            Task.detached { [mailbox, shelf] in
                if let action = shelf.view(number: number, size: size, strip: strip) { mailbox.post(action) }
            }
        case .probePaste(let probe):
            Task.detached { [mailbox, shelf] in mailbox.post(shelf.probe(probe)) }
        case .startGeneration(let request):
            queue.yield { [keeper] in await keeper.answer(request) }
        case .cancelGeneration:
            Task.detached { [keeper] in await keeper.cancel() }
        case .startNewSession:
            queue.yield { [keeper] in await keeper.startNew() }
        case .openSession(let name, let draftPictures):
            queue.yield { [keeper] in await keeper.open(name, draftPictures: draftPictures) }
        case .showBranch(let choice, let draftPictures):
            queue.yield { [keeper] in await keeper.showBranch(choice, draftPictures: draftPictures) }
        case .saveSettings, .replay, .useTheme, .listThemes, .suspend, .redraw, .quit:
            // Settings travel with each question; the rest is the screen's.
            break
        }
    }
}
