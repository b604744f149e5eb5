import Foundation
import ModelFiles
import TestSupport
import Testing
import Tokenization

@Suite(.enabled(if: SentencePieceModel.shared != nil, "../shared/golden/emu2-tiny/chat/tokenizer.model is missing"))
struct SentencePieceIDs {
    private let model: SentencePieceModel

    init() throws {
        model = try SentencePieceModel(contentsOf: try #require(SentencePieceModel.shared))
    }

    private func tokenizer(_ model: SentencePieceModel, addsSpacePrefix: Bool? = nil) throws -> any Tokenizer {
        try model.gguf(addsSpacePrefix: addsSpacePrefix).withFile { try makeTokenizer(from: GGUFFile(path: $0)) }
    }

    private func expected(_ variant: String) throws -> [[Int32]] {
        try #require(try Recorded.ids("sentencepiece.json", base: "plain")[variant])
    }

    @Test func agreeWithTheReference() throws {
        #expect(model.pieces.count == 32000)
        try Recorded.compare(try tokenizer(model), try expected("plain"))
    }

    @Test func agreeWithoutTheSpacePrefix() throws {
        try Recorded.compare(try tokenizer(model, addsSpacePrefix: false), try expected("no-prefix"))
    }

    /// The same changes as `record_sentencepiece.py` makes; spaces in place of `▁` are how some converters write them.
    @Test(arguments: [false, true]) func agreeWithUserDefinedAndUnusedPieces(spelledWithSpaces: Bool) throws {
        var odd = model
        let unused: Set = ["he", "▁w", "▁the", "ello", "or"]
        let userDefined = ["\n\n", "<table>", "▁▁▁", "world"]
        for index in odd.pieces.indices {
            if unused.contains(odd.pieces[index].text) { odd.pieces[index].type = 5 }
            if userDefined.contains(odd.pieces[index].text) { odd.pieces[index].type = 4 }
        }
        for symbol in userDefined where !odd.pieces.contains(where: { $0.text == symbol }) {
            odd.pieces.append(SentencePieceModel.Piece(text: symbol, score: 0, type: 4))
        }
        if spelledWithSpaces {
            for index in odd.pieces.indices where odd.pieces[index].text == "▁▁▁" { odd.pieces[index].text = "   " }
        }
        try Recorded.compare(try tokenizer(odd), try expected("odd"))
    }

    @Test(arguments: [true, false]) func decodingGivesTheBytesBack(addsSpacePrefix: Bool) throws {
        let tokenizer = try tokenizer(model, addsSpacePrefix: addsSpacePrefix)
        // A literal space mark cannot be told from a space; no other text loses anything.
        for text in try Recorded.texts() where !text.contains("▁") {
            #expect(try tokenizer.decode(tokenizer.encode(text)) == Array(text.utf8))
            #expect(try tokenizer.decode(tokenizer.encode(text, parseSpecial: true)) == Array(text.utf8))
        }
    }

    @Test func controlTokensAreParsedOnlyWhenAsked() throws {
        let tokenizer = try tokenizer(model)
        #expect(tokenizer.addsBOS && tokenizer.bosToken == 1 && tokenizer.eosToken == 2)
        #expect(tokenizer.endOfGeneration == [2])
        #expect(!tokenizer.encode("<s>Hi</s>").contains { tokenizer.isSpecial($0) })
        #expect(tokenizer.encode("<s>Hi</s>", parseSpecial: true) == [1] + tokenizer.encode("Hi") + [2])
    }
}
