import Foundation
import Generation
import Tensor

/// Chooses the next token from logits: penalty, temperature, top-k, top-p, min-p, in this order, then a draw.
///
/// With temperature 0 the greatest logit wins, and of equals the lowest id.
package struct Sampler: Sendable {
    private let options: GenerationOptions
    private var random: RandomSource
    /// Tokens of the answer so far, which the repetition penalty applies to; the prompt's are left alone, as in the
    /// beam search of the official Emu2 code.
    private var seen: Set<Int32> = []

    package init(options: GenerationOptions, seed: UInt64) {
        self.options = options
        random = RandomSource(seed: seed)
    }

    /// A chosen token and its log-probability under the unchanged logits.
    package struct Choice: Sendable, Equatable {
        package let token: Int32
        package let logProbability: Float
    }

    /// Chooses from `logits`, which must hold at least one value; nil when none of them is a number.
    package mutating func choose(_ logits: UnsafeBufferPointer<Float>) -> Choice? {
        guard let base = logits.baseAddress else { return nil }
        let normalizer = Kernels.logSumExp(base, count: logits.count)
        let token = options.temperature == 0 ? greatest(logits) : draw(logits)
        guard let token, normalizer.isFinite else { return nil }
        seen.insert(token)
        return Choice(token: token, logProbability: Float(Double(logits[Int(token)]) - normalizer))
    }

    private func penalized(_ logits: UnsafeBufferPointer<Float>, _ token: Int) -> Float {
        let logit = logits[token]
        guard options.repetitionPenalty != 1, seen.contains(Int32(token)) else { return logit }
        let penalty = Float(options.repetitionPenalty)
        return logit > 0 ? logit / penalty : logit * penalty
    }

    private func greatest(_ logits: UnsafeBufferPointer<Float>) -> Int32? {
        var best: Int?
        var bestLogit = -Float.infinity
        for token in logits.indices {
            let logit = options.repetitionPenalty == 1 ? logits[token] : penalized(logits, token)
            if logit > bestLogit {
                best = token
                bestLogit = logit
            }
        }
        return best.map(Int32.init)
    }

    private mutating func draw(_ logits: UnsafeBufferPointer<Float>) -> Int32? {
        var candidates = candidates(logits)
        guard let greatest = candidates.first?.logit, greatest > -.infinity else { return nil }
        var total = 0.0
        for index in candidates.indices {
            candidates[index].weight = exp((Double(candidates[index].logit) - Double(greatest)) / options.temperature)
            total += candidates[index].weight
        }
        var count = candidates.count
        if options.topP < 1 {
            // The shortest beginning that holds the share; always at least one.
            var held = 0.0
            for (index, candidate) in candidates.enumerated() {
                held += candidate.weight
                if held >= options.topP * total {
                    count = index + 1
                    break
                }
            }
        }
        if options.minP > 0 {
            let least = options.minP * candidates[0].weight
            count = min(count, candidates.firstIndex { $0.weight < least } ?? count)
        }
        let kept = candidates[..<max(1, count)]
        var target = random.unitInterval() * kept.reduce(0) { $0 + $1.weight }
        for candidate in kept {
            target -= candidate.weight
            if target < 0 { return candidate.token }
        }
        return kept.last?.token
    }

    private struct Candidate {
        let token: Int32
        let logit: Float
        var weight = 0.0

        /// Best first, of equals the lowest id, so that the order never depends on the sort.
        static func precedes(_ a: Candidate, _ b: Candidate) -> Bool {
            a.logit != b.logit ? a.logit > b.logit : a.token < b.token
        }
    }

    /// Tokens that could be drawn, best first.
    private func candidates(_ logits: UnsafeBufferPointer<Float>) -> [Candidate] {
        var candidates = [Candidate]()
        // Below this share of the best token's probability nothing is ever drawn from 64-bit sums; leaving these out
        // early spares sorting a whole vocabulary.
        var greatest = -Float.infinity
        for token in logits.indices { greatest = max(greatest, penalized(logits, token)) }
        let floor = greatest - Float(40 * options.temperature)
        for token in logits.indices {
            let logit = penalized(logits, token)
            if logit >= floor { candidates.append(Candidate(token: Int32(token), logit: logit)) }
        }
        candidates.sort(by: Candidate.precedes)
        if options.topK > 0, options.topK < candidates.count {
            candidates.removeLast(candidates.count - options.topK)
        }
        return candidates
    }
}
