import TestSupport
import Testing
import Tokenization

@Suite struct StreamingDecoding {
    private func decode(_ bytes: [UInt8]) throws -> (pieces: [String], rest: String) {
        let tokenizer = try SmallVocabulary.byteLevel(control: ["<end>"]).tokenizer()
        var decoder = StreamingDecoder(tokenizer: tokenizer)
        return (bytes.map { decoder.append(Int32($0)) }, decoder.finish())
    }

    @Test func anIncompleteSequenceWaits() throws {
        let (pieces, rest) = try decode(Array("a👍é".utf8))
        #expect(pieces == ["a", "", "", "", "👍", "", "é"])
        #expect(rest == "")
    }

    /// Every prefix of every kind of sequence, followed by what breaks it, gives what decoding in one piece gives.
    @Test func invalidBytesBecomeReplacementCharacters() throws {
        let cases: [[UInt8]] = [
            [0xFF, 0x61], [0xC0, 0x80], [0xC3, 0x61], [0xE2, 0x82, 0x61], [0xF0, 0x9F, 0x91, 0x61], [0xE0, 0x80, 0x80],
            [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF5, 0x80], [0x80, 0x80],
            [0xF0, 0x9F, 0xF0, 0x9F, 0x91, 0x8D], [0xE2, 0xC3, 0xA9], [0xC3, 0xC3, 0xA9], [0xF4, 0x8F, 0xBF, 0xBF],
            [0xEF, 0xBF, 0xBE], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x91], [0xF0],
        ]
        for bytes in cases {
            let (pieces, rest) = try decode(bytes)
            #expect(pieces.joined() + rest == String(decoding: bytes, as: UTF8.self), "\(bytes)")
        }
        // What can never become valid does not wait.
        #expect(try decode([0xFF]).pieces == ["\u{FFFD}"])
        #expect(try decode([0xE0, 0x80]).pieces == ["", "\u{FFFD}\u{FFFD}"])
        #expect(try decode([0xC3]).rest == "\u{FFFD}")
    }

    @Test func randomBytesAgreeWithDecodingAtOnce() throws {
        let tokenizer = try SmallVocabulary.byteLevel().tokenizer()
        var state: UInt64 = 42
        for _ in 0..<2000 {
            var bytes = [UInt8]()
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let choices: [UInt8] = [
                    0x61, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xFF,
                ]
                bytes.append(choices[Int(state >> 33) % choices.count])
            }
            var decoder = StreamingDecoder(tokenizer: tokenizer)
            let streamed = bytes.map { decoder.append(Int32($0)) }.joined() + decoder.finish()
            #expect(streamed == String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test func specialTokensAreNotShown() throws {
        let tokenizer = try SmallVocabulary.byteLevel(control: ["<end>"]).tokenizer()
        var decoder = StreamingDecoder(tokenizer: tokenizer)
        #expect(decoder.append(97) == "a")
        #expect(decoder.append(256) == "")
        #expect(decoder.append(9999) == "")
        #expect(decoder.finish() == "")
    }

    @Test func theSpaceThatMarksAWordIsTakenOffTheFirstOne() throws {
        let tokenizer = try SmallVocabulary.sentencePiece(pieces: ["▁a"]).tokenizer()
        var decoder = StreamingDecoder(tokenizer: tokenizer)
        #expect([259, 259].map { decoder.append($0) } == ["a", " a"])
        var continuing = StreamingDecoder(tokenizer: tokenizer, continuing: true)
        #expect(continuing.append(259) == " a")
    }
}
