import Foundation
import Generation
import Synchronization

/// A session that this process may write. Methods block on the disk: call them off the event loop, in order.
///
/// What is new goes to the journal, line by line, each when it is told, so that a process that is killed loses nothing
/// that it had told. The journal is folded into `NAME.json` when an answer or save is complete; while that file is so
/// large that writing it anew takes longer than a turn should, only when the journal has grown as large, when the
/// writer is closed, and when the session is next opened. The lock is held until the writer is released.
package final class SessionWriter: Sendable {
    /// What was found beside the session when it was opened.
    package enum Recovery: Sendable, Equatable {
        /// An answer that had been cut off is part of the session now.
        case answer(id: Int, tokens: Int)
        /// The journal was damaged, or does not belong to the session. What could be read of it is part of the session,
        /// and the journal was put aside.
        case journalPutAside(path: String, problem: SessionFormatError)
        /// The session's file was damaged. It was put aside, and the messages that are whole were written anew.
        case filePutAside(path: String, problem: SessionFormatError)
    }

    package let store: SessionStore
    /// What was recovered on opening; empty when all was in order.
    package let recoveries: [Recovery]

    /// A session's file up to this size is written anew with every save.
    static let smallFileBytes = 64 << 10
    /// The longest journal.
    static let largestJournalBytes = 16 << 20

    struct State {
        var name: String
        var lock: SessionLock
        /// The session with all finished answers, as far as it was handed over.
        var session: Session
        /// What of it the file and the journal hold once the pending lines are written: how many messages, which
        /// branch, which title. Nil when the whole file has to be written anew.
        var kept: Kept?
        var recording: AnswerRecording?
        var journal: Int32 = -1
        /// Bytes of the journal, the pending ones included.
        var journalBytes = 0
        /// Journal lines, or a part of one, that the disk has not taken yet.
        var pending: [UInt8] = []
        var fileBytes = 0

        var isSmall: Bool { fileBytes <= SessionWriter.smallFileBytes }
    }

    struct Kept {
        var messageCount: Int
        var activeLeaf: Int?
        var title: String

        init(_ session: Session) {
            (messageCount, activeLeaf, title) = (session.messages.count, session.activeLeaf, session.title)
        }
    }

    private let state: Mutex<State>

    /// The session's name; another one after `rename`.
    package var name: String { state.withLock { $0.name } }

    /// The session with all finished answers.
    package var session: Session { state.withLock { $0.session } }

    /// Where the session's file lies.
    package var path: String { store.path(name) }

    init(creating session: Session, name: String, in store: SessionStore, lock: SessionLock) throws(SessionError) {
        self.store = store
        recoveries = []
        var state = State(name: name, lock: lock, session: session)
        // A journal without a session is of one that was removed by hand.
        if SessionFiles.exists(store.journalPath(name)) { _ = try SessionFiles.putAside(store.journalPath(name)) }
        try Self.writeFile(&state, store)
        self.state = Mutex(state)
    }

    init(opening name: String, in store: SessionStore, lock: SessionLock) throws(SessionError) {
        self.store = store
        // Left by a process that was killed while it wrote.
        unlink(store.path(name) + SessionFiles.temporarySuffix)
        var opened = try store.examine(name)
        opened.interrupt()
        var recoveries = opened.interruptedAnswers.map { id in
            Recovery.answer(id: id, tokens: opened.session.message(id)?.answer?.tokenIDs.count ?? 0)
        }
        var state = State(name: name, lock: lock, session: opened.session)
        (state.kept, state.fileBytes) = (Kept(opened.session), opened.fileBytes)
        if let problem = opened.fileProblem {
            recoveries.append(.filePutAside(path: try SessionFiles.keep(store.path(name)), problem: problem))
        }
        // Before the journal goes, what it tells is in the file.
        if opened.differsFromFile { try Self.writeFile(&state, store) }
        if opened.hasJournal {
            if let problem = opened.journalProblem {
                let path = try SessionFiles.putAside(store.journalPath(name))
                recoveries.append(.journalPutAside(path: path, problem: problem))
            } else {
                unlink(store.journalPath(name))
            }
            SessionFiles.synchroniseFolder(store.folder, calls: store.calls)
        }
        self.recoveries = recoveries
        self.state = Mutex(state)
    }

    deinit {
        state.withLock { state in
            if state.recording == nil { try? Self.fold(&state, store) }
            if state.journal >= 0 { Glibc.close(state.journal) }
        }
    }

    /// Saves the session. On failure the disk stays as it was, and this writer remembers the session for the next try.
    package func save(_ session: Session) throws(SessionError) {
        try locked { state throws(SessionError) in
            guard state.recording == nil else { throw .answerIsRunning(name: state.name) }
            if !session.continues(state.session) { state.kept = nil }
            state.session = session
            // What follows a question is synced with its answer's end: only a power failure in between can lose it.
            try Self.writeChanges(&state, store)
            try Self.foldWhenLarge(&state, store)
        }
    }

    /// Begins to record an answer. On failure it is recorded all the same, and every later step tries the disk again.
    package func beginAnswer(_ recording: AnswerRecording) throws(SessionError) {
        try locked { state throws(SessionError) in
            guard state.recording == nil else { throw .answerIsRunning(name: state.name) }
            let message = recording.message
            guard state.session.accepts(message) else { throw .answerDoesNotFit(name: state.name, id: message.id) }
            state.recording = recording
            // What no save has taken yet stands before the answer.
            try Self.queueChanges(&state, store)
            Self.queue(Journal.begin(recording), &state)
            try Self.writePending(&state, store)
        }
    }

    /// Records a token. On failure the answer goes on: what the disk did not take is tried again with the next token.
    package func append(_ token: GeneratedToken) throws(SessionError) {
        try locked { state throws(SessionError) in
            guard state.recording != nil else { throw .noAnswerIsRunning(name: state.name) }
            let milliseconds = Self.milliseconds(token.seconds)
            state.recording?.append(id: token.id, text: token.text, milliseconds: milliseconds)
            Self.queue(Journal.token(id: token.id, text: token.text, milliseconds: milliseconds), &state)
            try Self.writePending(&state, store)
        }
    }

    /// Records what there is of a picture, counted from 0, among the answer's words.
    package func record(_ picture: PredictedPicture, number: Int) throws(SessionError) {
        try locked { state throws(SessionError) in
            guard state.recording != nil else { throw .noAnswerIsRunning(name: state.name) }
            state.recording?.take(picture, number: number)
            Self.queue(Journal.picture(picture, number: number), &state)
            try Self.writePending(&state, store)
        }
    }

    /// Ends the answer, makes it part of the session, and returns the session.
    ///
    /// On failure the answer is in `session` and, as far as the disk took it, in the journal; `save` tries again.
    @discardableResult
    package func finishAnswer(
        _ reason: FinishReason, remainingText: String = "", seconds: Double, modelDigest: String? = nil,
        drawn: DrawnPictures? = nil
    ) throws(SessionError) -> Session {
        try locked { state throws(SessionError) in
            guard var recording = state.recording else { throw .noAnswerIsRunning(name: state.name) }
            let milliseconds = Self.milliseconds(seconds)
            if let drawn { recording.take(drawn) }
            recording.finish(reason, remainingText: remainingText, milliseconds: milliseconds, modelDigest: modelDigest)
            state.recording = nil
            state.session.append(recording.message)
            state.session.updated = max(state.session.updated, recording.end)
            if state.kept != nil { state.kept = Kept(state.session) }
            Self.queue(
                Journal.end(
                    reason, remainingText: remainingText, milliseconds: milliseconds, modelDigest: modelDigest,
                    drawn: drawn), &state)
            do throws(SessionError) {
                try Self.writePending(&state, store)
                try Self.synchroniseJournal(state, store)
            } catch {
                // A file that is written anew needs no journal.
                if !state.isSmall { throw error }
            }
            try Self.foldWhenLarge(&state, store)
            return state.session
        }
    }

    /// Ends an answer of which nothing is kept, such as one that failed before its first token.
    package func discardAnswer() throws(SessionError) {
        try locked { state throws(SessionError) in
            guard state.recording != nil else { return }
            state.recording = nil
            Self.queue(Journal.discard(), &state)
            do throws(SessionError) {
                try Self.writePending(&state, store)
            } catch {
                if !state.isSmall { throw error }
            }
            try Self.foldWhenLarge(&state, store)
        }
    }

    /// Folds the journal into `NAME.json`. Nothing happens while an answer is running.
    package func fold() throws(SessionError) {
        try locked { state throws(SessionError) in
            if state.recording == nil { try Self.fold(&state, store) }
        }
    }

    /// Gives the session another name, under which this writer goes on.
    package func rename(to newName: String) throws(SessionError) {
        guard SessionNaming.isValid(newName) else { throw .invalidName(newName) }
        try locked { state throws(SessionError) in
            guard newName != state.name else { return }
            guard state.recording == nil else { throw .answerIsRunning(name: state.name) }
            try Self.fold(&state, store)
            let lock = try SessionLock(path: store.lockPath(newName), name: newName)
            guard !SessionFiles.exists(store.path(newName)) else { throw .alreadyExists(name: newName) }
            let journal = store.journalPath(newName)
            if SessionFiles.exists(journal) { _ = try SessionFiles.putAside(journal) }
            guard store.calls.rename(store.path(state.name), store.path(newName)) == 0 else {
                throw SessionFiles.failure(store.path(newName), errno)
            }
            SessionFiles.synchroniseFolder(store.folder, calls: store.calls)
            state.lock.removeFile()
            (state.name, state.lock) = (newName, lock)
        }
    }

    /// Moves the session's file into the trash folder and returns where it lies there. The writer is of no more use.
    func moveToTrash() throws(SessionError) -> String {
        try locked { state throws(SessionError) in
            guard state.recording == nil else { throw .answerIsRunning(name: state.name) }
            try Self.fold(&state, store)
            try SessionFiles.makeFolder(store.trashFolder)
            let target = try SessionFiles.freePath(store.trashFolder + "/" + state.name, ending: ".json")
            guard store.calls.rename(store.path(state.name), target) == 0 else {
                throw SessionFiles.failure(target, errno)
            }
            SessionFiles.synchroniseFolder(store.trashFolder, calls: store.calls)
            SessionFiles.synchroniseFolder(store.folder, calls: store.calls)
            state.lock.removeFile()
            return target
        }
    }

    /// Typed errors do not pass through the mutex's own closure.
    private func locked<Value: Sendable>(
        _ body: (inout State) throws(SessionError) -> Value
    ) throws(SessionError) -> Value {
        try state.withLock { state -> Result<Value, SessionError> in
            do throws(SessionError) {
                return .success(try body(&state))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    private static func milliseconds(_ seconds: Double) -> Int {
        seconds.isFinite ? Int(min(max(seconds * 1000, 0), 1e12).rounded()) : 0
    }
}
