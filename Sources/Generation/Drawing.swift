import Pixels

/// How a picture is to be drawn.
package struct DrawingOptions: Sendable, Equatable {
    /// In pixels.
    package var width: Int
    package var height: Int
    /// From noise to the picture; more are finer.
    package var steps: Int
    /// How closely the prompt is followed; up to 1 is not led by it.
    package var guidance: Float
    /// Of the first picture; each further one has the next. Nil leaves it to chance.
    package var seed: UInt64?
    /// Pictures of the same prompt.
    package var count: Int
    /// Where things are to be.
    package var boxes: [DrawingBox]

    /// As Emu2-Gen was published.
    package init(
        width: Int = 1024, height: Int = 1024, steps: Int = 50, guidance: Float = 3, seed: UInt64? = nil,
        count: Int = 1, boxes: [DrawingBox] = []
    ) {
        (self.width, self.height, self.steps, self.guidance) = (width, height, steps, guidance)
        (self.seed, self.count, self.boxes) = (seed, count, boxes)
    }

    /// A size as people write it: `WIDTHxHEIGHT`, or one number for a square; nil for anything else.
    package static func size(_ text: String) -> (width: Int, height: Int)? {
        let sides = text.split(omittingEmptySubsequences: false) { "xX×".contains($0) }.map { Int($0) }
        guard (1...2).contains(sides.count), let width = sides[0], let height = sides[sides.count - 1] else {
            return nil
        }
        return (width, height)
    }
}

/// What can be asked of a model that draws.
package struct DrawingLimits: Sendable, Equatable, Codable {
    /// What width and height must be multiples of.
    package let sizeStep: Int
    package let greatestSide: Int
    package let mostSteps: Int

    package static let greatestGuidance: Float = 100
    package static let mostPictures = 100

    package init(sizeStep: Int, greatestSide: Int, mostSteps: Int) {
        (self.sizeStep, self.greatestSide, self.mostSteps) = (sizeStep, greatestSide, mostSteps)
    }

    /// What is wrong with options: the option's name, its value, and what it takes; nil when nothing is.
    package func problem(with options: DrawingOptions) -> (option: String, value: String, range: String)? {
        let sides = [options.width, options.height]
        if !sides.allSatisfy({ $0 >= sizeStep && $0 <= greatestSide && $0 % sizeStep == 0 }) {
            return (
                "size", "\(options.width)x\(options.height)",
                "width and height in multiples of \(sizeStep), from \(sizeStep) to \(greatestSide)"
            )
        }
        if !(1...mostSteps).contains(options.steps) { return ("steps", "\(options.steps)", "1 to \(mostSteps)") }
        if !(0...Self.greatestGuidance).contains(options.guidance) {
            return ("guidance", "\(options.guidance)", "0 to \(Int(Self.greatestGuidance))")
        }
        if !(1...Self.mostPictures).contains(options.count) {
            return ("count", "\(options.count)", "1 to \(Self.mostPictures)")
        }
        return nil
    }
}

/// How far a drawing is.
package struct DrawingProgress: Sendable, Equatable {
    package enum Stage: String, Sendable {
        /// Reading weights; units are bytes.
        case loading
        /// Encoding the prompt's pictures; units are pictures.
        case looking
        /// Predicting the embeddings of the picture; units are embeddings.
        case predicting
        /// Leading noise to the picture; units are steps.
        case drawing
        /// Turning latents into pixels.
        case developing
        /// Having the model's safety checker look at the picture; units are its layers.
        case checking
    }

    /// Which of several pictures is drawn.
    package struct Place: Sendable, Equatable {
        /// From 1.
        package let number: Int
        package let count: Int

        package init(number: Int, of count: Int) {
            (self.number, self.count) = (number, count)
        }

        /// Such as `picture 2 of 3`.
        package var text: String { "picture \(number) of \(count)" }
    }

    package let stage: Stage
    package let completed: Int
    package let total: Int
    /// Nil for the only picture, and before the first one is begun.
    package var place: Place?

    package init(stage: Stage, completed: Int, total: Int, place: Place? = nil) {
        (self.stage, self.completed, self.total, self.place) = (stage, completed, total, place)
    }
}

/// What a running drawing tells: `progress`* with `preview`* between, `drawn` or `withheld` for each picture, then
/// `finished` or `failed`.
package enum DrawingEvent: Sendable, Equatable {
    case progress(DrawingProgress)
    /// What the picture of this number, from 0, looks like so far: small, and blurred by what is still noise.
    case preview(number: Int, PixelImage)
    case drawn(number: Int, PixelImage, seed: UInt64)
    /// The picture of this number is drawn, and the model's safety checker lets nobody see it.
    case withheld(number: Int, seed: UInt64)
    /// The last event of a drawing that ended, also of one that was cancelled.
    case finished(FinishReason, seconds: Double)
    /// The last event of a drawing that could not go on.
    case failed(GenerationFailure)
}

/// Something that draws pictures.
package protocol DrawingBackend: Sendable {
    /// Draws what the parts ask for. Drawings and generations of one backend run one after another.
    ///
    /// The same seed gives the same picture.
    func draw(_ parts: [PromptPart], options: DrawingOptions) -> DrawingRun
}

/// A running drawing: its events, and the way to stop it.
package struct DrawingRun: Sendable {
    package let events: AsyncStream<DrawingEvent>
    private let cancellation: CancellationFlag

    package init(events: AsyncStream<DrawingEvent>, cancellation: CancellationFlag) {
        (self.events, self.cancellation) = (events, cancellation)
    }

    /// Asks the drawing to end; `finished` with `.cancelled` follows within a moment.
    package func cancel() { cancellation.cancel() }
}
