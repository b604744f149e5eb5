import Foundation
import Tensor

/// Beam search as transformers 4.31 does it when a model is given embeddings: the rules that Emu2 was published with.
///
/// Knows scores and tokens only; who owns the cache feeds it logits. Lengths count a begin-of-sequence token that the
/// original puts before every answer. Source: the Emu2 release's pinned library, and its paper's evaluation settings.
package struct BeamSearch: Sendable {
    /// A growing answer.
    package struct Beam: Sendable, Equatable {
        package var tokens: [Int32]
        /// Log-probability of each token, as the model gave it.
        package var logProbabilities: [Float]
        /// Sum of the scores, repetition penalty included.
        var score: Float
    }

    /// How a beam of the next step comes about: by this token behind that beam.
    package struct Continuation: Sendable, Equatable {
        package let parent: Int
        package let token: Int32
    }

    /// The parameters that the rules depend on.
    package struct Configuration: Sendable {
        package var beamCount: Int
        package var maximumTokens: Int
        package var lengthPenalty: Double
        package var repetitionPenalty: Double
        /// The token that lengths and the repetition penalty count before the answer.
        package var beginToken: Int32?
        package var endTokens: Set<Int32>

        package init(
            beamCount: Int, maximumTokens: Int, lengthPenalty: Double, repetitionPenalty: Double, beginToken: Int32?,
            endTokens: Set<Int32>
        ) {
            self.beamCount = beamCount
            self.maximumTokens = maximumTokens
            self.lengthPenalty = lengthPenalty
            self.repetitionPenalty = repetitionPenalty
            self.beginToken = beginToken
            self.endTokens = endTokens
        }
    }

    private struct Finished {
        let beam: Beam
        let end: Int32?
        let endLogProbability: Float
        let score: Double
    }

    private struct Candidate {
        let parent: Int
        let token: Int32
        let score: Float
        let logProbability: Float
    }

    private let configuration: Configuration
    /// Best first. Before the first step there is one, with no tokens.
    package private(set) var beams: [Beam]
    private var finished: [Finished] = []
    private var isDone = false

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        beams = [Beam(tokens: [], logProbabilities: [], score: 0)]
        isDone = configuration.maximumTokens < 1
    }

    /// Takes the logits behind every beam, in the beams' order, and returns how the next beams continue these; nil when
    /// the search is over, or when there is no number among the logits.
    package mutating func advance(_ logits: [UnsafeBufferPointer<Float>]) -> [Continuation]? {
        guard !isDone, logits.count == beams.count else { return nil }
        let candidates = best(2 * configuration.beamCount, logits)
        guard let bestScore = candidates.first?.score else {
            isDone = true
            return nil
        }
        // With the dummy begin token: what stands so far, and that with the token now added.
        let length = 1 + (beams.first?.tokens.count ?? 0)
        var next: [Beam] = []
        var continuations: [Continuation] = []
        for (rank, candidate) in candidates.enumerated() {
            let parent = beams[candidate.parent]
            if configuration.endTokens.contains(candidate.token) {
                guard rank < configuration.beamCount else { continue }
                finish(
                    Beam(tokens: parent.tokens, logProbabilities: parent.logProbabilities, score: candidate.score),
                    length: length, end: candidate.token, endLogProbability: candidate.logProbability)
            } else if next.count < configuration.beamCount {
                next.append(
                    Beam(
                        tokens: parent.tokens + [candidate.token],
                        logProbabilities: parent.logProbabilities + [candidate.logProbability], score: candidate.score))
                continuations.append(Continuation(parent: candidate.parent, token: candidate.token))
            }
            if next.count == configuration.beamCount { break }
        }
        beams = next
        if finished.count >= configuration.beamCount, let worst = finished.map(\.score).min(),
            worst >= Double(bestScore) / pow(Double(length + 1), configuration.lengthPenalty)
        {
            isDone = true
        } else if length == configuration.maximumTokens || next.isEmpty {
            for beam in beams { finish(beam, length: length + 1, end: nil, endLogProbability: 0) }
            isDone = true
        }
        return isDone ? nil : continuations
    }

    /// The best answer: its tokens with the one that ended it where the limit leaves room, and whether it ended.
    ///
    /// While the search is not over, the leading beam.
    package var answer: (tokens: [Int32], logProbabilities: [Float], hasEnded: Bool) {
        // Of equals the last one found, as the original's sort leaves them.
        guard
            let best = finished.enumerated().max(by: { ($0.element.score, $0.offset) < ($1.element.score, $1.offset) })?
                .element
        else {
            let leading = beams.first
            return (leading?.tokens ?? [], leading?.logProbabilities ?? [], false)
        }
        guard let end = best.end, best.beam.tokens.count < configuration.maximumTokens else {
            return (best.beam.tokens, best.beam.logProbabilities, best.end != nil)
        }
        return (best.beam.tokens + [end], best.beam.logProbabilities + [best.endLogProbability], true)
    }

    private mutating func finish(_ beam: Beam, length: Int, end: Int32?, endLogProbability: Float) {
        let score = Double(beam.score) / pow(Double(length), configuration.lengthPenalty)
        guard finished.count < configuration.beamCount || score > (finished.map(\.score).min() ?? -.infinity) else {
            return
        }
        finished.append(Finished(beam: beam, end: end, endLogProbability: endLogProbability, score: score))
        guard finished.count > configuration.beamCount else { return }
        // Of equally bad ones the first goes.
        if let worst = finished.indices.min(by: { finished[$0].score < finished[$1].score }) {
            finished.remove(at: worst)
        }
    }

    /// The best continuations over all beams and tokens, best first, of equals the lowest beam and token.
    private func best(_ count: Int, _ logits: [UnsafeBufferPointer<Float>]) -> [Candidate] {
        var best: [Candidate] = []
        for (parent, row) in logits.enumerated() {
            guard let base = row.baseAddress else { continue }
            let normalizer = Kernels.logSumExp(base, count: row.count)
            guard normalizer.isFinite else { continue }
            let beam = beams[parent]
            var repeated = Set(beam.tokens)
            if let begin = configuration.beginToken { repeated.insert(begin) }
            for token in row.indices {
                let logProbability = Float(Double(row[token]) - normalizer)
                var score = logProbability
                if configuration.repetitionPenalty != 1, repeated.contains(Int32(token)) {
                    let penalty = Float(configuration.repetitionPenalty)
                    score = score < 0 ? score * penalty : score / penalty
                }
                score += beam.score
                if best.count == count, let least = best.last, score <= least.score { continue }
                let place = best.firstIndex { $0.score < score } ?? best.count
                best.insert(
                    Candidate(parent: parent, token: Int32(token), score: score, logProbability: logProbability),
                    at: place)
                if best.count > count { best.removeLast() }
            }
        }
        return best
    }
}
