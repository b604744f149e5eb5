import Foundation
import TestSupport
import Testing

/// What `emuchat ask` promises to other programs, held by the program itself.
@Suite(.serialized) struct AskTests {
    private let runner: ProgramRunner
    private let tiny = ProgramRunner.tinyModel

    init() throws { runner = try ProgramRunner() }

    /// A prompt without a template, for which the small model's answer is known.
    private func rawMessages(_ text: String) throws -> String {
        let content: [String: Any] = ["messages": [["role": "user", "content": text]], "template": false]
        return try runner.file("raw.json", JSONSerialization.data(withJSONObject: content))
    }

    private func askTiny(_ arguments: String...) throws -> ProgramResult {
        try runner.start("emuchat", ["ask", "--model", tiny] + arguments).finish()
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func theBuiltInModelAnswers() throws {
        let result = try runner.emuchat("ask", "--temperature", "0", "What is the capital of France?")
        #expect(result.text == "The capital of France is Paris.\n")
        #expect(result.errorText == "")
        #expect(result.status == 0)
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func aPictureThatCannotBeSeenIsTold() throws {
        let picture = TestSupport.fixture("MediaTests", "quadrants.png").path
        let model = try #require(TestSupport.builtInModel).path
        let result = try runner.emuchat(
            "ask", "--model", model, "--temperature", "0", "--json", "--max-tokens", "4", "--image", picture,
            "--image", picture, "Which colours?")
        #expect(result.status == 0)
        #expect(result.errorLines.count == 1)
        #expect(result.errorText.contains("cannot see") && result.errorText.contains("[Image #1], [Image #2]"))
        #expect(try result.answer().unseenImages == [1, 2])
    }

    @Test func everyKeyOfTheJSONIsThere() throws {
        let result = try askTiny("--temperature", "0", "--max-tokens", "5", "--json", "otter")
        let keys = try #require(JSONSerialization.jsonObject(with: result.output) as? [String: Any]).keys
        #expect(Set(keys) == Set(AskAnswer.CodingKeys.allCases.map(\.stringValue)))
        #expect(result.text.hasSuffix("}\n") && result.text.count { $0 == "\n" } == 1)
        let answer = try result.answer()
        #expect(["end", "length", "stop"].contains(answer.finishReason))
        #expect(answer.model == tiny)
        #expect(answer.modelDigest == "e4757c1146b0e2be7fdd8b453f6ca2ecf3be47a8434f015c8793a62a99d9586a")
        #expect(answer.promptTokens == answer.promptIDs.count && answer.promptTokens > 0)
        #expect(answer.generatedTokens == answer.tokens.count && answer.generatedTokens == answer.logprobs.count)
        #expect(answer.logprobs.allSatisfy { $0 <= 0 })
        #expect(answer.reusedTokens == 0 && answer.unseenImages.isEmpty)
        #expect(answer.seconds.load > 0 && answer.seconds.prefill > 0 && answer.seconds.images == 0)
        #expect(answer.seconds.firstToken <= answer.seconds.total)
        #expect(!answer.kernel.isEmpty && answer.precision == "fast" && !answer.template.isEmpty)
    }

    @Test func theRecordedAnswerComesOut() throws {
        let recorded = try RecordedAnswer.named("raw_text")
        let file = try rawMessages(recorded.prompt)
        let answer = try askTiny(
            "--precision", "exact", "--temperature", "0", "--max-tokens", "16", "--json", "--messages", file
        ).answer()
        #expect(answer.promptIDs == recorded.inputIDs)
        #expect(answer.tokens == recorded.greedyIDs)
        #expect(answer.text == recorded.greedyText)
        #expect(answer.finishReason == "length")

        // Into a file or a pipe it goes as it is, control characters included.
        let streamed = try askTiny(
            "--precision", "exact", "--temperature", "0", "--max-tokens", "16", "--messages", file)
        #expect(streamed.output == Data((recorded.greedyText + "\n").utf8))
        #expect(streamed.text.contains("\u{15}") && streamed.errorText == "")
    }

    @Test func stopTextsEndTheAnswerBeforeThem() throws {
        let recorded = try RecordedAnswer.named("raw_text")
        let file = try rawMessages(recorded.prompt)
        let answer = try askTiny(
            "--precision", "exact", "--temperature", "0", "--max-tokens", "16", "--stop", "nowhere", "--stop", "ing}",
            "--json", "--messages",
            file
        ).answer()
        let end = try #require(recorded.greedyText.range(of: "ing}"))
        #expect(answer.text == recorded.greedyText[..<end.lowerBound])
        #expect(answer.finishReason == "stop")
    }

    @Test func noTokensGiveAnEmptyLine() throws {
        let result = try askTiny("--max-tokens", "0", "otter")
        #expect(result.text == "\n" && result.status == 0)
        let answer = try askTiny("--max-tokens", "0", "--json", "otter").answer()
        #expect(answer.text == "" && answer.tokens.isEmpty && answer.finishReason == "length")
    }

    @Test func aSeedRepeatsTheAnswer() throws {
        func answer(_ seed: String?) throws -> AskAnswer {
            let options = ["ask", "--model", tiny, "--temperature", "1.5", "--max-tokens", "12", "--json"]
            return try runner.start("emuchat", options + (seed.map { ["--seed", $0] } ?? []) + ["otter"]).finish()
                .answer()
        }
        let first = try answer("7")
        #expect(try answer("7").tokens == first.tokens)
        #expect(try answer("8").tokens != first.tokens)
        #expect(first.seed == 7)
        // Without one the seed that was drawn is told, and gives the same answer again.
        let drawn = try answer(nil)
        #expect(try answer(String(drawn.seed)).tokens == drawn.tokens)
    }

    @Test func placeholdersPlacePictures() throws {
        let picture = TestSupport.fixture("MediaTests", "quadrants.png").path
        func ids(_ arguments: String...) throws -> [Int32] {
            let options = ["ask", "--model", tiny, "--max-tokens", "0", "--json"]
            return try runner.start("emuchat", options + arguments).finish().answer().promptIDs
        }
        let placed = try ids("--image", picture, "a [Image #1] b")
        let first = try ids("--image", picture, "a  b")
        let unknown = try ids("--image", picture, "a [Image #2] b")
        // The placeholder is taken out where a picture takes its place, and stays text where none does.
        #expect(placed != unknown && placed.count <= first.count && unknown.count > placed.count)
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func anInterruptKeepsWhatCame() throws {
        let program = try runner.start("emuchat", ["ask", "--temperature", "0", "Write a long story about a fox."])
        try program.waitForOutput()
        program.send(SIGINT)
        let result = try program.finish()
        #expect(result.status == 130)
        #expect(result.errorText == "")
        #expect(!result.output.isEmpty && result.text.hasSuffix("\n"))
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func anInterruptedAnswerIsACompleteObject() throws {
        let program = try runner.start(
            "emuchat", ["ask", "--temperature", "0", "--json", "Write a long story about a fox and a crow."])
        // Nothing is printed before the end: the model has been mapped when it shows among the process's maps.
        try program.waitUntilMapped("SmolLM2")
        program.send(SIGINT)
        let result = try program.finish()
        // The signal may come before the engine runs, where nothing has been asked yet, or while it answers.
        #expect(result.status == 130)
        if !result.output.isEmpty { #expect(try result.answer().finishReason == "cancelled") }
    }
}
