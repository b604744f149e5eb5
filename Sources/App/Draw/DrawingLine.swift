import Foundation
import Generation

/// A bar on standard error that tells how far a drawing is and how long the stage takes yet; only on a terminal, and only
/// after half a second.
struct DrawingLine {
    /// What stands before the stage, such as which picture of several it is.
    var prefix = ""
    private let isTerminal = StandardError.isTerminal
    private var stage: (DrawingProgress.Stage, began: ContinuousClock.Instant)?
    private let began = ContinuousClock.now
    private var isShown = false

    init() {}

    mutating func show(_ progress: DrawingProgress) {
        let now = ContinuousClock.now
        if stage?.0 != progress.stage { stage = (progress.stage, now) }
        guard isTerminal, let stage, now - began > .seconds(0.5) else { return }
        let share = Double(progress.completed) / Double(max(1, progress.total))
        var line =
            "\(prefix)\(progress.stage.rawValue) \(TransferProgress.bar(share, cells: 20)) "
            + "\(progress.completed)/\(progress.total)"
        if progress.completed > 0, progress.completed < progress.total {
            let seconds = (now - stage.began).seconds / share * (1 - share)
            line += "  \(TransferProgress.duration(seconds)) left"
        }
        // A line that wraps cannot be taken back.
        StandardError.write("\r\u{1B}[K" + line.prefix(terminalColumns(STDERR_FILENO) - 1))
        isShown = true
    }

    mutating func clear() {
        guard isShown else { return }
        StandardError.write("\r\u{1B}[K")
        isShown = false
    }
}
