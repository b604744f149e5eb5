import Generation
import Models

// Pictures in the midst of an answer are derived from the paper, since the published code has none: behind the token that
// opens one its embeddings are predicted, as for a picture that is asked for, the token that closes it is appended, and
// the words go on. Source: "Generative Multimodal Models are In-Context Learners", sections 2.2 and 2.3.
//
// They are drawn when all words are there. The same processors compute both, so that drawing beside the words would end
// no sooner; and only one of the two has to be in memory at a time.

/// The pictures of an answer whose words are being chosen.
struct AnswerPictureQueue {
    /// The token that opens a picture, and what stands behind its embeddings.
    let opening: Int32
    let closing: [Int32]
    /// Positions of a picture's embeddings.
    private let slots: Int
    let wanted: AnswerPictures
    private let seed: UInt64
    /// Tokens that mean something only where they are put on purpose; what else ends an answer or is text.
    private let controls: [Int32]
    /// Pictures opened so far.
    private var count = 0
    /// Embeddings [slots, features] of pictures that are to be drawn, with their numbers.
    private(set) var predicted: [(number: Int, embeddings: [Float])] = []

    /// Nil where no pictures are wanted, or the model opens none.
    init?(_ wanted: AnswerPictures, seed: UInt64, _ model: LoadedModel) {
        guard wanted.areWanted, let tokens = model.promptBuilder.visualTokens, tokens.arePredicted,
            tokens.opening.count == 1
        else { return nil }
        (self.wanted, self.seed, slots) = (wanted, seed, tokens.imageSlots)
        let opening = tokens.opening[0]
        self.opening = opening
        closing = tokens.closing
        let tokenizer = model.tokenizer
        controls = (0..<Int32(clamping: tokenizer.vocabularySize)).filter {
            $0 != opening && tokenizer.isSpecial($0) && !tokenizer.endOfGeneration.contains($0)
        }
    }

    /// What must not be chosen behind so many positions: a picture among it when there are enough, or when the context has
    /// no room for one and a word behind it.
    func excluded(behind positions: Int, of contextLength: Int) -> [Int32] {
        let needed = 1 + slots + closing.count + 1
        return count < wanted.most && positions + needed <= contextLength ? controls : controls + [opening]
    }

    /// The number of the picture that is opened now, and its seed.
    mutating func open() -> (number: Int, seed: UInt64) {
        count += 1
        return (count - 1, seed(of: count - 1))
    }

    func seed(of number: Int) -> UInt64 { AnswerPictures.seed(ofAnswer: seed, picture: number) }

    mutating func queue(_ number: Int, _ embeddings: [Float]) { predicted.append((number, embeddings)) }
}

extension InferenceEngine {
    /// Refuses pictures in answers that the model's drawing parts cannot draw. Of a model without such parts, or one that
    /// opens no pictures, they are asked for in vain, which does no harm.
    func checkPictures(_ options: GenerationOptions) throws(GenerationFailure) {
        guard options.pictures.areWanted, model.opensPictures == true,
            let problem = model.drawing?.problem(with: options.pictures.drawing(seed: nil))
        else { return }
        throw .invalidOption("--picture-\(problem.option) is \(problem.value); it takes \(problem.range)")
    }

    /// Appends a picture to the context: the token that opens it, its embeddings, and the token that closes it. False, and
    /// nothing appended, when cancelled.
    func predictPicture(
        _ pictures: inout AnswerPictureQueue?, _ answer: inout GrowingAnswer,
        _ send: (GenerationEvent) -> Void
    ) -> Bool {
        guard var queue = pictures, let regression else { return false }
        let (began, start) = (ContinuousClock.now, session.count)
        defer { answer.pictureSeconds += (ContinuousClock.now - began).seconds }
        let (number, seed) = queue.open()
        pictures = queue
        let cancellation = answer.cancellation
        let isCancelled = { cancellation.isCancelled }
        send(.picture(number, .opened(seed: seed)))
        let total = loadedModel.promptBuilder.visualTokens?.imageSlots ?? 0
        var context = ""
        var embeddings: [Float]?
        if session.append([queue.opening], isCancelled: isCancelled) {
            context = session.digest.hexadecimal
            embeddings = regression.extend(isCancelled: isCancelled) { done in
                let progress = DrawingProgress(stage: .predicting, completed: done, total: total)
                send(.picture(number, .progress(progress)))
            }
        }
        guard let embeddings, session.append(queue.closing[...], isCancelled: isCancelled) else {
            session.truncate(to: start)
            send(.picture(number, .notDrawn(PictureEvent.stopped)))
            return false
        }
        send(.picture(number, .predicted(context: context)))
        queue.queue(number, embeddings)
        pictures = queue
        return true
    }

    /// Draws the pictures that an answer has predicted; false when that was stopped. What cannot be drawn is told.
    func drawPictures(
        _ pictures: AnswerPictureQueue, _ answer: inout GrowingAnswer, _ send: @escaping (GenerationEvent) -> Void
    ) -> Bool {
        let began = ContinuousClock.now
        defer { answer.pictureSeconds += (ContinuousClock.now - began).seconds }
        let cancellation = answer.cancellation
        for (number, embeddings) in pictures.predicted {
            let tell = { (event: PictureEvent) in send(.picture(number, event)) }
            do throws(InferenceError) {
                let drawn =
                    cancellation.isCancelled
                    ? nil
                    : try draw(embeddings, pictures.wanted, seed: pictures.seed(of: number), cancellation, tell)
                switch drawn {
                case .picture(let image): tell(.drawn(image))
                case .withheld: tell(.notDrawn(WithheldPictures.words([1], of: 1)))
                case nil: tell(.notDrawn(PictureEvent.stopped))
                }
            } catch {
                // The words are there all the same.
                tell(.notDrawn(error.description))
            }
        }
        return !(cancellation.isCancelled && !pictures.predicted.isEmpty)
    }

    private func draw(
        _ embeddings: [Float], _ wanted: AnswerPictures, seed: UInt64, _ cancellation: CancellationFlag,
        _ tell: @escaping (PictureEvent) -> Void
    ) throws(InferenceError) -> PictureDrawer.Drawn? {
        let isCancelled = { cancellation.isCancelled }
        let drawer = try openDrawer()
        let request = DiffusionDecoder.Request(
            width: wanted.width, height: wanted.height, steps: wanted.steps, guidance: wanted.guidance)
        guard
            let condition = try drawer.condition(
                of: embeddings, request, isCancelled: isCancelled, progress: { tell(.progress($0)) })
        else { return nil }
        return try drawer.draw(
            condition, request, seed: seed, isCancelled: isCancelled, progress: { tell(.progress($0)) },
            preview: { tell(.preview($0)) })
    }
}
