/// What a running generation tells, in this order: `progress`*, `started`, `provisional`*, `token`*, then `finished` or
/// `failed`. Where the answer has pictures, what is told of them stands between the tokens and behind the last.
package enum GenerationEvent: Sendable, Equatable {
    case progress(GenerationProgress)
    /// The prompt has been processed; the first token follows.
    case started(GenerationStart)
    /// The whole text of the leading beam: each replaces the one before, and the tokens that follow replace the last.
    case provisional(String)
    case token(GeneratedToken)
    /// Of a picture of the answer, counted from 0.
    case picture(Int, PictureEvent)
    /// The last event of a generation that ended, also of one that was cancelled.
    case finished(GenerationSummary)
    /// The last event of a generation that could not go on.
    case failed(GenerationFailure)
}

/// How far a slow stage has come.
package struct GenerationProgress: Sendable, Equatable {
    package enum Stage: String, Sendable, Equatable {
        /// Reading weights; units are bytes.
        case loading
        /// Encoding pictures; units are layers of the encoder, of all pictures together.
        case images
        /// Processing the prompt; units are tokens.
        case prefill
    }

    package let stage: Stage
    package let completed: Int
    package let total: Int

    package init(stage: Stage, completed: Int, total: Int) {
        self.stage = stage
        self.completed = completed
        self.total = total
    }
}

/// What was settled before the first token.
package struct GenerationStart: Sendable, Equatable {
    /// The ids of the whole prompt.
    package let promptTokens: [Int32]
    /// How many of them the key-value cache still held.
    package let reusedTokens: Int
    /// Numbers (from 1, in reading order) of the pictures and clips that the model cannot see.
    package var unseenMedia: [Int]
    /// The seed in use.
    package let seed: UInt64
    /// Seconds spent on pictures and on the prompt.
    package let imageSeconds: Double
    package let prefillSeconds: Double

    package init(
        promptTokens: [Int32], reusedTokens: Int, unseenMedia: [Int], seed: UInt64, imageSeconds: Double,
        prefillSeconds: Double
    ) {
        self.promptTokens = promptTokens
        self.reusedTokens = reusedTokens
        self.unseenMedia = unseenMedia
        self.seed = seed
        self.imageSeconds = imageSeconds
        self.prefillSeconds = prefillSeconds
    }
}

/// One token of the answer.
package struct GeneratedToken: Sendable, Equatable {
    package let id: Int32
    /// Natural logarithm of the token's probability before temperature and filters.
    package let logProbability: Float
    /// Text that this token completed: empty while a UTF-8 sequence or a possible stop string is open.
    package let text: String
    /// Seconds since the generation began.
    package let seconds: Double

    package init(id: Int32, logProbability: Float, text: String, seconds: Double) {
        self.id = id
        self.logProbability = logProbability
        self.text = text
        self.seconds = seconds
    }
}

/// Why an answer ended.
package enum FinishReason: String, Sendable, Codable, Equatable {
    /// The model ended its turn.
    case end
    /// The token limit or the end of the context.
    case length
    /// A stop string.
    case stop
    /// The user.
    case cancelled
}

/// How a generation ended.
package struct GenerationSummary: Sendable, Equatable {
    package let finishReason: FinishReason
    /// Text held back until now, to be appended to the answer.
    package let remainingText: String
    package let generatedTokens: Int
    /// Tokens that the context now holds.
    package let contextTokens: Int
    /// Seconds from the call to the first token, and to the end.
    package let firstTokenSeconds: Double
    package let totalSeconds: Double
    /// Seconds behind the first token in which no word came, since pictures were predicted and drawn.
    package let pictureSeconds: Double

    package init(
        finishReason: FinishReason, remainingText: String, generatedTokens: Int, contextTokens: Int,
        firstTokenSeconds: Double, totalSeconds: Double, pictureSeconds: Double = 0
    ) {
        self.pictureSeconds = pictureSeconds
        self.finishReason = finishReason
        self.remainingText = remainingText
        self.generatedTokens = generatedTokens
        self.contextTokens = contextTokens
        self.firstTokenSeconds = firstTokenSeconds
        self.totalSeconds = totalSeconds
    }

    /// Tokens per second after the first one; nil below two tokens.
    package var tokensPerSecond: Double? {
        let seconds = totalSeconds - firstTokenSeconds - pictureSeconds
        return generatedTokens > 1 && seconds > 0 ? Double(generatedTokens - 1) / seconds : nil
    }
}

/// Why a generation could not go on.
package enum GenerationFailure: Error, Sendable, Equatable {
    /// The prompt does not fit. Nothing was changed. `sufficient` is a context length that would hold it with an answer;
    /// nil when the model was not trained for one.
    case contextOverflow(needed: Int, available: Int, sufficient: Int? = nil)
    /// An option is out of its range; the text names it and the range.
    case invalidOption(String)
    /// The backend failed; the text is for people.
    case backend(String)
}
