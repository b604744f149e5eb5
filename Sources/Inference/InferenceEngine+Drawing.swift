import Generation
import Models
import Tensor

extension InferenceEngine: DrawingBackend {
    package nonisolated func draw(_ parts: [PromptPart], options: DrawingOptions) -> DrawingRun {
        let cancellation = CancellationFlag()
        let began = ContinuousClock.now
        let (events, continuation) = AsyncStream.makeStream(of: DrawingEvent.self)
        // Whoever stops listening no longer wants the pictures.
        continuation.onTermination = { _ in cancellation.cancel() }
        Task {
            await self.run(parts, options, cancellation, since: began) { continuation.yield($0) }
            continuation.finish()
        }
        return DrawingRun(events: events, cancellation: cancellation)
    }

    /// Synchronous from beginning to end, as a generation is.
    private func run(
        _ parts: [PromptPart], _ options: DrawingOptions, _ cancellation: CancellationFlag,
        since began: ContinuousClock.Instant, send: @escaping (DrawingEvent) -> Void
    ) {
        do throws(GenerationFailure) {
            let isDone = try drawAll(parts, options, cancellation, send)
            send(.finished(isDone ? .end : .cancelled, seconds: (ContinuousClock.now - began).seconds))
        } catch {
            send(.failed(error))
        }
    }

    /// Draws every picture that is asked for; false when cancelled.
    private func drawAll(
        _ parts: [PromptPart], _ options: DrawingOptions, _ cancellation: CancellationFlag,
        _ send: @escaping (DrawingEvent) -> Void
    ) throws(GenerationFailure) -> Bool {
        if let problem = model.drawing?.problem(with: options) {
            throw .invalidOption("\(problem.option) is \(problem.value); it takes \(problem.range)")
        }
        do {
            let drawer = try openDrawer()
            let request = DiffusionDecoder.Request(
                width: options.width, height: options.height, steps: options.steps, guidance: options.guidance)
            guard
                let condition = try drawer.condition(
                    for: parts, request, isCancelled: { cancellation.isCancelled }, progress: { send(.progress($0)) })
            else { return false }
            let first = options.seed ?? UInt64.random(in: 0..<1 << 53)
            for number in 0..<options.count {
                let seed = first &+ UInt64(number)
                let place = options.count > 1 ? DrawingProgress.Place(number: number + 1, of: options.count) : nil
                let picture = try drawer.draw(
                    condition, request, seed: seed, isCancelled: { cancellation.isCancelled },
                    progress: { progress in
                        var progress = progress
                        progress.place = place
                        send(.progress(progress))
                    }, preview: { send(.preview(number: number, $0)) })
                switch picture {
                case .picture(let image): send(.drawn(number: number, image, seed: seed))
                case .withheld: send(.withheld(number: number, seed: seed))
                case nil: return false
                }
            }
            return true
        } catch { throw .backend(error.description) }
    }

    /// What draws, opened when it is first needed.
    func openDrawer() throws(InferenceError) -> PictureDrawer {
        if let drawer { return drawer }
        let opened = try PictureDrawer(model: loadedModel, store: pictureStore)
        drawer = opened
        return opened
    }

    /// Brings the weights back that made room for drawing, if they did; false when cancelled.
    func restoreWeights(_ cancellation: CancellationFlag, _ send: (GenerationEvent) -> Void) -> Bool {
        guard loadedModel.weights.isReleased else { return true }
        drawer?.unload()
        let pool = drawer?.pool ?? ThreadPool(threadCount: loadedModel.threadCount)
        return loadedModel.weights.restore(pool: pool, isCancelled: { cancellation.isCancelled }) { done, total in
            send(.progress(GenerationProgress(stage: .loading, completed: done, total: total)))
        }
    }
}
