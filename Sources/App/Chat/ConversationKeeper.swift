import Chat
import ChatUI
import Foundation
import Generation
import Inference
import Pixels

/// Owns the conversation's session: writes questions and answers to it while they are asked and generated.
///
/// A failing disk is told and the talk goes on; everything is tried again with the next save.
package actor ConversationKeeper {
    private let store: SessionStore
    private(set) var shelf: PictureShelf?
    private(set) var mailbox: ActionMailbox?
    private(set) var engine: InferenceEngine?
    /// Whose conversation the engine's context is, by `contextName`.
    var readName: String?
    /// nil until there is something to save.
    private var writer: SessionWriter?
    var session: Session
    /// The name to save under, where the user gave one that is free.
    private var wantedName: String?
    private var isOpened = false
    /// Stops the answer that is running.
    var stopsAnswer: (@Sendable () -> Void)?
    private(set) var isCancelled = false
    private var isClosing = false
    /// Of pictures of examples that are being compared.
    private var comparison: CancellationFlag?

    private static let application = "emuchat \(emuchatVersion)"

    /// Opens the session of a name or path; a name that is free is kept for the new session.
    package init(store: SessionStore, opening name: String?) throws(CommandError) {
        self.store = store
        session = Session(created: .now(), application: Self.application)
        guard let name else { return }
        do throws(SessionError) {
            let writer = try store.open(name)
            self.writer = writer
            session = writer.session
            isOpened = true
        } catch {
            guard case .notFound = error, !name.contains("/") else { throw .failed(error.description) }
            wantedName = name
        }
    }

    /// Says where pictures are kept and where actions go.
    package func connect(shelf: PictureShelf, mailbox: ActionMailbox) {
        self.shelf = shelf
        self.mailbox = mailbox
    }

    package func use(_ engine: InferenceEngine) {
        self.engine = engine
        readName = nil
    }

    /// The model in use; nil while there is none.
    var model: ModelDescription? { engine?.model }

    /// The name of what the model reads of the conversation; nil before it is saved.
    var contextName: String? { writer.map { "\(store.folder)/\($0.name)" } }

    /// The name under which there is a conversation to come back to.
    var savedName: String? { session.messages.isEmpty ? nil : writer?.name }

    // MARK: Sessions

    /// Shows the session that was opened at the start.
    func showOpened() {
        if isOpened { showSession() }
    }

    /// Leaves the session; the next question begins another one.
    func startNew() {
        writer = nil
        wantedName = nil
        session = Session(created: .now(), application: Self.application)
    }

    func open(_ name: String, draftPictures: Set<Int>) {
        guard name != writer?.name else { return showSession(reserved: draftPictures) }
        do throws(SessionError) {
            let opened = try store.open(name)
            writer = opened
            session = opened.session
            showSession(reserved: draftPictures)
        } catch {
            mailbox?.post(.sessionFailed(error.description))
        }
    }

    /// Gives a session another title, also the one that is open.
    func retitle(_ name: String, _ title: String) {
        guard name == writer?.name else {
            mailbox?.post(SessionList(store: store).retitle(name, title))
            return
        }
        guard stopsAnswer == nil else {
            // The answer is recorded beside the title as it was.
            mailbox?.post(.sessionListFailed("an answer is running; rename it when that has ended"))
            return
        }
        session.title = title
        save()
        mailbox?.post(.sessionListChanged)
    }

    /// Shows a branch of the session, and remembers that it is the one shown.
    ///
    /// - Parameter draftPictures: numbers of pictures that belong to what is being written.
    package func showBranch(_ choice: BranchChoice, draftPictures: Set<Int>) {
        let shown = session.activeLeaf
        switch choice {
        case .current: break
        case .before(let id): if let message = session.message(id) { session.show(leaf: message.parent) }
        case .through(let id): if session.message(id) != nil { session.show(leaf: session.latestLeaf(from: id)) }
        }
        if session.activeLeaf != shown { save() }
        mailbox?.post(.branchShown(mapped(reserved: draftPictures)))
    }

    private func mapped(reserved: Set<Int>) -> OpenedConversation {
        let conversation = ConversationMapping(
            session.activeBranch, branches: BranchIndex(session), reserved: reserved)
        shelf?.adopt(conversation.storedMedia)
        return conversation.opened(name: writer?.name)
    }

    private func showSession(reserved: Set<Int> = []) {
        mailbox?.post(.conversationOpened(mapped(reserved: reserved)))
        for recovery in writer?.recoveries ?? [] {
            switch recovery {
            case .answer: break
            case .journalPutAside(let path, let problem):
                mailbox?.post(
                    .sessionFailed(
                        "The journal was damaged (\(problem)). What could be read is here; it was put aside as \(path)."
                    ))
            case .filePutAside(let path, let problem):
                mailbox?.post(
                    .sessionFailed(
                        "The session's file was damaged (\(problem)). What could be read is here; it was put aside as "
                            + "\(path)."))
            }
        }
    }

    // MARK: Examples

    /// What examples need; nil before there is a screen.
    var examples: ConversationExamples? {
        shelf.map { ConversationExamples(sets: .users, store: store, shelf: $0) }
    }

    /// Adds examples at the end of the branch that is shown.
    func add(_ examples: [Example], ofSet set: String, systemText: String?) {
        if let systemText { updateSystem(systemText, in: &session) }
        for example in examples { session.append(example, ofSet: set, at: .now()) }
        save()
    }

    func showCurrentBranch(reserved: Set<Int>) {
        mailbox?.post(.branchShown(mapped(reserved: reserved)))
    }

    /// What stops the comparison that begins.
    func beginComparing() -> CancellationFlag {
        let flag = CancellationFlag()
        if isClosing { flag.cancel() }
        comparison = flag
        return flag
    }

    func endComparing() { comparison = nil }

    // MARK: Answers

    /// Stops the running answer, or the one that is about to start.
    package func cancel() {
        isCancelled = true
        stopsAnswer?()
        comparison?.cancel()
    }

    /// Stops the running answer, and every one that is still asked for as soon as its question is saved.
    func beginClosing() {
        isClosing = true
        cancel()
    }

    /// Saves a question that will not be answered any more.
    func keep(_ question: ConversationItem, _ origin: QuestionOrigin, systemText: String?) {
        switch origin {
        case .end, .edited: break
        // There already.
        case .regenerated, .continued: return
        }
        do {
            try place(question, origin, systemText: systemText, in: &session)
            save()
        } catch {
            mailbox?.post(.sessionFailed("\(error)"))
        }
    }

    /// Adds the question to the session, has it answered, and records the answer token by token.
    ///
    /// A question that does not fit into the context is told, and changes nothing.
    package func answer(_ request: GenerationRequest) async {
        guard let mailbox else { return }
        if isClosing { return keep(request.question, request.origin, systemText: request.systemText) }
        isCancelled = false
        if let drawing = request.question.drawing { return await draw(request, drawing) }
        let before = session
        let asked: BranchPrompt
        do {
            guard let prepared = try prepare(request) else { return }
            asked = prepared
        } catch {
            return fail(request, error as? GenerationFailure ?? .backend("\(error)"))
        }
        guard let engine else { return }
        let beginning = beginning(of: request.origin)
        save()
        if let dropped = asked.dropped, dropped != before.dropped() {
            mailbox.post(.conversationShortened(turns: dropped.turns, pictures: dropped.pictures))
        }
        await restoreContext(engine)
        let run = engine.generate(asked.prompt, options: request.options)
        begin { run.cancel() }
        let recorder = AnswerRecorder(
            session: session, options: request.options, dropped: asked.dropped, beginning: beginning,
            grounding: request.grounding, model: engine.model, created: .now())
        place(request, answer: recorder.messageID, mailbox)
        var desk = shelf.map { AnswerPictureDesk(request, beginning: beginning, model: engine.model, shelf: $0) }
        if let beginning, let desk { mailbox.post(desk.resumed(beginning)) }
        for await event in run.events {
            var event = event
            switch event {
            case .progress, .provisional: break
            case .picture(let index, let told):
                if let change = desk?.take(index, told, token: recorder.tokenCount - 1) { note(change, recorder) }
            case .started(let start):
                let start = asked.numbered(start)
                event = .started(start)
                attempt { (writer) throws(SessionError) in try recorder.begin(start, writer) }
            case .token(let token): attempt { (writer) throws(SessionError) in try recorder.append(token, writer) }
            case .finished(let summary):
                let digest = await engine.modelDigest()
                attempt { (writer) throws(SessionError) in try recorder.finish(summary, modelDigest: digest, writer) }
                session = recorder.session
            case .failed(let failure):
                discard(request, failure, backTo: before.activeLeaf)
                continue
            }
            mailbox.post(.generationEventArrived(event))
        }
        stopsAnswer = nil
    }

    /// Records and tells what has changed about a picture among an answer's words.
    private func note(_ change: AnswerPictureDesk.Change, _ recorder: AnswerRecorder) {
        if let (picture, number) = change.kept {
            attempt { (writer) throws(SessionError) in try recorder.take(picture, number: number, writer) }
        }
        if let action = change.action { mailbox?.post(action) }
        if let problem = change.problem { mailbox?.post(.sessionFailed(problem)) }
    }

    /// Remembers how the answer that has begun is stopped, and stops it where that was asked for before.
    func begin(stop: @escaping @Sendable () -> Void) {
        stopsAnswer = stop
        if isCancelled { stop() }
    }

    /// Keeps nothing of an answer that failed.
    func discard(_ request: GenerationRequest, _ failure: GenerationFailure, backTo leaf: Int?) {
        attempt { (writer) throws(SessionError) in try writer?.discardAnswer() }
        // A question that cannot be answered is no part of what is sent next.
        session.show(leaf: leaf)
        save()
        fail(request, failure)
    }

    /// Tells that an answer failed. A branch that was to be made for it is not, and the one before is shown again.
    func fail(_ request: GenerationRequest, _ failure: GenerationFailure) {
        mailbox?.post(.generationEventArrived(.failed(failure)))
        guard request.origin != .end else { return }
        mailbox?.post(.branchShown(mapped(reserved: request.draftPictures)))
        mailbox?.post(.sessionFailed(failure.description))
    }

    /// Says which messages of the session the question and its answer are.
    func place(_ request: GenerationRequest, answer: Int, _ mailbox: ActionMailbox) {
        var branches = BranchIndex(session)
        let message = Message(
            id: answer, parent: session.activeLeaf, role: .assistant, created: session.updated, parts: [])
        branches.add(message)
        var places = [
            request.answerID: BranchPlace(messageID: answer, alternatives: branches.alternatives(to: message))
        ]
        if let question = session.activeBranch.last(where: { $0.role == .user }) {
            places[request.question.id] = BranchPlace(
                messageID: question.id, alternatives: branches.alternatives(to: question))
        }
        mailbox.post(.messagesPlaced(places))
    }

    /// Writes the session, which gets its file with the first question.
    func save() {
        do throws(SessionError) {
            if let writer {
                try writer.save(session)
            } else {
                let created: SessionWriter
                if let wantedName {
                    created = try store.create(named: wantedName, session)
                } else {
                    created = try store.create(session)
                }
                writer = created
                mailbox?.post(.sessionSaved(name: created.name))
            }
        } catch {
            mailbox?.post(.sessionFailed(error.description))
        }
    }

    func attempt(_ work: (SessionWriter?) throws(SessionError) -> Void) {
        do throws(SessionError) {
            try work(writer)
        } catch {
            mailbox?.post(.sessionFailed(error.description))
        }
    }
}
