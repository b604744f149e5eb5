import Digest
import Pixels
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
    package var items: [SequenceItem] { sequence.items }

    /// The prompt position by position, and which of its pictures are to be predicted, not looked at.
    ///
    /// A picture that the model predicted once has the digest of what stands before it for its content, since that is what
    /// it follows from. Where something else stands before it now, the model would predict another picture than the one
    /// that was drawn; it looks at that one then.
    package var sequence: (items: [SequenceItem], predicted: Set<PictureKey>) {
        var items: [SequenceItem] = []
        var predicted = Set<PictureKey>()
        func append(_ key: PictureKey, _ slotToken: Int32) {
            items += (0..<key.slots).map { SequenceItem(token: slotToken, picture: .init(key: key, row: $0)) }
        }
        for element in elements {
            switch element {
            case .tokens(let ids):
                items += ids.map { SequenceItem(token: $0) }
            case .image(_, let image, let slots, let slotToken):
                append(PictureKey(content: image.digest, slots: slots), slotToken)
            case .predicted(let picture, let slots, let slotToken):
                let context = SequenceItemCoding.digest(items[...])
                if let image = picture.image, picture.context != context.hexadecimal {
                    append(PictureKey(content: image.digest, slots: slots), slotToken)
                } else {
                    let key = PictureKey(content: context, slots: slots)
                    predicted.insert(key)
                    append(key, slotToken)
                }
            }
        }
        return (items, predicted)
    }

    /// The pictures that the model may have to look at, with the places that each takes.
    var pictures: [(image: PixelImage, slots: Int)] {
        elements.compactMap { element in
            switch element {
            case .tokens: nil
            case .image(_, let image, let slots, _): (image, slots)
            case .predicted(let picture, let slots, _): picture.image.map { ($0, slots) }
            }
        }
    }
}
