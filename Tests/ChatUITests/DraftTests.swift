import Chat
import ChatUI
import Generation
import Screen
import Testing

@Suite struct DraftTests {
    @Test func everythingUnsentIsKept() {
        var chat = ScriptedChat()
        chat.type("See /image ~/a.jpg\n")
        chat.load(1, "a.jpg")
        chat.type("and /video b.mp4 --frames 3\n")
        #expect(
            chat.state.draft.parts == [
                .text("See "), .image(path: "/home/ada/a.jpg"), .text(" and "), .video(path: "b.mp4", frames: 3),
                .text(" "),
            ])
        chat.press(.control("a"), .control("k"))
        #expect(chat.state.draft.parts.isEmpty)
        chat.type("  ")
        #expect(chat.state.draft.parts.isEmpty)
    }

    @Test func itIsKeptWithinASecondHoweverMuchIsTyped() {
        var chat = ScriptedChat()
        #expect(chat.act(.ticked(ScriptedChat.noon + 1)).isEmpty && chat.state.draftDueAt == nil)
        var kept: [[DraftPart]] = []
        for step in 0..<100 {
            let now = ScriptedChat.noon + 2 + Double(step) / 10
            for case .keepDraft(let draft) in chat.act(.ticked(now)) { kept.append(draft.parts) }
            // Moving about is no change.
            if step < 40 { chat.type("x") } else { chat.press(Key(.left)) }
            if let due = chat.state.draftDueAt { #expect(due <= now + 0.5) }
        }
        #expect(kept.count == 8)
        #expect(kept.last == [.text(String(repeating: "x", count: 40))])
        #expect(chat.state.draftDueAt == nil)
        // What was sent is not to come back.
        chat.type("\n")
        #expect(chat.act(.ticked(chat.state.now)).contains(.keepDraft(ScriptedChat().state.draft)))
    }

    @Test func whatCannotBeKeptIsTold() {
        var chat = ScriptedChat()
        chat.type("x")
        chat.act(.draftNotKept("what is being written is not kept: the disk is full"))
        #expect(chat.frame.plainText.contains("⚠ what is being written is not kept: the disk is full"))
    }

    @Test func itComesBackBeforeWhatWasTypedSince() {
        var chat = ScriptedChat()
        chat.type("typed ahead")
        let effects = chat.act(
            .draftRestored([.text("See "), .image(path: "/a.jpg"), .text(" now\u{7}\n")]))
        #expect(effects == [.loadPictures([PictureRequest(number: 1, path: "/a.jpg")])])
        #expect(chat.draft == "See [Image #1] now\u{FFFD}\ntyped ahead|")
        #expect(chat.frame.plainText.contains("not sent the last time; Ctrl-_ takes it away"))
        chat.press(.control("_"))
        #expect(chat.draft == "typed ahead|")
    }

    @Test func aPictureThatIsGoneIsTold() {
        var chat = ScriptedChat()
        chat.act(.draftRestored([.text("See "), .image(path: "/a.jpg")]))
        chat.act(.pictureFailed(number: 1, "no such file"))
        #expect(chat.draft == "See |")
        #expect(chat.state.inputErrors == ["/image /a.jpg: no such file"])
    }

    @Test func theDraftBehindAnEditIsKeptToo() {
        var chat = ScriptedChat()
        chat.type("Question\n")
        chat.act(
            .messagesPlaced([
                chat.state.items[0].id: BranchPlace(messageID: 1, alternatives: [1]),
                chat.state.items[1].id: BranchPlace(messageID: 2, alternatives: [2]),
            ]))
        chat.finish()
        chat.act(.inputArrived(.paste("unsent\n")))
        chat.type("/edit\n changed")
        #expect(chat.state.draft.parts == [.text("unsent\nQuestion changed")])
    }
}
