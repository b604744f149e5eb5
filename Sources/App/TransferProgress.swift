import Conversion
import Foundation

/// A bar on standard error that tells how much of a large file is read or written, and how long the rest takes; only on
/// a terminal, and only after half a second.
struct TransferProgress {
    private let verb: String
    private let isTerminal = StandardError.isTerminal
    private var first: (bytes: Int, time: ContinuousClock.Instant)?
    private var lastShown: ContinuousClock.Instant?

    /// `verb`: such as `converting`.
    init(_ verb: String) {
        self.verb = verb
    }

    /// Shows bytes done of all, at most ten times a second.
    mutating func show(_ done: Int, of size: Int) {
        let now = ContinuousClock.now
        let (before, began) = first ?? (done, now)
        first = (before, began)
        guard isTerminal, now - began > .seconds(0.5), lastShown.map({ now - $0 > .seconds(0.1) }) ?? true else {
            return
        }
        lastShown = now
        StandardError.write("\r\u{1B}[K" + line(done, size, seconds: (now - began).seconds, before: before))
    }

    mutating func clear() {
        guard lastShown != nil else { return }
        StandardError.write("\r\u{1B}[K")
        lastShown = nil
    }

    /// Such as `converting ███████▌            38 %  8.0 GiB of 21.0 GiB  2 min left`.
    private func line(_ done: Int, _ size: Int, seconds: Double, before: Int) -> String {
        let share = size > 0 ? Double(done) / Double(size) : 1
        var parts = ["\(verb) \(Self.bar(share, cells: 20)) \(Int(share * 100)) %"]
        parts.append("\(ByteCount.text(done)) of \(ByteCount.text(size))")
        if done > before {
            parts.append(Self.duration(seconds / Double(done - before) * Double(size - done)) + " left")
        }
        // A line that wraps cannot be taken back.
        return String(parts.joined(separator: "  ").prefix(terminalColumns(STDERR_FILENO) - 1))
    }

    static func bar(_ share: Double, cells: Int) -> String {
        let eighths = Int(min(max(share, 0), 1) * Double(cells * 8))
        let part = eighths % 8 == 0 ? "" : String(Array("▏▎▍▌▋▊▉")[eighths % 8 - 1])
        let full = String(repeating: "█", count: eighths / 8) + part
        return full + String(repeating: " ", count: cells - full.count)
    }

    static func duration(_ seconds: Double) -> String {
        guard seconds < 360_000 else { return "days" }
        let whole = Int(seconds.rounded(.up))
        if whole < 60 { return "\(whole) s" }
        return whole < 3600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}
