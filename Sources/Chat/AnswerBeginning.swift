import Generation

/// What an answer that goes on with another one takes over from it: its tokens, with the text that each completed.
package struct AnswerBeginning: Sendable, Equatable {
    package let tokenIDs: [Int32]
    /// As many as there are tokens.
    package let pieces: [String]
    /// Whether the text spells the marks of places.
    package let isGrounded: Bool

    package var text: String { pieces.joined() }

    /// The tokens of an assistant's message up to the last one that completed a character: what was half a character,
    /// or held back as the possible beginning of a stop text, is generated again.
    package init(_ message: Message) {
        isGrounded = message.answer?.grounding != nil
        guard let answer = message.answer,
            let cut = Answer.pieces(of: message.text, lengths: answer.tokenTextLengths)
        else {
            (tokenIDs, pieces) = ([], [])
            return
        }
        let count = (cut.pieces.lastIndex { !$0.isEmpty } ?? -1) + 1
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
        isGrounded = answer.grounding != nil
    }

    /// The message that a prompt ends with so that a model goes on with it.
    package var promptMessage: PromptMessage {
        PromptMessage(role: .assistant, parts: [.text(text)], tokens: tokenIDs, isGrounded: isGrounded)
    }
}
