import Chat
import Generation
import Media
import Pixels

/// A drawn picture as the chat keeps and shows it.
enum DrawnPicture {
    /// The file's name, by which pictures of one prompt are told apart.
    static func name(seed: UInt64) -> String { "drawing-\(seed).png" }

    /// A PNG file that says how it was drawn.
    ///
    /// - Parameter stoppedAfter: the steps after which the drawing was stopped; nil for a whole one.
    static func png(
        _ image: PixelImage, prompt: String, seed: UInt64, _ options: DrawingOptions, model: String,
        stoppedAfter: Int? = nil
    ) throws(MediaError) -> [UInt8] {
        var texts = DrawReport.texts(
            prompt: prompt, seed: seed, steps: options.steps, guidance: options.guidance, model: model)
        texts += options.boxes.map { ("box", $0.text) }
        if let stoppedAfter { texts.append(("Comment", "a preview: stopped after \(stoppedAfter) steps")) }
        return PNGTexts(texts).added(to: try StillEncoder.png(image))
    }

    /// What is said beside a picture.
    static func note(steps: Int) -> String { "\(steps) steps" }

    /// What is said beside a picture among an answer's words.
    static func note(_ picture: PredictedPicture, steps: Int) -> String {
        picture.isWhole ? note(steps: steps) : "unfinished"
    }

    /// What is said beside a picture of an answer, counted from 0; nil when it was not drawn.
    static func note(_ answer: Answer, picture: Int, of count: Int) -> String? {
        guard let drawing = answer.drawing else { return nil }
        if drawing.endsInPreview, picture == count - 1 { return "unfinished" }
        return note(steps: drawing.steps)
    }
}
