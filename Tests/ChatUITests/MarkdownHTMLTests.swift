import ChatUI
import TestSupport
import Testing

@Suite struct MarkdownHTMLTests {
    @Test(arguments: [
        ("**Two** ~~three~~ `a<b`", "<p><strong>Two</strong> <del>three</del> <code>a&lt;b</code></p>\n"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"),
        (
            "```swift\nlet a = \"<b>\"\n```",
            "<pre><code class=\"language-swift\">let a = &quot;&lt;b&gt;&quot;\n</code></pre>\n"
        ),
        ("see [it](https://example.org/?a=1&b)", "<p>see <a href=\"https://example.org/?a=1&amp;b\">it</a></p>\n"),
        // Nothing runs, nothing is fetched, and no tag is more than a word.
        ("[it](javascript:alert(1))", "<p><a href=\"\">it</a></p>\n"),
        ("a ![the *cat*](http://example.org/cat.png) b", "<p>a the <em>cat</em> b</p>\n"),
        ("see <image> <b>x</b>", "<p>see &lt;image&gt; &lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("<script>\nalert(1)\n</script>\n\nx", "<p>&lt;script&gt;\nalert(1)\n&lt;/script&gt;\n</p>\n<p>x</p>\n"),
        ("x\u{1B}]0;y\u{7}\u{9B}2J", "<p>x ]0;y  2J</p>\n"),
    ])
    func markdownBecomesElements(_ source: String, _ html: String) {
        #expect(MarkdownHTML.elements(source) == html)
    }

    @Test func tablesAreTables() throws {
        let html = try #require(MarkdownHTML.elements("| a | b |\n|---|---|\n| 1 | 2 |"))
        #expect(html.contains("<th>a</th>") && html.contains("<td>2</td>"))
    }

    @Test func whatIsTooDeepIsLeftAsItIs() {
        #expect(MarkdownHTML.elements(String(repeating: "> ", count: 5000) + "x") == nil)
    }

    @Test func damagedTextNeverBringsATagOfItsOwn() {
        var random = SeededGenerator(seed: 47)
        let original = Array(
            "a **b** <i>c</i> ![d](e) [f](g)\n\n<div>\n> `h` ~~i~~ &lt; <http://j.k>\n\n|l|m|\n|-|-|\n".utf8)
        for _ in 0..<Mutation.count(default: 1000) {
            let text = String(decoding: Mutation.mutate(original, with: &random), as: UTF8.self)
            guard let html = MarkdownHTML.elements(text) else { continue }
            for tag in ["<img", "<i>", "<div", "<script", "javascript:\""] { #expect(!html.contains(tag), "\(text)") }
        }
    }
}
