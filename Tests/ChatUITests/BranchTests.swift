import ChatUI
import Generation
import Screen
import Testing

@Suite struct BranchTests {
    /// A chat with so many questions and answers, numbered as a session does: question 1, answer 2, question 3, …
    private func chat(turns: Int = 2, reason: FinishReason = .end) -> ScriptedChat {
        var chat = ScriptedChat()
        for turn in 0..<turns {
            chat.type("Question \(turn + 1)?\n")
            place(&chat, question: 2 * turn + 1, answer: 2 * turn + 2)
            chat.start()
            chat.answer("Answer \(turn + 1)")
            chat.finish(turn == turns - 1 ? reason : .end)
        }
        return chat
    }

    private func place(_ chat: inout ScriptedChat, question: Int, answer: Int, among answers: [Int]? = nil) {
        let items = chat.state.items
        chat.act(
            .messagesPlaced([
                items[items.count - 2].id: BranchPlace(messageID: question, alternatives: [question]),
                items[items.count - 1].id: BranchPlace(messageID: answer, alternatives: answers ?? [answer]),
            ]))
    }

    private func request(_ effects: [Effect]) -> GenerationRequest? {
        for case .startGeneration(let request) in effects { return request }
        return nil
    }

    @Test func regenerateAsksTheLastQuestionAgain() throws {
        var chat = chat()
        let request = try #require(self.request(chat.type("/regenerate\n")))
        #expect(request.origin == .regenerated(question: 3))
        #expect(request.question.text == "Question 2?")
        #expect(chat.state.items.map(\.text) == ["Question 1?", "Answer 1", "Question 2?", ""])
        place(&chat, question: 3, answer: 5, among: [4, 5])
        chat.start()
        chat.answer("Another answer")
        chat.finish()
        #expect(chat.state.items.last?.text == "Another answer")
        #expect(chat.frame.plainText.contains("2/2 · 41 tok/s"))
    }

    @Test func theCountStandsAtTheAnswerOnASmallScreenToo() {
        var chat = chat()
        chat.type("/regenerate\n")
        place(&chat, question: 3, answer: 5, among: [4, 5])
        chat.act(.inputArrived(.resized(Size(columns: 40, rows: 12))))
        #expect(chat.frame.plainText.contains("2/2"))
    }

    @Test(arguments: [FinishReason.cancelled, .length])
    func continueGoesOnWithWhatCame(reason: FinishReason) throws {
        var chat = chat(reason: reason)
        let request = try #require(self.request(chat.type("/continue\n")))
        #expect(request.origin == .continued(answer: 4))
        #expect(chat.state.items.last?.text == "Answer 2")
        chat.act(.answerResumed([.text("Answer 2")], [:]))
        chat.start()
        chat.answer(" goes on")
        chat.finish()
        #expect(chat.state.items.last?.text == "Answer 2 goes on")
        #expect(chat.state.items.last?.marks == [])
    }

    @Test func aLeadingBeamStandsBehindWhatIsContinued() {
        var chat = chat(reason: .length)
        chat.type("/continue\n")
        chat.act(.answerResumed([.text("Answer 2")], [:]))
        chat.start()
        chat.act(.generationEventArrived(.provisional(" may be")))
        #expect(chat.state.items.last?.text == "Answer 2 may be")
        chat.answer(" is")
        #expect(chat.state.items.last?.text == "Answer 2 is")
    }

    @Test(arguments: [
        ("/continue", "/continue: the last answer is complete. Ask on, or /regenerate for another one"),
        ("/edit 3", "/edit 3: no such question. There are 1 to 2"),
        ("/edit two", "/edit two: which question? Type its number, as in /edit 1"),
        ("/branch", "/branch: there is only this one. /regenerate, /continue and /edit make others"),
    ])
    func aProblemIsToldAndChangesNothing(command: String, message: String) {
        var chat = chat()
        let items = chat.state.items
        #expect(chat.type(command + "\n").isEmpty)
        #expect(chat.state.inputErrors == [message])
        #expect(chat.draft == command + "|")
        #expect(chat.state.items == items)
    }

    @Test(arguments: ["regenerate", "continue", "edit", "undo", "branch", "new", "open a"])
    func nothingIsDoneWhileAnAnswerRuns(command: String) {
        var chat = chat()
        chat.type("And now?\n")
        let items = chat.state.items
        #expect(chat.type("/\(command)\n").isEmpty)
        #expect(chat.state.inputErrors == ["/\(command.prefix { $0 != " " }): an answer is running. Esc stops it"])
        #expect(chat.state.items == items)
    }

    @Test(arguments: ["regenerate", "continue", "edit", "undo"])
    func nothingIsDoneBeforeAQuestion(command: String) {
        var chat = ScriptedChat()
        #expect(chat.type("/\(command)\n").isEmpty)
        #expect(chat.state.inputErrors == ["/\(command): nothing has been asked yet. Type a question"])
    }

    @Test func editAsksAQuestionOtherwiseAndKeepsTheDraft() throws {
        var chat = chat()
        chat.act(.inputArrived(.paste("unsent\n")))
        chat.type("/edit 1\n")
        #expect(chat.draft == "Question 1?|")
        #expect(chat.frame.plainText.contains("question 1, asked otherwise"))
        chat.press(Key(.backspace))
        let request = try #require(self.request(chat.type(" then?\n")))
        #expect(request.origin == .edited(1))
        #expect(request.question.text == "Question 1 then?")
        #expect(chat.state.items.map(\.text) == ["Question 1 then?", ""])
        #expect(chat.draft == "unsent|")
        #expect(chat.state.editing == nil)
    }

    @Test func escapeLeavesEditingAndBringsTheDraftBack() {
        var chat = chat()
        chat.act(.inputArrived(.paste("unsent\n")))
        chat.type("/edit\n")
        #expect(chat.draft == "Question 2?|")
        chat.press(.escape)
        #expect(chat.draft == "unsent|")
        #expect(chat.state.editing == nil)
        #expect(chat.state.items.count == 4)
    }

    @Test func undoShowsTheBranchBefore() {
        var chat = chat()
        #expect(chat.type("/undo\n") == [.showBranch(.before(3), draftPictures: [])])
        // What is asked meanwhile waits for it.
        #expect(chat.type("Another\n").isEmpty)
        let shown = Array(chat.state.items.prefix(2))
        let effects = chat.act(
            .branchShown(OpenedConversation(name: "a", items: shown, pictures: [], continuations: [3])))
        #expect(request(effects)?.question.text == "Another")
        #expect(chat.state.items.map(\.text) == ["Question 1?", "Answer 1", "Another", ""])
    }

    @Test func whatWasTakenBackCanBeShownAgain() {
        var chat = chat()
        chat.type("/undo\n")
        let shown = Array(chat.state.items.prefix(2))
        chat.act(.branchShown(OpenedConversation(name: "a", items: shown, pictures: [], continuations: [3])))
        #expect(chat.state.inputNote == "a branch goes on from here; /branch shows it")
        #expect(chat.type("/branch\n") == [.showBranch(.through(3), draftPictures: [])])
    }

    @Test func commandAndKeysGoFromBranchToBranch() {
        for (typed, wanted) in [("/branch", 4), ("/branch 2", 6), ("/branch 1", 4), ("/branch 3", 7)] {
            var chat = chat()
            place(&chat, question: 3, answer: 7, among: [4, 6, 7])
            #expect(chat.type(typed + "\n") == [.showBranch(.through(wanted), draftPictures: [])], "\(typed)")
        }
        for (key, wanted) in [(Key.alt("p"), 6), (Key.alt("n"), 4)] {
            var chat = chat()
            place(&chat, question: 3, answer: 7, among: [4, 6, 7])
            #expect(chat.press(key) == [.showBranch(.through(wanted), draftPictures: [])])
        }
        var chat = chat()
        place(&chat, question: 3, answer: 7, among: [4, 6, 7])
        chat.type("/branch 4\n")
        #expect(chat.state.inputErrors == ["/branch 4: no such branch. There are 1 to 3"])
    }

    @Test func aBranchKeepsWhatIsBeingWritten() {
        var chat = chat()
        chat.type("/image a.jpg\n")
        chat.load(1, "a.jpg")
        place(&chat, question: 3, answer: 7, among: [4, 7])
        #expect(chat.press(.alt("n")) == [.showBranch(.through(4), draftPictures: [1])])
        let picture = Picture(
            number: 2, path: "b.jpg", content: .ready(PictureFacts(name: "b.jpg", width: 1, height: 1)))
        chat.act(.branchShown(OpenedConversation(name: "a", items: chat.state.items, pictures: [picture])))
        #expect(chat.draft == "[Image #1] |")
        #expect(chat.state.pictures.keys.sorted() == [1, 2])
    }

    @Test func aBranchThatDoesNotFitIsNotMade() throws {
        for command in ["/regenerate\n", "/edit\n?\n"] {
            var chat = chat()
            chat.type(command)
            let effects = chat.act(.contextOverflowed(.example, droppedTurns: 0))
            #expect(effects.isEmpty)
            #expect(chat.press(.escape) == [.showBranch(.current, draftPictures: [])])
            #expect(chat.draft == (command == "/regenerate\n" ? "|" : "Question 2??|"))
            #expect((chat.state.editing != nil) == (command != "/regenerate\n"))
        }
    }

    @Test func aChosenRemedyKeepsTheBranch() throws {
        var chat = chat()
        chat.type("/regenerate\n")
        chat.act(.contextOverflowed(.example, droppedTurns: 0))
        #expect(chat.state.unansweredQuestions.isEmpty)
        #expect(request(chat.type("1"))?.origin == .regenerated(question: 3))
    }

    @Test func anInterruptedAnswerSaysSoOtherwiseThanAStoppedOne() {
        var chat = ScriptedChat()
        let items = [
            ConversationItem(id: 1, speaker: .user, parts: [.text("Hello")]),
            ConversationItem(id: 2, speaker: .assistant, parts: [.text("Hi")], marks: [.interrupted]),
        ]
        chat.act(.conversationOpened(OpenedConversation(name: "a", items: items, pictures: [])))
        #expect(chat.frame.plainText.contains("▐ ⏹ interrupted: the program ended"))
    }

    @Test func aCommandThatFailsLaterIsGivenBack() {
        var chat = ScriptedChat()
        chat.act(.inputArrived(.paste("draft\n")))
        chat.type("/open nowhere\n")
        #expect(chat.draft == "draft|")
        chat.act(.sessionFailed("nowhere: no such conversation"))
        #expect(chat.draft == "draft\n/open nowhere|")
        #expect(chat.state.inputErrors == ["nowhere: no such conversation"])
    }

    @Test func whatWasTypedSinceIsNotReplaced() {
        var chat = ScriptedChat()
        chat.type("/open nowhere\nmore")
        chat.act(.sessionFailed("nowhere: no such conversation"))
        #expect(chat.draft == "more|")
    }
}
