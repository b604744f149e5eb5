import Screen
import TestSupport
import Testing

@Suite struct GraphemeTests {
    @Test(arguments: [
        ("a", 1), ("é", 1), ("e\u{301}", 1), ("日", 2), ("ｱ", 1), ("Ａ", 2), ("한", 2), ("\u{1112}\u{1161}\u{11AB}", 2),
        ("👍", 2), ("👍🏽", 2), ("👨‍👩‍👧‍👦", 2), ("❤", 1), ("❤\u{FE0F}", 2), ("⌚", 2), ("1\u{FE0F}\u{20E3}", 2), ("🇩🇪", 2),
        ("\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", 2), ("का", 2), ("█", 1), ("…", 1),
        ("\u{AD}", 0), ("\u{200B}", 0), ("\u{FEFF}", 0), ("\u{200D}", 0), ("", 0), ("\u{A0}", 1), ("\u{3000}", 2),
        ("\u{1B}", 1), ("\u{9B}", 1), ("\u{202E}", 1), ("\u{301}", 1), ("\u{378}", 1), ("\u{E000}", 1),
    ])
    func columns(text: String, expected: Int) {
        #expect(TextWidth.columns(of: text) == expected)
    }

    @Test func joinedEmojiAreShownByTheFirst() {
        #expect(Graphemes("👨‍👩‍👧x👍🏽").map(\.text) == ["👨", "x", "👍"])
    }

    @Test func marksStayOnTheirBaseUpToFour() {
        let zalgo = "a" + String(repeating: "\u{301}", count: 50) + "b"
        let texts = Graphemes(zalgo).map(\.text)
        #expect(texts.count == 2)
        #expect(texts[0].unicodeScalars.count == 5)
        #expect(Graphemes("\u{301}").map(\.text) == ["\u{25CC}\u{301}"])
    }

    @Test func nothingDangerousComesThrough() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            let text = String(
                String.UnicodeScalarView(
                    (0..<20).map { _ in
                        let limit: UInt32 = Bool.random(using: &generator) ? 0x100 : 0x110000
                        return Unicode.Scalar(UInt32.random(in: 0..<limit, using: &generator)) ?? "\u{1B}"
                    }))
            for grapheme in Graphemes(text) where !grapheme.isNewline {
                #expect(grapheme.columns == 1 || grapheme.columns == 2)
                #expect(grapheme.text.unicodeScalars.allSatisfy { !isDangerous($0) })
            }
            #expect(SanitizedText.clean(text).unicodeScalars.allSatisfy { $0 == "\n" || !isDangerous($0) })
        }
    }

    private func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .control || (0x202A...0x202E).contains(scalar.value)
            || (0x2066...0x2069).contains(scalar.value)
    }
}
