/// Tokens that may be drawn with their weights, cut down to the most probable ones without sorting the vocabulary.
///
/// Weights fall into buckets of a sixteenth of a power of two, which the leading bits of a float are; a cut lies in one
/// bucket, and only that one is sorted. Of equals the lowest id comes first, so that no order depends on a sort.
struct CandidateList: Sendable {
    struct Candidate: Sendable {
        let token: Int32
        /// Probability relative to the most probable token's, which has 1.
        let weight: Float
        let logit: Float

        static func precedes(_ a: Candidate, _ b: Candidate) -> Bool {
            a.logit != b.logit ? a.logit > b.logit : a.token < b.token
        }

        /// 0 for the greatest weight, rising as weights fall.
        var bucket: Int { max(0, CandidateList.firstBucket - Int(weight.bitPattern >> 19)) }
    }

    /// A draw has 53 random bits: what weighs less than this is never drawn.
    private static let negligible: Float = 0x1p-57
    private static let firstBucket = Int(Float(1).bitPattern >> 19)
    private static let bucketCount = firstBucket - Int(negligible.bitPattern >> 19) + 1

    private(set) var candidates: [Candidate] = []
    private var edge: [Candidate] = []
    private var counts = [Int](repeating: 0, count: bucketCount)
    private var masses = [Double](repeating: 0, count: bucketCount)

    /// The sum of the weights.
    var mass: Double { candidates.reduce(0) { $0 + Double($1.weight) } }

    /// Takes the tokens that weigh at least `least` and enough to be drawn; weights are in 0...1.
    mutating func collect(_ weights: [Float], _ logits: UnsafeBufferPointer<Float>, atLeast least: Float) {
        candidates.removeAll(keepingCapacity: true)
        let least = max(least, Self.negligible)
        for token in weights.indices where weights[token] >= least {
            candidates.append(Candidate(token: Int32(token), weight: weights[token], logit: logits[token]))
        }
    }

    /// Keeps the `count` most probable ones.
    mutating func keep(count: Int) {
        guard count < candidates.count else { return }
        cut { counted, _ in counted >= count }
    }

    /// Keeps the shortest beginning, most probable first, that weighs at least `mass`: one token or more.
    mutating func keep(mass: Double) {
        cut { _, held in held >= mass }
    }

    /// Drops those that weigh less.
    mutating func keep(atLeast least: Float) {
        candidates.removeAll { $0.weight < least }
    }

    /// The token at a share (0..<1) of the mass; nil when there is none.
    func draw(_ share: Double) -> Int32? {
        var rest = share * mass
        for candidate in candidates {
            rest -= Double(candidate.weight)
            if rest < 0 { return candidate.token }
        }
        return candidates.last?.token
    }

    /// Keeps the shortest beginning, most probable first, whose count and mass are enough.
    private mutating func cut(_ isEnough: (_ count: Int, _ mass: Double) -> Bool) {
        for bucket in counts.indices { (counts[bucket], masses[bucket]) = (0, 0) }
        for candidate in candidates {
            counts[candidate.bucket] += 1
            masses[candidate.bucket] += Double(candidate.weight)
        }
        var (count, mass, last) = (0, 0.0, 0)
        while last < Self.bucketCount, !isEnough(count + counts[last], mass + masses[last]) {
            count += counts[last]
            mass += masses[last]
            last += 1
        }
        guard last < Self.bucketCount else { return }
        edge.removeAll(keepingCapacity: true)
        for candidate in candidates where candidate.bucket == last { edge.append(candidate) }
        edge.sort(by: Candidate.precedes)
        candidates.removeAll { $0.bucket >= last }
        for candidate in edge {
            candidates.append(candidate)
            count += 1
            mass += Double(candidate.weight)
            if isEnough(count, mass) { break }
        }
    }
}
