import Foundation

/// A state of a session's files: another one after every change.
package struct SessionChange: Sendable, Equatable {
    private let marks: [Int]

    init?(file: String, journal: String) {
        var status = stat()
        guard stat(file, &status) == 0 else { return nil }
        var marks = Self.marks(status)
        if stat(journal, &status) == 0 { marks += Self.marks(status) }
        self.marks = marks
    }

    private static func marks(_ status: stat) -> [Int] {
        [Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
    }
}

extension SessionStore {
    /// Gives a session another name; nobody may be writing it. Both are names, or paths into the same folder.
    package func rename(_ nameOrPath: String, to newNameOrPath: String) throws(SessionError) {
        let (store, name) = try locate(nameOrPath)
        let (target, newName) = try store.locate(newNameOrPath)
        guard target.folder == store.folder else { throw .otherFolder(name: newNameOrPath, folder: store.folder) }
        try store.open(name).rename(to: newName)
    }

    /// Moves a session into the folder `trash` beside it and returns where it lies there; nobody may be writing it.
    /// Its pictures stay.
    package func delete(_ nameOrPath: String) throws(SessionError) -> String {
        let (store, name) = try locate(nameOrPath)
        do throws(SessionError) {
            return try store.open(name).moveToTrash()
        } catch {
            // What cannot be read can still be thrown away.
            guard case .damaged = error else { throw error }
            let lock = try SessionLock(path: store.lockPath(name), name: name)
            try SessionFiles.makeFolder(store.trashFolder)
            let target = try SessionFiles.freePath(store.trashFolder + "/" + name, ending: ".json")
            guard store.calls.rename(store.path(name), target) == 0 else { throw SessionFiles.failure(target, errno) }
            let journal = store.journalPath(name)
            if SessionFiles.exists(journal) { _ = Glibc.rename(journal, target + ".journal") }
            lock.removeFile()
            return target
        }
    }

    /// Who writes a session.
    package struct Writer: Sendable, Equatable {
        /// Nil when it cannot be told.
        package let processID: Int?
    }

    /// The process that may write a session; nil when there is none, or no such session.
    package func writer(of nameOrPath: String) -> Writer? {
        guard let (store, name) = try? locate(nameOrPath) else { return nil }
        return SessionLock.holder(path: store.lockPath(name))
    }

    /// Tells apart the states of a session's files; nil when the session is not there.
    package func lastChange(_ nameOrPath: String) -> SessionChange? {
        guard let (store, name) = try? locate(nameOrPath) else { return nil }
        return SessionChange(file: store.path(name), journal: store.journalPath(name))
    }

    /// Writes a conversation in another format: a file in one step, which only its owner may read; anything else that
    /// can be written to, such as a pipe, as it is.
    package static func writeExport(_ bytes: [UInt8], to path: String) throws(SessionError) {
        var status = stat()
        guard stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG else {
            guard status.st_mode & S_IFMT != S_IFDIR else {
                throw .fileSystem(path: path, reason: "is a folder; name a file in it")
            }
            do { try Data(bytes).write(to: URL(fileURLWithPath: path)) } catch {
                throw .fileSystem(path: path, reason: error.localizedDescription)
            }
            return
        }
        try SessionFiles.replace(
            path, with: bytes, suffix: ".\(getpid())" + SessionFiles.temporarySuffix, calls: .system)
    }

    /// Reads a file that is to be imported.
    package static func readImport(_ path: String, limit: Int) throws(SessionError) -> [UInt8] {
        try SessionFiles.read(path, limit: limit)
    }

    /// Pictures that no session uses.
    package struct UnusedMedia: Sendable, Equatable {
        package struct File: Sendable, Equatable {
            package let path: String
            package let bytes: Int
        }

        /// In alphabetical order.
        package internal(set) var files: [File] = []
        /// Files that no session uses yet, but that are so new that one may be about to.
        package internal(set) var newFiles = 0
        package internal(set) var usedFiles = 0

        package var bytes: Int { files.reduce(0) { $0 + $1.bytes } }
    }

    /// For so many seconds a picture without a session is left alone: its session may still be being written.
    package static let newMediaSeconds = 3600.0

    /// The pictures that no file of this folder or its trash mentions: no session, journal, or damaged copy.
    ///
    /// Files are searched as text, so that what a damaged file or a field of a later version mentions is used, too.
    /// - Parameter countingTrash: whether what only deleted sessions mention is in use.
    package func unusedMedia(countingTrash: Bool = true, now: Date = Date()) throws(SessionError) -> UnusedMedia {
        let mediaFolder = (folder as NSString).appendingPathComponent("media")
        var unused = UnusedMedia()
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: mediaFolder) else { return unused }
        var used = Set<String>()
        for folder in countingTrash ? [folder, trashFolder] : [folder] where SessionFiles.exists(folder) {
            guard let files = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
                throw .permissionDenied(path: folder)
            }
            for file in files where file.contains(".json") || file.contains(".journal") {
                let path = (folder as NSString).appendingPathComponent(file)
                var status = stat()
                guard lstat(path, &status) == 0 else { continue }
                // A link may lead to a session elsewhere that uses these pictures.
                used.formUnion(Self.digests(in: try SessionFiles.read(path, limit: SessionLimits.fileBytes)))
            }
        }
        for name in names.sorted() {
            let path = (mediaFolder as NSString).appendingPathComponent(name)
            var status = stat()
            guard FieldReader.isDigest(String(name.prefix(64))), name.dropFirst(64).first == ".",
                lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG
            else { continue }
            let age = now.timeIntervalSince1970 - Double(status.st_mtim.tv_sec)
            if used.contains(String(name.prefix(64))) {
                unused.usedFiles += 1
            } else if age < Self.newMediaSeconds {
                unused.newFiles += 1
            } else {
                unused.files.append(UnusedMedia.File(path: path, bytes: Int(status.st_size)))
            }
        }
        return unused
    }

    /// Removes such pictures for good.
    package func remove(_ unused: UnusedMedia) throws(SessionError) {
        for file in unused.files where unlink(file.path) != 0 && errno != ENOENT {
            throw SessionFiles.failure(file.path, errno)
        }
    }

    /// The files of deleted sessions, in alphabetical order.
    package func trashedFiles() throws(SessionError) -> [String] {
        guard SessionFiles.exists(trashFolder) else { return [] }
        guard let files = try? FileManager.default.contentsOfDirectory(atPath: trashFolder) else {
            throw .permissionDenied(path: trashFolder)
        }
        return files.filter { $0.hasSuffix(".json") || $0.hasSuffix(".journal") }.sorted()
            .map { (trashFolder as NSString).appendingPathComponent($0) }
    }

    /// Removes files of deleted sessions for good.
    package func remove(_ trashed: [String]) throws(SessionError) {
        for path in trashed where unlink(path) != 0 && errno != ENOENT { throw SessionFiles.failure(path, errno) }
    }

    /// All runs of 64 hexadecimal digits.
    private static func digests(in bytes: [UInt8]) -> Set<String> {
        var digests = Set<String>()
        var start = 0
        for (index, byte) in (bytes + [0]).enumerated() {
            let isDigit = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66)
            if isDigit { continue }
            if index - start == 64 { digests.insert(String(decoding: bytes[start..<index], as: UTF8.self)) }
            start = index + 1
        }
        return digests
    }
}
