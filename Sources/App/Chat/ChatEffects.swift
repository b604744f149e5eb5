import Chat
import ChatUI
import Foundation
import Generation
import Inference
import Synchronization

/// Does what the reducer asks for, off the event loop, and posts what came of it.
final class ChatEffects: Sendable {
    private let keeper: ConversationKeeper
    private let store: SessionStore
    private let shelf: PictureShelf
    private let configurationPath: String
    /// nil keeps none.
    private let drafts: DraftPlace?
    private let mailbox: ActionMailbox
    /// Effects on the conversation, one after another in the order in which they were asked for.
    private let queue: AsyncStream<@Sendable () async -> Void>.Continuation
    private let worker: Task<Void, Never>
    /// Small files beside the sessions, one after another.
    private let files = DispatchQueue(label: "emuchat.files")
    private let sessions: SessionList
    /// Reading all sessions takes time, which must not be an answer's: one thread, one list after another.
    private let listing = DispatchQueue(label: "emuchat.listing")
    private let searching = DispatchQueue(label: "emuchat.searching", attributes: .concurrent)
    private let modelOptions = Mutex(ModelOptions())
    /// What went wrong when a draft was kept last.
    private let draftProblem = Mutex<String?>(nil)
    /// The number of the last list of sessions that was asked for.
    private let listRequest = Atomic<Int>(0)

    /// How many earlier sessions the start screen offers.
    private static let recentCount = 3

    init(
        keeper: ConversationKeeper, store: SessionStore, shelf: PictureShelf, mailbox: ActionMailbox,
        configurationPath: String, drafts: DraftPlace? = nil
    ) {
        self.drafts = drafts
        self.configurationPath = configurationPath
        sessions = SessionList(store: store)
        self.keeper = keeper
        self.store = store
        self.shelf = shelf
        self.mailbox = mailbox
        let (stream, queue) = AsyncStream.makeStream(of: (@Sendable () async -> Void).self)
        self.queue = queue
        worker = Task.detached {
            for await work in stream { await work() }
        }
    }

    /// Keeps what was being written for the next time, as the last thing; the text says what went wrong.
    func keepDraft(_ draft: Draft) -> String? {
        files.sync {
            defer { drafts?.leave() }
            return save(draft)
        }
    }

    private func save(_ draft: Draft) -> String? {
        let here = FileManager.default.currentDirectoryPath
        func absolute(_ path: String) -> String {
            path.hasPrefix("/") ? path : (here as NSString).appendingPathComponent(path)
        }
        let kept = draft.parts.map { part -> DraftPart in
            switch part {
            case .text: part
            case .image(let path): .image(path: absolute(path))
            case .video(let path, let frames): .video(path: absolute(path), frames: frames)
            }
        }
        do throws(SessionError) { try drafts?.save(kept) } catch { return error.description }
        return nil
    }

    /// Stops what runs, and returns when everything asked for is saved; `unanswered` are questions that still waited.
    func finish(unanswered: [AppState.Unanswered], systemText: String?) async {
        // Before anything that takes time.
        files.sync {}
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
        modelOptions.withLock { $0 = options }
        if let entries = try? InputHistoryFile(path: Folders.history.path).entries(), !entries.isEmpty {
            mailbox.post(.historyLoaded(entries))
        }
        if let drafts { mailbox.post(.draftRestored(drafts.parts())) }
        Task.detached { await self.loadModel(modelPath, options) }
        Task.detached { await self.showSessions() }
    }

    private func showSessions() async {
        await keeper.showOpened()
        mailbox.post(.recentSessionsListed(recentSessions()))
    }

    private func loadModel(_ path: String, _ options: ModelOptions) async {
        do throws(InferenceError) {
            let engine = try engine(path, options)
            await keeper.use(engine)
            mailbox.post(.modelLoaded(LicenceNotice.marking(engine.model)))
            // Known before the first answer ends, so that its session names the weights.
            _ = await engine.modelDigest()
        } catch {
            mailbox.post(.modelFailed(error.description))
        }
    }

    /// Loads a model, and tells the screen how far that is.
    private func engine(_ path: String, _ options: ModelOptions) throws(InferenceError) -> InferenceEngine {
        var told = 0.0
        let model = try LoadedModel(path: path, options: options) { [mailbox] done, total in
            let share = total > 0 ? Double(done) / Double(total) : 1
            // More steps than these cannot be seen.
            guard share >= told + 0.01 else { return }
            told = share
            mailbox.post(.modelLoadingProgressed(share: share))
        }
        return try InferenceEngine(model: model, pictureStore: Folders.pictureStore, contextStore: Folders.contextStore)
    }

    /// Loads another model; the one before stays when that fails.
    private func changeModel(_ path: String) async {
        var options = modelOptions.withLock { $0 }
        // It was chosen for the first model.
        options.templateName = nil
        do throws(InferenceError) {
            let engine = try engine(path, options)
            await keeper.use(engine)
            mailbox.post(.modelLoaded(LicenceNotice.marking(engine.model)))
            _ = await engine.modelDigest()
        } catch {
            mailbox.post(.modelChangeFailed(error.description))
        }
    }

    private func sessionList(_ request: SessionListRequest) {
        switch request {
        case .list(let query, let number):
            // Only the newest question matters, however fast the user types.
            listRequest.store(number, ordering: .relaxed)
            listing.async { [self] in
                guard listRequest.load(ordering: .relaxed) == number else { return }
                mailbox.post(.sessionsListed(request: number, sessions.entries(matching: query)))
            }
        case .retitle(let name, let title):
            Task.detached { [keeper] in await keeper.retitle(name, title) }
        case .delete(let name, let title):
            listing.async { [mailbox, sessions] in mailbox.post(sessions.delete(name, title: title)) }
        case .restore(let name, let path):
            listing.async { [mailbox, sessions] in mailbox.post(sessions.restore(name, path: path)) }
        }
    }

    private func recentSessions() -> [RecentSession] {
        Array(sessions.entries(matching: "").prefix(Self.recentCount))
    }

    func perform(_ effect: Effect) {
        switch effect {
        case .loadPictures(let requests):
            for request in requests {
                if case .pattern = request.kind {
                    // Folders may be large and far away, and there are few threads for tasks.
                    searching.async { [mailbox, shelf] in mailbox.post(shelf.load(request)) }
                } else {
                    Task.detached { [mailbox, shelf] in mailbox.post(shelf.load(request)) }
                }
            }
        case .renderPreview, .renderStrip, .renderView:
            shelf.draw(effect, then: mailbox.post)
        case .probePaste(let probe):
            Task.detached { [mailbox, shelf] in mailbox.post(shelf.probe(probe)) }
        case .startGeneration(let request):
            queue.yield { [keeper] in await keeper.answer(request) }
        case .examples(let request):
            queue.yield { [keeper] in await keeper.perform(request) }
        case .cancelGeneration:
            Task.detached { [keeper] in await keeper.cancel() }
        case .startNewSession:
            queue.yield { [keeper] in await keeper.startNew() }
        case .sessionList(let request):
            sessionList(request)
        case .openSession(let name, let draftPictures):
            queue.yield { [keeper] in await keeper.open(name, draftPictures: draftPictures) }
        case .showBranch(let choice, let draftPictures):
            queue.yield { [keeper] in await keeper.showBranch(choice, draftPictures: draftPictures) }
        case .historyAppended(let text):
            files.async { [mailbox] in
                do throws(SessionError) { try InputHistoryFile(path: Folders.history.path).append(text) } catch {
                    mailbox.post(.sessionFailed(error.description))
                }
            }
        case .keepDraft(let draft):
            files.async { [self] in
                let problem = save(draft)
                // Told once, not at every word.
                if let problem, problem != draftProblem.withLock({ $0 }) {
                    mailbox.post(.draftNotKept("what is being written is not kept: \(problem)"))
                }
                draftProblem.withLock { $0 = problem }
            }
        case .saveOptions(let options):
            files.async { [mailbox, configurationPath] in
                mailbox.post(OptionsSaving.save(options, to: configurationPath))
            }
        case .completePath(let request):
            Task.detached { [mailbox] in mailbox.post(PathCompleter.complete(request)) }
        case .parkContext:
            queue.yield { [keeper, mailbox] in mailbox.post(await keeper.park()) }
        case .changeModel(let path):
            queue.yield { [self] in await changeModel(path) }
        case .diagnose(let screen):
            Task.detached { [mailbox, keeper, store] in
                let model = await keeper.model
                mailbox.post(
                    .diagnosed(Doctor(model: model, store: store, screen: screen).report))
            }
        case .saveSettings, .replay, .useTheme, .listThemes, .suspend, .redraw, .quit, .editExternally:
            // Settings travel with each question; the rest is the screen's.
            break
        }
    }
}
