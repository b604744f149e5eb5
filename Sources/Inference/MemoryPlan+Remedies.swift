import Models
import Tensor

/// What would fit where a model as it was asked for does not: what to change, nil for what stays.
package struct MemoryRemedy: Sendable, Equatable {
    package var cacheType: GGMLType?
    package var contextLength: Int?
    package var beamCount: Int?
    /// A file of the same model with weights of a smaller type, and how many bytes they take.
    package var weightType: GGMLType?
    package var weightBytes = 0

    package init(
        cacheType: GGMLType? = nil, contextLength: Int? = nil, beamCount: Int? = nil, weightType: GGMLType? = nil,
        weightBytes: Int = 0
    ) {
        self.cacheType = cacheType
        self.contextLength = contextLength
        self.beamCount = beamCount
        self.weightType = weightType
        self.weightBytes = weightBytes
    }
}

extension MemoryPlan {
    /// Contexts are offered in steps of this many tokens.
    private static let contextStep = 256

    /// What would fit instead, what changes least first; empty when the plan fits, or when nothing would.
    package var remedies: [MemoryRemedy] {
        guard !fits else { return [] }
        let caches = smallerCaches
        let cache = caches.first { plan(MemoryRemedy(cacheType: $0)).fits }.map { MemoryRemedy(cacheType: $0) }
        let beams = fewerBeams.map { MemoryRemedy(beamCount: $0) }
        let context = longestContext(with: MemoryRemedy(), upTo: use.contextLength)
        var remedies = [cache, beams, context.map { MemoryRemedy(contextLength: $0) }].compactMap(\.self)
        if cache == nil, let both = combined(smallest: caches.last), !remedies.contains(both) {
            remedies.append(both)
        }
        return remedies.isEmpty ? smallerWeights : remedies
    }

    /// The plan with a remedy taken.
    func plan(_ remedy: MemoryRemedy) -> MemoryPlan {
        var use = use
        use.cacheType = remedy.cacheType ?? use.cacheType
        use.contextLength = remedy.contextLength ?? use.contextLength
        use.beamCount = remedy.beamCount ?? use.beamCount
        return with(use, weights: remedy.weightType == nil ? weights : remedy.weightBytes)
    }

    /// The longest context that fits beside the weights: the one that the model was trained for, or a multiple of 256; nil
    /// when not even a short one does.
    package var longestContextThatFits: Int? {
        longestContext(with: MemoryRemedy(), upTo: configuration.trainedContextLength)
    }

    /// The longest context that fits when a remedy is taken; a search, since beams take from it too.
    private func longestContext(with remedy: MemoryRemedy, upTo limit: Int) -> Int? {
        func fits(_ length: Int) -> Bool {
            var longer = remedy
            longer.contextLength = length
            return plan(longer).fits
        }
        if fits(limit) { return limit }
        var (least, most) = (0, limit / Self.contextStep)
        while least < most {
            let middle = least + (most - least + 1) / 2
            if fits(middle * Self.contextStep) { least = middle } else { most = middle - 1 }
        }
        return least > 0 ? least * Self.contextStep : nil
    }

    /// Types of the cache that take less than the one asked for, the larger first.
    private var smallerCaches: [GGMLType] {
        let present = KeyValueCache.bytesPerPosition(configuration, type: use.cacheType)
        return [GGMLType.f16, .q8_0].filter { type in
            KeyValueCache.supports(type, configuration)
                && KeyValueCache.bytesPerPosition(configuration, type: type) < present
        }
    }

    /// The most beams that fit, fewer than asked for.
    private var fewerBeams: Int? {
        (1..<max(1, use.beamCount)).last { plan(MemoryRemedy(beamCount: $0)).fits }
    }

    /// The smallest cache with the longest context beside it; without beams where it must be.
    private func combined(smallest cacheType: GGMLType?) -> MemoryRemedy? {
        for beamCount in use.beamCount > 1 ? [nil, 1] : [nil] {
            var remedy = MemoryRemedy(cacheType: cacheType, beamCount: beamCount)
            // A shorter context alone is offered as itself.
            guard cacheType != nil || beamCount != nil,
                let length = longestContext(with: remedy, upTo: use.contextLength)
            else { continue }
            if length < use.contextLength { remedy.contextLength = length }
            return remedy
        }
        return nil
    }

    /// The largest usual weight type that leaves room for a context, at most as long as was asked; with a smaller cache and
    /// without beams only where it must be.
    private var smallerWeights: [MemoryRemedy] {
        for type in [GGMLType.f16, .q8_0, .q4_0] {
            let bytes = Self.product(parameterCount / type.blockSize, type.blockBytes)
            guard bytes < weights else { continue }
            for (cacheType, beamCount) in [(nil, nil), (smallerCaches.last, nil), (smallerCaches.last, 1)] {
                var remedy = MemoryRemedy(
                    cacheType: cacheType, beamCount: use.beamCount > 1 ? beamCount : nil, weightType: type,
                    weightBytes: bytes)
                guard let length = longestContext(with: remedy, upTo: use.contextLength) else { continue }
                if length < use.contextLength { remedy.contextLength = length }
                return [remedy]
            }
        }
        return []
    }
}
