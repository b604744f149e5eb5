import Generation
import Screen

/// One block of the conversation as the screen shows it.
///
/// The screen's own value: sessions are mapped to it by whoever owns them.
package struct ConversationItem: Identifiable, Equatable, Sendable {
    package enum Speaker: Hashable, Sendable {
        case user
        case assistant
        case system
        /// Said by the program itself, such as the help; never part of what is sent.
        case program
    }

    package enum Part: Equatable, Sendable {
        /// Any text; it is made safe when it is laid out.
        case text(String)
        /// The picture with this number, shown where it stands.
        case picture(Int)
        /// The clip with this number; pictures and clips are numbered together.
        case clip(Int)
        /// The place of a picture that the model opened and nobody could draw, in words that say so.
        case undrawn(String)

        /// What stands for it in text; empty for text itself.
        package var placeholder: String {
            switch self {
            case .text: ""
            case .undrawn(let words): words
            case .picture(let number): Picture.placeholder(number)
            case .clip(let number): Picture.placeholder(number, isClip: true)
            }
        }
    }

    /// What a question wants its answer to say beside words: where in a picture things are.
    package struct GroundingWish: Hashable, Sendable {
        /// The number of the picture; nil is the last one before the answer.
        package var picture: Int?

        package init(picture: Int? = nil) { self.picture = picture }
    }

    /// Where things are, as an answer says it.
    package struct Grounding: Equatable, Sendable {
        /// The number of the picture that the places are of; nil when there is none.
        package var picture: Int?
        package var answer: GroundedAnswer

        package init(picture: Int?, answer: GroundedAnswer = GroundedAnswer()) {
            self.picture = picture
            self.answer = answer
        }
    }

    /// What is remarkable about the item.
    package enum Mark: Hashable, Sendable {
        /// Will be sent when the model is loaded or has answered what came before.
        case waiting
        /// The answer was stopped by the user.
        case stopped
        /// The answer ended at the token limit or with the context.
        case cutShort
        /// The program ended before the answer did.
        case interrupted
        /// Numbers of the pictures that did not reach the model.
        case didNotSee([Int])
        /// From this answer on the oldest turns, or pictures of those that stayed, were left out of what was sent.
        case leftOut(turns: Int, pictures: Int)
        /// Of so many pictures that were to be drawn, those of these numbers, from 1, are withheld by the model's safety
        /// checker.
        case withheld([Int], of: Int)
        /// The answer could not go on; the text says why and what to do.
        case failed(String)

        /// Whether the answer ended before it was complete, and can go on.
        package var isCut: Bool {
            switch self {
            case .stopped, .cutShort, .interrupted: true
            case .waiting, .didNotSee, .leftOut, .withheld, .failed: false
            }
        }
    }

    package let id: Int
    package var speaker: Speaker
    package var parts: [Part]
    /// Seconds since 1970; nil shows no time.
    package var time: Double?
    package var marks: [Mark]
    package var figures: AnswerFigures?
    /// Where it stands in the session; nil for what is not part of it, or not yet.
    package var place: BranchPlace?
    /// Of a question that is to be answered with places.
    package var groundingWish: GroundingWish?
    /// Of a question that asks for pictures: how they are to be drawn.
    package var drawing: DrawingOptions?
    /// Of a question before which examples are wanted that have not come yet.
    package var examplesWish: ExamplesWish?
    /// Of an example's question and answer: the name of the set that it is from, empty for none.
    package var example: String?
    /// Of an answer that says where things are; its text is without the marks that say so.
    package var grounding: Grounding?

    package init(
        id: Int, speaker: Speaker, parts: [Part], time: Double? = nil, marks: [Mark] = [],
        figures: AnswerFigures? = nil, place: BranchPlace? = nil, groundingWish: GroundingWish? = nil,
        grounding: Grounding? = nil
    ) {
        self.id = id
        self.speaker = speaker
        self.parts = parts
        self.time = time
        self.marks = marks
        self.figures = figures
        self.place = place
        self.groundingWish = groundingWish
        self.grounding = grounding
    }

    /// The parts' text, with each picture as `[Image #n]` and each clip as `[Video #n]`.
    package var text: String {
        parts.map { if case .text(let text) = $0 { text } else { $0.placeholder } }.joined()
    }

    /// Numbers of its pictures and clips in reading order.
    package var pictureNumbers: [Int] {
        parts.compactMap { part in
            switch part {
            case .text, .undrawn: nil
            case .picture(let number), .clip(let number): number
            }
        }
    }
}

/// Where a message stands in its session, and what else stands there on other branches.
package struct BranchPlace: Hashable, Sendable {
    /// The session's number of the message.
    package var messageID: Int
    /// The session's numbers of the messages that stand in this place, itself among them, in the order of creation.
    package var alternatives: [Int]

    package init(messageID: Int, alternatives: [Int]) {
        self.messageID = messageID
        self.alternatives = alternatives
    }

    /// Such as `2/3`; nil when there is no other.
    package var count: String? {
        guard alternatives.count > 1, let index = alternatives.firstIndex(of: messageID) else { return nil }
        return "\(index + 1)/\(alternatives.count)"
    }
}

/// How an answer went.
package struct AnswerFigures: Hashable, Sendable {
    package var tokensPerSecond: Double?
    /// Seconds from the question to the first token.
    package var firstTokenSeconds: Double?
    package var generatedTokens: Int

    package init(tokensPerSecond: Double?, firstTokenSeconds: Double?, generatedTokens: Int) {
        self.tokensPerSecond = tokensPerSecond
        self.firstTokenSeconds = firstTokenSeconds
        self.generatedTokens = generatedTokens
    }

    package init(_ summary: GenerationSummary) {
        self.init(
            tokensPerSecond: summary.tokensPerSecond,
            firstTokenSeconds: summary.generatedTokens > 0 ? summary.firstTokenSeconds : nil,
            generatedTokens: summary.generatedTokens)
    }
}

/// A picture or a clip of the conversation or of the draft, known by its number.
package struct Picture: Equatable, Sendable {
    package enum Content: Equatable, Sendable {
        /// Its file is being read.
        case loading
        case ready(PictureFacts)
    }

    package let number: Int
    package let isClip: Bool
    /// As the user gave it.
    package var path: String
    package var content: Content
    /// How its file was asked for; nil for one of a session.
    package var request: PictureRequest?
    /// The preview, as soon as there is one.
    package var preview: CellBlock?
    /// The size for which a preview was last asked.
    package var requestedSize: Size?
    /// The boxes with which it was last asked.
    package var requestedBoxes: [NumberedBox] = []

    package init(
        number: Int, path: String, content: Content = .loading, preview: CellBlock? = nil, isClip: Bool = false
    ) {
        self.number = number
        self.isClip = isClip
        self.path = path
        self.content = content
        self.preview = preview
    }

    package var facts: PictureFacts? {
        if case .ready(let facts) = content { facts } else { nil }
    }

    /// How a picture or a clip is written in text.
    package static func placeholder(_ number: Int, isClip: Bool = false) -> String {
        "[\(isClip ? "Video" : "Image") #\(number)]"
    }
}

/// What is known of a picture once its file has been read.
package struct PictureFacts: Hashable, Sendable {
    /// The file's name, to be shown.
    package var name: String
    /// In pixels, upright.
    package var width: Int
    package var height: Int
    /// Worth knowing, such as `first of 12 frames`; nil when there is nothing.
    package var note: String?
    /// The size in pixels at which the model sees it; nil when that is unknown or it sees nothing.
    package var seenWidth: Int?
    package var seenHeight: Int?
    /// Tokens that it takes from the context; nil when unknown.
    package var tokens: Int?
    /// What is known of a clip; nil for a still picture.
    package var clip: ClipFacts?

    package init(
        name: String, width: Int, height: Int, note: String? = nil, seenWidth: Int? = nil, seenHeight: Int? = nil,
        tokens: Int? = nil, clip: ClipFacts? = nil
    ) {
        self.name = name
        self.width = width
        self.height = height
        self.note = note
        self.seenWidth = seenWidth
        self.seenHeight = seenHeight
        self.tokens = tokens
        self.clip = clip
    }

    /// One line beside the preview; `modelSees` is nil while no model is loaded.
    package func caption(modelSees: Bool?) -> String {
        var pieces = [SanitizedText.clean(name, newlines: .joined), "\(width)×\(height)"]
        if let clip {
            pieces.append("\(clip.times.count) of \(FigureText.grouped(clip.frameCount)) frames")
            pieces.append(FigureText.seconds(clip.seconds))
        }
        if let note { pieces.append(SanitizedText.clean(note, newlines: .joined)) }
        switch modelSees {
        case false?: pieces.append("the model cannot see it")
        case true?:
            if let seenWidth, let seenHeight { pieces.append("seen at \(seenWidth)×\(seenHeight)") }
            if let tokens { pieces.append("\(tokens) tokens") }
        case nil: break
        }
        return pieces.joined(separator: " · ")
    }
}
