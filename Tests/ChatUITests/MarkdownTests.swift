import Screen
import TestSupport
import Testing

@testable import ChatUI

/// Markdown as it stands on the screen.
@Suite struct MarkdownTests {
    private func lines(_ source: String, columns: Int = 40) -> [TextLine] {
        var stream = MarkdownStream(columns: columns, theme: .standard)
        stream.update(source)
        return stream.lines
    }

    private func shown(_ source: String, columns: Int = 40) -> [String] {
        lines(source, columns: columns).map { line in
            var text = line.text
            while text.last == " " { text.removeLast() }
            return text
        }
    }

    @Test(arguments: [
        ("# Title\nSome *words* and **more** of `it`.", ["Title", "Some words and more of it."]),
        ("one\ntwo\n\nthree", ["one", "two", "", "three"]),
        ("Title\n=====\ntext", ["Title", "text"]),
        ("- a\n- b\n  - c\n    - d\n\n- e", ["• a", "• b", "  ◦ c", "    ▪ d", "", "• e"]),
        ("9. nine\n1. ten", ["9. nine", "10. ten"]),
        ("2) two", ["2) two"]),
        ("- [ ] open\n- [x] done", ["[ ] open", "[x] done"]),
        ("> quoted\n>\n> > deeper\n\nafter", ["│ quoted", "│", "│ │ deeper", "", "after"]),
        ("```swift\nlet a = 1\n\n  b\n```\nafter", ["  swift", "  let a = 1", "", "    b", "after"]),
        ("    indented\n", ["  indented"]),
        ("a ~~b~~ c", ["a ~~b~~ c"]),
        ("[text](http://x.org) <http://y.org> www.z.org", ["text (http://x.org) http://y.org", "www.z.org"]),
        ("![a dog](dog.png)", ["image: a dog (dog.png)"]),
        ("see [it][1]\n\n[1]: http://x.org", ["see it (http://x.org)"]),
        ("<b>raw</b> & &amp; &lt;", ["<b>raw</b> & & <"]),
        ("<div>\nraw *html*\n</div>", ["<div>", "raw *html*", "</div>"]),
        ("a\n\n---\nb", ["a", "", String(repeating: "─", count: 40), "b"]),
        ("2 * 3 * 4 = 24 and snake_case_name", ["2 * 3 * 4 = 24 and snake_case_name"]),
        ("", []),
        ("* \n", ["•"]),
        ("1. 犬は賢い動物です。プードルは特に賢い犬種として知られています。", ["1. 犬は賢い動物です。プードルは特に賢い", "   犬種として知られています。"]),
    ])
    func isShownAs(source: String, expected: [String]) {
        #expect(shown(source) == expected)
    }

    @Test func tablesAreAsWideAsTheirText() {
        let source = "| Dog | Weight | 名前 |\n|:--|--:|:-:|\n| Poodle | 25 | 犬 |\n| Emu | **40** | 🐦 x |"
        #expect(
            shown(source) == [
                "Dog    │ Weight │ 名前", "───────┼────────┼─────", "Poodle │     25 │  犬", "Emu    │     40 │ 🐦 x",
            ])
    }

    @Test func aWideTableIsWrappedAndAVeryWideOneTakenApart() {
        let source =
            "| Name | What it is |\n|---|---|\n| Poodle | a clever dog with a curly coat that never sheds |\n| Pug | small |"
        #expect(
            shown(source, columns: 30) == [
                "Name   │ What it is", "───────┼──────────────────────", "Poodle │ a clever dog with a",
                "       │ curly coat that never", "       │ sheds", "Pug    │ small",
            ])
        #expect(
            shown("|alpha|beta|gamma|delta|\n|-|-|-|-|\n|one one one|two|three|four|\n|1|||4|", columns: 20) == [
                "alpha: one one one", "beta: two", "gamma: three", "delta: four", "────────", "alpha: 1", "delta: 4",
            ])
    }

    @Test func stylesFollowTheTheme() throws {
        let theme = Theme.standard
        let spans = lines("plain *em* **strong** ***both*** `code` [a](b)").flatMap(\.spans)
        func style(_ text: String) -> Style? { spans.first { $0.text.contains(text) }?.style }
        #expect(style("plain") == theme.text)
        #expect(style("em") == Style(attributes: .italic))
        #expect(style("strong") == Style(attributes: .bold))
        #expect(style("both") == Style(attributes: [.bold, .italic]))
        #expect(style("code") == theme.code)
        #expect(style("a") == theme.text || spans.contains { $0.text == "a" && $0.style == theme.link })
        #expect(spans.contains { $0.text == "a" && $0.style == theme.link })
        #expect(style("(b)") == theme.dim)
        let heading = try #require(lines("# Title").first?.spans.first)
        #expect(heading.style.attributes.isSuperset(of: [.bold, .underline]))
    }

    @Test func codeKeepsItsColumnsAndIsCutAtTheEdge() {
        #expect(shown("```\na\tb\n1234567890123\n```", columns: 14) == ["  a   b", "  123456789012", "  3"])
        #expect(shown("```\n日本日本日本日\n```", columns: 5) == ["日本", "日本", "日本", "日"])
    }

    /// Documents with a little of everything.
    static let documents: [String] = [
        "# Dogs\n\nSome *text*\nover lines.\n\n- a\n- b\n\n  more of b\n\n1. x\n2. y\n\n> quote\n> - in it\n\nend",
        "before\n```swift\nlet a = 1\n# no heading\n\n- no list\n```\nafter\n\n~~~\nopen",
        "text\na | b\n-|-\n1 | 2\n3 | 4\n\nafter [a][x] `b`\n\n[x]: http://x.org\n\n***\n***bold*** text",
        "<div>\n\nhtml\n</div>\n\npara\n#\n# h\npara\n#5 is no heading\n\na\r\n\r\nb\r\nc\r\n",
        "* a\n\n* b\n- c\n\n\n      code in item?\n1) d\n\n - e\n 犬🐩 **犬** _x_\n\n==\n\nz\n==",
    ]

    /// What has streamed in looks as if it had come at once, after every character.
    @Test(arguments: documents)
    func streamingMakesNoDifference(document: String) {
        var stream = MarkdownStream(columns: 30, theme: .standard)
        for end in document.indices {
            let text = String(document[...end])
            stream.update(text)
            #expect(stream.lines == lines(text, columns: 30), "after \(text.debugDescription)")
        }
    }

    @Test func onlyTheOpenBlockIsLaidOutAgain() {
        var text = (1...200).map { "Paragraph \($0) with *words*.\n\n" }.joined()
        var stream = MarkdownStream(columns: 60, theme: .standard)
        stream.update(text)
        let before = stream.layoutCount
        for token in 1...50 {
            text += " token"
            stream.update(text)
            #expect(stream.layoutCount <= before + token)
        }
        text += "\n\nNext"
        stream.update(text)
        // The paragraph that has ended once more, and the new one.
        #expect(stream.layoutCount <= before + 50 + 3)
        #expect(stream.lines == lines(text, columns: 60))
    }

    @Test func theChatLaysOutOnlyTheOpenBlock() {
        var chat = ScriptedChat()
        chat.type("Tell me a story\n")
        chat.start()
        chat.answer((1...100).map { "Line \($0).\n\n" }.joined())
        _ = chat.frame
        guard let id = chat.state.answer?.itemID else {
            Issue.record("no answer")
            return
        }
        let before = chat.state.layouts.markdownLayoutCount(of: id)
        chat.answer("a b c")
        _ = (chat.frame, chat.frame)
        chat.press(Key(.pageUp), Key(.pageDown))
        _ = chat.frame
        #expect(chat.state.layouts.markdownLayoutCount(of: id) - before <= 2)
        #expect(before < 400)
    }

    @Test func aTextThatIsReplacedBeginsAnew() {
        var stream = MarkdownStream(columns: 30, theme: .standard)
        for text in ["one\n\ntwo", "uno\n\ntwo", "uno", "", "uno\n\n- x"] {
            stream.update(text)
            #expect(stream.lines == lines(text, columns: 30))
        }
    }

    // MARK: Hostile texts

    static let hostile: [String] = [
        ">", "> > a\n", "[", "![", "*a **a ", "_", "a__", "[a](b", "<", "</", "`a``b```", "~a ~~b ", "www.", "a@",
        "http://a", "- ", "* ", "1. ", "&#1;", "\\", "<?", "<![CDATA[", "|a", "|a|b|\n|-|-|\n", "|", "|-", "# ",
        "```\n",
        "    x\n", "\u{1B}[31m", "\u{9B}2J", "\u{202E}", "\u{0}", "\r", "a\u{301}\u{302}", "👩‍👩‍👧", "- a\n  ", "\t",
        "[a]: b\n",
        "[a]:", "\u{FEFF}", "日本", "=\n", "a\n=\n",
    ]

    @Test(arguments: hostile)
    func hostileTextIsShownInBoundedTime(unit: String) {
        let text = String(repeating: unit, count: 60_000 / unit.utf8.count)
        let began = TestSupport.processorTime()
        check(text, columns: 40)
        // A debug build needs some tens of milliseconds.
        #expect(TestSupport.processorTime() - began < .seconds(10))
    }

    @Test func aTableOfManyCellsIsNotFilledUp() {
        let wide = String(repeating: "|a", count: 2000) + "\n" + String(repeating: "|-", count: 2000) + "\n"
        check(wide + String(repeating: "|\n", count: 2000), columns: 40)
    }

    @Test func randomMarkdownFitsAndHoldsNoControls() {
        var generator = SeededGenerator(seed: 7)
        let pieces =
            Self.hostile + [
                "\n", "\n\n", " ", "word ", "  ", "```swift\n", "1. ", "- [ ] ", "| a | b |\n", "|-|-|\n", "**",
            ]
        for _ in 0..<300 {
            let text = (0..<Int.random(in: 1...40, using: &generator))
                .compactMap { _ in pieces.randomElement(using: &generator) }.joined()
            check(text, columns: Int.random(in: 1...50, using: &generator))
        }
    }

    /// Every line fits, and none holds what a terminal would act upon.
    private func check(_ text: String, columns: Int) {
        let wrong = lines(text, columns: columns).first { line in
            line.columns > max(columns, 2)
                || !line.text.unicodeScalars.allSatisfy {
                    $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) && $0.value != 0x202E
                }
        }
        #expect(wrong == nil, "\(wrong?.text.debugDescription ?? "")")
    }
}
