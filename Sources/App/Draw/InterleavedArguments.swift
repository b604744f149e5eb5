import ArgumentParser
import Foundation
import Generation

/// Options of answers with pictures of the model's own among the words.
struct InterleavedArguments: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            """
            Let the model draw in the midst of its answer, where it opens pictures of its own: the base Emu2, with \
            Emu2-Gen's drawing parts. Derived from the paper that describes Emu2; its published code has no such mode.
            """))
    var interleaved = false

    @Option(help: ArgumentHelp("With --interleaved: most pictures of the answer.", valueName: "n"))
    var pictures: Int = AnswerPictures.usualCount

    @Option(
        name: .customLong("picture-size"),
        help: ArgumentHelp("With --interleaved: pixels, one number for a square.", valueName: "width x height"))
    var size: SizeArgument = SizeArgument(width: 1024, height: 1024)

    @Option(
        name: .customLong("picture-steps"),
        help: ArgumentHelp("With --interleaved: steps from noise to each picture.", valueName: "n"))
    var steps: Int = 50

    @Option(
        name: .customLong("picture-guidance"),
        help: ArgumentHelp("With --interleaved: how closely to follow what the model meant.", valueName: "x"))
    var guidance: Float = 3

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            """
            With --interleaved: the PNG files to write: FILE-1, FILE-2, …, or FILE with --pictures 1. Where none is \
            named they are drawing-SEED.png in the current folder.
            """, valueName: "file"))
    var output: String?

    func validate() throws {
        if !(1...AnswerPictures.greatestCount).contains(pictures) {
            throw ValidationError("--pictures must be 1 to \(AnswerPictures.greatestCount).")
        }
        if output?.isEmpty == true { throw ValidationError("--output must name a file.") }
        if output != nil, !interleaved { throw ValidationError("--output is for the pictures of --interleaved.") }
    }

    var expandedOutput: String? { output.map { ($0 as NSString).expandingTildeInPath } }

    /// What the answer may draw.
    var wanted: AnswerPictures {
        guard interleaved else { return .none }
        return AnswerPictures(
            most: pictures, width: size.width, height: size.height, steps: steps, guidance: guidance)
    }
}
