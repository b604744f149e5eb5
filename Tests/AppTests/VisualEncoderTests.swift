import Foundation
import ModelFiles
import TestSupport
import Testing

/// `emuchat convert` of a visual encoder, and `bench features` with it, as a user types them.
@Suite(.serialized) struct VisualEncoderTests {
    private let runner: ProgramRunner
    private let graph = TestSupport.fixture("InferenceTests", "clip/int8.onnx").path
    private let picture = TestSupport.fixture("MediaTests", "quadrants.png").path

    init() throws { runner = try ProgramRunner() }

    private func path(_ name: String) -> String { runner.folder.appendingPathComponent(name).path }

    private func encoder() throws -> String {
        let result = try runner.emuchat("convert", graph, "-o", path("encoder.gguf"))
        try #require(result.status == 0, "\(result.errorText)")
        #expect(result.text.contains("written   \(path("encoder.gguf"))") && result.errorText.isEmpty)
        return path("encoder.gguf")
    }

    @Test func anEncoderIsConvertedAndTakesNoType() throws {
        _ = try encoder()
        let typed = try runner.emuchat("convert", graph, "--type", "f16", "-o", path("b.gguf"))
        #expect(typed.status == 2 && typed.errorText.contains("--type"), "\(typed.errorText)")
        let untyped = try runner.emuchat("convert", ProgramRunner.tinyModel, "-o", path("b.gguf"))
        #expect(untyped.status == 2 && untyped.errorText.contains("--type is missing"), "\(untyped.errorText)")
        #expect(!FileManager.default.fileExists(atPath: path("b.gguf")))
    }

    @Test func featuresAreWrittenInPartsAndNotTwice() throws {
        let tower = try encoder()
        let list = try runner.file("list.txt", "\(picture)\nnone.png\n\(picture)\n")
        func run(_ more: String...) throws -> ProgramResult {
            try runner.start(
                "bench", ["features", "--tower", tower, "--list", list, "-o", path("out"), "--chunk", "2"] + more
            ).finish()
        }
        let first = try run()
        #expect(first.status == 0 && first.text == "3 pictures, 3 encoded now, 1 of them could not be read\n")
        #expect(first.errorText.contains("none.png"))
        let parts = try (0..<2).map { try SafetensorsFile(path: path("out/features-0000\($0).safetensors")) }
        #expect(try parts.map { try $0.floats("valid") } == [[1, 0], [1]])
        #expect(try parts.map { try $0.tensor("features").shape } == [[2, 5, 32], [1, 5, 32]])
        #expect(try parts[0].tensor("features").type == .f16)
        let (values, again) = (try parts[0].floats("features"), try parts[1].floats("features"))
        // The same picture has the same features, and the one that could not be read none.
        #expect(Array(values[..<160]) == again && again.contains { abs($0) > 0.1 })
        #expect(values[160...].allSatisfy { $0 == 0 })

        #expect(try run().text == "3 pictures, 0 encoded now, 0 of them could not be read\n")
        try FileManager.default.removeItem(atPath: path("out/features-00001.safetensors"))
        #expect(try run().text == "3 pictures, 1 encoded now, 0 of them could not be read\n")
        // What another arithmetic made is made anew.
        #expect(try run("--precision", "exact").text.contains("3 encoded now"))
    }

    @Test func whatCannotBeUsedIsNamed() throws {
        let list = try runner.file("list.txt", picture)
        let text = try runner.file("text.gguf", "hello")
        let empty = try runner.file("empty.txt", "\n")
        let tower = try encoder()
        for (tower, list, named) in [
            (path("none.gguf"), list, "none.gguf"), (text, list, "text.gguf"), (ProgramRunner.tinyModel, list, "clip"),
            (tower, path("none.txt"), "none.txt"), (tower, empty, "empty.txt"),
        ] {
            let result = try runner.bench("features", "--tower", tower, "--list", list, "-o", path("out"))
            #expect(result.status == 1 && result.errorLines.count == 1, "\(result.errorText)")
            #expect(result.errorText.contains(named), "\(result.errorText)")
        }
    }
}
