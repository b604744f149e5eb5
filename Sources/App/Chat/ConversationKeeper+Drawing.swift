import Chat
import ChatUI
import Foundation
import Generation
import Media
import Pixels

extension ConversationKeeper {
    /// Adds a question that asks for pictures, has them drawn, and keeps them as its answer.
    func draw(_ request: GenerationRequest, _ wanted: DrawingOptions) async {
        guard let mailbox, let engine = backend, let shelf else { return }
        var options = wanted
        // Known from the beginning, so that what is drawn can be drawn again.
        options.seed = wanted.seed ?? UInt64.random(in: 0..<1 << 53)
        let leaf = session.activeLeaf
        guard let parts = prepareDrawing(request) else { return }
        var desk = DrawingDesk(request, options, model: engine.model, shelf: shelf)
        let recorder = AnswerRecorder(
            session: session, options: request.options, dropped: session.dropped(),
            drawing: Answer.Drawing(options), model: engine.model, created: .now())
        place(request, answer: recorder.messageID, mailbox)
        let start = GenerationStart(
            promptTokens: [], reusedTokens: 0, unseenMedia: [], seed: desk.seed(0), imageSeconds: 0, prefillSeconds: 0)
        attempt { (writer) throws(SessionError) in try recorder.begin(start, writer) }
        let run = engine.draw(parts, options: options)
        begin { run.cancel() }
        for await event in run.events {
            do {
                if let action = try desk.take(event) { mailbox.post(action) }
            } catch {
                mailbox.post(.sessionFailed("the picture is shown and not kept: \(error)"))
            }
            switch event {
            case .finished(let reason, let seconds):
                let summary = GenerationSummary(
                    finishReason: reason, remainingText: "", generatedTokens: 0, contextTokens: 0,
                    firstTokenSeconds: seconds, totalSeconds: seconds)
                let (digest, drawn) = (await engine.modelDigest(), desk.drawn)
                attempt { (writer) throws(SessionError) in
                    try recorder.finish(summary, drawn: drawn, modelDigest: digest, writer)
                }
                adopt(recorder.session)
                mailbox.post(.generationEventArrived(.finished(summary)))
            case .failed(let failure):
                discard(request, failure, backTo: leaf)
            case .progress, .preview, .drawn: break
            }
        }
        stopsAnswer = nil
    }
}

/// Where the pictures of one drawing gather.
private struct DrawingDesk {
    private let numbers: [Int]
    private let prompt: String
    private let options: DrawingOptions
    private let model: String
    private let shelf: PictureShelf
    private var pictures: [StoredImage] = []
    /// What the picture that is being drawn looks like, and after how many steps.
    private var sketch: (number: Int, image: PixelImage)?
    private var steps = 0
    private var endsInPreview = false

    init(_ request: GenerationRequest, _ options: DrawingOptions, model: ModelDescription, shelf: PictureShelf) {
        numbers = request.drawnNumbers
        prompt = request.question.text
        (self.options, self.model, self.shelf) = (options, model.name, shelf)
    }

    func seed(_ index: Int) -> UInt64 { (options.seed ?? 0) &+ UInt64(index) }

    var drawn: DrawnPictures { DrawnPictures(pictures, endsInPreview: endsInPreview) }

    /// Takes what has come, and says what the screen is to know of it.
    mutating func take(_ event: DrawingEvent) throws -> Action? {
        switch event {
        case .progress(let progress):
            if progress.stage == .drawing { steps = progress.completed }
            return .drawingProgressed(progress)
        case .preview(let index, let image):
            guard numbers.indices.contains(index) else { return nil }
            sketch = (index, image)
            shelf.sketch(numbers[index], image)
            return shown(index, "step \(steps) of \(options.steps)")
        case .drawn(let index, let image, let seed):
            guard numbers.indices.contains(index) else { return nil }
            sketch = nil
            shelf.sketch(numbers[index], image)
            try keep(image, index, seed: seed)
            return shown(index, DrawnPicture.note(steps: options.steps))
        case .finished(.cancelled, _):
            // What there was is kept.
            guard let sketch else { return nil }
            self.sketch = nil
            try keep(sketch.image, sketch.number, seed: seed(sketch.number), stoppedAfter: steps)
            endsInPreview = true
            return nil
        case .finished, .failed:
            return nil
        }
    }

    private mutating func keep(_ image: PixelImage, _ index: Int, seed: UInt64, stoppedAfter: Int? = nil) throws {
        let png = try DrawnPicture.png(
            image, prompt: prompt, seed: seed, options, model: model, stoppedAfter: stoppedAfter)
        pictures.append(try shelf.keep(png, image, named: DrawnPicture.name(seed: seed), as: numbers[index]))
    }

    /// A picture's place is as large as the picture will be, also while it is only sketched.
    private func shown(_ index: Int, _ note: String) -> Action {
        .pictureDrawn(
            number: numbers[index],
            PictureFacts(
                name: DrawnPicture.name(seed: seed(index)), width: options.width, height: options.height, note: note))
    }
}
