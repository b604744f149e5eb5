import Digest
import Foundation
import Paths

/// The folder that holds sessions, and the only way their files are written.
///
/// Beside `NAME.json` lie `NAME.journal` with what that file does not hold yet, `NAME.lock`, in `media` the pictures of
/// all sessions, each once, named by SHA-256, and in `trash` deleted sessions. Files are for their owner only (0600).
package struct SessionStore: Sendable {
    /// The folder's path.
    package let folder: String
    let calls: FileCalls

    package init(folder: String) {
        self.init(folder: folder, calls: .system)
    }

    /// - Parameter calls: the operating system's; others let tests fail at a chosen step.
    package init(folder: String, calls: FileCalls) {
        self.folder = folder
        self.calls = calls
    }

    /// `sessions` of the checkout that `start` lies in, else `emuchat/sessions` in the user's data folder.
    package static func defaultFolder(
        startingAt start: String = FileManager.default.currentDirectoryPath,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String {
        var place = URL(fileURLWithPath: start).standardizedFileURL.path
        while true {
            let manifest = (place as NSString).appendingPathComponent("Package.swift")
            if let bytes = try? SessionFiles.read(manifest, limit: 1 << 20),
                String(decoding: bytes, as: UTF8.self).contains("name: \"emuchat\"")
            {
                return (place as NSString).appendingPathComponent("sessions")
            }
            let parent = PathName.folder(of: place)
            if parent == place || parent.isEmpty { break }
            place = parent
        }
        // Relative paths in XDG variables are to be ignored (XDG Base Directory Specification).
        let data =
            environment["XDG_DATA_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
            ?? (environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory()) + "/.local/share"
        return (data as NSString).appendingPathComponent("emuchat/sessions")
    }

    /// The store and name that a `NAME` of the command line means: a name in `folder`, or a path with a slash.
    package func locate(_ nameOrPath: String) throws(SessionError) -> (store: SessionStore, name: String) {
        var name = nameOrPath
        var store = self
        if nameOrPath.contains("/") {
            let parent = PathName.folder(of: nameOrPath)
            store = SessionStore(folder: parent.isEmpty ? "." : parent, calls: calls)
            name = (nameOrPath as NSString).lastPathComponent
        }
        if name.hasSuffix(".json") { name.removeLast(5) }
        guard SessionNaming.isValid(name) else { throw .invalidName(nameOrPath) }
        return (store, name)
    }

    /// Opens a session for writing, which takes its lock; an answer that was cut off is folded in first.
    package func open(_ nameOrPath: String) throws(SessionError) -> SessionWriter {
        let (store, name) = try locate(nameOrPath)
        guard SessionFiles.exists(store.path(name)) || SessionFiles.exists(store.journalPath(name)) else {
            throw store.notFound(name)
        }
        let lock = try SessionLock(path: store.lockPath(name), name: name)
        return try SessionWriter(opening: name, in: store, lock: lock)
    }

    /// Makes a session under a name of the caller's, and saves it.
    package func create(named name: String, _ session: Session) throws(SessionError) -> SessionWriter {
        let (store, name) = try locate(name)
        try SessionFiles.makeFolder(store.folder)
        let lock = try SessionLock(path: store.lockPath(name), name: name)
        guard !SessionFiles.exists(store.path(name)) else { throw .alreadyExists(name: name) }
        return try SessionWriter(creating: session, name: name, in: store, lock: lock)
    }

    /// Makes a session under a name from its title and time, and saves it.
    package func create(_ session: Session) throws(SessionError) -> SessionWriter {
        let base = SessionNaming.generated(title: session.title, at: session.created)
        for number in 1...1000 {
            do throws(SessionError) {
                return try create(named: number == 1 ? base : "\(base)-\(number)", session)
            } catch {
                switch error {
                case .alreadyExists, .locked: continue
                default: throw error
                }
            }
        }
        throw .alreadyExists(name: base)
    }

    // MARK: Pictures

    /// Keeps a picture's file beside the sessions; one that is there already is not written again.
    package func storeMedia(_ bytes: [UInt8], fileExtension: String) throws(SessionError) -> StoredFile {
        guard bytes.count <= SessionLimits.mediaBytes else {
            throw .tooLarge(path: folder + "/media", bytes: bytes.count, limit: SessionLimits.mediaBytes)
        }
        let digest = SHA256Digest(of: bytes).hexadecimal
        guard let file = StoredFile(sha256: digest, fileExtension: fileExtension) else {
            throw .invalidMediaExtension(fileExtension)
        }
        let path = mediaPath(file)
        // A file of that name with other content, torn by a crash of the machine, is replaced.
        if SessionFiles.exists(path), let stored = try? SessionFiles.read(path, limit: SessionLimits.mediaBytes),
            stored == bytes
        {
            // So that it counts as new, however long it has lain unused.
            utimensat(AT_FDCWD, path, nil, 0)
            return file
        }
        try SessionFiles.makeFolder(PathName.folder(of: path))
        try SessionFiles.replace(
            path, with: bytes, suffix: ".\(getpid())" + SessionFiles.temporarySuffix, calls: calls)
        return file
    }

    /// A picture's file, checked against its digest.
    package func loadMedia(_ file: StoredFile) throws(SessionError) -> [UInt8] {
        let path = mediaPath(file)
        guard SessionFiles.exists(path) else { throw .mediaMissing(path: path) }
        let bytes = try SessionFiles.read(path, limit: SessionLimits.mediaBytes)
        guard SHA256Digest(of: bytes).hexadecimal == file.sha256 else { throw .mediaChanged(path: path) }
        return bytes
    }

    /// Where a picture's file lies.
    package func mediaPath(_ file: StoredFile) -> String {
        (folder as NSString).appendingPathComponent(file.relativePath)
    }

    // MARK: Files of one session

    /// Where a session's file lies.
    package func path(_ name: String) -> String { (folder as NSString).appendingPathComponent(name + ".json") }
    func journalPath(_ name: String) -> String { (folder as NSString).appendingPathComponent(name + ".journal") }
    func lockPath(_ name: String) -> String { (folder as NSString).appendingPathComponent(name + ".lock") }

    /// The folder that deleted sessions are moved to.
    package var trashFolder: String { (folder as NSString).appendingPathComponent("trash") }

    /// Writes a session's file and returns its size.
    func write(_ session: Session, name: String) throws(SessionError) -> Int {
        let bytes = session.json.prettyBytes
        try SessionFiles.replace(path(name), with: bytes, calls: calls)
        return bytes.count
    }

    func notFound(_ name: String) -> SessionError {
        let near = (try? names())?.first { $0.hasPrefix(name) || name.hasPrefix($0) || $0.contains(name) }
        return .notFound(name: name, folder: folder, suggestion: near)
    }
}
