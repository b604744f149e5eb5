import ChatUI
import Generation
import Screen
import Testing

@Suite struct AttachingTests {
    @Test func putsThePlaceholderWhereTheCommandStood() {
        var chat = ScriptedChat()
        let effects = chat.type("What is in /image dog.jpg\n")
        #expect(effects == [.loadPictures([PictureRequest(number: 1, path: "dog.jpg")])])
        #expect(chat.draft == "What is in [Image #1] |")
        chat.load(1, "dog.jpg")
        chat.type("and how old?")
        chat.press(.enter)
        #expect(chat.state.items[0].parts == [.text("What is in "), .picture(1), .text(" and how old?")])
    }

    @Test func keepsTheOtherLines() {
        var chat = ScriptedChat()
        chat.act(.inputArrived(.paste("before\n/image a.jpg\nafter")))
        chat.press(.up)
        chat.press(.enter)
        #expect(chat.draft == "before\n[Image #1] |\nafter")
    }

    @Test(arguments: [
        ("a.jpg b.jpg", ["a.jpg", "b.jpg"]), ("'my dog.jpg'", ["my dog.jpg"]), ("my\\ dog.jpg", ["my dog.jpg"]),
        ("\"a b\"c.jpg", ["a bc.jpg"]), ("~/dog.jpg", ["/home/ada/dog.jpg"]), ("file:///a%20b.jpg", ["/a b.jpg"]),
        ("file://localhost/x.jpg", ["/x.jpg"]), ("'it'\\''s.jpg'", ["it's.jpg"]), ("日本.jpg", ["日本.jpg"]),
    ])
    func readsPathsAsAShellDoes(argument: String, paths: [String]) {
        var chat = ScriptedChat()
        let effects = chat.type("/image \(argument)\n")
        let requests = paths.enumerated().map { PictureRequest(number: $0 + 1, path: $1) }
        #expect(effects == [.loadPictures(requests)])
    }

    @Test func aBadPathCostsNothingThatWasTyped() {
        var chat = ScriptedChat()
        chat.type("What is in /image bad.jpg\n")
        chat.act(.pictureFailed(number: 1, "no such file"))
        #expect(chat.draft == "What is in /image bad.jpg|")
        #expect(chat.state.inputErrors == ["/image bad.jpg: no such file"])
        #expect(chat.frame.plainText.contains("⚠ /image bad.jpg: no such file"))
        chat.press(Key(.backspace))
        #expect(chat.state.inputErrors.count == 1)
        chat.press(.escape)
        #expect(chat.state.inputErrors.isEmpty)
    }

    @Test func aBadPathKeepsWhatWasTypedMeanwhile() {
        var chat = ScriptedChat()
        chat.type("What is in /image bad.jpg\nthe sea?")
        chat.press(.enter)
        #expect(chat.state.items.isEmpty)
        chat.act(.pictureFailed(number: 1, "no such file"))
        #expect(chat.draft == "What is in  the sea?|")
        #expect(chat.state.items.isEmpty)
        // Undo brings back no picture that is not there.
        for _ in 0..<4 {
            chat.press(.control("_"))
            #expect(!chat.draft.contains("[Image"))
        }
    }

    @Test(arguments: [[1, 2, 3], [3, 2, 1], [2, 3, 1]])
    func pathsThatAreAllBadCostNothingThatWasTyped(_ order: [Int]) {
        var chat = ScriptedChat()
        chat.type("So /image bad.jpg Tell me\n")
        for number in order { chat.act(.pictureFailed(number: number, "no such file")) }
        #expect(chat.draft == "So /image bad.jpg Tell me|")
        #expect(chat.state.inputErrors.count == 3)
        #expect(chat.state.nextPictureNumber == 1)
    }

    @Test func aGoodPathBesideABadOneIsKept() {
        var chat = ScriptedChat()
        chat.type("/image good.jpg bad.jpg\n")
        chat.act(.pictureLoaded(number: 1, PictureFacts(name: "good.jpg", width: 1, height: 1)))
        chat.act(.pictureFailed(number: 2, "no such file"))
        #expect(chat.draft.contains("[Image #1]"))
        #expect(!chat.draft.contains("#2"))
        #expect(chat.state.nextPictureNumber == 2)
    }

    @Test func theNumberOfAFailedPictureIsUsedAgain() {
        var chat = ScriptedChat()
        chat.type("/image bad.jpg\n")
        chat.act(.pictureFailed(number: 1, "no such file"))
        chat.press(.control("u"))
        chat.type("/image good.jpg\n")
        #expect(chat.draft == "[Image #1] |")
    }

    @Test func sendingWaitsForThePicture() {
        var chat = ScriptedChat()
        chat.type("/image a.jpg\nWhat is it?\n")
        #expect(chat.state.items.isEmpty)
        chat.load(1, "a.jpg")
        #expect(chat.state.items.count == 2)
        #expect(chat.state.editor.isEmpty)
    }

    @Test func placeholdersAreAtomic() {
        var chat = ScriptedChat()
        chat.type("/image a.jpg\n")
        chat.press(Key(.backspace), Key(.left))
        #expect(chat.draft == "|[Image #1]")
        chat.press(Key(.delete))
        #expect(chat.draft == "|")
    }

    @Test func aBlindModelIsToldAtThePictureAndAtTheAnswer() {
        var chat = ScriptedChat()
        chat.type("/image a.jpg\n")
        chat.load(1, "a.jpg")
        #expect(chat.frame.plainText.contains("\n  [Image #1] a.jpg · 640×480 · the model cannot see it\n"))
        chat.type("What is it?\n")
        #expect(chat.frame.plainText.contains("┊ a.jpg · 640×480 · the model cannot see it"))
        chat.start(unseen: [1])
        chat.answer("A cat.")
        #expect(chat.frame.plainText.contains("did not see [Image #1]"))
        chat.finish()
        chat.type("Sure?\n")
        chat.start(unseen: [1])
        #expect(chat.state.items.last?.marks == [.didNotSee([1])])
    }

    @Test func previewsAreAskedForOnceAndAgainAtAnotherSize() {
        var chat = ScriptedChat()
        chat.type("/image a.jpg\n")
        chat.load(1, "a.jpg")
        chat.type("What is it?\n")
        let asked = chat.effects.filter { if case .renderPreview = $0 { true } else { false } }
        #expect(asked == [.renderPreview(number: 1, size: Size(columns: 16, rows: 6))])
        #expect(
            !chat.act(.ticked(ScriptedChat.noon + 1)).contains { if case .renderPreview = $0 { true } else { false } })
        let again = chat.act(.inputArrived(.resized(Size(columns: 50, rows: 14))))
        #expect(again == [.renderPreview(number: 1, size: Size(columns: 11, rows: 4))])
    }

    @Test func theReservedPlaceDoesNotJump() throws {
        var chat = ScriptedChat()
        chat.type("/image a.jpg\n")
        chat.load(1, "a.jpg")
        chat.type("What is it?\n")
        let before = chat.frame.rowText(12)
        let cells = Array(repeating: Cell(text: "█"), count: 16 * 6)
        let block = try #require(CellBlock(size: Size(columns: 16, rows: 6), cells: cells))
        chat.act(.previewRendered(number: 1, block))
        #expect(chat.frame.rowText(12) == before)
        #expect(chat.frame.rowText(3).contains("███"))
    }
}

@Suite struct CommandTests {
    @Test(arguments: [
        ("/imgae x", "/imgae: no such command. Did you mean /image?"),
        ("/frobnicate", "/frobnicate: no such command. /help shows all"),
        ("/image", "/image: which file? Type its path, as in /image ~/Pictures/dog.jpg"),
        ("/set temprature 1", "/set temprature: no such option. Did you mean temperature?"),
        ("/set top-p", "/set top-p: which value? It takes above 0, up to 1"),
        ("/set top-p 2", "/set top-p 2: top-p takes above 0, up to 1"),
        ("/set temperature nan", "/set temperature nan: temperature takes 0 to 100"),
        ("/open 4", "/open 4: no such number. /open 1 is the latest conversation"),
        ("/open", "/open: which conversation? Type its number or its name"),
    ])
    func aProblemIsToldAndTheCommandKept(command: String, message: String) {
        var chat = ScriptedChat()
        #expect(chat.type(command + "\n").isEmpty)
        #expect(chat.state.inputErrors == [message])
        #expect(chat.draft == command + "|")
    }

    @Test(arguments: ["/usr/bin/env what is it?", "/", "/ image", "7/8 is what?", "and/or"])
    func textWithASlashIsText(text: String) {
        var chat = ScriptedChat()
        chat.type(text + "\n")
        #expect(chat.state.items.first?.parts == [.text(text)])
    }

    @Test func setChangesEveryOption() {
        var chat = ScriptedChat()
        chat.type("/set temperature 0.7\n/set top-k 40\n/set top-p 0.5\n/set min-p 0.05\n/set repetition-penalty 1.1\n")
        chat.type("/set beams 4\n/set length-penalty -1\n/set seed 7\n/set max-tokens 100\n/set stop a b\n")
        let expected = GenerationOptions(
            maximumTokens: 100, temperature: 0.7, topK: 40, topP: 0.5, minP: 0.05, repetitionPenalty: 1.1, beamCount: 4,
            lengthPenalty: -1, seed: 7, stopStrings: ["a b"])
        #expect(chat.state.options == expected)
        #expect(chat.effects.last == .saveSettings(systemText: nil, expected))
        chat.type("/set\n")
        for name in ["temperature", "top-k", "top-p", "min-p", "repetition-penalty", "beams", "seed", "max-tokens"] {
            #expect(chat.state.items.last?.text.contains("\n\(name) ") == true)
        }
    }

    @Test func systemIsShownSetAndEnded() {
        var chat = ScriptedChat()
        chat.type("/system Be brief.\n")
        #expect(chat.state.systemText == "Be brief.")
        #expect(chat.state.items.last?.speaker == .system)
        chat.type("/system\n")
        #expect(chat.state.inputNote == "system: Be brief.")
        chat.type("/system none\n")
        #expect(chat.state.systemText == nil)
    }

    @Test func helpNamesEveryCommand() {
        var chat = ScriptedChat(rows: 50)
        chat.press(Key(.function(1)))
        for name in ["image", "new", "open", "system", "set", "help", "quit"] {
            #expect(chat.frame.plainText.contains("  /\(name)"))
        }
    }

    @Test func newKeepsTheDraftAndItsPictures() {
        var chat = ScriptedChat()
        chat.type("Hello\n")
        chat.finish()
        chat.type("/image a.jpg\n")
        chat.load(1, "a.jpg")
        chat.press(Key(.enter, .alt))
        let effects = chat.type("/new\n")
        #expect(effects == [.startNewSession])
        #expect(chat.state.items.isEmpty)
        #expect(chat.state.editor.text == "[Image #1] ")
        #expect(chat.state.pictures[1] != nil)
    }

    /// Whatever the screen's size, the heading of the earlier conversations has one of them below it.
    @Test func earlierConversationsAreNoHeadingAlone() {
        for (rows, words) in (8...24).flatMap({ rows in (1...40).map { (rows, $0) } }) {
            // What is told of the model takes one line or many.
            var model = ScriptedChat.seeingModel
            model.name = Array(repeating: "model", count: words).joined(separator: " ")
            var chat = ScriptedChat(columns: 40, rows: rows, model: .ready(model))
            chat.act(
                .recentSessionsListed([RecentSession(name: "dogs", title: "Dogs", time: 0, turns: 1, pictures: 0)]))
            let lines = chat.frame.plainText.split(separator: "\n", omittingEmptySubsequences: false)
            if let heading = lines.firstIndex(where: { $0.contains("earlier conversations") }) {
                #expect(lines[heading + 1].contains("/open 1"), "\(rows) rows, \(words) words")
            }
            #expect(rows < 24 || lines.contains { $0.contains("/open 1") }, "\(words) words")
        }
    }

    @Test func openAsksForTheSession() {
        var chat = ScriptedChat()
        chat.act(.recentSessionsListed([RecentSession(name: "dogs", title: "Dogs", time: 0, turns: 1, pictures: 0)]))
        #expect(chat.type("/open 1\n") == [.openSession(name: "dogs", draftPictures: [])])
        chat.act(.conversationOpened(OpenedConversation(name: "dogs", items: [], pictures: [])))
        #expect(chat.type("/open cats\n") == [.openSession(name: "cats", draftPictures: [])])
    }
}
