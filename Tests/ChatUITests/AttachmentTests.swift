import ChatUI
import Generation
import Screen
import Testing

@Suite struct PatternTests {
    @Test(arguments: [
        ("*.jpg", "*.jpg", "*.jpg"), ("~/a*.png", "/home/ada/a*.png", "/home/ada/a*.png"),
        ("'my pics'/*.jpg", "my pics/*.jpg", "my pics/*.jpg"),
        ("'[1]'/d?g.jpg", "\\[1\\]/d?g.jpg", "[1]/d?g.jpg"), ("a\\*b*.jpg", "a\\*b*.jpg", "a*b*.jpg"),
        ("[ab].jpg", "[ab].jpg", "[ab].jpg"),
    ])
    func unquotedWildcardsArePatterns(argument: String, pattern: String, literal: String) {
        var chat = ScriptedChat()
        let effects = chat.type("/image \(argument)\n")
        #expect(
            effects == [
                .loadPictures([PictureRequest(number: 1, path: pattern, kind: .pattern(literal: literal))])
            ])
    }

    @Test(arguments: ["'*.jpg'", "\\*.jpg", "\"*.jpg\""])
    func quotedWildcardsAreCharacters(argument: String) {
        var chat = ScriptedChat()
        #expect(
            chat.type("/image \(argument)\n") == [.loadPictures([PictureRequest(number: 1, path: "*.jpg")])])
    }

    @Test func whatMatchesStandsWhereThePatternStood() {
        var chat = ScriptedChat()
        chat.type("Compare /image *.jpg\nplease")
        let effects = chat.act(.patternExpanded(number: 1, paths: ["a.jpg", "b.jpg", "c.jpg"]))
        #expect(
            effects == [
                .loadPictures([
                    PictureRequest(number: 1, path: "a.jpg"), PictureRequest(number: 2, path: "b.jpg"),
                    PictureRequest(number: 3, path: "c.jpg"),
                ])
            ])
        #expect(chat.draft == "Compare [Image #1] [Image #2] [Image #3] please|")
        chat.press(.enter)
        #expect(chat.state.items.isEmpty)
        for number in 1...3 { chat.load(number, "a.jpg") }
        #expect(chat.state.items.first?.pictureNumbers == [1, 2, 3])
    }

    @Test func aPatternWhoseFilesAreAllBadIsGivenBack() {
        var chat = ScriptedChat()
        chat.type("See /image *.txt\n")
        chat.act(.patternExpanded(number: 1, paths: ["a.txt", "b.txt"]))
        chat.act(.pictureFailed(number: 2, "is a text file"))
        chat.act(.pictureFailed(number: 1, "is a text file"))
        #expect(chat.draft == "See /image *.txt|")
        #expect(chat.state.inputErrors == ["/image b.txt: is a text file", "/image a.txt: is a text file"])
    }
}

@Suite struct ClipTests {
    @Test(arguments: [
        ("cat.mp4", 8), ("cat.mp4 --frames 4", 4), ("--frames=64 cat.mp4", 64), ("'cat.mp4' --frames 1", 1),
    ])
    func framesCanBeChosen(argument: String, frames: Int) {
        var chat = ScriptedChat()
        let effects = chat.type("What happens in /video \(argument)\n")
        #expect(
            effects == [.loadPictures([PictureRequest(number: 1, path: "cat.mp4", kind: .clip(frames: frames))])])
        #expect(chat.draft == "What happens in [Video #1] |")
    }

    @Test(arguments: [
        ("/video", "/video: which file? Type its path, as in /video ~/Videos/dog.mp4"),
        ("/video a.mp4 --frames", "/video --frames: how many frames? It takes 1 to 64"),
        ("/video a.mp4 --frames 0", "/video --frames 0: how many frames? It takes 1 to 64"),
        ("/video a.mp4 --frames 65", "/video --frames 65: how many frames? It takes 1 to 64"),
        ("/view", "/view: there are no pictures here. /image attaches one"),
    ])
    func aProblemIsTold(command: String, message: String) {
        var chat = ScriptedChat()
        #expect(chat.type(command + "\n").isEmpty)
        #expect(chat.state.inputErrors == [message])
        #expect(chat.draft == command + "|")
    }

    @Test func aClipIsOnePartWithAStrip() throws {
        var chat = ScriptedChat()
        chat.type("What happens in /video cat.mp4\n")
        chat.act(.pictureLoaded(number: 1, clip(8)))
        let effects = chat.type("?\n")
        #expect(chat.state.items[0].parts == [.text("What happens in "), .clip(1), .text(" ?")])
        let layout = StripLayout(clip(8), on: Size(columns: 80, rows: 24))
        #expect(effects.contains(.renderStrip(number: 1, layout)))
        #expect(layout.shown == Array(0..<8))
        #expect(chat.frame.plainText.contains("cat.mp4 · 640×480 · 8 of 240 frames · 10 s"))
        chat.start(unseen: [1])
        #expect(chat.frame.plainText.contains("did not see [Video #1]"))
    }

    @Test func aBadClipIsNamedByItsCommand() {
        var chat = ScriptedChat()
        chat.type("See /video cat.jpg\n")
        chat.act(.pictureFailed(number: 1, "expected a video"))
        #expect(chat.state.inputErrors == ["/video cat.jpg: expected a video"])
        #expect(chat.draft == "See /video cat.jpg|")
    }

    private func clip(_ count: Int, width: Int = 640, height: Int = 480) -> PictureFacts {
        PictureFacts(
            name: "cat.mp4", width: width, height: height,
            clip: ClipFacts(times: (0..<count).map { Double($0) + 0.5 }, frameCount: 240, seconds: 10))
    }

    @Test func aStripFitsEveryScreenAndShowsFramesInOrder() {
        for columns in [40, 59, 80, 100, 200, 500] {
            for rows in [12, 24, 50] {
                let screen = Size(columns: columns, rows: rows)
                for count in [1, 2, 7, 8, 64] {
                    for (width, height) in [(640, 480), (1, 5000), (5000, 1), (1920, 1080)] {
                        let strip = StripLayout(clip(count, width: width, height: height), on: screen)
                        #expect(strip.size.columns <= columns - 3 && strip.size.columns > 0)
                        #expect(strip.size.rows <= 2 * (strip.frame.rows + 1))
                        #expect(strip.shown == strip.shown.sorted() && Set(strip.shown).count == strip.shown.count)
                        #expect(strip.shown.allSatisfy((0..<count).contains) && !strip.shown.isEmpty)
                    }
                }
            }
        }
    }

    @Test func timesStandBelowTheirFrames() {
        let facts = clip(3)
        let layout = StripLayout(facts, on: Size(columns: 80, rows: 24))
        let frames = (1...3).map { number in CellBlock(size: layout.frame) { _ in Cell(text: "\(number)") } }
        let strip = layout.block(frames, times: [0.5, 61, 3.25])
        let row = (0..<strip.size.columns).map { strip.cells[layout.frame.rows * strip.size.columns + $0].text }
            .joined()
        #expect(row.split(separator: " ").joined(separator: " ") == "0.5 s 01:01 3.3 s")
        #expect(strip.cells[0].text == "1" && strip.cells[layout.frame.columns + 1].text == "2")
    }
}

@Suite struct PasteTests {
    private func probe(_ text: String) -> PasteProbe? {
        var chat = ScriptedChat()
        for case .probePaste(let probe) in chat.act(.inputArrived(.paste(text))) { return probe }
        return nil
    }

    @Test(arguments: [
        ("/home/ada/dog.jpg", [["/home/ada/dog.jpg"]]), ("~/dog.jpg\n", [["/home/ada/dog.jpg"]]),
        ("'/a/my dog.jpg' ", [["'/a/my dog.jpg'"], ["/a/my dog.jpg"]]),
        ("/a/my dog.jpg", [["/a/my dog.jpg"], ["/a/my", "dog.jpg"]]),
        ("/a/my\\ dog.jpg", [["/a/my\\ dog.jpg"], ["/a/my dog.jpg"]]),
        ("file:///a/my%20dog.jpg", [["/a/my dog.jpg"]]),
        ("/a.jpg /b.jpg", [["/a.jpg /b.jpg"], ["/a.jpg", "/b.jpg"]]), ("/a.jpg\r\n/b.jpg", [["/a.jpg", "/b.jpg"]]),
    ])
    func pathsAreReadAsTerminalsAndFileManagersPasteThem(text: String, readings: [[String]]) {
        #expect(probe(text)?.readings == readings)
    }

    @Test(arguments: ["hello", "What is a poodle?", "It is over.", "", " ", String(repeating: "/a ", count: 6000)])
    func otherTextIsNotLookedAt(text: String) {
        #expect(probe(text) == nil)
    }

    @Test func picturesTakeTheTextsPlace() {
        var chat = ScriptedChat()
        chat.type("Compare  now")
        chat.press(Key(.left), Key(.left), Key(.left), Key(.left))
        chat.act(.inputArrived(.paste("/a.jpg /b.mp4")))
        #expect(chat.draft == "Compare /a.jpg /b.mp4| now")
        let effects = chat.act(
            .pasteProbed(
                id: 1, [FoundMedium(path: "/a.jpg", isClip: false), FoundMedium(path: "/b.mp4", isClip: true)]))
        #expect(chat.draft == "Compare [Image #1] [Video #2] | now")
        #expect(
            effects == [
                .loadPictures([
                    PictureRequest(number: 1, path: "/a.jpg"),
                    PictureRequest(number: 2, path: "/b.mp4", kind: .clip(frames: 8)),
                ])
            ])
    }

    @Test func whatWasTypedMeanwhileStays() {
        var chat = ScriptedChat()
        chat.act(.inputArrived(.paste("/a.jpg")))
        chat.type(" is what?")
        chat.act(.pasteProbed(id: 1, [FoundMedium(path: "/a.jpg", isClip: false)]))
        #expect(chat.draft == "[Image #1]  is what?|")
    }

    @Test func textThatNamesNoPicturesStays() {
        var chat = ScriptedChat()
        chat.act(.inputArrived(.paste("/usr/bin/env")))
        chat.act(.pasteProbed(id: 1, []))
        #expect(chat.draft == "/usr/bin/env|")
        #expect(chat.state.inputErrors.isEmpty && chat.state.pictures.isEmpty)
    }

    @Test func textThatWasChangedOrSentStays() {
        var chat = ScriptedChat()
        chat.act(.inputArrived(.paste("/a.jpg")))
        chat.press(Key(.backspace))
        #expect(chat.act(.pasteProbed(id: 1, [FoundMedium(path: "/a.jpg", isClip: false)])).isEmpty)
        #expect(chat.draft == "/a.jp|")
    }

    @Test func aPastedPictureThatCannotBeReadIsTextAgain() {
        var chat = ScriptedChat()
        chat.type("See ")
        chat.act(.inputArrived(.paste("/a.jpg")))
        chat.act(.pasteProbed(id: 1, [FoundMedium(path: "/a.jpg", isClip: false)]))
        chat.act(.pictureFailed(number: 1, "is damaged"))
        #expect(chat.draft == "See /a.jpg|")
        #expect(chat.state.inputErrors == ["/image /a.jpg: is damaged"])
    }

    @Test func aHugePasteIsCutAndSaysSo() {
        var chat = ScriptedChat()
        chat.act(.inputArrived(.paste(String(repeating: "x", count: 1_048_577))))
        #expect(chat.state.editor.elements.count == 1_048_576)
        #expect(chat.state.inputErrors == ["of the pasted text only the first 1,048,576 characters were taken"])
    }
}

@Suite struct PictureViewTests {
    private func chat() -> ScriptedChat {
        var chat = ScriptedChat()
        chat.type("/image a.jpg b.jpg\n")
        chat.load(1, "a.jpg")
        chat.load(2, "b.jpg")
        return chat
    }

    @Test(arguments: [("/view", 2), ("/view 1", 1), ("/view #2", 2)])
    func aPictureFillsTheScreen(command: String, number: Int) throws {
        var chat = chat()
        chat.press(Key(.enter, .alt))
        let effects = chat.type(command + "\n")
        let size = Size(columns: 80, rows: 23)
        #expect(effects == [.renderView(number: number, size: size, strip: nil)])
        chat.act(.viewRendered(number: number, CellBlock(size: Size(columns: 60, rows: 23)) { _ in Cell(text: "█") }))
        let rows = chat.frame.plainText.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(rows[0].count(where: { $0 == "█" }) == 60 && rows[0].hasPrefix("          █"))
        #expect(rows[23].hasPrefix(" [Image #\(number)] ") && rows[23].hasSuffix(" any key goes back"))
    }

    @Test(arguments: [Key(.character("x")), .escape, .control("c"), .control("d"), .enter, .up])
    func anyKeyGoesBackAndDoesNothingElse(key: Key) {
        var chat = chat()
        chat.press(Key(.enter, .alt))
        chat.type("/view\n")
        let before = chat.draft
        #expect(chat.press(key).isEmpty)
        #expect(chat.state.pictureView == nil && chat.draft == before && !chat.state.isAskingToLeave)
    }

    @Test func whatIsAttachedCanBeSeenBeforeItIsSent() {
        var chat = chat()
        let effects = chat.type("what are they? /view 1\n")
        #expect(effects == [.renderView(number: 1, size: Size(columns: 80, rows: 23), strip: nil)])
        chat.press(.escape)
        #expect(chat.draft == "[Image #1] [Image #2] what are they? |")
        #expect(chat.state.items.isEmpty)
    }

    @Test func anotherSizeDrawsItAnew() {
        var chat = chat()
        chat.press(Key(.enter, .alt))
        chat.type("/view\n")
        let size = Size(columns: 40, rows: 12)
        #expect(
            chat.act(.inputArrived(.resized(size)))
                == [.renderView(number: 2, size: Size(columns: 40, rows: 11), strip: nil)])
    }

    @Test func otherNumbersAreTold() {
        var chat = chat()
        chat.press(Key(.enter, .alt))
        chat.type("/view 7\n")
        #expect(chat.state.inputErrors == ["/view 7: no such picture. There are 1, 2"])
    }

    @Test func aClipFillsTheScreenWithItsFrames() {
        for screen in [Size(columns: 80, rows: 24), Size(columns: 40, rows: 12), Size(columns: 200, rows: 50)] {
            for count in [1, 8, 64] {
                let facts = PictureFacts(
                    name: "cat.mp4", width: 640, height: 480,
                    clip: ClipFacts(times: (0..<count).map { Double($0) }, frameCount: 240, seconds: 10))
                let strip = StripLayout.filling(facts, Size(columns: screen.columns, rows: screen.rows - 1))
                #expect(strip.size.columns <= screen.columns && strip.size.rows < screen.rows)
                #expect(count > 8 || strip.shown.count == count)
            }
        }
    }
}

@Suite struct AttachmentCostTests {
    private func chat(sees: Bool) -> ScriptedChat {
        var model = ScriptedChat.blindModel
        model.seesImages = sees
        model.mediaCost = MediaCost(image: 64, clip: 2, frame: 40)
        var chat = ScriptedChat(model: .ready(model))
        chat.type("See /image a.jpg\n")
        chat.load(1, "a.jpg")
        chat.type("and /video b.mp4 --frames 4\n")
        chat.act(
            .pictureLoaded(
                number: 2,
                PictureFacts(
                    name: "b.mp4", width: 64, height: 48,
                    clip: ClipFacts(times: [1, 2, 3, 4], frameCount: 40, seconds: 5))))
        return chat
    }

    @Test func whatAttachmentsWillTakeIsShownBeforeTheyAreSent() {
        let text = chat(sees: true).frame.plainText
        #expect(text.contains("[Image #1] a.jpg · 640×480 · 64 tokens"))
        #expect(text.contains("[Video #2] b.mp4 · 64×48 · 4 of 40 frames · 5.0 s · 162 tokens"))
        #expect(text.contains(" 0+226/2,048 tokens"))
    }

    @Test func whatCannotBeSeenTakesNothing() {
        let text = chat(sees: false).frame.plainText
        #expect(text.contains(" 0/2,048 tokens") && !text.contains("64 tokens"))
    }
}
