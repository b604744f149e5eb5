import ChatUI
import Screen
import Testing

@Suite struct InputMessageTests {
    private func chat(_ count: Int, columns: Int, rows: Int) -> ScriptedChat {
        var chat = ScriptedChat(columns: columns, rows: rows)
        chat.type("/image \((1...count).map { "missing\($0).jpg" }.joined(separator: " "))\n")
        for number in 1...count { chat.act(.pictureFailed(number: number, "no such file here")) }
        return chat
    }

    @Test func whatHasNoRoomIsCountedAndShownOnAsking() {
        var chat = chat(5, columns: 40, rows: 12)
        let shown = (0..<12).map(chat.frame.rowText)
        // The editor's line is the command, given back; then four lines for ten.
        #expect(shown[7...9].joined().contains("missing1.jpg"))
        #expect(shown[10] == "  and 7 more lines · Alt-M shows all")
        chat.press(.alt("m"))
        for number in 1...5 {
            #expect(chat.state.items.last?.text.contains("⚠ /image missing\(number).jpg: no such file here") == true)
        }
        #expect(chat.state.inputErrors.isEmpty)
        #expect(chat.frame.plainText.contains("⚠ /image missing1.jpg: no such file"))
        // The command is still there to be corrected.
        #expect(chat.draft.hasPrefix("/image missing1.jpg"))
    }

    @Test func whatHasRoomIsShownWhole() {
        let chat = chat(2, columns: 80, rows: 24)
        #expect(chat.frame.plainText.contains("missing1.jpg: no") && chat.frame.plainText.contains("missing2.jpg: no"))
        #expect(!chat.frame.plainText.contains("more"))
    }

    @Test func picturesBeyondTheThirdAreShownOnAsking() {
        var chat = ScriptedChat()
        chat.type("/image a.jpg b.jpg c.jpg d.jpg e.jpg\n")
        for (index, name) in ["a", "b", "c", "d", "e"].enumerated() { chat.load(index + 1, "\(name).jpg") }
        #expect(chat.frame.plainText.contains("and 2 more · Alt-M shows all"))
        #expect(!chat.frame.plainText.contains("e.jpg"))
        chat.press(.alt("m"))
        #expect(chat.state.items.last?.text.contains("[Image #5] e.jpg") == true)
    }
}
