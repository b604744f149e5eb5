import ModelFiles
import TestSupport
import Testing
import Tokenization

@Suite struct SmallVocabularies {
    @Test func mergesFollowTheirOrder() throws {
        let tokenizer = try SmallVocabulary.byteLevel(merges: ["b c", "a b", "a bc"]).tokenizer()
        #expect(tokenizer.encode("abc") == [258])
        #expect(tokenizer.encode("ab") == [257])
        #expect(tokenizer.encode("bca") == [256, 97])
        // Overlapping pairs of one merge go to the leftmost.
        let same = try SmallVocabulary.byteLevel(merges: ["a a"]).tokenizer()
        #expect(same.encode("aaa") == [256, 97])
        #expect(same.encode("aaaa") == [256, 256])
    }

    @Test func userDefinedTokensAreTakenFromAnyText() throws {
        let tokenizer = try SmallVocabulary.byteLevel(
            merges: ["a b"], control: ["<x>"], userDefined: ["<tool>", "<tool", "bb"]
        ).tokenizer()
        #expect(tokenizer.encode("a<tool>b") == [97, 258, 98])
        #expect(tokenizer.encode("a<tool b") == [97, 259, 32, 98])
        #expect(tokenizer.encode("<x>").count == 3)
        #expect(tokenizer.encode("<x>", parseSpecial: true) == [257])
        #expect(!tokenizer.isSpecial(258))
        #expect(try tokenizer.decode([97, 258, 257]) == Array("a<tool><x>".utf8))
    }

    @Test func turnTokensAreSpecialHoweverTheFileMarksThem() throws {
        let tokenizer = try SmallVocabulary.byteLevel(userDefined: ["<|im_start|>", "<|im_end|>"]).tokenizer()
        #expect(!tokenizer.encode("<|im_start|><|im_end|>").contains { $0 > 255 })
        #expect(tokenizer.endOfGeneration == [257])
    }

    @Test func sentencePieceMergesByScoreAndFallsBackToBytes() throws {
        let tokenizer = try SmallVocabulary.sentencePiece(pieces: ["bc", "ab", "▁a", "a", "b", "c", "▁"]).tokenizer()
        func piece(_ index: Int) -> Int32 { Int32(259 + index) }
        #expect(tokenizer.encode("abc") == [piece(2), piece(0)])
        let fallback: [Int32] = [piece(6), 0xC6, 0xAC]
        #expect(tokenizer.encode("é") == fallback)
        #expect(tokenizer.encode("") == [])
        let bare = try SmallVocabulary.sentencePiece(pieces: ["a"], addsSpacePrefix: false, byteFallback: false)
            .tokenizer()
        #expect(bare.encode("axya") == [3, 0, 3])
        #expect(bare.encode("éé") == [0])
    }

    @Test func wholeWordsWinWhereThePreTokenizerSaysSo() throws {
        // "abc" is a token that no merge reaches.
        var builder = SmallVocabulary.byteLevel(merges: ["b c"], preTokenizer: "gpt-2")
        #expect(try builder.tokenizer().encode("abc") == [97, 256])
        builder = GGUFBuilder(architecture: "llama")
        builder.set("tokenizer.ggml.model", .string("gpt2"))
        builder.set("tokenizer.ggml.pre", .string("llama-bpe"))
        builder.set("tokenizer.ggml.tokens", .strings(SmallVocabulary.byteSpellings + ["bc", "abc"]))
        builder.set("tokenizer.ggml.merges", .strings(["b c"]))
        let tokenizer = try builder.tokenizer()
        #expect(tokenizer.encode("abc") == [257])
        #expect(tokenizer.addsBOS)
    }

    @Test func unknownIDsAreNamedWithTheirPosition() throws {
        let tokenizer = try SmallVocabulary.byteLevel().tokenizer()
        #expect(throws: TokenizerError.unknownID(256, position: 1, vocabularySize: 256)) {
            try tokenizer.decode([0, 256])
        }
        #expect(throws: TokenizerError.unknownID(-1, position: 0, vocabularySize: 256)) { try tokenizer.decode([-1]) }
        #expect(tokenizer.piece(of: 256) == [] && tokenizer.piece(of: -1) == [] && !tokenizer.isSpecial(Int32.min))
    }

    @Test func longWordsAreNotQuadratic() throws {
        let tokenizer = try SmallVocabulary.byteLevel(merges: ["a a", "aa aa", "aaaa aaaa"]).tokenizer()
        #expect(tokenizer.encode(String(repeating: "a", count: 400_000)).count == 50_000)
        let sentencePiece = try SmallVocabulary.sentencePiece(pieces: ["aaaa", "aa", "a", "▁"]).tokenizer()
        #expect(sentencePiece.encode(String(repeating: "a", count: 400_000)).count == 100_001)
    }
}

@Suite struct TokenizerRefusals {
    @Test func filesThatCannotBeUsedSayWhy() throws {
        func changed(_ key: String, _ value: GGUFBuilder.Value?, of builder: GGUFBuilder) -> GGUFBuilder {
            var result = GGUFBuilder()
            for (name, old) in builder.metadata where name != key { result.set(name, old) }
            if let value { result.set(key, value) }
            return result
        }
        let byteLevel = SmallVocabulary.byteLevel(merges: ["a b"])
        let sentencePiece = SmallVocabulary.sentencePiece(pieces: ["a"])
        let cases: [(GGUFBuilder, String)] = [
            (changed("tokenizer.ggml.model", nil, of: byteLevel), "tokenizer.ggml.model"),
            (changed("tokenizer.ggml.model", .string("bert"), of: byteLevel), "bert"),
            (changed("tokenizer.ggml.pre", .string("chameleon"), of: byteLevel), "chameleon"),
            (changed("tokenizer.ggml.tokens", .strings([]), of: byteLevel), "tokenizer.ggml.tokens"),
            (changed("tokenizer.ggml.tokens", nil, of: byteLevel), "tokenizer.ggml.tokens"),
            (changed("tokenizer.ggml.token_type", .int32s([1]), of: byteLevel), "tokenizer.ggml.token_type"),
            (
                changed("tokenizer.ggml.token_type", .int32s([Int32](repeating: 9, count: 257)), of: byteLevel),
                "tokenizer.ggml.token_type[0]"
            ),
            (changed("tokenizer.ggml.merges", nil, of: byteLevel), "tokenizer.ggml.merges"),
            (changed("tokenizer.ggml.merges", .strings(["a b", "a"]), of: byteLevel), "tokenizer.ggml.merges[1]"),
            (changed("tokenizer.ggml.merges", .strings(["x y"]), of: byteLevel), "tokenizer.ggml.merges[0]"),
            (changed("tokenizer.ggml.merges", .strings([""]), of: byteLevel), "tokenizer.ggml.merges[0]"),
            (changed("tokenizer.ggml.bos_token_id", .uint32(257), of: byteLevel), "tokenizer.ggml.bos_token_id"),
            (changed("tokenizer.ggml.bos_token_id", .string("1"), of: byteLevel), "tokenizer.ggml.bos_token_id"),
            (changed("tokenizer.ggml.scores", nil, of: sentencePiece), "tokenizer.ggml.scores"),
            (changed("tokenizer.ggml.scores", .float32s([0]), of: sentencePiece), "tokenizer.ggml.scores"),
            (
                changed("tokenizer.ggml.scores", .float32s([Float](repeating: .nan, count: 260)), of: sentencePiece),
                "tokenizer.ggml.scores[0]"
            ),
        ]
        for (builder, words) in cases {
            let error = try #require(try builder.tokenizerFailure(), "\(words)")
            #expect(error.description.contains(words))
        }
    }

    /// One of each case; the switch makes a new case fail to compile until it is listed.
    static let examples: [TokenizerError] = {
        let path = "/models/a.gguf"
        func listed(_ error: TokenizerError) -> TokenizerError {
            switch error {
            case .file, .unknownModel, .unknownPreTokenizer, .wrongCount, .emptyVocabulary, .idOutOfRange, .badMerge,
                .badValue, .unknownTemplate, .noSuchTemplate, .unknownID:
                error
            }
        }
        return [
            .file(.isFolder(path: path)), .unknownModel(path: path, found: "x\u{1B}"),
            .unknownPreTokenizer(path: path, found: "x\n"),
            .wrongCount(path: path, key: "k", expected: 1, found: 2), .emptyVocabulary(path: path),
            .idOutOfRange(path: path, key: "k", found: 9, vocabularySize: 3),
            .badMerge(path: path, index: 3, found: "\u{7}"), .badValue(path: path, key: "k", index: 1, found: "nan"),
            .unknownTemplate(path: path), .noSuchTemplate(name: "x"),
            .unknownID(9, position: 0, vocabularySize: 3),
        ].map(listed)
    }()

    @Test(arguments: examples) func wordingIsOneLineWithARemedy(error: TokenizerError) {
        let text = error.description
        #expect(text.hasSuffix("."))
        #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control })
        #expect(["Name ", "Use ", "again", "Check"].contains { text.contains($0) })
    }
}
