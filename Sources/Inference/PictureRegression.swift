import Digest
import Generation
import Models
import Tensor
import Tokenization

/// Predicts the embeddings of a picture, one after another, as words are predicted: each stands where the next one is
/// predicted from. Source: "Generative Multimodal Models are In-Context Learners", section 2.1; `generate_image` in
/// `emu.py`, which computes the whole sequence anew for each.
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
        // No picture has this name, since it is no digest of pixels.
        let key = PictureKey(content: SHA256Digest(of: Array("predicted".utf8)), slots: count)
        var features = [Float]()
        for index in 0..<count {
            let embedding = emu2.predictedEmbedding(hidden: session.lastHidden, pool: pool)
            features += embedding
            progress(index + 1)
            // What stands behind the last one is never asked.
            guard index < count - 1 else { break }
            let row = PictureEmbedding(rows: emu2.embeddings(features: embedding, pool: pool))
            let item = SequenceItem(token: imageToken, picture: .init(key: key, row: 0))
            guard session.append([item], pictures: [key: row], isCancelled: isCancelled) else { return nil }
        }
        return features
    }
}
