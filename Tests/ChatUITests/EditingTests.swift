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
