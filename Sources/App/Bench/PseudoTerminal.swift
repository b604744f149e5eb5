import Foundation
import Screen
import Synchronization

/// A terminal that nobody looks at, in the place of standard input and output: keys are written to it, and what comes
/// out is counted.
final class PseudoTerminal: Sendable {
    private let master: Int32
    private let slave: Int32
    private let savedInput: Int32
    private let savedOutput: Int32
    private let count = Mutex(0)

    /// TIOCSPTLCK and TIOCGPTN of linux/tty: macros that Swift does not import.
    private static let setLock: UInt = 0x4004_5431
    private static let getNumber: UInt = 0x8004_5430

    /// Bytes that have come out so far.
    var outputBytes: Int { count.withLock { $0 } }

    init(size: Size) throws(CommandError) {
        // Glibc's functions around these are hidden from Swift.
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var locked: CInt = 0
        var number: CUnsignedInt = 0
        guard master >= 0, ioctl(master, Self.setLock, &locked) == 0, ioctl(master, Self.getNumber, &number) == 0 else {
            throw Self.failure()
        }
        let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard slave >= 0 else { throw Self.failure() }
        var window = winsize()
        window.ws_col = UInt16(clamping: size.columns)
        window.ws_row = UInt16(clamping: size.rows)
        _ = ioctl(slave, UInt(TIOCSWINSZ), &window)
        self.master = master
        self.slave = slave
        savedInput = dup(STDIN_FILENO)
        savedOutput = dup(STDOUT_FILENO)
        dup2(slave, STDIN_FILENO)
        dup2(slave, STDOUT_FILENO)
        setenv("TERM", "xterm-256color", 1)
        setenv("LC_ALL", "C.UTF-8", 1)
        Thread { [self] in drain() }.start()
    }

    private static func failure() -> CommandError {
        .failed("No pseudo-terminal can be opened: \(String(cString: strerror(errno))). Is /dev/pts mounted?")
    }

    /// Puts the standard streams back.
    func restore() {
        dup2(savedInput, STDIN_FILENO)
        dup2(savedOutput, STDOUT_FILENO)
        close(savedInput)
        close(savedOutput)
        close(slave)
    }

    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(master, bytes, bytes.count)
    }

    private func drain() {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let got = read(master, &buffer, buffer.count)
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else { return }
            count.withLock { $0 += got }
        }
    }
}
