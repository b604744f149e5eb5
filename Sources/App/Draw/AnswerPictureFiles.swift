import Generation
import Pixels
import Screen

/// The pictures of one answer on the command line: writes them into files, and holds back the words behind a picture until
/// it is there, so that the output is read from top to bottom.
struct AnswerPictureFiles {
    /// A picture as `ask --json` tells it.
    struct Picture {
        let seed: UInt64
        /// UTF-8 bytes of the answer's text that stand before it.
        let textOffset: Int
        /// Where it is written; nil while it is not.
        var path: String?
        /// Why it is not; nil while it is drawn.
        var problem: String?

        fileprivate var isSettled: Bool { path != nil || problem != nil }
    }

    private enum Piece {
        case text(String)
        /// The picture of this index.
        case picture(Int)
    }

    private(set) var pictures: [Picture] = []
    private let wanted: AnswerPictures
    private let output: String?
    private let prompt: String
    private let model: String
    /// What is not printed yet.
    private var pieces: [Piece] = []
    private var textBytes = 0
    private var isAtLineStart = true
    /// What was printed last is a picture's line.
    private var isAfterPicture = false

    /// - Parameter output: where pictures are to be; nil names them by their seeds.
    init(_ wanted: AnswerPictures, output: String?, prompt: String, model: String) {
        (self.wanted, self.output, self.prompt, self.model) = (wanted, output, prompt, model)
    }

    /// Refuses a place where no file can be, before anything is drawn.
    static func check(_ wanted: AnswerPictures, output: String?) throws(CommandError) {
        if wanted.areWanted { _ = try DrawnFile(output ?? DrawnPicture.name(seed: 0)) }
    }

    /// Numbers, from 1, of the pictures that could not be drawn or written.
    var failed: [Int] { pictures.indices.filter { pictures[$0].problem != nil }.map { $0 + 1 } }

    // MARK: What comes

    /// Takes words, and returns what can be printed.
    mutating func append(_ text: String) -> String {
        textBytes += text.utf8.count
        if !text.isEmpty { pieces.append(.text(text)) }
        return printable()
    }

    /// Takes what is told of a picture, and returns what can be printed.
    mutating func take(_ number: Int, _ event: PictureEvent) -> String {
        switch event {
        case .opened(let seed):
            pictures.append(Picture(seed: seed, textOffset: textBytes))
            pieces.append(.picture(number))
        case .drawn(let image) where pictures.indices.contains(number):
            do throws(CommandError) {
                pictures[number].path = try write(image, number)
            } catch {
                pictures[number].problem = error.message ?? "it cannot be written"
            }
        case .notDrawn(let problem) where pictures.indices.contains(number): pictures[number].problem = problem
        case .progress, .predicted, .preview, .drawn, .notDrawn: break
        }
        return printable()
    }

    private func write(_ image: PixelImage, _ number: Int) throws(CommandError) -> String {
        let seed = pictures[number].seed
        let file = try DrawnFile(output ?? DrawnPicture.name(seed: seed))
        let path = file.path(number: output != nil && wanted.most > 1 ? number + 1 : nil)
        let texts = DrawReport.texts(
            prompt: prompt, seed: seed, steps: wanted.steps, guidance: wanted.guidance, model: model)
        try file.write(image, texts: texts, to: path)
        return path
    }

    // MARK: What is printed

    /// The words and settled pictures before the first picture that is not; pictures on lines of their own.
    private mutating func printable() -> String {
        var text = ""
        while let piece = pieces.first {
            switch piece {
            case .text(let words):
                // A picture's line ends without the words' help.
                let shown = isAfterPicture ? String(words.drop { $0 == " " }) : words
                if !shown.isEmpty { (isAfterPicture, isAtLineStart) = (false, shown.last?.isNewline == true) }
                text += shown
            case .picture(let number):
                guard pictures[number].isSettled else { return text }
                if !isAtLineStart { text += "\n" }
                text += line(pictures[number]) + "\n"
                (isAtLineStart, isAfterPicture) = (true, true)
            }
            pieces.removeFirst()
        }
        return text
    }

    /// Where a picture is, or why there is none.
    private func line(_ picture: Picture) -> String {
        let words = picture.path ?? AnswerPictures.undrawn(picture.problem ?? PictureEvent.stopped)
        return SanitizedText.clean(words, newlines: .joined)
    }

    /// The end of the output: a line's end, unless one stands there.
    mutating func end() -> String { isAtLineStart && isAfterPicture ? "" : "\n" }
}
