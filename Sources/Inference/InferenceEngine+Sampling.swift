import Generation
import Tokenization

extension InferenceEngine {
    /// Chooses tokens until something ends the answer, and draws the pictures among them.
    func decode(
        _ answer: inout GrowingAnswer, _ options: GenerationOptions, seed: UInt64,
        _ send: @escaping (GenerationEvent) -> Void
    ) throws(GenerationFailure) -> GenerationSummary {
        let tokenizer = loadedModel.tokenizer
        var sampler = Sampler(options: options, seed: seed, beginToken: tokenizer.bosToken)
        var decoder = StreamingDecoder(tokenizer: tokenizer, spellsControls: answer.spellsControls)
        var stops = StopMatcher(stops: options.stopStrings)
        var pictures = AnswerPictureQueue(options.pictures, seed: seed, loadedModel)
        let limit = options.maximumTokens ?? Int.max
        var reason: FinishReason?
        if limit == 0 { reason = .length }
        while reason == nil {
            if answer.cancellation.isCancelled {
                reason = .cancelled
                break
            }
            if let pictures { sampler.excluded = pictures.excluded(behind: session.count, of: session.contextLength) }
            guard let choice = sampler.choose(session.logits) else {
                throw Self.invalidProbabilities
            }
            let ended = tokenizer.endOfGeneration.contains(choice.token)
            let opensPicture = pictures?.opening == choice.token
            var (shown, stopped) = ("", false)
            if opensPicture {
                // What is half a character, or may become a stop text, becomes neither when a picture comes.
                (shown, stopped) = stops.append(decoder.finish())
                if !stopped { shown += stops.finish() }
                decoder = StreamingDecoder(tokenizer: tokenizer, spellsControls: answer.spellsControls)
            } else if !ended {
                (shown, stopped) = stops.append(decoder.append(choice.token))
            }
            send(.token(answer.token(choice, text: shown)))
            if ended {
                reason = .end
            } else if stopped {
                reason = .stop
            } else if opensPicture, !predictPicture(&pictures, &answer, send) {
                reason = .cancelled
            } else if answer.count == limit || session.count + 1 >= session.contextLength {
                reason = .length
            } else if !opensPicture, !session.append([choice.token], isCancelled: { answer.cancellation.isCancelled }) {
                reason = .cancelled
            }
        }
        var rest = ""
        if reason != .stop {
            let (shown, stopped) = stops.append(decoder.finish())
            rest = stopped ? shown : shown + stops.finish()
        }
        if let pictures, !drawPictures(pictures, &answer, send) { reason = .cancelled }
        return answer.summary(reason ?? .end, remainingText: rest, contextTokens: session.count)
    }
}
