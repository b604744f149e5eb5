import Generation
import Pixels

/// A prompt as a model takes it.
package struct TokenizedPrompt: Sendable, Equatable {
    package enum Element: Sendable, Equatable {
        case tokens([Int32])
        /// A picture or a frame that takes `slots` places in the context, each of which has the id `slotToken`; media are
        /// numbered from 1 in reading order, and all frames of a clip have its number.
        case image(mediaNumber: Int, PixelImage, slots: Int, slotToken: Int32)
        /// A picture that the model predicts from what stands before it, in as many places as one that it sees.
        case predicted(PredictedImage, slots: Int, slotToken: Int32)

        /// Places in the context.
        var tokenCount: Int {
            switch self {
            case .tokens(let ids): ids.count
            case .image(_, _, let slots, _), .predicted(_, let slots, _): slots
            }
        }
    }

    package var elements: [Element]
    /// Places in the context that the whole prompt takes.
    package var tokenCount: Int
    /// Places that each picture or clip takes, in reading order; 0 for one that the model cannot see.
    package var mediaTokens: [Int]
    /// Numbers of the pictures and clips that the model cannot see.
    package var unseenMedia: [Int]

    /// All ids in order, of a picture those that stand in its places.
    package var tokens: [Int32] {
        elements.flatMap { element in
            switch element {
            case .tokens(let ids): ids
            case .image(_, _, let slots, let slotToken), .predicted(_, let slots, let slotToken):
                Array(repeating: slotToken, count: slots)
            }
        }
    }

    /// What the prompt takes from the context.
    package var cost: PromptCost { PromptCost(totalTokens: tokenCount, mediaTokens: mediaTokens) }
}
