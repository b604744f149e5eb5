import ChatUI
import Screen
import TestSupport
import Testing

@Suite struct EditorTests {
    /// Types into an empty chat and gives the draft with `|` at the cursor.
    private func draft(_ text: String, _ keys: Key...) -> String {
        var chat = ScriptedChat()
        chat.act(.inputArrived(.paste(text)))
        for key in keys { chat.press(key) }
        return chat.draft
    }

    @Test func movesByCharactersWordsAndLines() {
        #expect(draft("one two", .control("b")) == "one tw|o")
        #expect(draft("one two", .control("a")) == "|one two")
        #expect(draft("one two", .control("a"), .control("f")) == "o|ne two")
        #expect(draft("one two", .control("a"), .control("e")) == "one two|")
        #expect(draft("one two", .alt("b")) == "one |two")
        #expect(draft("one two", .alt("b"), .alt("b"), .alt("f")) == "one| two")
        #expect(draft("one two", Key(.home)) == "|one two")
        #expect(draft("one two", Key(.left, .control)) == "one |two")
        #expect(draft("ab\ncd", .control("a")) == "ab\n|cd")
        #expect(draft("ab\ncd", .control("p")) == "ab|\ncd")
        #expect(draft("abc\nd", .control("p"), .control("e"), .control("n")) == "abc\nd|")
    }

    @Test func deletesAndKills() {
        #expect(draft("one two", Key(.backspace)) == "one tw|")
        #expect(draft("one two", .control("h")) == "one tw|")
        #expect(draft("one two", .control("a"), .control("d")) == "|ne two")
        #expect(draft("one two", .control("w")) == "one |")
        #expect(draft("one two", .control("u")) == "|")
        #expect(draft("one two", .control("a"), .control("k")) == "|")
        #expect(draft("one\ntwo", .control("p"), .control("k")) == "one|two")
        #expect(draft("one two", .control("a"), .alt("d")) == "| two")
        #expect(draft("one two", .control("w"), .control("a"), .control("y")) == "two|one ")
        #expect(draft("a b c", .control("w"), .control("w"), .control("y")) == "a b c|")
        #expect(draft("one two", Key(.backspace, .alt)) == "one |")
    }

    @Test func graphemesAreWhole() {
        #expect(draft("日👨‍👩‍👧e\u{301}", Key(.backspace)) == "日👨‍👩‍👧|")
        #expect(draft("日👨‍👩‍👧e\u{301}", Key(.backspace), Key(.backspace)) == "日|")
        var chat = ScriptedChat()
        chat.type("e\u{301}x")
        #expect(chat.state.editor.elements.count == 2)
        chat.press(.control("u"))
        // Key by key, as a terminal sends it.
        chat.press(Key(.character("e")), Key(.character("\u{301}")), Key(.backspace))
        #expect(chat.draft == "|")
    }

    @Test func theCursorStandsBehindWideCharacters() {
        var chat = ScriptedChat()
        chat.type("日本👍a")
        #expect(chat.frame.cursor == Position(column: 2 + 7, row: 21))
    }

    /// In logical order, as terminals without bidirectional text show it, and those with it expect it.
    @Test(arguments: [("שלום עולם", 9), ("مرحبا", 5), ("مَرْحَبًا", 5), ("שָׁלוֹם", 4), ("a שלום b", 8), ("لا", 2)])
    func theCursorStandsBehindTextFromRightToLeft(text: String, columns: Int) {
        var chat = ScriptedChat()
        chat.type(text)
        #expect(chat.frame.cursor == Position(column: 2 + columns, row: 21))
        #expect(chat.frame.rowText(21) == "› " + text)
        chat.press(Key(.left))
        #expect(chat.frame.cursor == Position(column: 2 + columns - 1, row: 21))
        // Pasted it is the same, and so it is where it was said.
        var other = ScriptedChat()
        other.act(.inputArrived(.paste(text)))
        #expect(other.frame.cursor == Position(column: 2 + columns, row: 21))
        other.press(.enter)
        #expect(other.frame.plainText.contains("▌ " + text + "\n"))
    }

    @Test func undoTakesBackTypingWordByWord() {
        #expect(draft("", .control("_")) == "|")
        var chat = ScriptedChat()
        chat.type("one two")
        chat.press(.control("_"))
        #expect(chat.draft == "one |")
        chat.press(.control("_"))
        #expect(chat.draft == "|")
        #expect(draft("kept", .control("u"), .control("_")) == "kept|")
    }

    @Test func pastesAreCleanAndNotSent() {
        var chat = ScriptedChat()
        let effects = chat.act(.inputArrived(.paste("/quit\r\n\u{1B}[31mred\ta")))
        #expect(effects.isEmpty)
        #expect(chat.draft == "/quit\n\u{FFFD}[31mred    a|")
    }

    @Test func newLinesByAltEnterAndControlJ() {
        #expect(draft("a", Key(.enter, .alt), Key(.character("b")), .control("j")) == "a\nb\n|")
    }

    @Test func upAndDownGoThroughTheHistoryAtTheEdges() {
        var chat = ScriptedChat()
        chat.type("first\n")
        chat.type("second\n")
        chat.type("draft")
        chat.press(.up)
        #expect(chat.draft == "second|")
        chat.press(.up)
        #expect(chat.draft == "first|")
        chat.press(.up)
        #expect(chat.draft == "first|")
        chat.press(.down, .down)
        #expect(chat.draft == "draft|")
        chat.press(.down)
        #expect(chat.draft == "draft|")
    }

    @Test func upMovesWithinAMessageFirst() {
        var chat = ScriptedChat()
        chat.type("sent\n")
        chat.act(.inputArrived(.paste("one\ntwo")))
        chat.press(.up)
        #expect(chat.draft == "one|\ntwo")
        chat.press(.up)
        #expect(chat.draft == "sent|")
    }

    @Test func theEditorGrowsToAThird() {
        var chat = ScriptedChat()
        for _ in 0..<20 { chat.press(Key(.enter, .alt)) }
        chat.type("end")
        let rows = (0..<24).filter { chat.frame.rowText($0).hasPrefix("›") }
        #expect(rows == [14])
        #expect(chat.frame.rowText(21) == "  end")
    }

    @Test func randomKeysNeverTrap() {
        var generator = SeededGenerator(seed: 3)
        var chat = ScriptedChat(columns: 40, rows: 12)
        let texts: [Character] = ["a", " ", "日", "👨‍👩‍👧", "\u{301}", "/", "\u{200D}"]
        let controls: [Character] = ["a", "e", "b", "f", "p", "n", "k", "u", "w", "y", "h", "_", "j", "l"]
        let others: [Key] = [
            .enter, .up, .down, Key(.left), Key(.right), Key(.delete), Key(.backspace), .alt("b"), .alt("d"), .alt("f"),
            Key(.pageUp), Key(.pageDown), Key(.home), Key(.end), .escape, Key(.enter, .alt),
        ]
        for step in 0..<20_000 {
            switch Int.random(in: 0..<12, using: &generator) {
            case 0..<5: chat.press(Key(.character(texts.randomElement(using: &generator) ?? "a")))
            case 5..<8: chat.press(.control(controls.randomElement(using: &generator) ?? "a"))
            case 8..<10: chat.press(others.randomElement(using: &generator) ?? .enter)
            case 10 where step % 50 == 0: chat.type(" /image x.jpg\n")
            case 11:
                let numbers = chat.state.pictures.keys.sorted()
                if let number = numbers.randomElement(using: &generator) {
                    Bool.random(using: &generator)
                        ? chat.load(number, "x.jpg")
                        : chat.act(.pictureFailed(number: number, "no such file")).forEach { _ in }
                }
                if chat.state.answer != nil { chat.finish() }
            default: break
            }
            #expect(chat.state.editor.cursor <= chat.state.editor.elements.count)
            if step % 20 == 0 { _ = chat.frame }
        }
    }
}
