import Foundation

// How a writer's journal and file grow. Each step leaves the disk such that a process that is killed then loses nothing
// of what was written before.

extension SessionWriter {
    /// Brings what the session has beyond what is kept to the disk: into the journal, or, while the file is small or the
    /// change is of another kind, into the file.
    static func writeChanges(_ state: inout State, _ store: SessionStore) throws(SessionError) {
        if state.isSmall, let kept = state.kept,
            !lines(from: kept, to: state.session).isEmpty || state.journalBytes > 0
        {
            return try writeFile(&state, store)
        }
        try queueChanges(&state, store)
        try writePending(&state, store)
    }

    /// Takes what the session has beyond what is kept as journal lines; a change of another kind is written at once.
    static func queueChanges(_ state: inout State, _ store: SessionStore) throws(SessionError) {
        guard let kept = state.kept else { return try writeFile(&state, store) }
        queue(lines(from: kept, to: state.session), &state)
        state.kept = Kept(state.session)
    }

    /// The journal lines that turn what is kept into the session.
    private static func lines(from kept: Kept, to session: Session) -> [UInt8] {
        var lines = [UInt8]()
        var (leaf, title) = (kept.activeLeaf, kept.title)
        for message in session.messages[min(kept.messageCount, session.messages.count)...] {
            lines += Journal.message(message)
            leaf = message.id
            if title.isEmpty, message.role == .user { title = SessionNaming.title(of: message.parts) }
        }
        if leaf != session.activeLeaf { lines += Journal.show(leaf: session.activeLeaf) }
        if title != session.title { lines += Journal.title(session.title) }
        return lines
    }

    /// Takes lines to be written; none while the whole file has to be, since they would not fit to the old one.
    static func queue(_ lines: [UInt8], _ state: inout State) {
        guard state.kept != nil else { return }
        let header = state.journalBytes == 0 && !lines.isEmpty ? Journal.header() : []
        state.pending += header + lines
        state.journalBytes += header.count + lines.count
    }

    /// Writes what is queued; makes the journal's file when there is something to write to it.
    static func writePending(_ state: inout State, _ store: SessionStore) throws(SessionError) {
        let path = store.journalPath(state.name)
        if state.journal < 0, !state.pending.isEmpty {
            state.journal = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard state.journal >= 0 else { throw SessionFiles.failure(path, errno) }
        }
        while !state.pending.isEmpty {
            let descriptor = state.journal
            let count = state.pending.withUnsafeBytes { store.calls.write(descriptor, $0) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SessionFiles.failure(path, count < 0 ? errno : ENOSPC) }
            // A line that the disk took in part is completed later.
            state.pending.removeFirst(count)
        }
    }

    /// Makes what was written outlast a power failure.
    static func synchroniseJournal(_ state: State, _ store: SessionStore) throws(SessionError) {
        guard state.journal >= 0, store.calls.synchroniseData(state.journal) != 0 else { return }
        throw SessionFiles.failure(store.journalPath(state.name), errno)
    }

    /// Folds the journal unless it is much shorter than a large file.
    static func foldWhenLarge(_ state: inout State, _ store: SessionStore) throws(SessionError) {
        guard state.isSmall || state.journalBytes >= min(state.fileBytes, largestJournalBytes) else { return }
        try fold(&state, store)
    }

    /// Folds the journal, if there is one, into the file.
    static func fold(_ state: inout State, _ store: SessionStore) throws(SessionError) {
        guard state.journalBytes > 0 || state.kept == nil else { return }
        try writeFile(&state, store)
    }

    /// Writes the whole session; the journal goes.
    static func writeFile(_ state: inout State, _ store: SessionStore) throws(SessionError) {
        state.fileBytes = try store.write(state.session, name: state.name)
        state.kept = Kept(state.session)
        guard state.journalBytes > 0 else { return }
        if state.journal >= 0 { close(state.journal) }
        state.journal = -1
        state.pending = []
        state.journalBytes = 0
        unlink(store.journalPath(state.name))
        SessionFiles.synchroniseFolder(store.folder, calls: store.calls)
    }
}
