import Foundation
import Synchronization

/// A session as its file and journal tell it, and what is wrong with them.
package struct SessionReading: Sendable {
    /// The session; what could not be read is missing.
    package internal(set) var session: Session
    /// Why the session's file could not be read whole; nil when it could.
    package internal(set) var fileProblem: SessionFormatError?
    /// What is wrong with the journal; nil when nothing is, or there is none.
    package internal(set) var journalProblem: SessionFormatError?
    var fileBytes = 0
    var hasJournal = false
    /// Answers of the journal that were cut off.
    var interruptedAnswers: [Int] = []
    /// Whether the journal, or reading around damage, has brought more than the file holds.
    var differsFromFile = false
    private var reader: JournalReader?

    init(_ session: Session, fileProblem: SessionFormatError?, fileBytes: Int, journal: [UInt8]?) {
        self.session = session
        self.fileProblem = fileProblem
        self.fileBytes = fileBytes
        differsFromFile = fileProblem != nil
        guard let journal else { return }
        hasJournal = true
        take(JournalReader(journal, onto: session))
    }

    private mutating func take(_ reader: JournalReader) {
        self.reader = reader
        differsFromFile = differsFromFile || reader.changesSession
        session = reader.session
        journalProblem = reader.damage
        interruptedAnswers = reader.interruptedAnswers
    }

    /// Ends an answer that the journal has begun: nobody goes on with it.
    mutating func interrupt() {
        guard var reader else { return }
        reader.interrupt()
        take(reader)
    }

    /// Adds an answer that is running as far as it has come.
    mutating func addRunningAnswer() {
        if let message = reader?.running?.message { session.append(message) }
    }
}

extension SessionStore {
    /// Reads a session without taking its lock or changing a file; a running answer is there as far as it has come, and
    /// of damaged files what is whole. `read` also tells what is damaged.
    package func load(_ nameOrPath: String) throws(SessionError) -> Session { try read(nameOrPath).session }

    /// Reads a session as `load` does, and tells what is wrong with its files.
    package func read(_ nameOrPath: String) throws(SessionError) -> SessionReading {
        let (store, name) = try locate(nameOrPath)
        var reading = try store.examine(name)
        reading.addRunningAnswer()
        return reading
    }

    /// What the session's files tell.
    ///
    /// - Parameter withAnswers: whether to read how the file's answers came about. Without it, reading is several times
    ///   as fast, and what is wrong in there is not noticed.
    func examine(_ name: String, withAnswers: Bool = true) throws(SessionError) -> SessionReading {
        // The journal first: were it folded and removed in between, its messages would be in neither.
        let journalPath = journalPath(name)
        var journal: [UInt8]?
        do throws(SessionError) {
            journal = try SessionFiles.read(journalPath, limit: SessionLimits.journalBytes)
        } catch {
            if SessionFiles.exists(journalPath) { throw error }
        }
        let path = path(name)
        guard SessionFiles.exists(path) else { throw notFound(name) }
        let bytes = try SessionFiles.read(path, limit: SessionLimits.fileBytes)
        do throws(SessionFormatError) {
            return SessionReading(
                try Session(bytes: bytes, withAnswers: withAnswers), fileProblem: nil, fileBytes: bytes.count,
                journal: journal)
        } catch {
            if case .newerVersion = error { throw .damaged(path: path, problem: error) }
            guard let session = SessionSalvage(bytes).session else { throw .damaged(path: path, problem: error) }
            return SessionReading(session, fileProblem: error, fileBytes: bytes.count, journal: journal)
        }
    }

    /// What the list of sessions shows about one of them.
    package struct Summary: Sendable, Equatable {
        package let name: String
        package let title: String
        package let updated: Timestamp
        /// Messages of the user on the branch that is shown.
        package let turns: Int
        /// Pictures and clips on that branch.
        package let pictures: Int
    }

    /// One entry of the list: a session, or the reason why it cannot be read.
    package enum Entry: Sendable, Equatable {
        case session(Summary)
        case unreadable(name: String, SessionError)
    }

    /// All sessions of the folder, the latest first, unreadable ones last; empty when there is no folder.
    package func list() throws(SessionError) -> [Entry] {
        let entries = try map { name, result -> Entry in
            switch result {
            case .success(let session): .session(Summary(name: name, session))
            case .failure(let error): .unreadable(name: name, error)
            }
        }
        var summaries = entries.compactMap { if case .session(let summary) = $0 { summary } else { nil } }
        summaries.sort { ($0.updated, $0.name) > ($1.updated, $1.name) }
        return summaries.map { .session($0) }
            + entries.filter { if case .unreadable = $0 { true } else { false } }
    }

    /// The names of the folder's sessions in alphabetical order.
    package func names() throws(SessionError) -> [String] {
        guard SessionFiles.exists(folder) else { return [] }
        guard let files = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw .permissionDenied(path: folder)
        }
        return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.filter(SessionNaming.isValid)
            .sorted()
    }

    /// Reads every session of the folder, several at a time, and returns what `body` makes of each, by name. How answers
    /// came about is not read.
    func map<Value: Sendable>(
        _ body: @Sendable (String, Result<Session, SessionError>) -> Value
    ) throws(SessionError) -> [Value] {
        let names = try names()
        let values = Mutex([Value?](repeating: nil, count: names.count))
        withoutActuallyEscaping(body) { body in
            DispatchQueue.concurrentPerform(iterations: names.count) { index in
                let result: Result<Session, SessionError>
                do throws(SessionError) {
                    result = .success(try examine(names[index], withAnswers: false).session)
                } catch {
                    result = .failure(error)
                }
                let value = body(names[index], result)
                values.withLock { $0[index] = value }
            }
        }
        return values.withLock { $0.compactMap(\.self) }
    }
}

extension SessionStore.Summary {
    init(name: String, _ session: Session) {
        let branch = session.activeBranch
        self.init(
            name: name, title: session.title, updated: session.updated,
            turns: branch.count { $0.role == .user },
            pictures: branch.reduce(0) { sum, message in
                sum + message.parts.count { part in if case .text = part.content { false } else { true } }
            })
    }
}
