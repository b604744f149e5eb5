import Foundation
import TestSupport
import Testing

/// What `emuchat tokenize` promises to other programs.
@Suite(.serialized) struct TokenizeTests {
    private let runner: ProgramRunner
    private let tiny = ProgramRunner.tinyModel

    init() throws { runner = try ProgramRunner() }

    private func tokenize(_ arguments: String..., input: Data) throws -> ProgramResult {
        try runner.start("emuchat", ["tokenize", "--model", tiny] + arguments, input: input).finish()
    }

    private func ids(_ text: String, _ arguments: String...) throws -> String {
        let result = try runner.start(
            "emuchat", ["tokenize", "--model", tiny] + arguments, input: Data(text.utf8)
        ).finish()
        #expect(result.status == 0 && result.errorText == "")
        return result.text
    }

    @Test func idsStandOnOneLine() throws {
        let recorded = try RecordedAnswer.named("raw_text")
        #expect(try ids(recorded.prompt) == recorded.inputIDs.map(String.init).joined(separator: " ") + "\n")
        // Nothing is trimmed, and line ends are text.
        let lines = try ids("\n otter \n\n")
        #expect(lines.count { $0 == "\n" } == 1 && lines.hasSuffix("\n") && lines.split(separator: " ").count >= 5)
    }

    @Test func nothingGivesAnEmptyLine() throws {
        #expect(try ids("") == "\n")
        let decoded = try tokenize("--decode", input: Data())
        #expect(decoded.output.isEmpty && decoded.status == 0)
    }

    @Test func specialTokensAreParsedOnRequest() throws {
        let recorded = try RecordedAnswer.named("chat_multiturn")
        #expect(
            try ids(recorded.prompt, "--parse-special")
                == recorded.inputIDs.map(String.init).joined(separator: " ") + "\n")
        let plain = try ids("<|im_end|>")
        let special = try ids("<|im_end|>", "--parse-special")
        #expect(plain.split(separator: " ").count > 1 && special.split(separator: " ").count == 1)
    }

    @Test func bosStandsFirst() throws {
        let without = try ids("otter")
        let with = try ids("otter", "--add-bos")
        #expect(with.hasSuffix(" " + without))
        #expect(with.split(separator: " ").count == without.split(separator: " ").count + 1)
        // A vocabulary that has none says so.
        let file = try runner.file("vocabulary.gguf", Data(vocabulary().build()))
        let result = try runner.emuchat("tokenize", "--model", file, "--add-bos", input: Data("a".utf8))
        #expect(result.status == 1 && result.errorText.contains("BOS") && result.output.isEmpty)
    }

    @Test func decodingGivesTheExactBytes() throws {
        let text = "Hé! 你好\0\u{1B}[0m\r\n\t 👩‍🚀 end\n\n"
        let decoded = try tokenize("--decode", input: Data(ids(text).utf8))
        #expect(decoded.output == Data(text.utf8))
        // Any white space separates, and half a character stays half.
        let bytes = try ids("é").split(separator: " ").map { $0.filter(\.isNumber) }
        if bytes.count == 2 {
            #expect(try tokenize("--decode", input: Data("\n \(bytes[0])\t\n".utf8)).output == Data([0xC3]))
        }
    }

    @Test func textThatIsNotUTF8IsRefusedWithItsPlace() throws {
        for (bytes, place) in [([0x61, 0xFF], 2), ([0xC3], 1), ([0x61, 0xC3, 0x28], 2), ([0xED, 0xA0, 0x80], 1)] {
            let result = try tokenize(input: Data(bytes.map(UInt8.init)))
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(result.errorText.contains("byte \(place) "), "\(result.errorText)")
        }
    }

    @Test func idsThatAreNoneAreRefusedWithTheirPlace() throws {
        for (text, words) in [
            ("1 2 100000", ["100000", "3"]), ("-1", ["-1", "position 1"]), ("1 otter", ["otter", "word 2"]),
            ("1 99999999999999999999", ["word 2"]), ("1,2", ["word 1"]),
        ] {
            let result = try tokenize("--decode", input: Data(text.utf8))
            #expect(result.status == 1 && result.output.isEmpty && result.errorLines.count == 1)
            for word in words { #expect(result.errorText.contains(word), "\(result.errorText)") }
        }
    }

    @Test func aVocabularyIsEnough() throws {
        let file = try runner.file("vocabulary.gguf", Data(vocabulary().build()))
        #expect(try runner.emuchat("tokenize", "--model", file, input: Data("abba".utf8)).text == "4 1 0\n")
        #expect(try runner.emuchat("tokenize", "--model", file, "--decode", input: Data("4 1 0".utf8)).text == "abba")
    }

    @Test func wrongUsageIsStatusTwo() throws {
        #expect(try runner.emuchat("tokenize").status == 2)
        #expect(try tokenize("--decode", "--add-bos", input: Data()).status == 2)
        #expect(try tokenize("text", input: Data()).status == 2)
    }

    /// Byte-level, of the letters a to d and one merge; no tensors.
    private func vocabulary() -> GGUFBuilder {
        var builder = GGUFBuilder(architecture: "llama")
        builder.set("tokenizer.ggml.model", .string("gpt2"))
        builder.set("tokenizer.ggml.pre", .string("gpt-2"))
        builder.set("tokenizer.ggml.tokens", .strings(["a", "b", "c", "d", "ab"]))
        builder.set("tokenizer.ggml.merges", .strings(["a b"]))
        builder.set("tokenizer.ggml.token_type", .int32s([1, 1, 1, 1, 1]))
        return builder
    }
}
