import Generation

/// How a model's pictures stand between its tokens.
package struct VisualTokens: Sendable, Equatable {
    /// Places of a picture, and of a frame of a clip.
    package var imageSlots: Int
    package var frameSlots: Int
    /// The ids that stand in these places, which the embeddings replace.
    package var imageToken: Int32
    package var frameToken: Int32
    /// The ids around each picture and frame.
    package var opening: [Int32]
    package var closing: [Int32]
    /// The ids before the first frame of a clip.
    package var clipOpening: [Int32]
    /// Whether the model itself opens pictures, and predicts what stands in their places.
    package var arePredicted = false

    package init(
        imageSlots: Int, frameSlots: Int, imageToken: Int32, frameToken: Int32, opening: [Int32] = [],
        closing: [Int32] = [], clipOpening: [Int32] = []
    ) {
        self.imageSlots = imageSlots
        self.frameSlots = frameSlots
        self.imageToken = imageToken
        self.frameToken = frameToken
        self.opening = opening
        self.closing = closing
        self.clipOpening = clipOpening
    }

    /// What Emu2 puts around pictures; nil when the vocabulary lacks one of its tokens. Source: Emu2's `constants.py`.
    package static func emu2(imageSlots: Int, frameSlots: Int, tokenizer: any Tokenizer) -> VisualTokens? {
        guard let opening = tokenizer.controlToken("[IMG]"), let closing = tokenizer.controlToken("[/IMG]"),
            let image = tokenizer.controlToken("<image>"), let frame = tokenizer.controlToken("[gIMG]"),
            let clip = tokenizer.controlToken("[VIDEO]")
        else { return nil }
        var tokens = VisualTokens(
            imageSlots: imageSlots, frameSlots: frameSlots, imageToken: image, frameToken: frame, opening: [opening],
            closing: [closing], clipOpening: [clip])
        // Emu2-Chat, which has tokens for the roles, was trained to answer in words.
        tokens.arePredicted = tokenizer.controlToken("[USER]") == nil
        return tokens
    }

    /// What pictures and clips take, with the ids around them.
    package var cost: MediaCost {
        let around = opening.count + closing.count
        return MediaCost(image: imageSlots + around, clip: clipOpening.count, frame: frameSlots + around)
    }
}
