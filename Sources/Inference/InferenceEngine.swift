import Foundation
import Generation
import Models
import Tensor
import Tokenization

/// Answers prompts with a model in this process.
///
/// The actor owns the key-value cache and runs on a thread of its own; everything else about the model is immutable and
/// can be asked while an answer is under way.
package actor InferenceEngine: GenerationBackend {
    package nonisolated let loadedModel: LoadedModel
    private nonisolated let executor: ThreadExecutor
    let session: DecoderSession
    /// Nil for a model that predicts no pictures.
    let regression: PictureRegression?
    nonisolated let pictureStore: CacheStore?
    /// What draws, opened with the first drawing.
    var drawer: PictureDrawer?
    nonisolated let contextStore: CacheStore?
    /// Nil for a model that cannot see.
    let pictures: PictureEncoder?

    /// Reserves the cache and starts the threads. What was made of pictures is kept in `pictureStore`, what the model has
    /// read in `contextStore`, where there are such.
    package init(
        model: LoadedModel, pictureStore: CacheStore? = nil, contextStore: CacheStore? = nil
    ) throws(InferenceError) {
        loadedModel = model
        (self.pictureStore, self.contextStore) = (pictureStore, contextStore)
        executor = ThreadExecutor(name: "inference")
        let pool = ThreadPool(threadCount: model.threadCount)
        session = try DecoderSession(model: model, pool: pool)
        regression = PictureRegression(model: model, session: session, pool: pool)
        pictures = model.visual.map { visual in
            PictureEncoder(
                model: visual, precision: model.precision, pool: pool, store: pictureStore,
                weightsDigest: model.encoderDigest)
        }
    }

    /// The same model with a context of another length, which begins empty.
    package init(_ other: InferenceEngine, contextLength: Int) throws(InferenceError) {
        try self.init(
            model: LoadedModel(other.loadedModel, contextLength: contextLength), pictureStore: other.pictureStore,
            contextStore: other.contextStore)
    }

    deinit {
        executor.stop()
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package nonisolated var model: ModelDescription { loadedModel.description }

    // Not the actor's: it would wait for a running answer.
    package nonisolated func modelDigest() async -> String {
        loadedModel.hexadecimalDigest(rememberedIn: contextStore)
    }

    package nonisolated func cost(of prompt: Prompt) throws(GenerationFailure) -> PromptCost {
        loadedModel.promptBuilder.cost(of: prompt)
    }

    package nonisolated func generate(_ prompt: Prompt, options: GenerationOptions) -> GenerationRun {
        let cancellation = CancellationFlag()
        let began = ContinuousClock.now
        let (events, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
        // Whoever stops listening no longer wants the answer.
        continuation.onTermination = { _ in cancellation.cancel() }
        Task {
            await self.run(prompt, options, since: began, cancellation) { continuation.yield($0) }
            continuation.finish()
        }
        return GenerationRun(events: events, cancellation: cancellation)
    }

    // MARK: One generation

    /// Synchronous from beginning to end, so that generations run one after another.
    private func run(
        _ prompt: Prompt, _ options: GenerationOptions, since began: ContinuousClock.Instant,
        _ cancellation: CancellationFlag, send: @escaping (GenerationEvent) -> Void
    ) {
        do throws(GenerationFailure) {
            try options.validate()
            let built = loadedModel.promptBuilder.build(prompt)
            let (items, predicted) = built.sequence
            let tokens = items.map(\.token)
            guard !tokens.isEmpty else { throw .backend("There is nothing to answer: the prompt is empty.") }
            guard tokens.count < session.contextLength else {
                throw .contextOverflow(
                    needed: tokens.count + 1, available: session.contextLength,
                    sufficient: loadedModel.sufficientContext(
                        promptTokens: tokens.count, maximumTokens: options.maximumTokens))
            }
            try checkPictures(options)
            var answer = GrowingAnswer(began: began, cancellation: cancellation, spellsControls: prompt.asksForBoxes)
            guard restoreWeights(cancellation, send) else {
                send(.finished(answer.summary(.cancelled, remainingText: "", contextTokens: session.count)))
                return
            }
            let standing = standingContext(of: prompt, items)
            if let standing { restore(standing) }
            defer { if let standing { keep(standing) } }
            try reserveBeams(options, promptTokens: tokens.count)
            guard let start = try prefill(items, predicted, built, options, cancellation, send) else {
                send(.finished(answer.summary(.cancelled, remainingText: "", contextTokens: session.count)))
                return
            }
            send(.started(start))
            let summary =
                options.beamCount > 1
                ? try searchBeams(&answer, options, send) : try decode(&answer, options, seed: start.seed, send)
            send(.finished(summary))
        } catch {
            send(.failed(error))
        }
    }

    /// Encodes the pictures and processes the positions that the cache does not hold yet; nil when cancelled.
    private func prefill(
        _ items: [SequenceItem], _ predicted: Set<PictureKey>, _ built: TokenizedPrompt, _ options: GenerationOptions,
        _ cancellation: CancellationFlag, _ send: (GenerationEvent) -> Void
    ) throws(GenerationFailure) -> GenerationStart? {
        let began = ContinuousClock.now
        session.truncate(
            to: PictureRegression.start(of: items, reused: session.reuse(for: items), predicted: predicted))
        let reused = session.count
        let seen = Set(items[reused...].compactMap { $0.picture?.key }).subtracting(predicted)
        guard let embeddings = try encode(seen, of: built, cancellation, send) else { return nil }
        let encoded = ContinuousClock.now
        func progress(_ count: Int) {
            send(.progress(GenerationProgress(stage: .prefill, completed: reused + count, total: items.count)))
        }
        let isCancelled = { cancellation.isCancelled }
        let done =
            regression?.append(
                items[reused...], predicted: predicted, pictures: embeddings, isCancelled: isCancelled,
                progress: progress)
            ?? session.append(
                items[reused...], pictures: embeddings, isCancelled: isCancelled, progress: progress)
        guard done else { return nil }
        return GenerationStart(
            promptTokens: items.map(\.token), reusedTokens: reused, unseenMedia: built.unseenMedia,
            seed: options.seed ?? UInt64.random(in: 0...UInt64(UInt32.max)),
            imageSeconds: embeddings.isEmpty ? 0 : (encoded - began).seconds,
            prefillSeconds: (ContinuousClock.now - encoded).seconds)
    }

    /// The embeddings of some of a prompt's pictures; nil when cancelled.
    private func encode(
        _ needed: Set<PictureKey>, of built: TokenizedPrompt, _ cancellation: CancellationFlag,
        _ send: (GenerationEvent) -> Void
    ) throws(GenerationFailure) -> [PictureKey: PictureEmbedding]? {
        guard let pictures, let layers = loadedModel.visual?.encoderLayerCount, !needed.isEmpty else { return [:] }
        var embeddings: [PictureKey: PictureEmbedding] = [:]
        for (image, slots) in built.pictures {
            // Most pictures of a long conversation are in the cache and need not be looked at.
            guard embeddings.count < needed.count else { break }
            let key = PictureKey(content: image.digest, slots: slots)
            guard needed.contains(key), embeddings[key] == nil else { continue }
            let before = embeddings.count * layers
            do {
                let embedding = try pictures.embedding(
                    of: image, key: key, isCancelled: { cancellation.isCancelled },
                    reading: { done, total in
                        send(.progress(GenerationProgress(stage: .loading, completed: done, total: total)))
                    },
                    progress: { layer in
                        send(
                            .progress(
                                GenerationProgress(
                                    stage: .images, completed: before + layer, total: needed.count * layers)))
                    })
                guard let embedding else { return nil }
                embeddings[key] = embedding
            } catch { throw .backend(error.description) }
        }
        return embeddings
    }

    static let invalidProbabilities = GenerationFailure.backend(
        "The model computed no valid probabilities: its weights are damaged.")

    // MARK: Beams

    /// Most tokens of an answer that every beam has room for.
    private func beamLimit(_ options: GenerationOptions, promptTokens: Int) -> Int {
        min(options.maximumTokens ?? Int.max, session.contextLength - promptTokens)
    }

    private func reserveBeams(_ options: GenerationOptions, promptTokens: Int) throws(GenerationFailure) {
        guard options.beamCount > 1 else { return }
        guard options.temperature == 0 else {
            throw .invalidOption(
                "--temperature is \(options.temperature); it must be 0 with --beams, which takes no chances.")
        }
        do {
            try session.reserveBeams(
                count: options.beamCount, promptTokens: promptTokens,
                maximumTokens: beamLimit(options, promptTokens: promptTokens))
        } catch { throw .backend(error.description) }
    }

    /// Keeps several answers going and tells the best one when the search is over.
    private func searchBeams(
        _ answer: inout GrowingAnswer, _ options: GenerationOptions, _ send: (GenerationEvent) -> Void
    ) throws(GenerationFailure) -> GenerationSummary {
        let tokenizer = loadedModel.tokenizer
        let promptTokens = session.count
        var search = BeamSearch(
            BeamSearch.Configuration(
                beamCount: options.beamCount, maximumTokens: beamLimit(options, promptTokens: promptTokens),
                lengthPenalty: options.lengthPenalty, repetitionPenalty: options.repetitionPenalty,
                beginToken: tokenizer.bosToken, endTokens: tokenizer.endOfGeneration))
        var beams = session.beams()
        var logits = [session.logits]
        let cancellation = answer.cancellation
        // The leading beam is what a cancelled search answers, unless one has ended.
        beams.keep(0)
        var hasBest = false
        while !cancellation.isCancelled {
            let continuations = search.advance(logits)
            if let parent = search.bestParent {
                hasBest = true
                beams.keep(parent)
            }
            guard let continuations else { break }
            if !hasBest, let leading = continuations.first { beams.keep(leading.parent) }
            send(.provisional(text(of: search.beams.first?.tokens ?? [], answer)))
            guard let next = session.advance(&beams, by: continuations, isCancelled: { cancellation.isCancelled })
            else { break }
            logits = next
        }
        let best = search.answer
        guard !search.hasFailed else { throw Self.invalidProbabilities }
        session.adopt(beams, answer: best.tokens)
        return tell(
            best.tokens, best.logProbabilities, hasEnded: best.hasEnded, promptTokens: promptTokens, &answer, options,
            send)
    }

    private func text(of tokens: [Int32], _ answer: GrowingAnswer) -> String {
        var decoder = StreamingDecoder(tokenizer: loadedModel.tokenizer, spellsControls: answer.spellsControls)
        return tokens.map { decoder.append($0) }.joined() + decoder.finish()
    }

    /// Sends an answer that is known as a whole.
    private func tell(
        _ tokens: [Int32], _ logProbabilities: [Float], hasEnded: Bool, promptTokens: Int,
        _ answer: inout GrowingAnswer,
        _ options: GenerationOptions, _ send: (GenerationEvent) -> Void
    ) -> GenerationSummary {
        var decoder = StreamingDecoder(tokenizer: loadedModel.tokenizer, spellsControls: answer.spellsControls)
        var stops = StopMatcher(stops: options.stopStrings)
        for (token, logProbability) in zip(tokens, logProbabilities) {
            let (shown, stopped) = stops.append(decoder.append(token))
            send(.token(answer.token(Sampler.Choice(token: token, logProbability: logProbability), text: shown)))
            if stopped {
                // What would have followed was never said.
                session.truncate(to: promptTokens + answer.count)
                return answer.summary(.stop, remainingText: "", contextTokens: session.count)
            }
        }
        let (shown, stopped) = stops.append(decoder.finish())
        let reason: FinishReason =
            if answer.cancellation.isCancelled { .cancelled } else if hasEnded { .end } else { .length }
        return answer.summary(
            reason, remainingText: stopped ? shown : shown + stops.finish(), contextTokens: session.count)
    }
}

extension Duration {
    /// The duration in seconds.
    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
