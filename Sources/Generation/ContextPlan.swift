/// A prompt that does not fit into the context, and the ways out.
package struct ContextPlan: Sendable, Equatable {
    /// Tokens of the whole prompt, template included.
    package let promptTokens: Int
    /// Tokens kept free for the answer.
    package let answerTokens: Int
    /// Tokens that the context holds.
    package let contextLength: Int
    /// Tokens of the last question and the system text with room for an answer, when they alone are too many.
    package let questionTokens: Int?
    /// What can be done, the least loss first; may be empty.
    package let remedies: [ContextRemedy]

    package init(
        promptTokens: Int, answerTokens: Int, contextLength: Int, questionTokens: Int? = nil,
        remedies: [ContextRemedy]
    ) {
        self.promptTokens = promptTokens
        self.answerTokens = answerTokens
        self.contextLength = contextLength
        self.questionTokens = questionTokens
        self.remedies = remedies
    }

    /// Tokens of the prompt and of the room for its answer.
    package var neededTokens: Int { promptTokens + answerTokens }

    /// Room that an answer is given in every context that is large enough: two paragraphs, some 190 English words.
    ///
    /// Less would fill the context in the middle of an ordinary answer, just after the question was let through.
    package static let usualAnswerTokens = 256

    /// Tokens to keep free for an answer: `usualAnswerTokens`, an eighth of a context below 2048 tokens so that most of
    /// a small one stays usable, and no more than the answer may have. At least 1: a full context cannot answer.
    package static func answerTokens(contextLength: Int, maximumTokens: Int?) -> Int {
        max(1, min(usualAnswerTokens, contextLength / 8, maximumTokens ?? Int.max))
    }

    /// The context length to load a model with so that it holds `tokens`: the next power of two above the present
    /// length, or all that the model was trained for; nil when that is too short.
    package static func sufficientLength(for tokens: Int, present: Int, trained: Int) -> Int? {
        guard tokens <= trained, present < trained else { return nil }
        var length = 1
        while length < tokens || length <= present {
            if length > trained / 2 { return trained }
            length *= 2
        }
        return length
    }
}

/// A way to make a turn fit.
package enum ContextRemedy: Sendable, Equatable {
    /// Leave the oldest turns out.
    case dropTurns(Int, savedTokens: Int)
    /// Leave the pictures and clips of these turns out; turns count from 1 in the prompt.
    case dropPictures(turns: ClosedRange<Int>, savedTokens: Int)
    /// Leave the oldest turns out, and of those that follow the pictures: fewer turns go than without.
    case dropTurnsAndPictures(Int, pictureTurns: ClosedRange<Int>, savedTokens: Int)
    /// Load the model with a larger context, which takes so many bytes more.
    case enlargeContext(length: Int, bytes: Int)
    /// Send everything and be content with an answer of at most so many tokens.
    case shortenAnswer(tokens: Int)

    /// What it leaves out of the prompt; nil when nothing.
    package var omission: PromptOmission? {
        switch self {
        case .dropTurns(let count, _):
            PromptOmission(turns: count)
        case .dropPictures(let turns, _):
            PromptOmission(turnsWithoutMedia: turns.upperBound)
        case .dropTurnsAndPictures(let count, let turns, _):
            PromptOmission(turns: count, turnsWithoutMedia: turns.upperBound)
        case .enlargeContext, .shortenAnswer:
            nil
        }
    }
}

/// A larger context that a model can be loaded with.
package struct ContextEnlargement: Sendable, Equatable {
    package let length: Int
    /// Bytes that it takes beyond the present one.
    package let bytes: Int

    package init(length: Int, bytes: Int) {
        self.length = length
        self.bytes = bytes
    }
}
