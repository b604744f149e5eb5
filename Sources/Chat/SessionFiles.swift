import Foundation
import Paths

/// The calls of the operating system by which files change, so that tests can let them fail.
package struct FileCalls: Sendable {
    package var write: @Sendable (Int32, UnsafeRawBufferPointer) -> Int = { Glibc.write($0, $1.baseAddress, $1.count) }
    package var synchronise: @Sendable (Int32) -> Int32 = { fsync($0) }
    /// Makes the bytes of a file last, and its length, which is all that a journal needs.
    package var synchroniseData: @Sendable (Int32) -> Int32 = { fdatasync($0) }
    package var rename: @Sendable (String, String) -> Int32 = { Glibc.rename($0, $1) }

    package init() {}

    package static let system = FileCalls()
}

/// Reading and writing the files of sessions.
enum SessionFiles {
    /// A whole regular file.
    static func read(_ path: String, limit: Int) throws(SessionError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .fileSystem(path: path, reason: "expected a file") }
        guard Int(status.st_size) <= limit else {
            throw .tooLarge(path: path, bytes: Int(status.st_size), limit: limit)
        }
        var bytes = [UInt8]()
        bytes.reserveCapacity(Int(status.st_size))
        var piece = [UInt8](repeating: 0, count: 1 << 17)
        while true {
            let count = piece.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, errno) }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else {
                throw .tooLarge(path: path, bytes: bytes.count + count, limit: limit)
            }
            bytes.append(contentsOf: piece[..<count])
        }
    }

    /// What the name of a file ends in while it is written.
    static let temporarySuffix = ".new"

    /// Replaces a file in one step: written beside, synced, renamed, the folder synced. On failure the old file stays.
    ///
    /// - Parameter suffix: of the file that is written beside; only one process at a time may use it there.
    static func replace(
        _ path: String, with bytes: [UInt8], suffix: String = temporarySuffix, calls: FileCalls
    ) throws(SessionError) {
        let folder = PathName.folder(of: path)
        let temporary = path + suffix
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure(path, errno) }
        var status: Int32 = 0
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                calls.write(descriptor, UnsafeRawBufferPointer(rebasing: $0[written...]))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                status = count < 0 ? errno : ENOSPC
                break
            }
            written += count
        }
        if status == 0, calls.synchronise(descriptor) != 0 { status = errno }
        if close(descriptor) != 0, status == 0 { status = errno }
        if status == 0, calls.rename(temporary, path) != 0 { status = errno }
        guard status == 0 else {
            unlink(temporary)
            throw failure(path, status)
        }
        synchroniseFolder(folder, calls: calls)
    }

    /// Makes a rename or removal last; a folder that cannot be synced is no reason to fail.
    static func synchroniseFolder(_ folder: String, calls: FileCalls) {
        let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = calls.synchronise(descriptor)
        close(descriptor)
    }

    /// Makes a folder that only its owner can enter, and those above it; one that exists is left as it is.
    static func makeFolder(_ path: String) throws(SessionError) {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw .fileSystem(path: path, reason: "expected a folder") }
            return
        }
        let parent = PathName.folder(of: path)
        if !parent.isEmpty, parent != path { try makeFolder(parent) }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure(path, errno) }
    }

    /// Renames a file that cannot be read, so that it is neither lost nor in the way, and returns its new path.
    static func putAside(_ path: String) throws(SessionError) -> String {
        let target = try freePath(path + ".damaged", ending: "")
        guard rename(path, target) == 0 else { throw failure(path, errno) }
        return target
    }

    /// Gives a file that is about to be replaced a second name, under which it stays, and returns that one.
    static func keep(_ path: String) throws(SessionError) -> String {
        let target = try freePath(path + ".damaged", ending: "")
        guard link(path, target) == 0 else { throw failure(target, errno) }
        return target
    }

    /// `start` + `ending`, or the first of `start-2` + `ending`, … that is free.
    static func freePath(_ start: String, ending: String) throws(SessionError) -> String {
        for number in 1...10_000 {
            let path = start + (number == 1 ? "" : "-\(number)") + ending
            if !exists(path) { return path }
        }
        throw .fileSystem(path: start + ending, reason: "too many files of that name lie there")
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0
    }

    static func failure(_ path: String, _ code: Int32) -> SessionError {
        switch code {
        case ENOSPC, EDQUOT, EFBIG: .diskFull(path: path)
        case EACCES, EPERM, EROFS: .permissionDenied(path: path)
        case ENOENT: .fileSystem(path: path, reason: "no such file or folder")
        default: .fileSystem(path: path, reason: String(cString: strerror(code)))
        }
    }
}
