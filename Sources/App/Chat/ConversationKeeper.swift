import Chat
import ChatUI
import Foundation
import Generation
import Inference
import Pixels

/// Owns the conversation's session: writes questions and answers to it while they are asked and generated.
///
/// A failing disk is told and the talk goes on; everything is tried again with the next save.
actor ConversationKeeper {
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
    init(store: SessionStore, opening name: String?) throws(CommandError) {
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
    func connect(shelf: PictureShelf, mailbox: ActionMailbox) {
        self.shelf = shelf
        self.mailbox = mailbox
    }

    func use(_ engine: InferenceEngine) {
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
            try add(question, systemText: systemText)
            save()
        } catch {
            mailbox?.post(.sessionFailed("\(error)"))
        }
    }

    /// Adds the question to the session, has it answered, and records the answer token by token.
    func answer(_ request: GenerationRequest) async {
        guard let engine, let mailbox else { return }
        isCancelled = isClosing
        let before = session.activeLeaf
        let prompt: Prompt
        do {
            try add(request.question, systemText: request.systemText)
            prompt = try session.prompt { file throws in
                guard let shelf else { throw SessionError.mediaMissing(path: file.relativePath) }
                return try shelf.pixels(of: file)
            }
        } catch {
            session.show(leaf: before)
            mailbox.post(.generationEventArrived(.failed(.backend("\(error)"))))
            return
        }
        save()
        let run = engine.generate(prompt, options: request.options)
        self.run = run
        if isCancelled { run.cancel() }
        let recorder = AnswerRecorder(
            session: session, options: request.options, model: engine.model, created: .now())
        for await event in run.events {
            switch event {
            case .progress, .provisional: break
            case .started(let start): attempt { (writer) throws(SessionError) in try recorder.begin(start, writer) }
            case .token(let token): attempt { (writer) throws(SessionError) in try recorder.append(token, writer) }
            case .finished(let summary):
                let digest = await engine.modelDigest()
                attempt { (writer) throws(SessionError) in try recorder.finish(summary, modelDigest: digest, writer) }
                session = recorder.session
            case .failed:
                // A question that cannot be answered is no part of what is sent next.
                session.show(leaf: before)
                save()
            }
            mailbox.post(.generationEventArrived(event))
        }
        self.run = nil
    }

    /// Appends the question, and the system text before it when that has changed.
    private func add(_ question: ConversationItem, systemText: String?) throws {
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
