import ModelFiles
import Models
import Tokenization

/// Why a model cannot be loaded or asked.
package enum InferenceError: Error, Sendable, Equatable {
    case file(ModelFileError)
    case model(ModelError)
    case tokenizer(TokenizerError)
    /// Asked for a context longer than the model was trained for, or shorter than can be used.
    case invalidContext(asked: Int, trained: Int)
    /// The vocabulary has more tokens than the model has rows for them.
    case vocabularyMismatch(path: String, tokens: Int, rows: Int)
    /// The vocabulary lacks the tokens that stand around pictures.
    case missingPictureTokens(path: String)
    /// A prompt with the picture that is to be predicted behind it.
    case promptTooLong(tokens: Int, context: Int)
    /// A model without the parts that draw.
    case drawsNothing(path: String)
    /// The weights computed a picture with values that are no numbers.
    case invalidPicture
    /// Weights, context and workspace are more than what this process may take.
    case notEnoughMemory(path: String, plan: MemoryPlan)
    /// What draws a picture takes more than what this process may take, also alone.
    case notEnoughMemoryToDraw(path: String, plan: DrawingMemoryPlan)
}

extension InferenceError: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        switch self {
        case .file(let error): error.description
        case .model(let error): error.description
        case .tokenizer(let error): error.description
        case .invalidContext(let asked, let trained):
            "A context of \(asked) tokens was asked for; this model allows 16 to \(trained). Change --context."
        case .missingPictureTokens(let path):
            "\(shown(path)): expected [IMG], [/IMG], <image>, [gIMG] and [VIDEO] among the control tokens, found not all. "
                + "Convert the model again, with its added_tokens.json."
        case .promptTooLong(let tokens, let context):
            "The prompt and the picture take \(tokens) tokens; the context holds \(context). "
                + "Shorten the prompt, leave pictures out, or set a larger --context."
        case .drawsNothing(let path):
            "\(shown(path)): this model draws nothing. Name the folder of Emu2-Gen, which has `unet` and `vae`, with --model."
        case .invalidPicture:
            "The model computed no valid picture: its weights are damaged. Get it again."
        case .notEnoughMemory(let path, let plan): "\(shown(path)): \(plan.refusal)"
        case .notEnoughMemoryToDraw(let path, let plan): "\(shown(path)): \(plan.refusal)"
        case .vocabularyMismatch(let path, let tokens, let rows):
            "\(shown(path)): \(tokens) tokens but \(rows) rows of token_embd.weight. The file is damaged: get it again."
        }
    }
}
