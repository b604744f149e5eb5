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
    private var shelf: PictureShelf?
    private var mailbox: ActionMailbox?
    private var engine: InferenceEngine?
    /// nil until there is something to save.
    private var writer: SessionWriter?
    private var session: Session
    /// The name to save under, where the user gave one that is free.
    private var wantedName: String?
    private var isOpened = false
    private var run: GenerationRun?
    private var isCancelled = false
    private var isClosing = false

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
    }

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

    func open(_ name: String) {
        guard name != writer?.name else { return showSession() }
        do throws(SessionError) {
            let opened = try store.open(name)
            writer = opened
            session = opened.session
            showSession()
        } catch {
            mailbox?.post(.sessionFailed(error.description))
        }
    }

    private func showSession() {
        let conversation = ConversationMapping(session.activeBranch)
        shelf?.adopt(conversation.storedImages)
        mailbox?.post(.conversationOpened(conversation.opened(name: writer?.name)))
        switch writer?.recovery {
        case .putAside(let path):
            mailbox?.post(
                .sessionFailed("An interrupted answer could not be read; its journal was put aside as \(path)."))
        case .answer, nil: break
        }
    }

    // MARK: Answers

    /// Stops the running answer, or the one that is about to start.
    func cancel() {
        isCancelled = true
        run?.cancel()
    }

    /// Stops the running answer, and every one that is still asked for as soon as its question is saved.
    func beginClosing() {
        isClosing = true
        cancel()
    }

    /// Saves a question that will not be answered any more.
    func keep(_ question: ConversationItem, systemText: String?) {
        do {
            try add(question, systemText: systemText, to: &session)
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
        if isClosing { return keep(request.question, systemText: request.systemText) }
        isCancelled = false
        let before = session
        let asked: BranchPrompt
        do {
            guard let prepared = try prepare(request) else { return }
            asked = prepared
        } catch {
            mailbox.post(.generationEventArrived(.failed(error as? GenerationFailure ?? .backend("\(error)"))))
            return
        }
        guard let engine else { return }
        save()
        if let dropped = asked.dropped, dropped != before.dropped() {
            mailbox.post(.conversationShortened(turns: dropped.turns, pictures: dropped.pictures))
        }
        let run = engine.generate(asked.prompt, options: request.options)
        self.run = run
        if isCancelled { run.cancel() }
        let recorder = AnswerRecorder(
            session: session, options: request.options, dropped: asked.dropped, model: engine.model, created: .now())
        for await event in run.events {
            var event = event
            switch event {
            case .progress, .provisional: break
            case .started(let start):
                let start = asked.numbered(start)
                event = .started(start)
                attempt { (writer) throws(SessionError) in try recorder.begin(start, writer) }
            case .token(let token): attempt { (writer) throws(SessionError) in try recorder.append(token, writer) }
            case .finished(let summary):
                let digest = await engine.modelDigest()
                attempt { (writer) throws(SessionError) in try recorder.finish(summary, modelDigest: digest, writer) }
                session = recorder.session
            case .failed:
                // A question that cannot be answered is no part of what is sent next.
                session.show(leaf: before.activeLeaf)
                save()
            }
            mailbox.post(.generationEventArrived(event))
        }
        self.run = nil
    }

    /// Adds the question to the session and returns what to send; nil when that would not fit, which is told.
    private func prepare(_ request: GenerationRequest) throws -> BranchPrompt? {
        if case .enlargeContext(let length, _)? = request.remedy { try reload(contextLength: length) }
        guard let engine else { return nil }
        var trial = session
        try add(request.question, systemText: request.systemText, to: &trial)
        let (shelf, dropped) = (shelf, trial.dropped())
        func prompt(dropping dropped: Answer.Dropped?) throws -> BranchPrompt {
            try trial.branchPrompt(dropping: dropped) { file throws in
                guard let shelf else { throw SessionError.mediaMissing(path: file.relativePath) }
                return try shelf.pixels(of: file)
            }
        }
        var asked = try prompt(dropping: dropped)
        if let omission = request.remedy?.omission {
            asked = try prompt(dropping: trial.dropped(adding: omission, to: asked))
        }
        if case .shortenAnswer? = request.remedy {
            // The user knows that it is tight.
        } else if let plan = try ContextPlan.making(asked.prompt, for: engine, options: request.options) {
            mailbox?.post(.contextOverflowed(plan, droppedTurns: asked.dropped?.turns ?? 0))
            return nil
        }
        session = trial
        return asked
    }

    /// Takes a larger context, whose cache begins empty; the model's file stays mapped.
    private func reload(contextLength: Int) throws {
        guard let old = engine, old.model.contextLength != contextLength else { return }
        let larger = try InferenceEngine(model: LoadedModel(old.loadedModel, contextLength: contextLength))
        engine = larger
        mailbox?.post(.modelLoaded(larger.model))
    }

    /// Appends the question, and the system text before it when that has changed.
    private func add(
        _ question: ConversationItem, systemText: String?, to session: inout Session
    ) throws {
        let current = session.activeBranch.last { $0.role == .system }?.text ?? ""
        let wanted = systemText ?? ""
        if wanted != current { session.append(role: .system, parts: [.text(wanted)], at: .now()) }
        var parts = [Part]()
        for part in question.parts {
            switch part {
            case .text(let text): parts.append(.text(text))
            case .picture(let number):
                if let image = try shelf?.store(number: number) { parts.append(.image(image)) }
            }
        }
        session.append(role: .user, parts: parts, at: .now())
    }

    /// Writes the session, which gets its file with the first question.
    private func save() {
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

    private func attempt(_ work: (SessionWriter?) throws(SessionError) -> Void) {
        do throws(SessionError) {
            try work(writer)
        } catch {
            mailbox?.post(.sessionFailed(error.description))
        }
    }
}
