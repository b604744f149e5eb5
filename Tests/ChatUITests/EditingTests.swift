import Chat
import ChatUI
import Generation
import Screen
import Testing

@Suite struct KillRingTests {
    @Test func whatWasCutBeforeIsPutBackInTurn() {
        var chat = ScriptedChat()
        for word in ["one", "two", "three"] {
            chat.type(word)
            chat.press(.control("u"))
        }
        chat.press(.control("y"))
        #expect(chat.draft == "three|")
        chat.press(.alt("y"))
        #expect(chat.draft == "two|")
        chat.press(.alt("y"), .alt("y"))
        #expect(chat.draft == "three|")
    }

    @Test func onlyRightAfterPuttingBack() {
        var chat = ScriptedChat()
        chat.type("one two")
        chat.press(.control("w"), .control("a"), .control("y"))
        #expect(chat.draft == "two|one ")
        chat.type("!")
        chat.press(.alt("y"))
        #expect(chat.draft == "two!|one ")
    }

    @Test func transposes() {
        var chat = ScriptedChat()
        chat.type("teh")
        chat.press(.control("t"))
        #expect(chat.draft == "the|")
        chat.press(Key(.home), .control("t"))
        #expect(chat.draft == "|the")
        chat.press(.control("f"), .control("t"))
        #expect(chat.draft == "ht|e")
    }

    @Test func wordsChangeTheirLetters() {
        var chat = ScriptedChat()
        chat.type("straße HELLO world")
        chat.press(Key(.home), .alt("u"), .alt("l"), .alt("c"))
        #expect(chat.draft == "STRASSE hello World|")
    }

    @Test func redoDoesAgainWhatUndoTookBack() {
        var chat = ScriptedChat()
        chat.type("one")
        chat.press(.control("u"))
        chat.type("two")
        chat.press(.control("_"), .control("_"))
        #expect(chat.draft == "one|")
        chat.press(.alt("_"))
        #expect(chat.draft == "|")
        chat.press(.alt("_"))
        #expect(chat.draft == "two|")
        chat.press(.control("_"))
        chat.type("x")
        chat.press(.alt("_"))
        #expect(chat.draft == "x|")
        chat.press(.control("x"), .control("u"))
        #expect(chat.draft == "|")
    }
}

@Suite struct HistorySearchTests {
    private func chat() -> ScriptedChat {
        var chat = ScriptedChat()
        chat.act(.historyLoaded(["What is an emu?", "Name three dogs", "What is a Poodle?"]))
        chat.type("draft")
        chat.press(.control("r"))
        return chat
    }

    @Test func findsTheLatestThenOlderOnes() {
        var chat = chat()
        chat.type("what")
        #expect(chat.draft == "What is a Poodle?|")
        #expect(chat.frame.plainText.contains("looking for: what · Ctrl-R older"))
        chat.press(.control("r"))
        #expect(chat.draft == "What is an emu?|")
        chat.press(.control("r"))
        #expect(chat.frame.plainText.contains("not found: what"))
        #expect(chat.draft == "What is an emu?|")
    }

    @Test func aLongerQueryKeepsWhatStillFits() {
        var chat = chat()
        chat.type("w")
        chat.press(.control("r"))
        chat.type("hat is an")
        #expect(chat.draft == "What is an emu?|")
        chat.press(Key(.backspace))
        #expect(chat.draft == "What is a Poodle?|")
    }

    @Test func enterTakesItWithoutSending() {
        var chat = chat()
        chat.type("dogs")
        #expect(chat.press(.enter).isEmpty)
        #expect(chat.draft == "Name three dogs|" && chat.state.historySearch == nil && chat.state.items.isEmpty)
    }

    @Test(arguments: [Key.escape, .control("g"), .control("c")])
    func goingBackBringsTheDraft(key: Key) {
        var chat = chat()
        chat.type("dogs")
        chat.press(key)
        #expect(chat.draft == "draft|" && chat.state.historySearch == nil && !chat.state.isAskingToLeave)
    }

    @Test func otherKeysTakeItAndDoWhatTheyDo() {
        var chat = chat()
        chat.type("dogs")
        chat.press(.control("a"))
        #expect(chat.draft == "|Name three dogs")
    }

    @Test func earlierConversationsComeBeforeThisOne() {
        var chat = ScriptedChat()
        chat.type("now\n")
        chat.act(.historyLoaded(["then"]))
        chat.press(.up)
        #expect(chat.draft == "now|")
        chat.press(.up)
        #expect(chat.draft == "then|")
    }

    @Test func whatIsSentIsKeptWithoutPlaceholders() {
        var chat = ScriptedChat()
        chat.type("What is in /image a.jpg\n")
        chat.load(1, "a.jpg")
        chat.type("and why?\n/set top-k 3\n")
        #expect(chat.sent == ["/image a.jpg", "What is in  and why?", "/set top-k 3"])
    }
}

@Suite struct CompletionTests {
    @Test(arguments: [
        ("/reg", "/regenerate |"), ("/im", "/image |"), ("/s", "/s|"), ("/sy", "/system |"),
        ("Look at /im", "Look at /image |"), ("/set tem", "/set temperature |"), ("/nothing", "/nothing|"),
        ("plain", "plain|"), ("and/or", "and/or|"),
    ])
    func commandsAndTheirOptions(typed: String, completed: String) {
        var chat = ScriptedChat()
        chat.type(typed)
        chat.press(Key(.tab))
        #expect(chat.draft == completed)
    }

    @Test func severalAreShownUntilTheNextKey() {
        var chat = ScriptedChat()
        chat.type("/v")
        chat.press(Key(.tab))
        #expect(chat.draft == "/vi|")
        #expect(chat.frame.plainText.contains("  video  view"))
        chat.type("e")
        #expect(!chat.frame.plainText.contains("  video  view"))
    }

    @Test(arguments: [
        ("/image ", "", ""), ("/image do", "", "do"), ("/image ~/Pic", "/home/ada/", "Pic"),
        ("/image /a/b", "/a/", "b"), ("/image a.jpg 'my d", "", "my d"), ("/image my\\ d", "", "my d"),
        ("See /video x/", "x/", ""), ("/model ../m", "../", "m"),
    ])
    func pathsAreAskedFor(typed: String, folder: String, prefix: String) {
        var chat = ScriptedChat()
        chat.type(typed)
        #expect(
            chat.press(Key(.tab)) == [.completePath(PathCompletion(request: 1, folder: folder, prefix: prefix))])
    }

    @Test(arguments: [
        ("/image do", ["dog.jpg"], "/image dog.jpg |"), ("/image do", ["dogs/"], "/image dogs/|"),
        ("/image do", ["dog1.jpg", "dog2.jpg"], "/image dog|"), ("/image m", ["my dog.jpg"], "/image my\\ dog.jpg |"),
        ("/image 'm", ["my dog.jpg"], "/image 'my dog.jpg' |"),
        ("/image \"m", ["m\"\\.jpg"], "/image \"m\\\"\\\\.jpg\" |"),
        ("/image i", ["it's*.jpg"], "/image it\\'s\\*.jpg |"), ("/image x", [], "/image x|"),
    ])
    func pathsAreSpeltSoThatTheyAreReadBack(typed: String, names: [String], completed: String) {
        var chat = ScriptedChat()
        chat.type(typed)
        chat.press(Key(.tab))
        chat.act(.pathsCompleted(request: 1, names))
        #expect(chat.draft == completed)
    }

    @Test func namesThatComeTooLateChangeNothing() {
        var chat = ScriptedChat()
        chat.type("/image d")
        chat.press(Key(.tab))
        chat.type("x")
        chat.act(.pathsCompleted(request: 1, ["dog.jpg"]))
        #expect(chat.draft == "/image dx|")
    }
}

@Suite struct ExternalEditingTests {
    @Test func theTextGoesOutAndComesBack() {
        var chat = ScriptedChat()
        chat.type("See /image a.jpg\n")
        chat.load(1, "a.jpg")
        chat.type("now")
        #expect(chat.press(.control("x"), .control("e")) == [.editExternally("See [Image #1] now")])
        chat.act(.externallyEdited("Look:\n[Image #1] and [Image #2]\u{1B}[31m\n"))
        #expect(chat.draft == "Look:\n[Image #1] and [Image #2]\u{FFFD}[31m|")
        #expect(chat.state.editor.pictureNumbers == [1])
        chat.press(.control("_"))
        #expect(chat.draft == "See [Image #1] now|")
    }

    @Test(arguments: [Key.control("c"), .control("l"), Key(.pageUp)])
    func onlyTheVeryNextKeyBelongsToTheFirst(key: Key) {
        var chat = ScriptedChat()
        chat.press(.control("x"), key)
        chat.type("e")
        #expect(chat.draft == "e|")
    }

    @Test func aFailureIsTold() {
        var chat = ScriptedChat()
        chat.type("text")
        chat.act(.externalEditorFailed("vi ended with status 1; the text is as it was"))
        #expect(chat.draft == "text|")
        #expect(chat.state.inputErrors.count == 1)
    }
}

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

@Suite struct LeavingTests {
    @Test func threeFastInterruptsStopAskAndLeave() {
        var chat = ScriptedChat()
        chat.type("Hello\n")
        #expect(chat.press(.control("c")) == [.cancelGeneration])
        #expect(!chat.state.isAskingToLeave)
        #expect(chat.press(.control("c")).isEmpty)
        #expect(chat.state.isAskingToLeave)
        #expect(chat.press(.control("c")) == [.quit])
    }

    @Test func anIdleInterruptAsksAndAnyOtherKeyStays() {
        var chat = ScriptedChat()
        #expect(chat.press(.control("c")).isEmpty)
        chat.type("x")
        #expect(!chat.state.isAskingToLeave && chat.draft == "x|")
    }
}

@Suite struct ModelCommandTests {
    @Test func anotherModelTakesThePlaceOnceItIsLoaded() {
        var chat = ScriptedChat()
        #expect(chat.type("/model '~/my model.gguf'\n") == [.changeModel(path: "/home/ada/my model.gguf")])
        #expect(chat.frame.plainText.contains("loading my model.gguf"))
        // What is asked meanwhile waits for it.
        #expect(chat.type("Hello\n").isEmpty)
        var model = ScriptedChat.blindModel
        model.name = "Other"
        let effects = chat.act(.modelLoaded(model))
        #expect(effects.contains { if case .startGeneration = $0 { true } else { false } })
        #expect(chat.state.model == .ready(model))
        #expect(chat.state.inputNote == "answers come from Other from here on")
    }

    @Test func whenItFailsTheOldOneStays() {
        var chat = ScriptedChat()
        chat.type("/model gone.gguf\n")
        #expect(chat.frame.rowText(23).contains("loading gone.gguf "))
        chat.act(.ticked(ScriptedChat.noon + 6))
        chat.act(.modelLoadingProgressed(share: 0.6))
        #expect(chat.frame.rowText(23).contains("SmolLM2 135M  ") && chat.frame.rowText(23).contains("gguf 60% 4.0 s"))
        chat.act(.modelChangeFailed("gone.gguf: no such file"))
        #expect(chat.state.model == .ready(ScriptedChat.blindModel))
        #expect(chat.draft == "/model gone.gguf|")
        #expect(chat.state.inputErrors == ["gone.gguf: no such file"])
    }

    @Test func aModelCanBeChosenAfterTheFirstOneFailed() {
        var chat = ScriptedChat(model: .failed("it is damaged"))
        #expect(chat.type("/model a.gguf\n") == [.changeModel(path: "a.gguf")])
    }

    @Test func aloneItTellsWhatThereIs() {
        var chat = ScriptedChat()
        chat.type("/model\n")
        #expect(
            chat.state.inputNote
                == "SmolLM2 135M · Q4_1 · 135M parameters · context 2,048 · /models/smollm2.gguf")
    }

    @Test func optionsAreSaved() {
        var chat = ScriptedChat()
        chat.type("/set top-k 3\n")
        var options = GenerationOptions()
        options.topK = 3
        #expect(chat.type("/save-options\n") == [.saveOptions(options)])
        chat.act(.optionsNotSaved("/save-options: c: may not be written"))
        #expect(chat.draft == "/save-options|")
    }

    @Test func aContextIsParked() {
        var chat = ScriptedChat()
        #expect(chat.type("/park\n") == [])
        #expect(chat.draft == "/park|" && chat.state.inputErrors.count == 1)
        chat.press(.control("u"))
        chat.type("Hello\n")
        chat.start()
        #expect(chat.type("/park\n") == [] && chat.draft == "/park|")
        chat.press(.control("u"))
        chat.finish()
        #expect(chat.type("/park\n") == [.parkContext])
        #expect(chat.state.inputNote == "parking…")
        chat.act(.contextParked(tokens: 1234, bytes: 28_000_000))
        #expect(
            chat.state.inputNote
                == "1,234 tokens parked (28\u{A0}MB): opened again, this conversation goes on at once")
    }

    @Test func theDoctorsReportIsShown() {
        var chat = ScriptedChat()
        #expect(chat.type("/doctor\n") == [.diagnose(screen: Size(columns: 80, rows: 24))])
        chat.act(.diagnosed("emuchat    0.1.0\nsystem     Debian"))
        #expect(chat.frame.plainText.contains("system     Debian"))
    }
}
