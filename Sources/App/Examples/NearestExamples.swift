import Chat
import Generation
import Inference
import Media
import Pixels

/// Chooses the examples whose pictures are most like a question's.
struct NearestExamples {
    let sets: ExampleSets
    let engine: InferenceEngine

    /// The nearest of a set, the nearest last; nil when cancelled.
    ///
    /// - Parameter progress: told how many of the pictures have been looked at.
    func choose(
        _ count: Int, from set: String, for picture: PixelImage, cancellation: CancellationFlag,
        progress: @Sendable (Int, Int) -> Void
    ) async throws -> [Example]? {
        let examples = try sets.load(set)
        let candidates = examples.compactMap { example in example.picture.map { (example, $0.file) } }
        guard !examples.isEmpty else { throw ExampleError.isEmpty(set) }
        guard !candidates.isEmpty else { throw ExampleError.hasNoPictures(set) }
        let total = candidates.count + 1
        progress(0, total)
        guard let wanted = try await engine.pooledFeatures(of: picture, cancellation: cancellation) else { return nil }
        var others: [PooledFeatures] = []
        for (_, file) in candidates {
            progress(others.count + 1, total)
            let image = try ExamplePictures.pixels(of: file, in: sets.store)
            guard let features = try await engine.pooledFeatures(of: image, cancellation: cancellation) else {
                return nil
            }
            others.append(features)
        }
        return PooledFeatures.nearest(count, to: wanted, among: others).map { candidates[$0].0 }
    }
}

/// Pictures of examples.
enum ExamplePictures {
    /// A picture as models see it.
    static func pixels(of file: StoredFile, in store: SessionStore) throws -> PixelImage {
        try StillDecoder().load(bytes: store.loadMedia(file), name: file.relativePath).seenPixels
    }

    /// The messages that examples are in a prompt.
    static func promptMessages(_ examples: [Example], in store: SessionStore) throws -> [PromptMessage] {
        try examples.flatMap { example in
            try example.promptMessages { file throws in try pixels(of: file, in: store) }
        }
    }
}

extension ExampleSets {
    /// The user's own.
    static var users: ExampleSets {
        ExampleSets(folder: Folders.examples.path, application: "emuchat \(emuchatVersion)")
    }
}
