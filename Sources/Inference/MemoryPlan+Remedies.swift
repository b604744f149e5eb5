import Models
import Tensor

/// What would fit where a model as it was asked for does not.
package enum MemoryRemedy: Sendable, Equatable {
    /// The same context with its keys and values in a smaller type.
    case cacheType(GGMLType)
    /// A shorter context.
    case contextLength(Int)
    /// A shorter context, and its keys and values in a smaller type.
    case cacheTypeAndContextLength(GGMLType, Int)
    /// A file of the same model with smaller weights of about that many bytes, and the longest context beside them.
    case weightType(GGMLType, bytes: Int, contextLength: Int)
}

extension MemoryPlan {
    /// What would fit instead, what changes least first; empty when the plan fits, or when nothing would.
    package var remedies: [MemoryRemedy] {
        guard !fits, let available else { return [] }
        let smallerCaches = [GGMLType.f16, .q8_0].compactMap { type in
            let bytes = KeyValueCache.bytesPerPosition(configuration, type: type)
            let isSmaller = bytes < KeyValueCache.bytesPerPosition(configuration, type: cacheType)
            return isSmaller && KeyValueCache.supports(type, configuration) ? (type: type, bytes: bytes) : nil
        }
        let room = available - Self.sum(weights, workspace)
        if let cache = smallerCaches.first(where: { Self.product($0.bytes, contextLength) <= room }) {
            return [.cacheType(cache.type)] + shorterContext
        }
        if let cache = smallerCaches.last,
            let context = longestContext(beside: weights, bytesPerPosition: cache.bytes)
        {
            return shorterContext + [.cacheTypeAndContextLength(cache.type, context)]
        }
        return shorterContext.isEmpty ? smallerWeights : shorterContext
    }

    private var shorterContext: [MemoryRemedy] {
        longestContextThatFits.map { [.contextLength(min($0, contextLength))] } ?? []
    }

    /// The largest usual weight type that leaves room for a context, at most as long as was asked.
    private var smallerWeights: [MemoryRemedy] {
        let perPosition = KeyValueCache.bytesPerPosition(configuration, type: cacheType)
        for type in [GGMLType.f16, .q8_0, .q4_0] {
            let bytes = Self.product(parameterCount / type.blockSize, type.blockBytes)
            guard bytes < weights, let context = longestContext(beside: bytes, bytesPerPosition: perPosition) else {
                continue
            }
            return [.weightType(type, bytes: bytes, contextLength: min(context, contextLength))]
        }
        return []
    }
}
