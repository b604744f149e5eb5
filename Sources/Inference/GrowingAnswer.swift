import Generation

/// What an answer counts while it grows.
struct GrowingAnswer {
    let began: ContinuousClock.Instant
    let cancellation: CancellationFlag
    /// Whether the text names the tokens that say where things are.
    let spellsControls: Bool
    private(set) var count = 0
    private(set) var firstTokenSeconds: Double?

    init(began: ContinuousClock.Instant, cancellation: CancellationFlag, spellsControls: Bool) {
        self.spellsControls = spellsControls
        self.began = began
        self.cancellation = cancellation
    }

    /// Seconds in which no word came, since pictures were predicted and drawn.
    var pictureSeconds = 0.0

    mutating func token(_ choice: Sampler.Choice, text: String) -> GeneratedToken {
        let seconds = (ContinuousClock.now - began).seconds
        count += 1
        firstTokenSeconds = firstTokenSeconds ?? seconds
        return GeneratedToken(id: choice.token, logProbability: choice.logProbability, text: text, seconds: seconds)
    }

    func summary(_ reason: FinishReason, remainingText: String, contextTokens: Int) -> GenerationSummary {
        let seconds = (ContinuousClock.now - began).seconds
        return GenerationSummary(
            finishReason: reason, remainingText: remainingText, generatedTokens: count, contextTokens: contextTokens,
            firstTokenSeconds: firstTokenSeconds ?? seconds, totalSeconds: seconds,
            pictureSeconds: pictureSeconds)
    }
}
