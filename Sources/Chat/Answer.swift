import Generation

/// How an answer came about: what made it, what went in, and every token with its time.
package struct Answer: Sendable, Equatable {
    package struct Model: Sendable, Equatable {
        package var name: String
        package var path: String
        /// SHA-256 of the weights; nil when it was not known in time.
        package var sha256: String?

        package init(name: String, path: String, sha256: String?) {
            self.name = name
            self.path = path
            self.sha256 = sha256
        }
    }

    /// What the question was asked without, because the context could not hold it.
    ///
    /// Messages are always left out from the branch's beginning on, so that the last one of them says which. The choice
    /// stays in force for what follows the answer.
    package struct Dropped: Sendable, Equatable {
        /// How many turns were left out whole.
        package var turns: Int
        /// The last message of them; nil when there are none.
        package var lastMessage: Int?
        /// How many pictures and clips were left out of turns that stayed.
        package var pictures: Int
        /// The last message whose pictures were left out; nil when there are none.
        package var lastPictureMessage: Int?

        package init(turns: Int, lastMessage: Int?, pictures: Int, lastPictureMessage: Int?) {
            self.turns = turns
            self.lastMessage = lastMessage
            self.pictures = pictures
            self.lastPictureMessage = lastPictureMessage
        }
    }

    /// That the answer was asked to say where things are, so that its text spells the marks of places.
    package struct Grounding: Sendable, Equatable {
        /// Number (from 1, in reading order of the branch) of the picture that the places are of; nil when there is none.
        package var picture: Int?
        package var unknown: JSONObject = [:]

        package init(picture: Int?) { self.picture = picture }
    }

    /// How the pictures of an answer were drawn; the first one's seed is the answer's own.
    package struct Drawing: Sendable, Equatable {
        package var width: Int
        package var height: Int
        package var steps: Int
        package var guidance: Float
        /// Pictures that were asked for.
        package var count: Int
        /// Where things are to be; their names count the question's pictures.
        package var boxes: [DrawingBox]
        /// The last picture is what there was when the drawing was stopped.
        package var endsInPreview: Bool
        /// Numbers, from 1 among those asked for, of the pictures that the model's safety checker withheld, in order.
        package var withheld: [Int]
        package var unknown: JSONObject = [:]

        package init(
            width: Int, height: Int, steps: Int, guidance: Float, count: Int = 1, boxes: [DrawingBox] = [],
            endsInPreview: Bool = false, withheld: [Int] = []
        ) {
            (self.width, self.height, self.steps, self.guidance) = (width, height, steps, guidance)
            (self.count, self.boxes, self.endsInPreview) = (count, boxes, endsInPreview)
            self.withheld = withheld
        }

        package init(_ options: DrawingOptions) {
            self.init(
                width: options.width, height: options.height, steps: options.steps, guidance: options.guidance,
                count: options.count, boxes: options.boxes)
        }

        /// What draws the same again with a seed.
        package func options(seed: UInt64?) -> DrawingOptions {
            DrawingOptions(
                width: width, height: height, steps: steps, guidance: guidance, seed: seed, count: count,
                boxes: boxes)
        }
    }

    package var model: Model
    package var template: String
    package var options: GenerationOptions
    /// The seed in use; also there when `options.seed` left it to chance.
    package var seed: UInt64
    package var kernel: String
    package var precision: String
    /// Tokens that the context held; nil in files that do not say, as of version 1.
    package var contextLength: Int?
    /// How the context was kept, such as `f32`; nil in files that do not say.
    package var cacheType: String?
    /// Nil while the answer is running.
    package var finishReason: FinishReason?
    /// The program ended before the answer did, and the answer was recovered from the journal.
    package var wasInterrupted: Bool
    /// What was left out of the prompt; nil when nothing was.
    package var dropped: Dropped?
    /// Nil for an answer in words alone.
    package var grounding: Grounding?
    /// Nil for an answer in words.
    package var drawing: Drawing?
    /// Numbers (from 1, in reading order of the branch) of pictures that the model could not see.
    package var unseenMedia: [Int]
    package var promptTokens: Int
    /// How many of them the key-value cache still held.
    package var reusedTokens: Int
    /// How many of the first tokens were taken over from an answer that this one goes on with; 0 for all others.
    package var continuedTokens: Int
    package var tokenIDs: [Int32]
    /// Milliseconds from the start of the generation to each token.
    package var tokenMilliseconds: [Int]
    /// UTF-8 bytes of the message's text that each token completed. What the text has beyond their sum came at the end.
    package var tokenTextLengths: [Int]
    /// Milliseconds from the start of the generation to its end; nil while the answer is running.
    package var totalMilliseconds: Int?
    package var unknown: JSONObject

    package init(
        model: Model, template: String, options: GenerationOptions, seed: UInt64, kernel: String, precision: String,
        contextLength: Int? = nil, cacheType: String? = nil, dropped: Dropped? = nil, unseenMedia: [Int] = [],
        promptTokens: Int = 0, reusedTokens: Int = 0, continuedTokens: Int = 0, unknown: JSONObject = [:]
    ) {
        self.model = model
        self.template = template
        self.options = options
        self.seed = seed
        self.kernel = kernel
        self.precision = precision
        self.contextLength = contextLength
        self.cacheType = cacheType
        finishReason = nil
        wasInterrupted = false
        self.dropped = dropped
        self.unseenMedia = unseenMedia
        self.promptTokens = promptTokens
        self.reusedTokens = reusedTokens
        self.continuedTokens = continuedTokens
        tokenIDs = []
        tokenMilliseconds = []
        tokenTextLengths = []
        totalMilliseconds = nil
        self.unknown = unknown
    }

    /// What is known when a generation has started.
    package init(
        model: ModelDescription, modelDigest: String?, options: GenerationOptions, start: GenerationStart,
        dropped: Dropped? = nil
    ) {
        self.init(
            model: Model(name: model.name, path: model.path, sha256: modelDigest), template: model.templateName,
            options: options, seed: start.seed, kernel: model.kernel, precision: model.precision,
            contextLength: model.contextLength, cacheType: model.cacheType, dropped: dropped,
            unseenMedia: start.unseenMedia, promptTokens: start.promptTokens.count,
            reusedTokens: start.reusedTokens)
    }
}

/// The pictures of an answer, in the order in which they were drawn.
package struct DrawnPictures: Sendable, Equatable {
    package let pictures: [StoredImage]
    /// The last one is what there was when the drawing was stopped.
    package let endsInPreview: Bool
    /// Numbers, from 1, of those that came to be and are not among `pictures`, since nobody is to see them; in order.
    package let withheld: [Int]

    package init(_ pictures: [StoredImage], endsInPreview: Bool, withheld: [Int] = []) {
        (self.pictures, self.endsInPreview, self.withheld) = (pictures, endsInPreview, withheld)
    }
}

/// Builds an assistant's message from a running generation.
package struct AnswerRecording: Sendable, Equatable {
    private let base: Message
    private var answer: Answer
    private var words = AnswerParts()
    private var media: [Part] = []

    /// - Parameter created: when the generation began; tokens' times count from here.
    package init(id: Int, parent: Int?, created: Timestamp, answer: Answer, unknown: JSONObject = [:]) {
        self.answer = answer
        base = Message(id: id, parent: parent, role: .assistant, created: created, parts: [], unknown: unknown)
    }

    /// The message as it stands so far.
    package var message: Message {
        var message = base
        message.parts = media.isEmpty ? words.all : media
        message.answer = answer
        return message
    }

    package var tokenCount: Int { answer.tokenIDs.count }

    /// When the last token came, or the answer ended.
    package var end: Timestamp {
        base.created.advanced(byMilliseconds: answer.totalMilliseconds ?? answer.tokenMilliseconds.last ?? 0)
    }

    package mutating func append(id: Int32, text piece: String, milliseconds: Int) {
        answer.tokenIDs.append(id)
        answer.tokenMilliseconds.append(max(milliseconds, answer.tokenMilliseconds.last ?? 0))
        answer.tokenTextLengths.append(piece.utf8.count)
        words.append(piece)
    }

    /// Takes a picture that the last token opened, or what there is of it by now; false when it has no place.
    @discardableResult
    package mutating func take(_ picture: PredictedPicture, number: Int) -> Bool {
        if number == words.pictures.count, number < AnswerPictures.greatestCount {
            words.append(picture)
            return true
        }
        return words.replace(number, with: picture)
    }

    /// What there is of the pictures among the words.
    package var pictures: [PredictedPicture] { words.pictures }

    package mutating func take(_ drawn: DrawnPictures) {
        media = drawn.pictures.map { .image($0) }
        answer.drawing?.endsInPreview = drawn.endsInPreview
        answer.drawing?.withheld = drawn.withheld
    }

    package mutating func finish(
        _ reason: FinishReason, remainingText: String, milliseconds: Int, modelDigest: String? = nil,
        wasInterrupted: Bool = false
    ) {
        answer.finishReason = reason
        answer.totalMilliseconds = max(milliseconds, answer.tokenMilliseconds.last ?? 0)
        answer.wasInterrupted = wasInterrupted
        if let modelDigest { answer.model.sha256 = modelDigest }
        words.append(remainingText)
        for (number, var picture) in words.pictures.enumerated() where picture.image == nil && picture.problem == nil {
            picture.problem = wasInterrupted ? PredictedPicture.interrupted : PictureEvent.stopped
            _ = words.replace(number, with: picture)
        }
    }
}
