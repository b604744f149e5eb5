import Digest
import Generation
import Models
import Tensor
import Tokenization

/// Predicts the embeddings of a picture, one after another, as words are predicted: each stands where the next one is
/// predicted from. Source: "Generative Multimodal Models are In-Context Learners", section 2.1; `generate_image` in
/// `emu.py`, which computes the whole sequence anew for each. Pictures within an answer are derived from sections 2.2 and
/// 2.3 of the paper alone: the published code has none.
package struct PictureRegression {
    private let model: LoadedModel
    private let emu2: Emu2
    private let session: DecoderSession
    private let pool: ThreadPool
    private let imageToken: Int32

    /// Nil for a model that predicts no pictures.
    package init?(model: LoadedModel, session: DecoderSession, pool: ThreadPool) {
        guard let emu2 = model.visual as? Emu2, let tokens = model.promptBuilder.visualTokens else { return nil }
        (self.model, self.emu2, self.session, self.pool) = (model, emu2, session, pool)
        imageToken = tokens.imageToken
    }

    /// What stands behind a prompt for a picture: the token that opens one.
    package static let opening = PromptPart.markup("[IMG]")

    /// The tokens of a prompt that asks for a picture.
    package func tokenized(_ parts: [PromptPart]) -> TokenizedPrompt {
        model.promptBuilder.build(
            Prompt(messages: [PromptMessage(role: .user, parts: parts + [Self.opening])], layout: .raw))
    }

    /// The embeddings [slots, features] behind a prompt: one pass over it and one step for each further embedding.
    ///
    /// The session keeps the prompt and nothing of the picture. `progress` is told the embeddings that are there.
    /// - Returns: nil when cancelled.
    package func embeddings(
        behind prompt: [SequenceItem], pictures: [PictureKey: PictureEmbedding], isCancelled: () -> Bool = { false },
        progress: (Int) -> Void = { _ in }
    ) throws(InferenceError) -> [Float]? {
        let count = emu2.imageSlots
        guard prompt.count + count - 1 <= session.contextLength else {
            throw .promptTooLong(tokens: prompt.count + count - 1, context: session.contextLength)
        }
        let kept = session.reuse(for: prompt)
        guard session.append(prompt[kept...], pictures: pictures, isCancelled: isCancelled) else { return nil }
        defer { session.truncate(to: prompt.count) }
        // What stands behind the last one is never asked.
        return extend(keepingLast: false, isCancelled: isCancelled, progress: progress)
    }

    // MARK: Within an answer

    /// Predicts a picture behind what is cached, whose last item must have been computed last, and appends its embeddings,
    /// so that words can follow. Returns them, [slots, features]; nil, and nothing appended, when cancelled.
    ///
    /// As many positions as the model's pictures have must be free.
    package func extend(isCancelled: () -> Bool, progress: (Int) -> Void = { _ in }) -> [Float]? {
        let start = session.count
        let features = extend(keepingLast: true, isCancelled: isCancelled, progress: progress)
        if features == nil { session.truncate(to: start) }
        return features
    }

    /// Appends a prompt's items, those of pictures that were `predicted` by predicting them again.
    ///
    /// Where what is cached ends within such a picture, or before it, the item from which its first embedding is predicted
    /// must be among those appended: `start(of:predicted:)`.
    /// - Returns: false when cancelled.
    package func append(
        _ items: ArraySlice<SequenceItem>, predicted: Set<PictureKey>, pictures: [PictureKey: PictureEmbedding],
        isCancelled: () -> Bool, progress: (Int) -> Void
    ) -> Bool {
        var rest = items
        while !rest.isEmpty {
            let stretch = rest.prefix { item in item.picture.map { !predicted.contains($0.key) } ?? true }
            let done = items.count - rest.count
            guard
                session.append(
                    stretch, pictures: pictures, isCancelled: isCancelled, progress: { progress(done + $0) })
            else { return false }
            rest = rest.dropFirst(stretch.count)
            guard !rest.isEmpty else { break }
            guard extend(isCancelled: isCancelled) != nil else { return false }
            rest = rest.dropFirst(emu2.imageSlots)
            progress(items.count - rest.count)
        }
        return true
    }

    /// From where a prompt has to be computed of which the first `reused` items are cached: a predicted picture that is not
    /// whole begins anew, with the item before it.
    package static func start(of items: [SequenceItem], reused: Int, predicted: Set<PictureKey>) -> Int {
        guard items.indices.contains(reused), let place = items[reused].picture, predicted.contains(place.key) else {
            return reused
        }
        return max(0, reused - place.row - 1)
    }

    private func extend(
        keepingLast keepsLast: Bool, isCancelled: () -> Bool, progress: (Int) -> Void
    ) -> [Float]? {
        let count = emu2.imageSlots
        let key = PictureKey(content: session.digest, slots: count)
        var (features, rows) = ([Float](), [Float]())
        for index in 0..<count {
            let embedding = emu2.predictedEmbedding(hidden: session.lastHidden, pool: pool)
            features += embedding
            progress(index + 1)
            if index == count - 1, !keepsLast { break }
            // One at a time, also where the sequence is computed again: so the same bits stand there.
            rows += emu2.embeddings(features: embedding, pool: pool)
            let item = SequenceItem(token: imageToken, picture: .init(key: key, row: index))
            guard session.append([item], pictures: [key: PictureEmbedding(rows: rows)], isCancelled: isCancelled)
            else { return nil }
        }
        return features
    }
}
