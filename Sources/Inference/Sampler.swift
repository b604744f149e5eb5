import Generation
import Tensor

/// Chooses the next token from logits: penalty, temperature, top-k, top-p, min-p, in this order, then a draw.
///
/// With temperature 0 the greatest logit wins, and of equals the lowest id.
package struct Sampler: Sendable {
    private let options: GenerationOptions
    private var random: RandomSource
    /// What the repetition penalty applies to: the answer's tokens so far and the begin-of-sequence token, as in the
    /// official Emu2 code, where that token stands for the whole prompt. The prompt's own tokens are left alone.
    private var seen: Set<Int32>
    // Kept from token to token, so that nothing as long as the vocabulary is allocated for each.
    private var penalized: [Float] = []
    private var weights: [Float] = []
    private var candidates = CandidateList()

    package init(options: GenerationOptions, seed: UInt64, beginToken: Int32? = nil) {
        self.options = options
        random = RandomSource(seed: seed)
        seen = beginToken.map { [$0] } ?? []
    }

    /// A chosen token and its log-probability under the unchanged logits.
    package struct Choice: Sendable, Equatable {
        package let token: Int32
        package let logProbability: Float

        package init(token: Int32, logProbability: Float) {
            self.token = token
            self.logProbability = logProbability
        }
    }

    /// Tokens that are never chosen.
    package var excluded: [Int32] = []

    /// Chooses from `logits`; nil when there are none, when one of them is not a number, or when the greatest is
    /// infinite.
    package mutating func choose(_ logits: UnsafeBufferPointer<Float>) -> Choice? {
        guard let base = logits.baseAddress else { return nil }
        let normalizer = Kernels.logSumExp(base, count: logits.count)
        guard normalizer.isFinite else { return nil }
        let token: Int32? =
            if options.repetitionPenalty == 1, excluded.isEmpty { select(logits) } else { selectChanged(logits) }
        guard let token else { return nil }
        seen.insert(token)
        return Choice(token: token, logProbability: Float(Double(logits[Int(token)]) - normalizer))
    }

    private mutating func selectChanged(_ logits: UnsafeBufferPointer<Float>) -> Int32? {
        // Taken out while it is read, so that it is not copied.
        var changed = penalized
        penalized = []
        changed.replaceSubrange(0..., with: logits)
        let penalty = Float(options.repetitionPenalty)
        if penalty != 1 {
            for token in seen where token >= 0 && Int(token) < changed.count {
                let logit = changed[Int(token)]
                changed[Int(token)] = logit > 0 ? logit / penalty : logit * penalty
            }
        }
        for token in excluded where token >= 0 && Int(token) < changed.count { changed[Int(token)] = -.infinity }
        defer { penalized = changed }
        return changed.withUnsafeBufferPointer { select($0) }
    }

    private mutating func select(_ logits: UnsafeBufferPointer<Float>) -> Int32? {
        options.temperature == 0 ? Self.greatest(logits) : draw(logits)
    }

    private static func greatest(_ logits: UnsafeBufferPointer<Float>) -> Int32? {
        var best = 0
        for token in logits.indices where logits[token] > logits[best] { best = token }
        return logits.isEmpty ? nil : Int32(best)
    }

    private mutating func draw(_ logits: UnsafeBufferPointer<Float>) -> Int32? {
        guard let base = logits.baseAddress else { return nil }
        if weights.count != logits.count { weights = [Float](repeating: 0, count: logits.count) }
        // Below this all but the most probable token weigh nothing, and dividing by less could overflow.
        let temperature = max(Float(options.temperature), 0x1p-20)
        let total = weights.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map {
                Kernels.softmaxWeights(base, count: logits.count, temperature: temperature, into: $0)
            }
        }
        guard let total, total.isFinite else { return nil }
        collect(logits, total)
        if options.topK > 0 { candidates.keep(count: options.topK) }
        if options.topP < 1 { candidates.keep(mass: options.topP * (options.topK > 0 ? candidates.mass : total)) }
        if options.minP > 0 { candidates.keep(atLeast: Float(options.minP)) }
        return candidates.draw(random.unitInterval())
    }

    /// Collects the tokens that the filters choose among; `total` is the weight of all.
    private mutating func collect(_ logits: UnsafeBufferPointer<Float>, _ total: Double) {
        if options.topK == 0 && options.topP == 1 {
            candidates.collect(weights, logits, atLeast: Float(options.minP))
            return
        }
        // Mostly a few tokens are enough, and the long tail need not be looked at twice.
        candidates.collect(weights, logits, atLeast: 0x1p-10)
        let isEnough =
            options.topK > 0 ? candidates.candidates.count >= options.topK : candidates.mass >= options.topP * total
        if !isEnough { candidates.collect(weights, logits, atLeast: 0) }
    }
}
