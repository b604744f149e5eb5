import Chat
import ChatUI
import Generation
import Inference
import Pixels

// How questions become part of the session, and what is sent of it.

extension ConversationKeeper {
    /// What the answer takes over from the one that it goes on with.
    func beginning(of origin: QuestionOrigin) -> AnswerBeginning? {
        guard case .continued(let answer) = origin else { return nil }
        return session.message(answer).map(AnswerBeginning.init)
    }

    /// A stored picture as it is sent.
    func pixels(of file: StoredFile) throws -> PixelImage {
        guard let shelf else { throw SessionError.mediaMissing(path: file.relativePath) }
        return try shelf.pixels(of: file)
    }

    /// Adds the question to the session and returns what to send; nil when that would not fit, which is told.
    func prepare(_ request: GenerationRequest) throws -> BranchPrompt? {
        if case .enlargeContext(let length, _)? = request.remedy { try reload(contextLength: length) }
        guard let engine else { return nil }
        var trial = session
        let dropped = try place(request.question, request.origin, systemText: request.systemText, in: &trial)
        let beginning = beginning(of: request.origin)
        func prompt(dropping dropped: Answer.Dropped?) throws -> BranchPrompt {
            let asked = try trial.branchPrompt(dropping: dropped) { file throws in try pixels(of: file) }
            let wished = request.grounding == nil ? asked : asked.askingForBoxes()
            guard let beginning, !beginning.tokenIDs.isEmpty else { return wished }
            return try wished.continuing(beginning) { file throws in try pixels(of: file) }
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
        let larger = try InferenceEngine(old, contextLength: contextLength)
        use(larger)
        mailbox?.post(.modelLoaded(larger.model))
    }

    /// Shows the branch on which a question is to be answered, ending in the question, and returns what its answers were
    /// asked without.
    @discardableResult
    func place(
        _ question: ConversationItem, _ origin: QuestionOrigin, systemText: String?, in session: inout Session
    ) throws -> Answer.Dropped? {
        switch origin {
        case .end:
            try add(question, systemText: systemText, to: &session)
            return session.dropped()
        case .edited(let id):
            if let edited = session.message(id) { session.show(leaf: edited.parent) }
            try add(question, systemText: systemText, to: &session)
            return session.dropped()
        case .regenerated(let id):
            // As it was asked when it was answered last.
            let dropped = session.messages.last { $0.parent == id && $0.answer != nil }?.answer?.dropped
            if session.message(id) != nil { session.show(leaf: id) }
            updateSystem(systemText, in: &session)
            return dropped ?? session.dropped()
        case .continued(let id):
            guard let answer = session.message(id) else { return session.dropped() }
            session.show(leaf: answer.parent)
            return answer.answer?.dropped
        }
    }

    /// Appends the system text when it has changed.
    func updateSystem(_ systemText: String?, in session: inout Session) {
        let current = session.activeBranch.last { $0.role == .system }?.text ?? ""
        let wanted = systemText ?? ""
        if wanted != current { session.append(role: .system, parts: [.text(wanted)], at: .now()) }
    }

    /// Appends the question, and the system text before it when that has changed.
    private func add(
        _ question: ConversationItem, systemText: String?, to session: inout Session
    ) throws {
        updateSystem(systemText, in: &session)
        var parts = [Part]()
        for part in question.parts {
            switch part {
            case .text(let text): parts.append(.text(text))
            case .undrawn: break
            case .picture(let number), .clip(let number):
                if let medium = try shelf?.store(number: number) { parts.append(medium.part) }
            }
        }
        session.append(role: .user, parts: parts, at: .now())
    }
}
