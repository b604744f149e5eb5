import Foundation

/// The right to write a session, held by a lock on a file of its own, which renaming `NAME.json` does not touch.
///
/// The lock ends with the process, however it ends. The lock file stays, unless its session goes.
final class SessionLock: Sendable {
    private let descriptor: Int32
    private let path: String

    /// How long to try again: somebody who only looks whether there is a writer holds the lock for a moment.
    private static let patience = (attempts: 5, microseconds: UInt32(4000))

    init(path: String, name: String) throws(SessionError) {
        var attempts = 0
        while true {
            let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw SessionFiles.failure(path, errno) }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let code = errno
                defer { close(descriptor) }
                guard code == EWOULDBLOCK else { throw SessionFiles.failure(path, code) }
                attempts += 1
                if attempts < Self.patience.attempts {
                    usleep(Self.patience.microseconds)
                    continue
                }
                throw .locked(name: name, processID: Self.holder(descriptor))
            }
            // A file that its last holder removed in the meantime keeps nobody out.
            guard Self.isStillAt(path, descriptor) else {
                close(descriptor)
                continue
            }
            // Only told to others; the lock itself is the kernel's.
            let holder = Array("\(getpid())\n".utf8)
            if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, holder, holder.count, 0) }
            (self.descriptor, self.path) = (descriptor, path)
            return
        }
    }

    deinit { close(descriptor) }

    /// Removes the file of a session that is gone. The lock is held on: whoever waits finds that the file is another.
    func removeFile() {
        unlink(path)
    }

    /// The process that holds a session's lock; nil when none does.
    static func holder(path: String) -> SessionStore.Writer? {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
        return SessionStore.Writer(processID: holder(descriptor))
    }

    private static func holder(_ descriptor: Int32) -> Int? {
        var text = [UInt8](repeating: 0, count: 20)
        let count = pread(descriptor, &text, text.count, 0)
        return Int(String(decoding: text[..<max(0, count)], as: UTF8.self).filter(\.isNumber))
    }

    private static func isStillAt(_ path: String, _ descriptor: Int32) -> Bool {
        var (held, named) = (stat(), stat())
        return fstat(descriptor, &held) == 0 && lstat(path, &named) == 0 && held.st_ino == named.st_ino
            && held.st_dev == named.st_dev
    }
}
