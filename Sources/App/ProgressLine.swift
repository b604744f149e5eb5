import Foundation
import Generation

/// A line on standard error that tells how far a slow stage is; only on a terminal, and only after half a second.
struct ProgressLine {
    private let began = ContinuousClock.now
    private var weights = TransferProgress("reading weights")
    private let isTerminal = StandardError.isTerminal
    private var isShown = false

    init() {}

    mutating func show(_ progress: GenerationProgress) {
        if progress.stage == .loading { return weights.show(progress.completed, of: progress.total) }
        weights.clear()
        guard isTerminal, progress.completed < progress.total else { return }
        let seconds = (ContinuousClock.now - began).seconds
        guard seconds > 0.5 else { return }
        let left = seconds / Double(max(1, progress.completed)) * Double(progress.total - progress.completed)
        StandardError.write(
            "\r\u{1B}[K\(progress.stage.rawValue) \(progress.completed)/\(progress.total), \(Int(left.rounded(.up))) s left"
        )
        isShown = true
    }

    mutating func clear() {
        weights.clear()
        guard isShown else { return }
        StandardError.write("\r\u{1B}[K")
        isShown = false
    }
}
