import Pixels

/// Pictures that an answer draws in its midst.
///
/// Derived from the paper that describes Emu2, which predicts the embeddings of pictures as it predicts words; the
/// published code has no such mode. Source: "Generative Multimodal Models are In-Context Learners", sections 2.2 and 2.3.
package struct AnswerPictures: Sendable, Equatable, Codable {
    /// Most pictures of one answer; 0 lets it have none.
    package var most: Int
    /// In pixels.
    package var width: Int
    package var height: Int
    /// From noise to each picture.
    package var steps: Int
    /// How closely its embeddings are followed; up to 1 is not led by them.
    package var guidance: Float

    /// What is meant by `on`.
    package static let usualCount = 4
    /// As many as one answer may ever have.
    package static let greatestCount = 32

    package static let none = AnswerPictures(most: 0)

    /// As Emu2-Gen was published.
    package init(
        most: Int = AnswerPictures.usualCount, width: Int = 1024, height: Int = 1024, steps: Int = 50,
        guidance: Float = 3
    ) {
        (self.most, self.width, self.height, self.steps, self.guidance) = (most, width, height, steps, guidance)
    }

    package var areWanted: Bool { most > 0 }

    /// What draws a picture; `seed` is that picture's own.
    package func drawing(seed: UInt64?) -> DrawingOptions {
        DrawingOptions(width: width, height: height, steps: steps, guidance: guidance, seed: seed)
    }

    /// The seed of a picture, counted from 0, of an answer.
    package static func seed(ofAnswer seed: UInt64, picture: Int) -> UInt64 { seed &+ UInt64(picture) }

    /// How a picture is named in words that nobody could draw.
    package static func undrawn(_ problem: String) -> String { "[a picture that could not be drawn: \(problem)]" }
}

/// What an answer tells of one of its pictures: `opened`, `progress`*, `predicted`, then, behind the words that follow,
/// `progress`* with `preview`* between, and `drawn`. In the place of any but the first of them `notDrawn` may stand, which
/// is the last.
package enum PictureEvent: Sendable, Equatable {
    /// The token that opens a picture was chosen: this is its place.
    case opened(seed: UInt64)
    case progress(DrawingProgress)
    /// All its embeddings are there, and words can follow. `context` is the SHA-256 of what stands before them, by which
    /// a later prompt knows that the model would predict the same ones again; 64 hexadecimal digits.
    case predicted(context: String)
    /// What it looks like so far: small, and blurred by what is still noise.
    case preview(PixelImage)
    case drawn(PixelImage)
    /// There will be no picture, or none but the last preview; in words.
    case notDrawn(String)

    /// Why a picture is not drawn that somebody stopped.
    package static let stopped = "stopped"
}

/// A picture that a model predicted in an answer of its own, as a later prompt holds it.
package struct PredictedImage: Sendable, Equatable {
    /// What was drawn of it; nil where nothing was.
    package let image: PixelImage?
    /// The SHA-256 of what the model had read before it, as `PictureEvent.predicted` told it. Where a prompt has the same
    /// before it, the model takes its own embeddings; elsewhere it looks at what was drawn of them.
    package let context: String

    package init(image: PixelImage?, context: String) {
        (self.image, self.context) = (image, context)
    }
}
