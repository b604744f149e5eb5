/// How an answer is chosen from the model's probabilities.
package struct GenerationOptions: Sendable, Equatable, Codable {
    /// Most tokens of the answer; nil means until the context is full.
    package var maximumTokens: Int?
    /// 0 picks the most probable token (greedy); above, probabilities are sharpened or flattened by it.
    package var temperature: Double
    /// Sample among the k most probable tokens only; 0 means all.
    package var topK: Int
    /// Sample among the most probable tokens that together hold this share; 1 means all.
    package var topP: Double
    /// Drop tokens below this share of the most probable one; 0 means none.
    package var minP: Double
    /// Divides (positive) or multiplies (negative) logits of tokens already present; 1 changes nothing.
    package var repetitionPenalty: Double
    /// Beams kept in beam search; 1 means none.
    package var beamCount: Int
    /// Exponent of the length by which a beam's score is divided.
    package var lengthPenalty: Double
    /// Seed of the random source; nil draws one, which `GenerationStart` reports.
    package var seed: UInt64?
    /// The answer ends before the first of these texts.
    package var stopStrings: [String]
    /// Pictures that the answer may draw in its midst, with models that can.
    package var pictures = AnswerPictures.none

    package init(
        maximumTokens: Int? = nil, temperature: Double = 0.2, topK: Int = 0, topP: Double = 0.9, minP: Double = 0,
        repetitionPenalty: Double = 1, beamCount: Int = 1, lengthPenalty: Double = 1, seed: UInt64? = nil,
        stopStrings: [String] = []
    ) {
        self.maximumTokens = maximumTokens
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.beamCount = beamCount
        self.lengthPenalty = lengthPenalty
        self.seed = seed
        self.stopStrings = stopStrings
    }

    /// The most probable token at every step.
    package static let greedy = GenerationOptions(temperature: 0, topP: 1)
}
