import Foundation
import ModelFiles
import TestSupport
import Testing
import Tokenization

/// The texts and ids recorded by the scripts under `Reference`.
enum Recorded {
    static func texts() throws -> [String] {
        try JSONDecoder().decode(
            [String].self, from: Data(contentsOf: TestSupport.fixture("TokenizationTests", "texts.json")))
    }

    /// The ids of each text by variant; where the file has null, those of the base variant.
    static func ids(_ name: String, base: String) throws -> [String: [[Int32]]] {
        let data = try Data(contentsOf: TestSupport.fixture("TokenizationTests", name))
        let recorded = try JSONDecoder().decode([String: [[Int32]?]].self, from: data)
        let baseIDs = try #require(recorded[base]).map { $0 ?? [] }
        return recorded.mapValues { ids in zip(ids, baseIDs).map { $0 ?? $1 } }
    }

    /// Compares a tokenizer with what was recorded; every text must agree.
    static func compare(_ tokenizer: any Tokenizer, _ expected: [[Int32]]) throws {
        let texts = try texts()
        #expect(texts.count == 2000 && expected.count == 2000)
        var wrong = 0
        for (text, ids) in zip(texts, expected) {
            let found = tokenizer.encode(text)
            if found != ids {
                wrong += 1
                if wrong <= 5 { Issue.record("\(text.debugDescription): expected \(ids), found \(found)") }
            }
        }
        #expect(wrong == 0)
    }
}

/// A file with the built-in model's vocabulary and another pre-tokenizer.
func builtInVocabulary(preTokenizer: String?) throws -> GGUFBuilder {
    let file = try GGUFFile(path: try #require(TestSupport.builtInModel).path)
    var builder = GGUFBuilder(architecture: "llama")
    builder.set("tokenizer.ggml.model", .string("gpt2"))
    if let preTokenizer { builder.set("tokenizer.ggml.pre", .string(preTokenizer)) }
    for key in ["tokens", "merges"] {
        builder.set("tokenizer.ggml.\(key)", .strings(try file.strings("tokenizer.ggml.\(key)")))
    }
    builder.set("tokenizer.ggml.token_type", .int32s(try file.int32s("tokenizer.ggml.token_type")))
    return builder
}

@Suite(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
struct ByteLevelIDs {
    @Test(arguments: ["gpt-2", "smollm", "llama-bpe", "qwen2"]) func agreeWithTheReference(name: String) throws {
        let expected = try #require(try Recorded.ids("byte-level.json", base: "gpt-2")[name])
        try builtInVocabulary(preTokenizer: name).withFile { path in
            try Recorded.compare(makeTokenizer(from: GGUFFile(path: path)), expected)
        }
    }

    @Test func aMissingPreTokenizerMeansGPT2() throws {
        let expected = try #require(try Recorded.ids("byte-level.json", base: "gpt-2")["gpt-2"])
        try builtInVocabulary(preTokenizer: nil).withFile { path in
            try Recorded.compare(makeTokenizer(from: GGUFFile(path: path)), expected)
        }
    }

    @Test func theBuiltInModelAgrees() throws {
        let file = try GGUFFile(path: try #require(TestSupport.builtInModel).path)
        let tokenizer = try makeTokenizer(from: file)
        try Recorded.compare(tokenizer, try #require(try Recorded.ids("byte-level.json", base: "gpt-2")["smollm"]))
        #expect(tokenizer.bosToken == 1)
        #expect(tokenizer.eosToken == 2)
        #expect(tokenizer.endOfGeneration == [0, 2])
        #expect(!tokenizer.addsBOS)
    }

    @Test func decodingGivesTheBytesBack() throws {
        let tokenizer = try makeTokenizer(from: GGUFFile(path: try #require(TestSupport.builtInModel).path))
        // The vocabulary lacks the tokens of these bytes, and what has no token is left out.
        let missing: Set<UInt8> = [0x04, 0x06, 0x13, 0x14, 0x16, 0x1D, 0xF1, 0xF2]
        for text in try Recorded.texts() where !text.utf8.contains(where: missing.contains) {
            #expect(try tokenizer.decode(tokenizer.encode(text)) == Array(text.utf8))
            #expect(try tokenizer.decode(tokenizer.encode(text, parseSpecial: true)) == Array(text.utf8))
        }
    }

    @Test func specialTokensAreParsedOnlyWhenAsked() throws {
        let tokenizer = try makeTokenizer(from: GGUFFile(path: try #require(TestSupport.builtInModel).path))
        let text = "<|im_start|>user\nHi<|im_end|>"
        #expect(!tokenizer.encode(text).contains { tokenizer.isSpecial($0) })
        let parsed = tokenizer.encode(text, parseSpecial: true)
        #expect(parsed.first == 1 && parsed.last == 2)
        #expect(Array(parsed.dropFirst().dropLast()) == tokenizer.encode("user\nHi"))
        // A token never forms across the seam between what is parsed and what is not.
        let seam = tokenizer.encode(
            [
                TextSegment("<|im_", parsesSpecial: true), TextSegment("end|>"),
                TextSegment("<|im_end|>", parsesSpecial: true),
            ],
            after: .nothing, before: .nothing)
        #expect(seam == tokenizer.encode("<|im_end|>") + [2])
    }
}
