import ChatUI
import Generation
import Screen
import Testing

@Suite struct SessionBrowserTests {
    private static let sessions = [
        RecentSession(name: "dogs", title: "dogs of the park", time: ScriptedChat.noon - 60, turns: 12, pictures: 2),
        RecentSession(name: "march", title: "receipts march", time: ScriptedChat.noon - 86_400, turns: 1, pictures: 0),
        RecentSession(name: "emu", title: "emu の論文", time: ScriptedChat.noon - 1e7, turns: 3, pictures: 0),
    ]

    private func chat(columns: Int = 80, rows: Int = 24) -> ScriptedChat {
        var chat = ScriptedChat(columns: columns, rows: rows)
        chat.press(.control("o"))
        chat.act(.sessionsListed(request: 1, Self.sessions))
        return chat
    }

    @Test func opensWithAllSessionsAndClosesAgain() {
        var chat = ScriptedChat()
        #expect(chat.press(.control("o")) == [.sessionList(.list(query: "", request: 1))])
        chat.act(.sessionsListed(request: 1, Self.sessions))
        #expect(chat.frame.plainText.contains(" › dogs of the park"))
        #expect(chat.frame.plainText.contains("   2 pictures · 12 turns"))
        for key in [Key.escape, .control("o"), .control("c")] {
            var open = chat
            #expect(open.press(key).isEmpty)
            #expect(open.state.browser == nil && !open.state.isAskingToLeave)
        }
    }

    @Test(arguments: [(99, 99), (100, 68), (200, 156)])
    func standsBesideTheConversationWhereThereIsRoom(columns: Int, conversation: Int) {
        var chat = chat(columns: columns)
        #expect(chat.state.size == Size(columns: conversation, rows: 24))
        #expect(chat.frame.size == Size(columns: columns, rows: 24))
        #expect(chat.frame.plainText.contains("What is a poodle?") == (columns >= 100))
        // Room changes with the screen, and comes back.
        chat.act(.inputArrived(.resized(Size(columns: 80, rows: 24))))
        #expect(chat.state.size == Size(columns: 80, rows: 24))
        chat.act(.inputArrived(.resized(Size(columns: columns, rows: 24))))
        chat.press(.escape)
        #expect(chat.state.size == Size(columns: columns, rows: 24))
    }

    @Test func typingSearches() {
        var chat = chat()
        #expect(
            chat.type("pa") == [
                .sessionList(.list(query: "p", request: 2)), .sessionList(.list(query: "pa", request: 3)),
            ])
        // A late answer to another question is dropped.
        chat.act(.sessionsListed(request: 2, []))
        #expect(chat.frame.plainText.contains("dogs of the park"))
        var hit = Self.sessions[0]
        hit.excerpt = "in the park there are"
        chat.act(.sessionsListed(request: 3, [hit]))
        #expect(chat.frame.plainText.contains("   in the park there are"))
        #expect(!chat.frame.plainText.contains("receipts march"))
        #expect(chat.frame.plainText.contains("/pa"))
        #expect(chat.press(.escape) == [.sessionList(.list(query: "", request: 4))])
        chat.act(.sessionsListed(request: 4, []))
        #expect(chat.frame.plainText.contains("no conversations yet"))
    }

    @Test func theSelectedOneIsOpened() {
        var chat = chat()
        chat.press(.down, .down, .down, .up)
        #expect(chat.press(.enter) == [.openSession(name: "march", draftPictures: [])])
        #expect(chat.state.browser == nil)
        var wide = self.chat(columns: 120)
        #expect(wide.press(.enter) == [.openSession(name: "dogs", draftPictures: [])])
        #expect(wide.state.browser != nil)
    }

    @Test func nothingIsOpenedWhileAnAnswerRuns() {
        var chat = ScriptedChat()
        chat.type("Hello\n")
        chat.press(.control("o"))
        chat.act(.sessionsListed(request: 1, Self.sessions))
        #expect(chat.press(.enter).isEmpty)
        #expect(chat.frame.plainText.contains("⚠ /open: an answer is running. Esc stops it"))
    }

    @Test func aTitleIsChanged() {
        var chat = chat()
        chat.press(.control("r"))
        #expect(chat.frame.plainText.contains("new title: dogs of the park"))
        chat.press(.control("u"))
        #expect(
            chat.type("emus\n") == [.sessionList(.retitle(name: "dogs", title: "emus"))])
        #expect(chat.act(.sessionListChanged) == [.sessionList(.list(query: "", request: 2))])
        chat.press(.control("r"))
        #expect(chat.type("x").isEmpty)
        #expect(chat.press(.escape).isEmpty)
        #expect(chat.state.browser?.title == nil && chat.state.browser != nil)
    }

    @Test func deletingCanBeUndone() {
        var chat = chat()
        chat.press(.down)
        #expect(chat.press(Key(.delete)) == [.sessionList(.delete(name: "march", title: "receipts march"))])
        chat.act(.sessionDeleted(SessionBrowser.Deleted(name: "march", title: "receipts march", path: "/t/march.json")))
        chat.act(.sessionsListed(request: 2, [Self.sessions[0], Self.sessions[2]]))
        #expect(chat.frame.plainText.contains("deleted receipts march · Ctrl-_ undoes"))
        #expect(
            chat.press(.control("_")) == [.sessionList(.restore(name: "march", path: "/t/march.json"))])
        #expect(chat.press(.control("_")).isEmpty)
    }

    @Test func theOpenSessionIsNotDeleted() {
        var chat = chat()
        chat.act(.sessionSaved(name: "dogs"))
        #expect(chat.press(Key(.delete)).isEmpty)
        #expect(chat.frame.plainText.contains("⚠ this conversation is open; /new leaves it"))
    }

    @Test func whatFailsIsTold() {
        var chat = chat()
        chat.act(.sessionListFailed("march: is open in another window"))
        #expect(chat.frame.plainText.contains("⚠ march: is open in another window"))
        chat.press(.down)
        #expect(!chat.frame.plainText.contains("⚠"))
    }

    @Test func theSelectionIsAlwaysInSight() {
        let many = (0..<60).map {
            RecentSession(name: "s\($0)", title: "title \($0)", time: 0, turns: 1, pictures: 0)
        }
        for (columns, rows) in [(40, 12), (80, 24), (200, 50)] {
            var chat = ScriptedChat(columns: columns, rows: rows)
            chat.press(.control("o"))
            chat.act(.sessionsListed(request: 1, many))
            for index in many.indices {
                #expect(chat.frame.plainText.contains(" › title \(index) "), "\(index) of \(rows)")
                chat.press(.down)
            }
        }
    }

    @Test func whatIsBeingWrittenStays() {
        var chat = ScriptedChat()
        chat.type("unsent")
        chat.press(.control("o"))
        chat.type("abc")
        chat.act(.inputArrived(.paste("/a.jpg\nb")))
        #expect(chat.state.browser?.query == "abc/a.jpg b")
        chat.press(.escape, .escape)
        #expect(chat.draft == "unsent|")
    }
}
