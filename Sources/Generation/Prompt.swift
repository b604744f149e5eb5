import Pixels

/// Who speaks a message.
package enum Role: String, Sendable, Codable, CaseIterable {
    case system, user, assistant
}

/// What a model is asked: messages of interleaved text, pictures and clips.
package struct Prompt: Sendable, Equatable {
    /// How messages become one sequence.
    package enum Layout: Sendable, Equatable {
        /// Wrapped in the model's chat template.
        case chat
        /// Concatenated as they stand, for base models.
        case raw
    }

    package var layout: Layout
    /// In the order in which they were said. When the last one is the assistant's, the model continues it.
    package var messages: [PromptMessage]

    /// Whether the answer is to say where in the picture things are, by boxes; models that cannot ignore it.
    package var asksForBoxes: Bool

    package init(messages: [PromptMessage], layout: Layout = .chat, asksForBoxes: Bool = false) {
        self.messages = messages
        self.layout = layout
        self.asksForBoxes = asksForBoxes
    }

    /// The pictures and clips in reading order.
    package var media: [PromptPart] {
        messages.flatMap(\.parts).filter(\.isMedium)
    }

    /// The last still picture; nil when there is none.
    package var lastPicture: PixelImage? {
        media.compactMap(\.picture).last
    }

    /// The words of the last message.
    package var lastWords: String {
        (messages.last?.parts ?? []).map { part in if case .text(let text) = part { text } else { "" } }.joined()
    }

    /// The prompt with turns of examples before all that is said, behind the system text.
    package func showing(_ examples: [PromptMessage]) -> Prompt {
        var prompt = self
        let start = messages.firstIndex { $0.role != .system } ?? messages.endIndex
        prompt.messages.insert(contentsOf: examples, at: start)
        return prompt
    }

    /// The picture that the places of an answer are of, with its number among pictures, from 1: the last one. Nil where
    /// none is asked for or there is none. The makers of Emu2 train it with one picture and say nothing of several.
    package var groundedPicture: (number: Int, image: PixelImage)? {
        guard asksForBoxes else { return nil }
        let pictures = media.compactMap(\.picture)
        return pictures.last.map { (pictures.count, $0) }
    }
}

/// One message of a prompt.
package struct PromptMessage: Sendable, Equatable {
    package var role: Role
    package var parts: [PromptPart]
    /// The ids that a model generated for an assistant's message, when they are known.
    ///
    /// Text encoded again can give other ids than were generated, and then nothing cached behind them can be reused.
    /// They stand for the parts only where they decode to the same text.
    package var tokens: [Int32]?
    /// Whether an assistant's message says where things are, in marks that its text spells: the model is given the
    /// marks again where `tokens` has them, and else the words alone.
    package var isGrounded: Bool

    package init(role: Role, parts: [PromptPart], tokens: [Int32]? = nil, isGrounded: Bool = false) {
        self.role = role
        self.parts = parts
        self.tokens = tokens
        self.isGrounded = isGrounded
    }

    package init(role: Role, text: String) {
        self.init(role: role, parts: [.text(text)])
    }
}

/// An element of the interleaved sequence.
package enum PromptPart: Sendable, Equatable {
    /// Plain text: a special token spelt in it stays text.
    case text(String)
    /// Text whose special tokens are parsed; only ever from a caller who asked for it.
    case markup(String)
    case image(PixelImage)
    /// Frames of a clip in order.
    case video([VideoFrame])
    /// A picture that the model itself predicted at this place of an answer.
    case predicted(PredictedImage)
}

extension PromptPart {
    /// The pixels of a still picture; nil of everything else, and of a picture that nobody drew.
    package var picture: PixelImage? {
        switch self {
        case .image(let image): image
        case .predicted(let predicted): predicted.image
        case .text, .markup, .video: nil
        }
    }
}

/// A frame of a clip.
package struct VideoFrame: Sendable, Equatable {
    package let image: PixelImage
    /// Seconds from the clip's start.
    package let seconds: Double

    package init(image: PixelImage, seconds: Double) {
        self.image = image
        self.seconds = seconds
    }
}
