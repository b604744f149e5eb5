import Digest
import Tokenization

/// A position of a decoder's input: a token, or one of the rows that a picture became.
package struct SequenceItem: Sendable, Equatable {
    /// A picture's row, counted from 0.
    package struct PicturePlace: Sendable, Equatable {
        package let key: PictureKey
        package let row: Int
    }

    /// The id; of a picture's row the one that stands in its place.
    package let token: Int32
    package let picture: PicturePlace?

    package init(token: Int32, picture: PicturePlace? = nil) {
        self.token = token
        self.picture = picture
    }
}

/// What tells a picture's embeddings of one model apart: equal keys, equal bits.
package struct PictureKey: Sendable, Hashable {
    /// Of size and pixels.
    package let content: SHA256Digest
    /// Places in the context.
    package let slots: Int

    package init(content: SHA256Digest, slots: Int) {
        self.content = content
        self.slots = slots
    }
}

/// A picture as a decoder takes it.
package struct PictureEmbedding: Sendable {
    /// [slots, decoder's width]
    package let rows: [Float]

    package init(rows: [Float]) {
        self.rows = rows
    }
}

extension TokenizedPrompt {
    /// The prompt position by position.
    package var items: [SequenceItem] {
        elements.flatMap { element in
            switch element {
            case .tokens(let ids):
                return ids.map { SequenceItem(token: $0) }
            case .image(_, let image, let slots, let slotToken):
                let key = PictureKey(content: image.digest, slots: slots)
                return (0..<slots).map { SequenceItem(token: slotToken, picture: .init(key: key, row: $0)) }
            }
        }
    }
}
