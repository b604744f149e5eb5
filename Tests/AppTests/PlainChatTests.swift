import Foundation
import TestSupport
import Testing

/// `emuchat --plain`, through pipes.
@Suite struct PlainChatTests {
    private func chat(_ input: String, _ arguments: [String] = []) throws -> ProgramResult {
        let runner = try ProgramRunner()
        let model = ["--plain", "--model", ProgramRunner.tinyModel, "--max-tokens", "4", "--seed", "1"]
        return try runner.start("emuchat", model + arguments, input: Data(input.utf8)).finish()
    }

    @Test func linesGoInAndComeOut() throws {
        let result = try chat("/set\nHello\nAnd\\\nmore")
        #expect(result.status == 0, "\(result.errorText)")
        let lines = result.text.split(separator: "\n").map(String.init)
        #expect(lines.first?.hasPrefix("loading tiny-llama") == true)
        #expect(lines.contains { $0.contains("temperature") })
        #expect(result.text.contains("you:\nHello\nemuchat:\n"))
        #expect(result.text.contains("you:\nAnd\nmore\nemuchat:\n"))
        #expect(lines.filter { $0 == "emuchat:" }.count == 2)
        #expect(result.errorText.contains("Conversation saved as "))
        // Nothing that a terminal would act upon.
        #expect(result.text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 })
    }

    @Test func aPictureIsNamedAndWhatIsLeftIsSent() throws {
        let picture = TestSupport.fixture("MediaTests", "quadrants.png").path
        let result = try chat("What is in /image '\(picture)'")
        #expect(result.status == 0, "\(result.errorText)")
        #expect(result.text.contains("image 1: quadrants.png, "))
        #expect(result.text.contains("you:\nWhat is in \n") && result.text.contains("did not see [Image #1]"))
    }

    @Test func aMistakeIsToldAndTheNextLineStandsAlone() throws {
        let result = try chat("/imgae x\nHello\n/image gone.png\n")
        #expect(result.text.contains("error: ") && result.text.contains("Did you mean /image?"))
        #expect(result.text.contains("you:\nHello\n"))
        #expect(result.text.contains("error: /image gone.png: no such file"))
        // The last thing that was asked for failed.
        #expect(result.status == 1)
    }

    @Test func aModelThatCannotBeReadEndsIt() throws {
        let runner = try ProgramRunner()
        try runner.file("cut.gguf", "GGUF")
        let result = try runner.emuchat("--plain", "--model", "cut.gguf", input: Data("Hello\n".utf8))
        #expect(result.status == 1)
        #expect(result.text.contains("error: cut.gguf"))
    }

    @Test func theConfigurationMayAskForIt() throws {
        let runner = try ProgramRunner()
        try runner.file("config/emuchat/config.toml", "plain = true\n[options]\nmax-tokens = 3\n")
        let result = try runner.emuchat("--model", ProgramRunner.tinyModel, input: Data("/set\n".utf8))
        #expect(result.status == 0, "\(result.errorText)")
        #expect(result.text.contains(#/max-tokens +3/#))
        try runner.file("config/emuchat/config.toml", "plain = true\ntheme = 4\n")
        let wrong = try runner.emuchat("--model", ProgramRunner.tinyModel)
        #expect(wrong.status == 1 && wrong.errorText.contains("config.toml, line 2: `theme` is 4"))
    }
}
