import ChatUI
import Generation
import Screen
import Testing

extension ContextPlan {
    /// As in a long talk with pictures.
    static let example = ContextPlan(
        promptTokens: 2054, answerTokens: 256, contextLength: 2048,
        remedies: [
            .dropTurns(3, savedTokens: 540), .dropPictures(turns: 1...4, savedTokens: 400),
            .enlargeContext(length: 4096, bytes: 48_000_000),
        ])
}

@Suite struct OverflowTests {
    /// One turn, and a question with a picture that does not fit.
    private func overflowing(_ plan: ContextPlan = .example, dropped: Int = 0) -> ScriptedChat {
        var chat = ScriptedChat()
        chat.type("Hello\n")
        chat.answer("Hi")
        chat.finish()
        chat.type("What is in /image a.jpg\n")
        chat.load(1, "a.jpg")
        chat.type("here?\n")
        chat.act(.contextOverflowed(plan, droppedTurns: dropped))
        return chat
    }

    @Test func theChoicesStandInTheEditorsPlace() {
        let chat = overflowing()
        let text = chat.frame.plainText
        for line in [
            " This turn needs 2,310 tokens (256 to answer); the context holds 2,048.",
            "   1  drop the 3 oldest turns (−540)", "   2  drop pictures from turns 1-4 (−400)",
            "   3  reload with a context of 4,096 (+48\u{A0}MB)", "   Esc  keep editing",
        ] {
            #expect(text.contains("\n" + line + "\n"), "\(line)\n\(text)")
        }
        #expect(!text.contains("›"))
        #expect(chat.frame.cursor == nil)
        #expect(text.contains("not sent yet"))
        #expect(chat.state.answer == nil)
        #expect(chat.state.items.map(\.speaker) == [.user, .assistant, .user])
    }

    @Test func aNumberChoosesAndTheQuestionIsSent() throws {
        for (index, remedy) in ContextPlan.example.remedies.enumerated() {
            var chat = overflowing()
            let effects = chat.type("\(index + 1)")
            guard case .startGeneration(let request)? = effects.first else {
                Issue.record("nothing was started: \(effects)")
                return
            }
            #expect(request.remedy == remedy)
            #expect(request.question.parts == [.text("What is in "), .picture(1), .text(" here?")])
            #expect(chat.state.overflow == nil)
            #expect(chat.state.items.last?.id == request.answerID)
            #expect(chat.state.items.allSatisfy { $0.marks.isEmpty })
        }
    }

    @Test func escapePutsTheWholeDraftBack() {
        var chat = overflowing()
        #expect(chat.press(.escape).isEmpty)
        #expect(chat.draft == "What is in [Image #1] here?|")
        #expect(chat.state.items.count == 2)
        #expect(chat.state.pictures[1] != nil)
        #expect(chat.state.overflow == nil)
        // It is sent as before.
        guard case .startGeneration(let request)? = chat.press(.enter).first else {
            Issue.record("not sent")
            return
        }
        #expect(request.question.pictureNumbers == [1])
        #expect(request.remedy == nil)
    }

    @Test func whatWaitedBehindItAndWhatIsBeingWrittenComeBackToo() {
        var chat = ScriptedChat()
        chat.type("First\nSecond\ndraft")
        chat.act(.contextOverflowed(.example, droppedTurns: 0))
        // Who leaves now finds both again.
        #expect(chat.state.unansweredQuestions.map(\.question.text) == ["First", "Second"])
        chat.press(.escape)
        #expect(chat.draft == "First\nSecond\ndraft|")
        #expect(chat.state.items.isEmpty && chat.state.waiting.isEmpty)
    }

    @Test func otherKeysChooseNothingAndLoseNothing() {
        var chat = overflowing()
        let keys: [Key] = [
            .enter, Key(.character("4")), Key(.character("0")), Key(.character("x")), Key(.backspace), .up,
            .control("d"), .alt("1"), Key(.function(1)),
        ]
        for key in keys { #expect(chat.press(key).isEmpty) }
        #expect(chat.state.overflow != nil)
        chat.act(.inputArrived(.paste("pasted")))
        chat.press(.escape)
        #expect(chat.draft == "What is in [Image #1] here?\npasted|")
    }

    @Test func whatWaitsIsAnsweredAfterTheChoice() {
        var chat = ScriptedChat()
        chat.type("First\nSecond\n")
        chat.act(.contextOverflowed(.example, droppedTurns: 0))
        // A model that is loaded meanwhile starts nothing.
        #expect(chat.act(.modelLoaded(ScriptedChat.blindModel)).isEmpty)
        chat.type("1")
        chat.answer("One")
        chat.finish()
        #expect(chat.state.items.map(\.text) == ["First", "One", "Second", ""])
        #expect(chat.state.waiting.isEmpty)
    }

    @Test func whoStoppedItMeanwhileHasChosen() {
        var chat = ScriptedChat()
        chat.type("First\n")
        chat.press(.escape)
        chat.act(.contextOverflowed(.example, droppedTurns: 0))
        #expect(chat.state.overflow == nil)
        #expect(chat.draft == "First|")
    }

    @Test func anotherConversationTakesTheQuestionAway() {
        var chat = overflowing()
        chat.act(.conversationOpened(OpenedConversation(name: "b", items: [], pictures: [])))
        #expect(chat.state.overflow == nil)
        #expect(chat.draft == "What is in [Image #1] here?|")
    }

    @Test func turnsAreCountedBehindThoseThatWereLeftOut() {
        let chat = overflowing(dropped: 3)
        #expect(chat.frame.plainText.contains("drop pictures from turns 4-7 (−400)"))
    }

    @Test(arguments: [
        (ContextRemedy.dropTurns(1, savedTokens: 1540), "drop the oldest turn (−1,540)"),
        (.dropPictures(turns: 2...2, savedTokens: 50), "drop pictures from turn 2 (−50)"),
        (
            .dropTurnsAndPictures(2, pictureTurns: 3...5, savedTokens: 9),
            "drop the 2 oldest turns and pictures from turns 3-5 (−9)"
        ),
        (.enlargeContext(length: 512, bytes: 300_000), "reload with a context of 512 (+less than 1 MB)"),
        (.enlargeContext(length: 512, bytes: 1_499_000_000), "reload with a context of 512 (+1.5\u{A0}GB)"),
        (.shortenAnswer(tokens: 12), "send it with room for 12 tokens to answer"),
    ])
    func everyWayOutIsSaid(remedy: ContextRemedy, text: String) {
        let plan = ContextPlan(promptTokens: 2054, answerTokens: 256, contextLength: 2048, remedies: [remedy])
        #expect(overflowing(plan).frame.plainText.contains("\n   1  \(text)\n"))
    }

    @Test func aQuestionThatIsTooLongAloneSaysSo() {
        let plan = ContextPlan(
            promptTokens: 3000, answerTokens: 256, contextLength: 2048, questionTokens: 2400, remedies: [])
        let text = overflowing(plan).frame.plainText.replacing("\n", with: "")
        #expect(text.contains("The question alone needs 2,400."))
        #expect(text.contains("Shorten it."))
    }

    @Test func theAnswerSaysFromWhereOnSomethingIsMissing() {
        var chat = overflowing()
        chat.type("2")
        chat.act(.conversationShortened(turns: 3, pictures: 1))
        #expect(chat.frame.plainText.contains("from here on without the 3 oldest turns and 1 earlier picture"))
    }

    @Test(arguments: [Size(columns: 40, rows: 12), Size(columns: 80, rows: 24), Size(columns: 60, rows: 12)])
    func everyChoiceIsSeen(size: Size) {
        var chat = ScriptedChat(columns: size.columns, rows: size.rows)
        chat.type("Hello\n")
        let plan = ContextPlan(
            promptTokens: 12_054, answerTokens: 256, contextLength: 12_100,
            remedies: [
                .dropTurns(300, savedTokens: 5400),
                .dropTurnsAndPictures(200, pictureTurns: 201...340, savedTokens: 4000),
                .enlargeContext(length: 16_384, bytes: 480_000_000), .shortenAnswer(tokens: 46),
            ])
        chat.act(.contextOverflowed(plan, droppedTurns: 0))
        let text = chat.frame.plainText
        for word in ["   1  ", "   2  ", "   3  ", "   4  ", "46 tokens", "Esc keeps editing"] {
            #expect(text.contains(word), "\(word)\n\(text)")
        }
    }
}
