import ChatUI
import Generation
import Screen
import Testing

/// A scripted chat that is read as lines.
private struct PlainReader {
    var chat: ScriptedChat
    var transcript = PlainTranscript()
    var text = ""

    init(model: AppState.Model? = nil) {
        chat = ScriptedChat(model: model)
        read()
    }

    mutating func read() { text += transcript.update(chat.state) }

    /// What has been written since the last time.
    mutating func taken() -> String {
        defer { text = "" }
        return text
    }
}

@Suite struct PlainTranscriptTests {
    @Test func aConversationIsLines() {
        var reader = PlainReader(model: .loading(ModelLoading(name: "tiny.gguf", since: 0)))
        #expect(reader.taken() == "loading tiny.gguf\n")
        reader.chat.type("Hi\n")
        reader.read()
        // It waits for the model.
        #expect(reader.taken() == "")
        reader.chat.act(.modelLoaded(ScriptedChat.blindModel))
        reader.read()
        #expect(reader.taken() == "model: SmolLM2 135M, text only\nyou:\nHi\nemuchat:\n")
        reader.chat.start()
        reader.chat.answer("One two")
        reader.read()
        #expect(reader.taken() == "One two")
        reader.read()
        #expect(reader.taken() == "")
        reader.chat.answer(" **three**\u{1B}[31m\n")
        reader.read()
        #expect(reader.taken() == " **three**\u{FFFD}[31m\n")
        reader.chat.finish(.length, rest: "end")
        reader.read()
        #expect(reader.taken() == "end\n(cut short)\n")
    }

    @Test func aReplayIsLinesAsWell() {
        var reader = PlainReader(model: .absent)
        let clip = PictureFacts(
            name: "emu.mp4", width: 64, height: 48, clip: ClipFacts(times: [0.5, 1.5], frameCount: 60, seconds: 2))
        reader.chat.act(
            .conversationOpened(
                OpenedConversation(
                    name: nil, items: [],
                    pictures: [Picture(number: 1, path: "emu.mp4", content: .ready(clip), isClip: true)])))
        var items = [
            ConversationItem(id: 1, speaker: .user, parts: [.text("Look "), .clip(1)], time: 0),
            ConversationItem(id: 2, speaker: .assistant, parts: [], time: 0, marks: [.didNotSee([1])]),
        ]
        var status = ReplayStatus(position: 1, duration: 9, speed: 1, isPaused: false)
        status.answering = 2
        for text in ["An", "An emu", "An emu runs"] {
            items[1].parts = [.text(text)]
            reader.chat.act(.replayAdvanced(status, items: items))
            reader.read()
        }
        #expect(
            reader.taken()
                == "you:\nLook \nvideo 1: emu.mp4, 64 by 48, 2 frames\nemuchat:\ndid not see [Video #1]\nAn emu runs")
        status.answering = nil
        items[1].marks.append(.stopped)
        reader.chat.act(.replayAdvanced(status, items: items))
        reader.read()
        #expect(reader.taken() == "\n(stopped)\n")
    }

    @Test func aLongLoadIsToldInQuarters() {
        var reader = PlainReader(model: .loading(ModelLoading(name: "m.gguf", since: ScriptedChat.noon)))
        for step in 0...20 {
            reader.chat.act(.ticked(ScriptedChat.noon + Double(step)))
            reader.chat.act(.modelLoadingProgressed(share: Double(step) / 20))
            reader.read()
        }
        #expect(
            reader.taken()
                == "loading m.gguf\nloaded 25 %, 15 s left\nloaded 50 %, 10 s left\nloaded 75 %, 5.0 s left\n")
        // What is done in a moment is not talked about; another model is.
        reader.chat.act(.modelLoaded(ScriptedChat.blindModel))
        reader.chat.type("/model other.gguf\n")
        reader.read()
        _ = reader.taken()
        reader.chat.act(.modelLoadingProgressed(share: 0.9))
        reader.read()
        #expect(reader.taken() == "")
        reader.chat.act(.ticked(ScriptedChat.noon + 30))
        reader.read()
        #expect(reader.taken() == "loaded 90 %, 1.1 s left\n")
    }

    @Test func picturesAreNamedAndErrorsTold() {
        var reader = PlainReader()
        _ = reader.taken()
        reader.chat.type("/image dog2.jpg gone.jpg\n")
        reader.chat.load(1, "dog2.jpg")
        reader.chat.act(.pictureFailed(number: 2, "no such file"))
        reader.read()
        #expect(
            reader.taken()
                == "image 1: dog2.jpg, 640 by 480, the model cannot see it\nerror: /image gone.jpg: no such file\n")
        reader.chat.type("Which breed?\n")
        reader.chat.start(unseen: [1])
        reader.chat.answer("A poodle.")
        reader.chat.press(.escape)
        reader.chat.finish(.cancelled)
        reader.read()
        #expect(
            reader.taken()
                == """
                you:
                image 1: dog2.jpg, 640 by 480, the model cannot see it
                Which breed?
                emuchat:
                did not see [Image #1]
                A poodle.
                (stopped)

                """)
    }

    @Test func whatTheUserTypedIsNotRepeated() {
        var reader = PlainReader()
        _ = reader.taken()
        reader.chat.type("Hi\n")
        reader.transcript.skipQuestions(reader.chat.state)
        reader.read()
        #expect(reader.taken() == "emuchat:\n")
    }

    @Test func questionsThatWaitAreWrittenInTheirTurn() {
        var reader = PlainReader()
        _ = reader.taken()
        reader.chat.type("One\nTwo\n/help\n")
        reader.read()
        #expect(reader.taken().hasPrefix("you:\nOne\nemuchat:\n/image"))
        reader.chat.answer("First")
        reader.chat.finish()
        reader.read()
        #expect(reader.taken() == "First\nyou:\nTwo\nemuchat:\n")
        reader.chat.answer("Second")
        reader.chat.finish()
        reader.read()
        #expect(reader.taken() == "Second\n")
    }

    @Test func anotherConversationIsToldFromWhereItDiffers() {
        var reader = PlainReader()
        _ = reader.taken()
        let items = [
            ConversationItem(id: 1, speaker: .user, parts: [.text("One")]),
            ConversationItem(id: 2, speaker: .assistant, parts: [.text("Two")]),
            ConversationItem(id: 3, speaker: .user, parts: [.text("Three")]),
        ]
        reader.chat.act(.conversationOpened(OpenedConversation(name: "a", items: items, pictures: [])))
        reader.read()
        #expect(reader.taken() == "you:\nOne\nemuchat:\nTwo\nyou:\nThree\n")
        let other = [items[0], ConversationItem(id: 4, speaker: .assistant, parts: [.text("Deux")])]
        reader.chat.act(.conversationOpened(OpenedConversation(name: "a", items: other, pictures: [])))
        reader.read()
        #expect(reader.taken() == "emuchat:\nDeux\n")
        reader.chat.act(.conversationOpened(OpenedConversation(name: "a", items: [items[0]], pictures: [])))
        reader.read()
        #expect(reader.taken() == "taken back: one message\n")
    }

    @Test func aFullContextIsAskedAbout() {
        var reader = PlainReader()
        reader.chat.type("Hi\n")
        reader.chat.act(.contextOverflowed(.example, droppedTurns: 0))
        reader.read()
        let lines = reader.taken()
        #expect(lines.contains("\n1: drop ") && lines.contains("an empty line keeps the question"))
    }

    @Test func aLeadingBeamIsNotWrittenBeforeItIsCertain() {
        var reader = PlainReader()
        reader.chat.type("Hi\n")
        reader.chat.start()
        reader.chat.act(.generationEventArrived(.provisional("Wrong")))
        reader.read()
        #expect(!reader.taken().contains("Wrong"))
        reader.chat.answer("Right")
        reader.chat.finish()
        reader.read()
        #expect(reader.taken() == "Right\n")
    }
}
