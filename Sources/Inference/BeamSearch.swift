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

        package init(parent: Int, token: Int32) {
            self.parent = parent
            self.token = token
        }
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
        /// The beam of the step before, which it grew out of.
        let parent: Int
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
    /// Whether there were logits that are no numbers.
    package private(set) var hasFailed = false
    /// The beam, of those whose logits came last, that the best answer so far ended behind; nil when that one is older.
    package private(set) var bestParent: Int?

    package init(_ configuration: Configuration) {
        self.configuration = configuration
        beams = [Beam(tokens: [], logProbabilities: [], score: 0)]
        isDone = configuration.maximumTokens < 1
    }

    /// Takes the logits behind every beam, in the beams' order, and returns how the next beams continue these; nil when
    /// the search is over, or has failed.
    package mutating func advance(_ logits: [UnsafeBufferPointer<Float>]) -> [Continuation]? {
        bestParent = nil
        guard !isDone, logits.count == beams.count else { return nil }
        let before = best?.beam
        defer { if let best, best.beam != before { bestParent = best.parent } }
        guard let candidates = best(2 * configuration.beamCount, logits), let bestScore = candidates.first?.score else {
            hasFailed = true
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
                    parent: candidate.parent, length: length, end: candidate.token,
                    endLogProbability: candidate.logProbability)
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
            for (beam, continuation) in zip(beams, continuations) {
                finish(beam, parent: continuation.parent, length: length + 1, end: nil, endLogProbability: 0)
            }
            isDone = true
        }
        return isDone ? nil : continuations
    }

    /// The best answer: its tokens with the one that ended it where the limit leaves room, and whether it ended.
    ///
    /// While the search is not over, the leading beam.
    package var answer: (tokens: [Int32], logProbabilities: [Float], hasEnded: Bool) {
        guard let best else {
            let leading = beams.first
            return (leading?.tokens ?? [], leading?.logProbabilities ?? [], false)
        }
        guard let end = best.end, best.beam.tokens.count < configuration.maximumTokens else {
            return (best.beam.tokens, best.beam.logProbabilities, best.end != nil)
        }
        return (best.beam.tokens + [end], best.beam.logProbabilities + [best.endLogProbability], true)
    }

    private var best: Finished? {
        // Of equals the last one found, as the original's sort leaves them.
        finished.enumerated().max { ($0.element.score, $0.offset) < ($1.element.score, $1.offset) }?.element
    }

    private mutating func finish(
        _ beam: Beam, parent: Int, length: Int, end: Int32?, endLogProbability: Float
    ) {
        let score = Double(beam.score) / pow(Double(length), configuration.lengthPenalty)
        guard finished.count < configuration.beamCount || score > (finished.map(\.score).min() ?? -.infinity) else {
            return
        }
        finished.append(
            Finished(beam: beam, parent: parent, end: end, endLogProbability: endLogProbability, score: score))
        guard finished.count > configuration.beamCount else { return }
        // Of equally bad ones the first goes.
        if let worst = finished.indices.min(by: { finished[$0].score < finished[$1].score }) {
            finished.remove(at: worst)
        }
    }

    /// The best continuations over all beams and tokens, best first, of equals the lowest beam and token; nil when a
    /// beam's logits are no numbers.
    private func best(_ count: Int, _ logits: [UnsafeBufferPointer<Float>]) -> [Candidate]? {
        var ranking = Ranking(count: count)
        let penalty = Float(configuration.repetitionPenalty)
        for (parent, row) in logits.enumerated() {
            guard let base = row.baseAddress else { return nil }
            let normalizer = Kernels.logSumExp(base, count: row.count)
            guard normalizer.isFinite else { return nil }
            let beam = beams[parent]
            // The few tokens whose scores a penalty changes come first, so that the others need no more than a look.
            var repeated = Set<Int32>()
            if penalty != 1 {
                repeated = Set(beam.tokens)
                if let begin = configuration.beginToken { repeated.insert(begin) }
            }
            for token in repeated where token >= 0 && Int(token) < row.count {
                let logProbability = Float(Double(row[Int(token)]) - normalizer)
                let score = logProbability < 0 ? logProbability * penalty : logProbability / penalty
                ranking.add(
                    Candidate(
                        parent: parent, token: token, score: score + beam.score, logProbability: logProbability))
            }
            var least = ranking.leastLogit(after: beam.score, normalizer)
            for token in row.indices where row[token] >= least {
                guard !repeated.contains(Int32(token)) else { continue }
                let logProbability = Float(Double(row[token]) - normalizer)
                ranking.add(
                    Candidate(
                        parent: parent, token: Int32(token), score: logProbability + beam.score,
                        logProbability: logProbability))
                least = ranking.leastLogit(after: beam.score, normalizer)
            }
        }
        return ranking.candidates
    }

    /// The best candidates so far, best first.
    private struct Ranking {
        let count: Int
        private(set) var candidates: [Candidate] = []

        init(count: Int) {
            self.count = count
        }

        mutating func add(_ candidate: Candidate) {
            let place = candidates.firstIndex { Self.precedes(candidate, $0) } ?? candidates.count
            guard place < count else { return }
            candidates.insert(candidate, at: place)
            if candidates.count > count { candidates.removeLast() }
        }

        private static func precedes(_ a: Candidate, _ b: Candidate) -> Bool {
            a.score != b.score ? a.score > b.score : (a.parent, a.token) < (b.parent, b.token)
        }

        /// A logit below which nothing behind a beam of that score can be among the best; scores are rounded to fp32,
        /// and the slack is above their rounding.
        func leastLogit(after score: Float, _ normalizer: Double) -> Float {
            guard candidates.count == count, let last = candidates.last, last.score > -.infinity else {
                return -.infinity
            }
            let slack = 1e-3 + 1e-6 * (abs(Double(last.score)) + abs(Double(score)) + abs(normalizer))
            return Float(Double(last.score) - Double(score) + normalizer - slack)
        }
    }
}
