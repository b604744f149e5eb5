import Foundation

/// The right to write a session, held by a lock on a file of its own, which renaming `NAME.json` does not touch.
///
/// The lock ends with the process, however it ends. The lock file stays, since removing it would let two in.
final class SessionLock: Sendable {
    private let descriptor: Int32

    init(path: String, name: String) throws(SessionError) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw SessionFiles.failure(path, errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            defer { close(descriptor) }
            guard code == EWOULDBLOCK else { throw SessionFiles.failure(path, code) }
            var text = [UInt8](repeating: 0, count: 20)
            let count = pread(descriptor, &text, text.count, 0)
            let holder = Int(String(decoding: text[..<max(0, count)], as: UTF8.self).filter(\.isNumber))
            throw .locked(name: name, processID: holder)
        }
        // Only told to others; the lock itself is the kernel's.
        let holder = Array("\(getpid())\n".utf8)
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, holder, holder.count, 0) }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
