import Generation
import Pixels

/// What an answer that goes on with another one takes over from it: its tokens, with the text that each completed.
package struct AnswerBeginning: Sendable, Equatable {
    package let tokenIDs: [Int32]
    /// As many as there are tokens.
    package let pieces: [String]
    /// Whether the text spells the marks of places.
    package let isGrounded: Bool
    /// Those among the words, whole or not, whose embeddings are predicted.
    package let pictures: [PredictedPicture]

    package var text: String { pieces.joined() }

    /// The words and pictures in their order.
    package var parts: [Part] {
        var parts = AnswerParts()
        for (index, piece) in pieces.enumerated() {
            parts.append(piece)
            for picture in pictures where picture.token == index { parts.append(picture) }
        }
        return parts.all
    }

    /// The tokens of an assistant's message up to the last one that completed a character: what was half a character,
    /// or held back as the possible beginning of a stop text, is generated again.
    package init(_ message: Message) {
        isGrounded = message.answer?.grounding != nil
        guard let answer = message.answer,
            let cut = Answer.pieces(of: message.text, lengths: answer.tokenTextLengths)
        else {
            (tokenIDs, pieces, pictures) = ([], [], [])
            return
        }
        let predicted = message.predictedPictures.filter { $0.context != nil }
        var count = (cut.pieces.lastIndex { !$0.isEmpty } ?? -1) + 1
        count = min(cut.pieces.count, max(count, (predicted.last?.token ?? -1) + 1))
        // What opened a picture that came to nothing is left behind as well.
        if let broken = message.predictedPictures.first(where: { $0.context == nil }) {
            count = min(count, broken.token)
        }
        pictures = predicted.filter { $0.token < count }
        tokenIDs = Array(answer.tokenIDs.prefix(count))
        pieces = Array(cut.pieces.prefix(count))
    }

    /// What an answer took over that goes on with another one: its first tokens. Nil when it has no such tokens.
    package init?(_ message: Message, tokens count: Int) {
        guard let answer = message.answer, count <= answer.tokenIDs.count,
            let cut = Answer.pieces(of: message.text, lengths: answer.tokenTextLengths)
        else { return nil }
        tokenIDs = Array(answer.tokenIDs.prefix(count))
        pieces = Array(cut.pieces.prefix(count))
        pictures = message.predictedPictures.filter { $0.context != nil && $0.token < count }
        isGrounded = answer.grounding != nil
    }

    /// The message that a prompt ends with so that a model goes on with it.
    package func promptMessage<Failure: Error>(
        picture: (StoredFile) throws(Failure) -> PixelImage
    ) throws(Failure) -> PromptMessage {
        let message = Message(id: 1, parent: nil, role: .assistant, created: Timestamp(milliseconds: 0), parts: parts)
        var parts = try message.promptParts(picture: picture)
        if parts.isEmpty { parts = [.text("")] }
        return PromptMessage(role: .assistant, parts: parts, tokens: tokenIDs, isGrounded: isGrounded)
    }
}
