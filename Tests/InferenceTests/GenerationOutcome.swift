import Generation
import Pixels

/// A whole generation's events, taken apart.
struct GenerationOutcome {
    private(set) var start: GenerationStart?
    private(set) var tokens: [GeneratedToken] = []
    private(set) var summary: GenerationSummary?
    private(set) var failure: GenerationFailure?
    /// A letter for each event: p progress, s started, b provisional text, t token, f finished, x failed.
    private(set) var order = ""
    /// Of the answer's own pictures: what was drawn, from what context each was predicted, and why some were not.
    private(set) var drawn: [PixelImage] = []
    private(set) var contexts: [String] = []
    private(set) var problems: [String] = []
    /// A letter for each event of a picture but its progress: o opened, P predicted, d previews, D drawn, n not drawn.
    private(set) var pictureOrder = ""

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
            case .picture(_, let event): record(event)
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

    private mutating func record(_ event: PictureEvent) {
        switch event {
        case .opened: pictureOrder += "o"
        case .progress: break
        case .predicted(let context):
            pictureOrder += "P"
            contexts.append(context)
        case .preview: if pictureOrder.last != "d" { pictureOrder += "d" }
        case .drawn(let image):
            pictureOrder += "D"
            drawn.append(image)
        case .notDrawn(let problem):
            pictureOrder += "n"
            problems.append(problem)
        }
    }
}
