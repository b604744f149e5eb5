import Foundation
import Media
import Pixels
import TestSupport
import Testing

/// `ask --interleaved`: pictures that the model opens in the midst of its answer.
@Suite(.serialized, .enabled(if: OpeningPipeline.gen != nil, "../shared/golden/emu2-tiny/gen is missing"))
struct InterleavedAskTests {
    private let runner: ProgramRunner
    private static let question = "A red fox in the snow."

    init() throws { runner = try ProgramRunner() }

    private struct Report: Decodable {
        struct Picture: Decodable {
            let path: String?
            let problem: String?
            let seed: UInt64
            // The names are the contract's.
            // swift-format-ignore: AlwaysUseLowerCamelCase
            let text_offset: Int
        }
        let text: String
        let tokens: [Int]
        let pictures: [Picture]?
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let finish_reason: String
    }

    private func ask(_ model: String, _ arguments: String...) throws -> ProgramResult {
        try runner.start(
            "emuchat", ["ask", "--model", model, "--temperature", "0", "--seed", "7"] + arguments + [Self.question]
        ).finish()
    }

    /// The small model, made to open pictures behind a few words.
    private func model(draws: Bool = true) throws -> String {
        let gen = try #require(OpeningPipeline.gen).path
        let plain = try ask(gen, "--max-tokens", "5", "--json")
        let ids = try JSONDecoder().decode(Report.self, from: plain.output).tokens
        #expect(try JSONDecoder().decode(Report.self, from: plain.output).pictures == nil)
        return try OpeningPipeline(
            in: runner.folder, named: draws ? "opening" : "mute", inPlaceOf: try #require(ids.last),
            draws: draws
        ).path
    }

    private static let drawing = [
        "--interleaved", "--pictures", "1", "--picture-size", "64x48", "--picture-steps", "2", "--max-tokens", "8",
    ]

    private func askForPictures(_ model: String, _ arguments: String...) throws -> ProgramResult {
        try runner.start(
            "emuchat",
            ["ask", "--model", model, "--temperature", "0", "--seed", "7"] + Self.drawing + arguments + [Self.question]
        ).finish()
    }

    private func pixels(_ name: String) throws -> PixelImage {
        let bytes = [UInt8](try Data(contentsOf: runner.folder.appendingPathComponent(name)))
        return try StillDecoder().load(bytes: bytes, name: name).pixels
    }

    @Test func aPathStandsWhereThePictureBelongs() throws {
        let model = try model()
        let result = try askForPictures(model)
        #expect(result.status == 0, "\(result.errorText)")
        let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false)
        let place = try #require(lines.firstIndex(of: "drawing-7.png"))
        #expect(place > 0 && !lines[0].isEmpty && !lines[place + 1].isEmpty && lines.last == "", "\(result.text)")
        let image = try pixels("drawing-7.png")
        #expect((image.width, image.height) == (64, 48))
        let bytes = try Data(contentsOf: runner.folder.appendingPathComponent("drawing-7.png"))
        #expect(String(decoding: bytes, as: UTF8.self).contains("prompt\0\(Self.question)"))
        // The same as JSON, and under another name.
        let told = try askForPictures(model, "--json", "-o", "fox.png")
        let report = try JSONDecoder().decode(Report.self, from: told.output)
        let picture = try #require(report.pictures?.first)
        #expect(report.pictures?.count == 1 && picture.path == "fox.png" && picture.seed == 7)
        #expect(try pixels("fox.png") == image && report.tokens.count == 8)
        let words = [report.text.utf8.prefix(picture.text_offset), report.text.utf8.dropFirst(picture.text_offset)]
            .map { String(decoding: $0, as: UTF8.self) }
        #expect(lines[..<place].joined(separator: "\n") == words[0])
        #expect(lines[(place + 1)...].joined(separator: "\n") == words[1].drop { $0 == " " } + "\n")
        // Without the option the model says words alone.
        let plain = try ask(model, "--max-tokens", "8")
        #expect(plain.status == 0 && !plain.text.contains(".png"))
    }

    @Test func aPlaceWithoutAPictureIsKept() throws {
        let result = try askForPictures(try model(draws: false))
        #expect(result.status == 0 && result.errorText.contains("has nothing to draw with"), "\(result.errorText)")
        let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false)
        let place = try #require(lines.firstIndex { $0.hasPrefix("[a picture that could not be drawn: ") })
        #expect(place > 0 && !lines[place + 1].isEmpty, "\(result.text)")
        // One that cannot be written is told as well, and the words are there.
        let model = try model()
        let folder = runner.folder.appendingPathComponent("locked")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let gone = try askForPictures(model, "-o", "locked/none/fox.png")
        #expect(gone.status == 1 && gone.text == "" && gone.errorText.contains("there is no such folder"))
    }

    @Test func whatCannotBeIsSaid() throws {
        let gen = try #require(OpeningPipeline.gen).path
        for (arguments, words) in [
            (["--interleaved", "--beams", "2"], "--interleaved takes no beams"),
            (["--interleaved", "--pictures", "33"], "--pictures must be 1 to 32"),
            (["-o", "fox.png"], "--output is for the pictures of --interleaved"),
        ] {
            let result = try runner.start("emuchat", ["ask", "--model", gen] + arguments + ["A fox"]).finish()
            #expect(result.status == 2 && result.errorText.contains(words), "\(result.errorText)")
        }
        let size = try askForPictures(try model(), "--picture-size", "63")
        #expect(size.status == 1 && size.errorText.contains("--picture-size is 63x63; it takes"), "\(size.errorText)")
        // A model of words answers in words, and that is said.
        let words = try ask(
            TestSupport.fixture("InferenceTests", "tiny-llama-q4_1.gguf").path, "--interleaved", "--max-tokens", "3")
        #expect(words.status == 0 && words.errorText.contains("opens no pictures of its own"), "\(words.errorText)")
    }
}
