import CNcurses
import Glibc
import Screen

/// The terminal of this process: keys come in as events, frames go out as differences.
///
/// Made and used on one thread, by one event loop; other threads wake that loop by `TerminalWaker`. The terminal is
/// restored by `stop()`, at a normal exit, and by a crash.
package final class Terminal {
    private let signals: Int32
    private var writer: FrameWriter
    private var decoder = InputDecoder()
    /// When bytes last came, on the monotonic clock.
    private var lastInput = 0.0
    private var isInputOpen = true
    private var knownSize: Size

    /// Wakes the loop from any thread.
    package let waker = TerminalWaker()

    /// The size at the last `.resized`, or at the start.
    package var size: Size { knownSize }

    /// The colours in use.
    package var colorDepth: ColorDepth { writer.depth }

    /// Takes the terminal on standard input and output over.
    ///
    /// - Parameters:
    ///   - log: an open file that receives standard error while the screen is up; nil leaves it alone.
    ///   - crashMessage: written to standard error after a crash has restored the terminal, such as where the log is.
    package init(
        log: Int32? = nil, crashMessage: String = "", environment: [String: String]
    ) throws(TerminalError) {
        guard isatty(STDIN_FILENO) == 1 else { throw .inputIsNoTerminal }
        guard isatty(STDOUT_FILENO) == 1 else { throw .outputIsNoTerminal }
        // Before ncurses, which leaves handlers alone that it finds.
        signals = emu_signals_install()
        guard signals >= 0 else { throw .noSignalPipe }
        let direct = ColorDepth.directTerminal(environment: environment)
        let started = Int(emu_curses_start(log ?? -1, crashMessage, direct))
        if started != EMU_CURSES_STARTED {
            emu_signals_remove()
            switch started {
            case EMU_CURSES_NOT_UTF8: throw .notUTF8
            case EMU_CURSES_INCAPABLE: throw .incapableTerminal
            default: throw .unknownTerminal
            }
        }
        writer = FrameWriter(
            depth: ColorDepth(colors: Int(emu_curses_colors()), environment: environment),
            maximumPairs: Int(emu_curses_pairs()))
        knownSize = Self.windowSize() ?? Size(columns: 80, rows: 24)
        emu_curses_resize(Int32(knownSize.rows), Int32(knownSize.columns))
    }

    /// Shows a frame of the current size.
    package func show(_ frame: Frame) {
        writer.show(frame)
    }

    /// Makes the next `show` send everything.
    package func invalidate() {
        writer.invalidate()
    }

    /// Stops the job as Ctrl-Z does elsewhere and returns when it continues; show a frame then.
    package func suspend() {
        emu_curses_suspend()
        writer.invalidate()
    }

    /// Gives the terminal to something else that runs until `work` returns; show a frame then.
    package func lend<Value>(to work: () -> Value) -> Value {
        emu_curses_release()
        defer {
            emu_curses_reclaim()
            writer.invalidate()
        }
        return work()
    }

    /// The screen library's name and version.
    package static var libraryVersion: String { String(cString: emu_curses_version()) }

    /// Gives the terminal back as it was found. May be called again.
    package func stop() {
        Self.restore()
        emu_signals_remove()
    }

    /// Gives the terminal back where a screen still has it, for the end of the process.
    package static func restore() { emu_curses_stop() }

    /// Waits until there is input, a signal or a wake, and returns what came; empty after a wake or the time-out.
    ///
    /// - Parameter timeout: seconds; nil waits for ever, 0 looks once.
    package func waitForEvents(timeout: Double? = nil) -> [InputEvent] {
        var interval = timeout
        if let quiet = decoder.quietInterval {
            let due = max(0, lastInput + quiet - Self.monotonicSeconds())
            interval = min(interval ?? due, due)
        }

        var descriptors = [
            pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isInputOpen ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0),
        ]
        let milliseconds = interval.map { Int32(min(max(0, ($0 * 1000).rounded(.up)), 86_400_000)) } ?? -1
        let ready = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        guard ready >= 0 else { return [] }

        var events: [InputEvent] = []
        if descriptors[1].revents != 0 {
            events += readInput()
        } else if let quiet = decoder.quietInterval, Self.monotonicSeconds() >= lastInput + quiet {
            events += decoder.quiet()
        }
        if descriptors[0].revents != 0 { events += readSignals() }
        return events
    }

    private func readInput() -> [InputEvent] {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        if count > 0 {
            lastInput = Self.monotonicSeconds()
            return decoder.decode(bytes[..<count])
        }
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return [] }
        // The terminal is gone.
        isInputOpen = false
        return [.terminationRequested]
    }

    private func readSignals() -> [InputEvent] {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(signals, &bytes, bytes.count)
        guard count > 0 else { return [] }
        var events: [InputEvent] = []
        for number in Set(bytes[..<count]).sorted() {
            switch Int32(number) {
            case SIGWINCH:
                if let event = resize() { events.append(event) }
            case SIGTSTP: events.append(.suspendRequested)
            case SIGCONT:
                writer.invalidate()
                events += [resize(), .resumed].compactMap { $0 }
            case SIGTERM, SIGHUP, SIGINT: events.append(.terminationRequested)
            default: break
            }
        }
        return events
    }

    private func resize() -> InputEvent? {
        guard let size = Self.windowSize(), size != knownSize else { return nil }
        knownSize = size
        emu_curses_resize(Int32(size.rows), Int32(size.columns))
        writer.invalidate()
        return .resized(size)
    }

    private static func monotonicSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func windowSize() -> Size? {
        var rows: Int32 = 0
        var columns: Int32 = 0
        guard emu_curses_window_size(&rows, &columns) != 0 else { return nil }
        // More cells than any screen has would only cost memory.
        return Size(columns: min(Int(columns), 2000), rows: min(Int(rows), 1000))
    }
}

/// Ends a wait of `Terminal.waitForEvents` early.
package struct TerminalWaker: Sendable {
    package init() {}

    /// Safe from any thread, also when nobody waits.
    package func wake() {
        emu_signals_wake()
    }
}
