import Chat
import ChatUI
import Foundation
import Generation
import Inference
import Media
import Pixels

extension ConversationKeeper {
    /// Adds a question that asks for pictures, has them drawn, and keeps them as its answer.
    func draw(_ request: GenerationRequest, _ wanted: DrawingOptions) async {
        guard let mailbox, let engine, let shelf else { return }
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
            if let action = desk.action(for: event) { mailbox.post(action) }
            do { try desk.keep(event) } catch {
                mailbox.post(.sessionFailed("the picture is shown and not kept: \(error)"))
            }
            switch event {
            case .finished(let reason, let seconds):
                await finish(recorder, reason, seconds: seconds, desk.drawn, engine)
            case .failed(let failure) where desk.isEmpty:
                discard(request, failure, backTo: leaf)
            case .failed(let failure):
                // What was drawn before is not lost for it.
                await finish(recorder, .cancelled, seconds: 0, desk.drawn, engine)
                mailbox.post(.sessionFailed(failure.description))
            case .progress, .preview, .drawn, .withheld: break
            }
        }
        stopsAnswer = nil
    }

    /// Adds a question that asks for a picture, and returns what the model is to read; nil when that failed, which is
    /// told.
    private func prepareDrawing(_ request: GenerationRequest) -> [PromptPart]? {
        var trial = session
        do {
            try place(request.question, request.origin, systemText: request.systemText, in: &trial)
            let parts = try trial.activeBranch.last { $0.role == .user }?.promptParts { file throws in
                try pixels(of: file)
            }
            session = trial
            save()
            return DrawingPrompt.parts(
                ofQuestion: parts ?? [], boxes: request.question.drawing?.boxes ?? [])
        } catch {
            fail(request, .backend("\(error)"))
            return nil
        }
    }

    private func finish(
        _ recorder: AnswerRecorder, _ reason: FinishReason, seconds: Double, _ drawn: DrawnPictures,
        _ engine: InferenceEngine
    ) async {
        let summary = GenerationSummary(
            finishReason: reason, remainingText: "", generatedTokens: 0, contextTokens: 0,
            firstTokenSeconds: seconds, totalSeconds: seconds)
        let digest = await engine.modelDigest()
        attempt { (writer) throws(SessionError) in
            try recorder.finish(summary, drawn: drawn, modelDigest: digest, writer)
        }
        session = recorder.session
        mailbox?.post(.generationEventArrived(.finished(summary)))
    }
}

/// Where the pictures of one drawing gather.
private struct DrawingDesk {
    private let places: PicturePlaces
    private var pictures: [StoredImage] = []
    /// Numbers, from 1, of the pictures that are withheld. The others move up into their places, as an answer's pictures
    /// are known by their order.
    private var withheld: [Int] = []
    /// What the picture that is being drawn looks like, and after how many steps.
    private var sketch: (number: Int, image: PixelImage)?
    private var steps = 0
    private var endsInPreview = false
    private var hasFailed = false

    init(_ request: GenerationRequest, _ options: DrawingOptions, model: ModelDescription, shelf: PictureShelf) {
        places = PicturePlaces(request, options, model: model, shelf: shelf)
    }

    func seed(_ index: Int) -> UInt64 { (places.options.seed ?? 0) &+ UInt64(index) }

    var drawn: DrawnPictures { DrawnPictures(pictures, endsInPreview: endsInPreview, withheld: withheld) }

    /// Whether nothing has come of the drawing that an answer could tell.
    var isEmpty: Bool { pictures.isEmpty && withheld.isEmpty }

    /// What the screen is to know of what has come.
    mutating func action(for event: DrawingEvent) -> Action? {
        switch event {
        case .progress(let progress):
            if progress.stage == .drawing { steps = progress.completed }
            return .drawingProgressed(progress)
        case .preview(let index, let image):
            sketch = (index, image)
            return shown(index, image, "step \(steps) of \(places.options.steps)")
        case .drawn(let index, let image, _):
            sketch = nil
            return shown(index, image, DrawnPicture.note(steps: places.options.steps))
        case .withheld(let index, _):
            sketch = nil
            guard let number = places.number(place(index)) else { return nil }
            places.shelf.forgetSketch(number)
            withheld.append(index + 1)
            return .pictureWithheld(number: number, which: index + 1)
        case .finished, .failed: return nil
        }
    }

    /// Keeps a picture beside the session; of a drawing that was stopped, what there was.
    ///
    /// After one that could not be kept none is: an answer's pictures are known by their order.
    mutating func keep(_ event: DrawingEvent) throws {
        guard !hasFailed else { return }
        switch event {
        case .drawn(let index, let image, let seed): try keep(image, index, seed: seed)
        case .finished(.cancelled, _):
            guard let sketch else { return }
            try keep(sketch.image, sketch.number, seed: seed(sketch.number), stoppedAfter: steps)
            endsInPreview = true
        case .progress, .preview, .withheld, .finished, .failed: break
        }
    }

    private mutating func keep(_ image: PixelImage, _ index: Int, seed: UInt64, stoppedAfter: Int? = nil) throws {
        hasFailed = true
        let kept = try places.keep(image, place(index), seed: seed, stoppedAfter: stoppedAfter)
        if let kept { pictures.append(kept) }
        hasFailed = false
    }

    /// The place of a picture, counted from 0 with those that are withheld.
    private func place(_ index: Int) -> Int { index - withheld.count }

    private func shown(_ index: Int, _ image: PixelImage, _ note: String) -> Action? {
        places.shown(place(index), image, seed: seed(index), note)
    }
}
