import Screen
import Terminal
import TestSupport
import Testing

@Suite struct InputDecoderTests {
    private func decode(_ text: String) -> [InputEvent] {
        var decoder = InputDecoder()
        return decoder.decode(Array(text.utf8)) + decoder.quiet()
    }

    @Test(arguments: [
        ("a", Key(.character("a"))), ("é", Key(.character("é"))), ("日", Key(.character("日"))),
        ("\r", Key(.enter)), ("\n", .control("j")), ("\t", Key(.tab)), ("\u{7F}", Key(.backspace)),
        ("\u{8}", .control("h")), ("\u{1}", .control("a")), ("\u{1F}", .control("_")),
        ("\u{0}", Key(.character(" "), .control)), ("\u{1B}", Key(.escape)),
        ("\u{1B}x", Key(.character("x"), .alt)), ("\u{1B}é", Key(.character("é"), .alt)),
        ("\u{1B}\r", Key(.enter, .alt)), ("\u{1B}\u{7F}", Key(.backspace, .alt)),
        ("\u{1B}[", Key(.character("["), .alt)), ("\u{1B}O", Key(.character("O"), .alt)),
        ("\u{1B}]", Key(.character("]"), .alt)),
        ("\u{1B}[A", Key(.up)), ("\u{1B}OA", Key(.up)), ("\u{1B}[1;5C", Key(.right, .control)),
        ("\u{1B}[1;2D", Key(.left, .shift)), ("\u{1B}[1;3B", Key(.down, .alt)), ("\u{1B}O5C", Key(.right, .control)),
        ("\u{1B}\u{1B}[D", Key(.left, .alt)), ("\u{1B}Od", Key(.left, .control)), ("\u{1B}[a", Key(.up, .shift)),
        ("\u{1B}[H", Key(.home)), ("\u{1B}[F", Key(.end)), ("\u{1B}[1~", Key(.home)), ("\u{1B}[8~", Key(.end)),
        ("\u{1B}[2~", Key(.insert)), ("\u{1B}[3~", Key(.delete)), ("\u{1B}[3;5~", Key(.delete, .control)),
        ("\u{1B}[5~", Key(.pageUp)), ("\u{1B}[6~", Key(.pageDown)), ("\u{1B}[Z", Key(.backTab)),
        ("\u{1B}OP", Key(.function(1))), ("\u{1B}[11~", Key(.function(1))), ("\u{1B}[[A", Key(.function(1))),
        ("\u{1B}[15~", Key(.function(5))), ("\u{1B}[24~", Key(.function(12))),
        ("\u{1B}[1;2P", Key(.function(1), .shift)),
        ("\u{1B}[13;2u", Key(.enter, .shift)), ("\u{1B}[27;3;13~", Key(.enter, .alt)),
        ("\u{1B}[97;5u", .control("a")), ("\u{1B}OM", Key(.enter)),
    ])
    func keys(bytes: String, key: Key) {
        #expect(decode(bytes) == [.key(key)])
    }

    @Test(arguments: [
        "\u{1B}[?1;2c", "\u{1B}[>41;354;0c", "\u{1B}[24;80R", "\u{1B}[?2026;2$y", "\u{1B}[I", "\u{1B}[O",
        "\u{1B}]11;rgb:1e1e/1e1e/1e1e\u{1B}\\", "\u{1B}]11;rgb:1e1e/1e1e/1e1e\u{7}", "\u{1B}P>|tmux 3.3a\u{1B}\\",
        "\u{1B}_Gi=31;OK\u{1B}\\", "\u{1B}[M !!", "\u{1B}[<0;10;20M", "\u{1B}[<0;10;20m", "\u{1B}[201~",
        "\u{1B}[" + String(repeating: "1;", count: 200) + "c", "\u{1B}\\", "\u{85}", "\u{1B}[57344u",
    ])
    func repliesAreSwallowed(bytes: String) {
        var decoder = InputDecoder()
        #expect(decoder.decode(Array(bytes.utf8)).isEmpty)
        #expect(decoder.quiet().isEmpty)
        // And what follows is a key again.
        #expect(decoder.decode([0x78]) == [.key(Key(.character("x")))])
    }

    @Test func aReplyMayComeInPieces() {
        var decoder = InputDecoder()
        var events: [InputEvent] = []
        for byte in "\u{1B}]11;rgb:1e1e/1e1e/1e1e\u{1B}\\".utf8 {
            events += decoder.decode([byte])
            // The line goes quiet in the middle, but not between ESC and the byte after it.
            if byte != 0x1B && byte != 0x5D { events += decoder.quiet() }
        }
        #expect(events.isEmpty)
    }

    @Test func charactersMayComeInPieces() {
        var decoder = InputDecoder()
        let events = Array("日é👍".utf8).flatMap { decoder.decode([$0]) }
        #expect(events == ["日", "é", "👍"].map { .key(Key(.character($0))) })
    }

    @Test(
        arguments: [
            [0xFF], [0xC0, 0x80], [0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE0, 0x80, 0x80],
        ] as [[UInt8]])
    func whatIsNoUTF8IsDropped(bytes: [UInt8]) {
        var decoder = InputDecoder()
        #expect(decoder.decode(bytes + [0x78]) == [.key(Key(.character("x")))])
    }

    @Test func aBrokenCharacterDoesNotSwallowTheNext() {
        var decoder = InputDecoder()
        #expect(decoder.decode([0xE6, 0x97, 0x78]) == [.key(Key(.character("x")))])
    }

    @Test func pastesArriveWhole() {
        let text = "two\r\nlines \u{1B}[31m and /quit\r"
        #expect(decode("\u{1B}[200~\(text)\u{1B}[201~x") == [.paste(text), .key(Key(.character("x")))])
        #expect(decode("\u{1B}[200~a\u{1B}[20\u{1B}[201~") == [.paste("a\u{1B}[20")])
    }

    @Test func aPasteThatNeverEndsIsGivenAfterSilence() {
        var decoder = InputDecoder()
        #expect(decoder.decode(Array("\u{1B}[200~lost".utf8)).isEmpty)
        #expect(decoder.quietInterval == 2)
        #expect(decoder.quiet() == [.paste("lost")])
        #expect(decoder.decode([0x78]) == [.key(Key(.character("x")))])
    }

    @Test func anEndlessPasteIsBounded() {
        var decoder = InputDecoder()
        _ = decoder.decode(Array("\u{1B}[200~".utf8))
        _ = decoder.decode(repeatElement(UInt8(0x61), count: InputDecoder.maximumPaste + 1000))
        let events = decoder.decode(Array("\u{1B}[201~".utf8))
        guard case .paste(let text)? = events.first else {
            Issue.record("no paste: \(events.count) events")
            return
        }
        #expect(text.utf8.count == InputDecoder.maximumPaste)
    }

    @Test func aPersonGetsOutOfAReplyThatNeverEnds() {
        var decoder = InputDecoder()
        #expect(decoder.decode(Array("\u{1B}]11;rgb:".utf8)).isEmpty)
        #expect(decoder.decode([0x03]) == [.key(.control("c"))])
        #expect(decoder.decode([0x78]) == [.key(Key(.character("x")))])
    }

    @Test func randomBytesTypeNothingThatWasNoKey() {
        var generator = SeededGenerator(seed: 42)
        var decoder = InputDecoder()
        let starts: [[UInt8]] = [
            [0x1B], [0x1B, 0x5B], [0x1B, 0x5D], [0x1B, 0x50], Array("\u{1B}[200~".utf8), Array("\u{1B}[201~".utf8),
        ]
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 1...8, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            if let start = starts.randomElement(using: &generator), Bool.random(using: &generator) {
                bytes = start + bytes
            }
            var events = decoder.decode(bytes)
            if UInt8.random(in: 0..<4, using: &generator) == 0 { events += decoder.quiet() }
            for case .key(let key) in events {
                guard case .character(let character) = key.code else { continue }
                #expect(character.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
            }
        }
    }

    @Test func randomRepliesTypeNothing() {
        var generator = SeededGenerator(seed: 43)
        var decoder = InputDecoder()
        for _ in 0..<5_000 {
            let body = (0..<Int.random(in: 0...80, using: &generator))
                .map { _ in UInt8.random(in: 0x20...0x7E, using: &generator) }
            let introducer = ([0x50, 0x58, 0x5D, 0x5E, 0x5F] as [UInt8]).randomElement(using: &generator) ?? 0x50
            #expect(decoder.decode([0x1B, introducer] + body + [0x1B, 0x5C]).isEmpty)
            let parameters = (0..<Int.random(in: 1...80, using: &generator))
                .map { _ in UInt8.random(in: 0x30...0x3B, using: &generator) }
            #expect(decoder.decode([0x1B, 0x5B, 0x3F] + parameters + [0x63]).isEmpty)
        }
    }
}
