import Chat
import Foundation
import Media

/// The file that receives standard error and the libraries' messages while the screen is up.
final class LogFile: Sendable {
    let path = Folders.log.path
    /// -1 where there is none.
    let descriptor: Int32

    /// What is older than so many bytes is of no use to anybody.
    private static let maximumBytes = 1 << 20

    init() {
        try? FileManager.default.createDirectory(at: Folders.state, withIntermediateDirectories: true)
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_size > Self.maximumBytes { ftruncate(descriptor, 0) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Takes the libraries' messages; they hold the file as long as they are sent there.
    func receiveLibraryMessages() {
        LibraryLogs.forward { message in
            let line = Array("\(Timestamp.now()) \(message)\n".utf8)
            // One call, so that lines of several threads stay whole.
            _ = write(self.descriptor, line, line.count)
        }
    }

    /// Sends the libraries' messages nowhere.
    func dropLibraryMessages() {
        LibraryLogs.forward(to: nil)
    }
}
