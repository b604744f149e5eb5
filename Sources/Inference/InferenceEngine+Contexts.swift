import Digest
import Generation

/// A context that was written to disk.
package struct ParkedContext: Sendable, Equatable {
    /// Positions: tokens, and rows of pictures.
    package let tokens: Int
    package let bytes: Int
}

/// What the model has read, kept on disk so that a later process need not have it read again.
///
/// Keys and values of a prefix do not depend on what follows it, nor on how it was cut into passes. So a context that
/// is read from disk gives the answers that one computed anew gives, and whether it is used at all is only decided by
/// comparing positions (`DecoderSession.reuse`).
extension InferenceEngine {
    /// Writes the whole context, pictures included, under a name; nil when nothing has been read yet.
    package func park(as name: String) throws(CacheStoreError) -> ParkedContext? {
        let count = session.count
        guard let contextStore, count > 0, session.tellsItsDecoder else { return nil }
        return try write(first: count, as: parkedName(name), in: contextStore)
    }

    /// Takes over what was parked under a name, in place of what has been read; the number of its positions, 0 where
    /// nothing is parked for this model.
    @discardableResult
    package func restoreParked(_ name: String) -> Int {
        guard let contextStore else { return 0 }
        let found = contextStore.withEntry(parkedName(name)) { session.restore($0) ? true : nil }
        return found == true ? session.count : 0
    }

    private func parkedName(_ name: String) -> String {
        entryName(["parked", name], weights: loadedModel.hexadecimalDigest(rememberedIn: contextStore))
    }

    /// Everything that keys and values depend on besides the positions, in one name with what tells contexts apart.
    private func entryName(_ parts: [String], weights: String) -> String {
        let identity = [
            weights, loadedModel.description.cacheType,
            // The exact variants agree bit for bit, so that there the CPU is no part of it.
            loadedModel.precision == .exact ? loadedModel.precision.rawValue : loadedModel.precision.kernelName,
        ]
        return SHA256Digest(of: Array((identity + parts).joined(separator: "\n").utf8)).hexadecimal
    }

    private func write(
        first count: Int, as name: String, in store: CacheStore
    ) throws(CacheStoreError) -> ParkedContext {
        try session.withSaved(first: count) { buffers in
            Result { () throws(CacheStoreError) in
                try store.write(buffers, as: name)
                return ParkedContext(tokens: count, bytes: buffers.reduce(0) { $0 + $1.count })
            }
        }.get()
    }

    // MARK: The system prompt

    /// The positions that a prompt shares with all others under its system messages.
    struct StandingContext {
        fileprivate let tokens: [Int32]
        fileprivate let name: String
        /// Whether a decoder of its own for pictures computes it.
        fileprivate let isForPictures: Bool
    }

    /// What prompts with the same system messages begin with; nil where it cannot be found again, or not sooner than
    /// computed.
    func standingContext(of prompt: Prompt, _ items: [SequenceItem]) -> StandingContext? {
        // Hashing the weights would take longer than reading the prompt.
        guard let contextStore, let weights = loadedModel.knownDigest(rememberedIn: contextStore) else { return nil }
        let tokens = loadedModel.promptBuilder.standingTokens(of: prompt)
        guard tokens.count >= Self.leastStandingTokens, items.count > tokens.count,
            zip(items, tokens).allSatisfy({ $0 == SequenceItem(token: $1) })
        else { return nil }
        let ids = tokens.map(String.init).joined(separator: " ")
        let isForPictures = loadedModel.pictureDecoder != nil && items.contains { $0.picture != nil }
        let parts = ["standing", ids] + (isForPictures ? ["pictures"] : [])
        return StandingContext(
            tokens: tokens, name: entryName(parts, weights: weights), isForPictures: isForPictures)
    }

    /// Reads the positions from disk unless they are cached.
    func restore(_ standing: StandingContext) {
        guard !session.begins(with: standing.tokens) else { return }
        _ = contextStore?.withEntry(standing.name) {
            session.restore($0, forPictures: standing.isForPictures) ? true : nil
        }
    }

    /// Writes the positions to disk where they are not there. What goes wrong is left: they are only computed again.
    func keep(_ standing: StandingContext) {
        guard let contextStore, session.begins(with: standing.tokens),
            session.seesPictures == standing.isForPictures, !contextStore.mayHold(standing.name)
        else { return }
        _ = try? write(first: standing.tokens.count, as: standing.name, in: contextStore)
    }

    /// Fewer are computed as quickly as they are found.
    private static let leastStandingTokens = 8
}
