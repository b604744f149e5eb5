import Foundation
import Generation
import Synchronization

/// A session that this process may write. Methods block on the disk: call them off the event loop, in order.
///
/// A running answer is written token by token to the journal, each when it is told, so that a process that is killed
/// loses nothing that it had told. The lock is held until the writer is released.
package final class SessionWriter: Sendable {
    /// What was found beside the session when it was opened.
    package enum Recovery: Sendable, Equatable {
        /// An answer that had been cut off is part of the session now; nothing of a damaged journal's rest is.
        case answer(id: Int, tokens: Int, damage: SessionFormatError?)
        /// The journal could not be read, or does not belong to the session, and was put aside.
        case putAside(path: String)
    }

    package let name: String
    package let store: SessionStore
    /// What was recovered on opening; nil when all was in order.
    package let recovery: Recovery?
    private let lock: SessionLock

    private struct State {
        var session: Session
        var recording: AnswerRecording?
        var journal: Int32 = -1
        /// Journal lines, or a part of one, that the disk has not taken yet.
        var pending: [UInt8] = []
        /// A journal lies there whose answer is in `session`: it goes once that is saved.
        var hasFinishedJournal = false
    }

    private let state: Mutex<State>

    /// The session with all finished answers.
    package var session: Session { state.withLock { $0.session } }

    /// Where the session's file lies.
    package var path: String { store.path(name) }

    init(creating session: Session, name: String, in store: SessionStore, lock: SessionLock) throws(SessionError) {
        (self.name, self.store, self.lock) = (name, store, lock)
        recovery = nil
        state = Mutex(State(session: session))
        // A journal without a session is of one that was removed by hand.
        if SessionFiles.exists(store.journalPath(name)) { _ = try Self.putAside(name, store) }
        try store.write(session, name: name)
    }

    init(opening name: String, in store: SessionStore, lock: SessionLock) throws(SessionError) {
        (self.name, self.store, self.lock) = (name, store, lock)
        var session = try store.read(name)
        var recovery: Recovery?
        if SessionFiles.exists(store.journalPath(name)) {
            switch try store.readJournal(name) {
            case .empty: break
            case .unreadable:
                recovery = .putAside(path: try Self.putAside(name, store))
            case .answer(var content):
                let message = content.recording.message
                if session.message(message.id)?.created == message.created { break }
                if !content.isFinished {
                    let last = message.answer?.tokenMilliseconds.last ?? 0
                    content.recording.finish(.cancelled, remainingText: "", milliseconds: last, wasInterrupted: true)
                }
                if session.append(content.recording.message) {
                    try store.write(session, name: name)
                    recovery = .answer(id: message.id, tokens: content.recording.tokenCount, damage: content.damage)
                } else {
                    recovery = .putAside(path: try Self.putAside(name, store))
                }
            }
            unlink(store.journalPath(name))
            SessionFiles.synchroniseFolder(store.folder, calls: store.calls)
        }
        self.recovery = recovery
        state = Mutex(State(session: session))
    }

    deinit {
        state.withLock { state in
            if state.journal >= 0 { close(state.journal) }
        }
    }

    /// Saves the session. On failure the file stays as it was, and this writer remembers the session for the next try.
    package func save(_ session: Session) throws(SessionError) {
        try locked { state throws(SessionError) in
            state.session = session
            try writeSession(&state)
        }
    }

    /// Begins to record an answer.
    package func beginAnswer(_ recording: AnswerRecording) throws(SessionError) {
        try locked { state throws(SessionError) in
            guard state.recording == nil else { throw .answerIsRunning(name: name) }
            let message = recording.message
            var trial = state.session
            guard trial.append(message) else { throw .answerDoesNotFit(name: name, id: message.id) }
            // A finished answer that no save has taken yet must not be overwritten.
            if state.hasFinishedJournal { try writeSession(&state) }
            state.recording = recording
            state.pending = Journal.begin(recording)
            let path = store.journalPath(name)
            state.journal = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard state.journal >= 0 else { throw SessionFiles.failure(path, errno) }
            try writePending(&state)
        }
    }

    /// Records a token. On failure the answer goes on: what the disk did not take is tried again with the next token.
    package func append(_ token: GeneratedToken) throws(SessionError) {
        try locked { state throws(SessionError) in
            guard state.recording != nil else { throw .noAnswerIsRunning(name: name) }
            let milliseconds = Self.milliseconds(token.seconds)
            state.recording?.append(id: token.id, text: token.text, milliseconds: milliseconds)
            state.pending += Journal.token(id: token.id, text: token.text, milliseconds: milliseconds)
            try writePending(&state)
        }
    }

    /// Ends the answer, folds it into the session, saves, and returns the session; the journal goes.
    ///
    /// On failure the answer is in `session` and, as far as the disk took it, in the journal; `save` tries again.
    @discardableResult
    package func finishAnswer(
        _ reason: FinishReason, remainingText: String = "", seconds: Double, modelDigest: String? = nil
    ) throws(SessionError) -> Session {
        try locked { state throws(SessionError) in
            guard var recording = state.recording else { throw .noAnswerIsRunning(name: name) }
            let milliseconds = Self.milliseconds(seconds)
            recording.finish(reason, remainingText: remainingText, milliseconds: milliseconds, modelDigest: modelDigest)
            state.recording = nil
            state.session.append(recording.message)
            state.session.updated = max(
                state.session.updated, recording.message.created.advanced(byMilliseconds: milliseconds))
            state.pending += Journal.end(
                reason, remainingText: remainingText, milliseconds: milliseconds, modelDigest: modelDigest)
            // A full disk is told by the save below, which matters more.
            try? writePending(&state)
            if state.journal >= 0 { close(state.journal) }
            state.journal = -1
            state.pending = []
            state.hasFinishedJournal = true
            try writeSession(&state)
            return state.session
        }
    }

    /// Ends an answer of which nothing is kept, such as one that failed before its first token.
    package func discardAnswer() {
        state.withLock { state in
            guard state.recording != nil else { return }
            state.recording = nil
            state.pending = []
            if state.journal >= 0 { close(state.journal) }
            state.journal = -1
            unlink(store.journalPath(name))
        }
    }

    // MARK: Steps

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

    private func writeSession(_ state: inout State) throws(SessionError) {
        try store.write(state.session, name: name)
        guard state.hasFinishedJournal, state.recording == nil else { return }
        unlink(store.journalPath(name))
        SessionFiles.synchroniseFolder(store.folder, calls: store.calls)
        state.hasFinishedJournal = false
    }

    private func writePending(_ state: inout State) throws(SessionError) {
        guard state.journal >= 0 else { return }
        while !state.pending.isEmpty {
            let descriptor = state.journal
            let count = state.pending.withUnsafeBytes { store.calls.write(descriptor, $0) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw SessionFiles.failure(store.journalPath(name), count < 0 ? errno : ENOSPC)
            }
            // A line that the disk took in part is completed later.
            state.pending.removeFirst(count)
        }
    }

    private static func milliseconds(_ seconds: Double) -> Int {
        seconds.isFinite ? Int(min(max(seconds * 1000, 0), 1e12).rounded()) : 0
    }

    private static func putAside(_ name: String, _ store: SessionStore) throws(SessionError) -> String {
        let path = store.journalPath(name)
        for number in 1...10_000 {
            let target = "\(path).damaged-\(number)"
            if SessionFiles.exists(target) { continue }
            guard rename(path, target) == 0 else { throw SessionFiles.failure(path, errno) }
            return target
        }
        throw .fileSystem(path: path, reason: "too many damaged journals lie beside it")
    }
}
