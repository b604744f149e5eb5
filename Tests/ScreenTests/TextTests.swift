import Screen
import TestSupport
import Testing

@Suite struct SanitizedTextTests {
    @Test(arguments: [
        ("plain", "plain"),
        ("\u{1B}[2Jgone", "\u{FFFD}[2Jgone"),
        ("a\u{9B}31mb", "a\u{FFFD}31mb"),
        ("one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        ("a\tb", "a   b"),
        ("abcd\te", "abcd    e"),
        ("日\tb", "日  b"),
        ("user\u{202E}gnp.exe", "user\u{FFFD}gnp.exe"),
        ("zero\u{200B}width", "zerowidth"),
        ("a\u{2028}b", "a\nb"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("hidden\u{E0041}", "hidden\u{FFFD}"),
        ("\u{0}\u{7F}", "\u{FFFD}\u{FFFD}"),
    ])
    func clean(text: String, expected: String) {
        #expect(SanitizedText.clean(text) == expected)
    }

    @Test func newlinesJoin() {
        #expect(SanitizedText.clean("a\r\nb\nc", newlines: .joined) == "a b c")
    }

    @Test func cleaningTwiceChangesNothing() {
        let text = "a\tb\u{1B}\u{202E}c\r\n日本\u{E0041}"
        #expect(SanitizedText.clean(SanitizedText.clean(text)) == SanitizedText.clean(text))
    }
}

@Suite struct TextWidthTests {
    @Test(arguments: [("hello", 5, "hello"), ("hello", 4, "hel…"), ("日本語", 5, "日本…"), ("日本語", 4, "日…"), ("x", 0, "")])
    func truncated(text: String, columns: Int, expected: String) {
        #expect(TextWidth.truncated(text, to: columns) == expected)
        #expect(TextWidth.columns(of: TextWidth.truncated(text, to: columns)) <= columns)
    }

    @Test func truncatedAtStart() {
        #expect(TextWidth.truncatedAtStart("/a/long/path.jpg", to: 9) == "…path.jpg")
        #expect(TextWidth.truncatedAtStart("short", to: 9) == "short")
    }
}

@Suite struct WrappingTests {
    @Test(arguments: [
        ("the quick brown fox", 10, ["the quick", "brown fox"]),
        ("", 10, [""]),
        ("a\n\nb", 10, ["a", "", "b"]),
        ("abcdefghijkl", 5, ["abcde", "fghij", "kl"]),
        ("hi abcdefghijkl", 5, ["hi", "abcde", "fghij", "kl"]),
        ("日本語テキスト", 6, ["日本語", "テキス", "ト"]),
        ("日本語。テ", 6, ["日本", "語。テ"]),
        ("see 日本語", 6, ["see 日", "本語"]),
        ("well-known", 6, ["well-", "known"]),
        ("word     ", 5, ["word"]),
        ("日", 1, ["日"]),
        ("    code", 20, ["    code"]),
    ])
    func wrap(text: String, columns: Int, expected: [String]) {
        #expect(TextWrapping.wrap(text, columns: columns).map(\.text) == expected)
    }

    @Test func stylesSurvive() {
        let bold = Style(attributes: .bold)
        let lines = TextWrapping.wrap([Span("one ", bold), Span("two three")], columns: 8)
        #expect(lines == [TextLine([Span("one ", bold), Span("two")]), TextLine("three")])
    }

    @Test func noLineIsTooWideAndNothingIsLost() {
        var generator = SeededGenerator(seed: 7)
        let pieces = ["a", " ", "日", "👍", "-", "e\u{301}", "\n", "word", "。", "(", "  "]
        for _ in 0..<1000 {
            let text = (0..<30).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            let columns = Int.random(in: 2...12, using: &generator)
            let lines = TextWrapping.wrap(text, columns: columns)
            #expect(lines.allSatisfy { $0.columns <= columns || $0.text.allSatisfy { $0 == " " } })
            let withoutSpace = text.filter { !$0.isWhitespace }
            #expect(lines.map(\.text).joined().filter { !$0.isWhitespace } == withoutSpace)
        }
    }
}
