import Generation

/// A whole generation's events, taken apart.
struct GenerationOutcome {
    private(set) var start: GenerationStart?
    private(set) var tokens: [GeneratedToken] = []
    private(set) var summary: GenerationSummary?
    private(set) var failure: GenerationFailure?
    /// A letter for each event: p progress, s started, b provisional text, t token, f finished, x failed.
    private(set) var order = ""

    var ids: [Int32] { tokens.map(\.id) }
    var text: String { tokens.map(\.text).joined() + (summary?.remainingText ?? "") }

    /// Collects a generation to its end.
    init(of run: GenerationRun, onEvent: (GenerationEvent) -> Void = { _ in }) async {
        for await event in run.events {
            switch event {
            case .progress: order += "p"
            case .started(let start):
                order += "s"
                self.start = start
            case .provisional: order += "b"
            case .token(let token):
                order += "t"
                tokens.append(token)
            case .finished(let summary):
                order += "f"
                self.summary = summary
            case .failed(let failure):
                order += "x"
                self.failure = failure
            }
            onEvent(event)
        }
    }
}
