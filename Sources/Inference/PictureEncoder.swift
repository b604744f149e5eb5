import Digest
import Generation
import Models
import Pixels
import Tensor
import Tokenization

/// Encodes pictures, each once: what was made of a picture is kept in memory and, where there is one, in a `CacheStore`.
package final class PictureEncoder {
    private let model: any VisualModel
    private let pool: ThreadPool
    private let store: CacheStore?
    private let precision: Precision
    /// Digest of the encoder's weights, nil when cancelled; asked for when the store is first used.
    private let weightsDigest: WeightsDigest
    /// The most recently used last.
    private var recent: [(key: PictureKey, features: [Float])] = []
    /// Pictures that were encoded, not found.
    package private(set) var encodedCount = 0

    /// Given `isCancelled`, and whom to tell the bytes done, and of all.
    package typealias WeightsDigest = (() -> Bool, (_ done: Int, _ total: Int) -> Void) -> SHA256Digest?

    /// Bytes of features that are kept in memory: 140 pictures of Emu2-Chat.
    private static let mostBytes = 256 << 20

    package init(
        model: any VisualModel, precision: Precision, pool: ThreadPool, store: CacheStore?,
        weightsDigest: @escaping WeightsDigest
    ) {
        self.model = model
        self.pool = pool
        self.store = store
        self.precision = precision
        self.weightsDigest = weightsDigest
    }

    /// What the encoder makes of a picture, [slots, features], before it is fitted to the decoder; nil when cancelled.
    ///
    /// `progress` is told the layers done; `reading`, before the first picture, the bytes of weights read, and of all.
    package func features(
        of image: PixelImage, key: PictureKey, isCancelled: () -> Bool = { false },
        reading: (_ done: Int, _ total: Int) -> Void = { _, _ in }, progress: (Int) -> Void = { _ in }
    ) throws(ModelError) -> [Float]? {
        if let index = recent.firstIndex(where: { $0.key == key }) {
            let found = recent.remove(at: index)
            recent.append(found)
            return found.features
        }
        var name: String?
        if store != nil {
            guard let digest = weightsDigest(isCancelled, reading) else { return nil }
            name = entryName(key, weights: digest)
        }
        if let store, let name, let stored = store.read(name) {
            remember(key, stored)
            return stored
        }
        let computed = try model.features(
            of: image, slots: key.slots, pool: pool, isCancelled: isCancelled, progress: progress)
        guard let computed else { return nil }
        encodedCount += 1
        if let store, let name { store.write(computed, as: name) }
        remember(key, computed)
        return computed
    }

    /// A picture as rows for the decoder; nil when cancelled.
    package func embedding(
        of image: PixelImage, key: PictureKey, isCancelled: () -> Bool = { false },
        reading: (_ done: Int, _ total: Int) -> Void = { _, _ in }, progress: (Int) -> Void = { _ in }
    ) throws(ModelError) -> PictureEmbedding? {
        let features = try features(
            of: image, key: key, isCancelled: isCancelled, reading: reading, progress: progress)
        return features.map { PictureEmbedding(rows: model.embeddings(features: $0, pool: pool)) }
    }

    /// All pictures of a prompt as rows for the decoder; nil when cancelled. `progress` is told the pictures done.
    package func embeddings(
        of prompt: TokenizedPrompt, isCancelled: () -> Bool = { false }, progress: (Int) -> Void = { _ in }
    ) throws(ModelError) -> [PictureKey: PictureEmbedding]? {
        var embeddings: [PictureKey: PictureEmbedding] = [:]
        for (image, slots) in prompt.pictures {
            let key = PictureKey(content: image.digest, slots: slots)
            guard let found = try embedding(of: image, key: key, isCancelled: isCancelled) else { return nil }
            embeddings[key] = found
            progress(embeddings.count)
        }
        return embeddings
    }

    /// Counts the changes of the encoders' arithmetic, so that what was kept before is not taken for what is computed now.
    private static let revision = 2

    /// Everything that the features depend on, in one name.
    private func entryName(_ key: PictureKey, weights: SHA256Digest) -> String {
        let parts = [
            "\(Self.revision)", key.content.hexadecimal, weights.hexadecimal, model.preprocessingName, "\(key.slots)",
            // The exact variants agree bit for bit, so that there the CPU is no part of it.
            precision == .exact ? precision.rawValue : precision.kernelName,
        ]
        return SHA256Digest(of: Array(parts.joined(separator: "\n").utf8)).hexadecimal
    }

    private func remember(_ key: PictureKey, _ features: [Float]) {
        recent.append((key, features))
        var bytes = recent.reduce(0) { $0 + $1.features.count * MemoryLayout<Float>.stride }
        while bytes > Self.mostBytes, recent.count > 1 {
            bytes -= recent.removeFirst().features.count * MemoryLayout<Float>.stride
        }
    }
}
