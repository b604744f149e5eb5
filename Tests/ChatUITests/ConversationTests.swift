import ChatUI
import Generation
import Screen
import Testing

@Suite struct AnsweringTests {
    @Test func aQuestionIsAnswered() throws {
        var chat = ScriptedChat()
        let effects = chat.type("Hello there \n")
        guard case .startGeneration(let request)? = effects.first else {
            Issue.record("no generation: \(effects)")
            return
        }
        #expect(request.question.parts == [.text("Hello there")])
        chat.start()
        chat.answer("Hi you")
        chat.finish(rest: "!")
        #expect(chat.state.item(request.answerID)?.text == "Hi you!")
        #expect(chat.state.answer == nil)
        #expect(chat.state.contextTokens == 612)
        #expect(chat.frame.plainText.contains("41 tok/s"))
    }

    @Test(arguments: [Key.escape, Key.control("c")])
    func stoppingKeepsWhatCame(key: Key) {
        var chat = ScriptedChat()
        chat.type("Count\n")
        chat.start()
        chat.answer("One two")
        #expect(chat.press(key) == [.cancelGeneration])
        #expect(chat.press(.escape) == [])
        chat.finish(.cancelled)
        #expect(chat.state.items.last?.text == "One two")
        #expect(chat.state.items.last?.marks == [.stopped])
        #expect(chat.frame.plainText.contains("⏹ stopped"))
    }

    /// Stopped before anything was read, the engine has nothing; the conversation still takes what it took.
    @Test func stoppingBeforeItIsReadKeepsTheCount() {
        var chat = ScriptedChat()
        chat.type("Hello\n")
        chat.start()
        chat.finish()
        chat.type("Count\n")
        chat.press(.escape)
        chat.finish(.cancelled, contextTokens: 0)
        #expect(chat.state.contextTokens == 612)
    }

    @Test func questionsWaitForTheModel() {
        var chat = ScriptedChat(model: .loading(ModelLoading(name: "SmolLM2", since: 0)))
        #expect(chat.type("First\n").isEmpty)
        chat.type("Second\n")
        #expect(chat.frame.plainText.contains("waiting for the model"))
        let effects = chat.act(.modelLoaded(ScriptedChat.blindModel))
        #expect(effects.count == 1)
        #expect(chat.state.items.map(\.speaker) == [.user, .assistant, .user])
        chat.answer("One")
        chat.finish()
        #expect(chat.state.items.map(\.speaker) == [.user, .assistant, .user, .assistant])
        #expect(chat.state.waiting.isEmpty)
    }

    @Test func aWaitingQuestionCanBeTakenBack() {
        var chat = ScriptedChat(model: .loading(ModelLoading(name: "SmolLM2", since: 0)))
        chat.type("First\n")
        chat.press(.escape)
        #expect(chat.draft == "First|")
        #expect(chat.state.items.isEmpty)
        #expect(chat.act(.modelLoaded(ScriptedChat.blindModel)).isEmpty)
    }

    @Test func aFailureStandsInItsPlace() {
        var chat = ScriptedChat()
        chat.type("Hello\n")
        chat.act(.generationEventArrived(.failed(.contextOverflow(needed: 2310, available: 2048))))
        #expect(chat.frame.plainText.contains("⚠ this turn needs 2,310 tokens; the context holds 2,048."))
        #expect(chat.state.answer == nil)
        chat.press(.up)
        #expect(chat.draft == "Hello|")
    }

    @Test func whatAModelSaysCannotReachTheTerminal() {
        var chat = ScriptedChat()
        chat.type("Hello\n")
        chat.answer("a\u{1B}[2J\u{9B}31m\u{202E}b\u{7}\rc\u{0}")
        for cell in chat.frame.cells {
            #expect(cell.text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) })
        }
    }

    @Test func leavingIsAskedForWhenIdle() {
        var chat = ScriptedChat()
        #expect(chat.press(.control("c")).isEmpty)
        #expect(chat.frame.plainText.contains("Ctrl-C again leaves"))
        chat.type("x")
        #expect(!chat.state.isAskingToLeave)
        #expect(chat.draft == "x|")
        #expect(chat.press(.control("d")).isEmpty)
        #expect(chat.press(.control("c"), .control("c")) == [.quit])
        #expect(chat.press(.control("c")).isEmpty)
    }

    @Test func controlDLeavesWhenNothingIsTyped() {
        var chat = ScriptedChat()
        #expect(chat.press(.control("d")) == [.quit])
    }

    @Test func signalsAndScreenKeysBecomeEffects() {
        var chat = ScriptedChat()
        #expect(chat.press(.control("l")) == [.redraw])
        #expect(chat.press(.control("z")) == [.suspend])
        #expect(chat.act(.inputArrived(.resumed)) == [.redraw])
        #expect(chat.act(.inputArrived(.suspendRequested)) == [.suspend])
        #expect(chat.act(.inputArrived(.terminationRequested)) == [.quit])
    }
}

@Suite struct ScrollingTests {
    private func longChat() -> ScriptedChat {
        var chat = ScriptedChat()
        chat.type("Tell me a story\n")
        chat.start()
        chat.answer((1...60).map { "Line \($0).\n" }.joined())
        return chat
    }

    private func conversation(_ chat: ScriptedChat) -> [String] { (0..<20).map { chat.frame.rowText($0) } }

    @Test func followsTheNewestText() {
        #expect(longChat().frame.plainText.contains("Line 60."))
    }

    @Test func holdsStillWhileTextArrives() {
        var chat = longChat()
        chat.press(Key(.pageUp))
        let before = conversation(chat)
        #expect(before.contains { $0.contains("Line 30.") })
        chat.answer((1...30).map { "New \($0).\n" }.joined())
        #expect(conversation(chat) == before)
        #expect(chat.frame.plainText.contains("new text below"))
        chat.press(Key(.pageDown), Key(.pageDown), Key(.pageDown), Key(.pageDown))
        #expect(chat.state.scroll == nil)
        #expect(!chat.frame.plainText.contains("new text below"))
        #expect(chat.frame.plainText.contains("New 30."))
    }

    @Test func pagesOverlapByTwoLines() {
        var chat = longChat()
        let last = conversation(chat)
        chat.press(Key(.pageUp))
        #expect(Array(conversation(chat).suffix(2)) == Array(last.prefix(2)))
    }

    @Test func reachesBothEnds() {
        var chat = longChat()
        chat.press(.alt("<"))
        #expect(chat.frame.rowText(0).hasPrefix("▌ you"))
        chat.press(Key(.pageUp))
        #expect(chat.frame.rowText(0).hasPrefix("▌ you"))
        chat.press(.alt(">"))
        #expect(chat.state.scroll == nil)
    }

    @Test func aShortConversationDoesNotScroll() {
        var chat = ScriptedChat()
        chat.type("Hi\n")
        chat.press(Key(.pageUp))
        #expect(chat.state.scroll == nil)
    }

    @Test func resizingKeepsThePlaceAndNeverTraps() {
        var chat = longChat()
        chat.press(Key(.pageUp))
        for size in [(40, 12), (200, 50), (1, 1), (0, 0), (39, 11), (80, 24)] {
            chat.act(.inputArrived(.resized(Size(columns: size.0, rows: size.1))))
            #expect(chat.frame.size == Size(columns: size.0, rows: size.1))
        }
    }

    @Test func aSmallScreenIsTold() {
        let chat = ScriptedChat(columns: 39, rows: 12)
        #expect(chat.frame.plainText.hasPrefix("The chat needs 40×12 cells; here are"))
    }

    @Test func aLongConversationIsNotLaidOutWhole() {
        var chat = ScriptedChat()
        let items = (1...10_000).map { id in
            ConversationItem(id: id, speaker: id % 2 == 1 ? .user : .assistant, parts: [.text("Message \(id). ")])
        }
        chat.act(.conversationOpened(OpenedConversation(name: "long", items: items, pictures: [])))
        #expect(chat.frame.plainText.contains("Message 10000."))
        for _ in 0..<20 { chat.press(Key(.pageUp)) }
        #expect(chat.state.scroll != nil)
        chat.press(.alt("<"))
        #expect(chat.frame.plainText.contains("Message 1."))
    }
}

@Suite struct ReplayTests {
    @Test func keysSteerTheReplay() {
        var chat = ScriptedChat(model: .absent)
        let status = ReplayStatus(position: 1, duration: 10, speed: 1, isPaused: false)
        let item = ConversationItem(id: 5, speaker: .user, parts: [.text("Hello")])
        chat.act(.replayAdvanced(status, items: [item]))
        #expect(chat.frame.plainText.contains("Hello"))
        #expect(chat.frame.cursor == nil)
        #expect(chat.type(" +-q") == [.replay(.togglePause), .replay(.faster), .replay(.slower), .replay(.leave)])
        #expect(chat.press(Key(.left), Key(.right)) == [.replay(.previousTurn), .replay(.nextTurn)])
        #expect(chat.press(.control("c")) == [.replay(.leave)])
        #expect(chat.state.editor.isEmpty)
    }

    @Test(arguments: [80, 40])
    func keysChooseAmongTheBranches(_ columns: Int) {
        var chat = ScriptedChat(columns: columns, rows: 12, model: .absent)
        let status = ReplayStatus(position: 1, duration: 10, speed: 1, isPaused: false)
        func item(_ id: Int, _ alternatives: [Int]) -> ConversationItem {
            ConversationItem(
                id: id, speaker: .assistant, parts: [.text("Answer \(id)")],
                place: BranchPlace(messageID: id, alternatives: alternatives))
        }
        chat.act(.replayAdvanced(status, items: [item(1, [1])]))
        #expect(chat.type("np").isEmpty && !chat.frame.plainText.contains("branch"))
        chat.act(.replayAdvanced(status, items: [item(1, [1]), item(3, [2, 3, 9]), item(4, [4])]))
        #expect(chat.frame.plainText.contains("branch 2/3 · n next"))
        #expect(chat.type("np") == [.replay(.showBranch(through: 9)), .replay(.showBranch(through: 2))])
        chat.act(.replayAdvanced(status, items: [item(9, [2, 3, 9])]))
        #expect(
            chat.press(.alt("n"), .alt("p")) == [.replay(.showBranch(through: 2)), .replay(.showBranch(through: 3))])
        // What another process writes is not for choosing.
        let live = ReplayStatus(position: 0, duration: 0, speed: 1, isPaused: true, liveNote: "read only")
        chat.act(.replayAdvanced(live, items: [item(9, [2, 3, 9])]))
        #expect(chat.type("np").isEmpty && !chat.frame.plainText.contains("branch 3/3"))
    }
}
