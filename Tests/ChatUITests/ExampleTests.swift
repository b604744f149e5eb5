import ChatUI
import Generation
import Testing

/// `/example` and `/examples` on the screen.
@Suite struct ExampleTests {
    private func chat() -> ScriptedChat { ScriptedChat(model: .ready(ScriptedChat.seeingModel)) }

    private func requests(_ effects: [Effect]) -> [ExamplesRequest] {
        effects.compactMap { if case .examples(let request) = $0 { request } else { nil } }
    }

    /// The conversation as it is once an example has been added.
    private func withExample(set: String = "") -> OpenedConversation {
        var question = ConversationItem(
            id: 1, speaker: .user, parts: [.picture(1), .text(" How many dogs?")],
            place: BranchPlace(messageID: 1, alternatives: [1]))
        question.example = set
        var answer = ConversationItem(
            id: 2, speaker: .assistant, parts: [.text("Two.")], place: BranchPlace(messageID: 2, alternatives: [2]))
        answer.example = set
        return OpenedConversation(
            name: "a", items: [question, answer],
            pictures: [
                Picture(
                    number: 1, path: "a.jpg", content: .ready(PictureFacts(name: "a.jpg", width: 640, height: 480)))
            ])
    }

    @Test func theDraftBecomesAnExample() {
        var chat = chat()
        chat.type("/image a.jpg\n")
        chat.load(1, "a.jpg")
        let effects = chat.type("How many dogs? /example Two.\n")
        #expect(
            requests(effects) == [
                .add(parts: [.picture(1), .text(" How many dogs?")], answer: "Two.", systemText: nil)
            ])
        #expect(chat.draft == "|")
        chat.act(.branchShown(withExample(set: "dogs")))
        let screen = chat.frame.plainText
        #expect(screen.contains("▌ example of dogs") && screen.contains("▐ its answer"))
        // What it will add is told before anything is sent.
        #expect(screen.contains("0+258/2,048 tokens"))
    }

    @Test(
        arguments: [
            ("/example Two.", "write its question first"), ("How many? /example", "which answer"),
            ("/examples use", "takes use SET"), ("/examples nearest x dogs", "how many"),
            ("/examples nearest 65 dogs", "1 to 64"), ("/examples remove dogs x", "takes use SET"),
        ])
    func whatIsMissingIsTold(_ typed: String, _ problem: String) {
        var chat = chat()
        #expect(requests(chat.type(typed + "\n")).isEmpty)
        #expect(chat.state.inputErrors.first?.contains(problem) == true)
        #expect(chat.draft == typed + "|")
    }

    @Test func setsAreAskedForByName() {
        var chat = chat()
        #expect(requests(chat.type("/examples\n")) == [.list])
        #expect(requests(chat.type("/examples keep dogs\n")) == [.keep(set: "dogs")])
        #expect(requests(chat.type("/examples show dogs\n")) == [.show(set: "dogs")])
        #expect(requests(chat.type("/examples remove dogs 2\n")) == [.remove(set: "dogs", number: 2)])
        #expect(requests(chat.type("/examples use dogs\n")) == [.use(set: "dogs", draftPictures: [])])
        // Until they are there, nothing is sent.
        #expect(chat.type("Hello\n").isEmpty)
        chat.act(.branchShown(withExample(set: "dogs")))
        #expect(chat.state.answer != nil)
    }

    @Test func anExampleIsNoQuestionToAnswerAgain() {
        var chat = chat()
        chat.act(.branchShown(withExample()))
        chat.type("/regenerate\n")
        #expect(chat.state.inputErrors.first?.contains("nothing has been asked yet") == true)
        // But it is taken back as a turn is.
        chat.press(.control("u"))
        #expect(chat.type("/undo\n") == [.showBranch(.before(1), draftPictures: [])])
    }

    @Test func theNearestComeBeforeTheQuestion() {
        var chat = chat()
        chat.type("/examples nearest 2 dogs\n")
        #expect(chat.frame.plainText.contains("before the next question: the 2 examples of dogs nearest"))
        chat.type("/image b.jpg\n")
        chat.load(1, "b.jpg")
        chat.press(.alt("g"))
        let asked = requests(chat.type("And here?\n"))
        guard case .nearest(let wish, let question, let pictures)? = asked.first else {
            Issue.record("\(asked)")
            return
        }
        #expect(wish == ExamplesWish(count: 2, set: "dogs") && question.pictureNumbers == [1] && pictures == [1])
        chat.act(.picturesCompared(completed: 3, total: 7))
        #expect(chat.frame.plainText.contains("comparing pictures 3/7"))
        var found = withExample(set: "dogs")
        found.pictures = [
            Picture(number: 2, path: "a.jpg", content: .ready(PictureFacts(name: "a.jpg", width: 6, height: 4)))
        ]
        found.items[0].parts = [.picture(2)]
        let sent = chat.act(.branchShown(found))
        let request = sent.compactMap { if case .startGeneration(let request) = $0 { request } else { nil } }.first
        #expect(request?.question.pictureNumbers == [1])
        // What else was wished for it still holds: places, of its own picture.
        #expect(request?.grounding?.picture == 2)
        #expect(chat.state.examplesWish == nil && chat.state.comparing == nil)
    }

    @Test func aQuestionWithoutExamplesComesBack() {
        var chat = chat()
        chat.type("/examples nearest 2 dogs\n")
        chat.type("And here?\n")
        #expect(chat.press(.escape) == [.cancelGeneration])
        chat.act(.examplesFailed("stopped"))
        #expect(chat.draft == "And here?|")
        #expect(chat.state.inputErrors == ["stopped"])
        #expect(chat.state.examplesWish == ExamplesWish(count: 2, set: "dogs"))
        #expect(chat.state.items.isEmpty && !chat.state.awaitsConversation)
        chat.type("\u{8}")
        chat.press(.control("u"))
        chat.type("/examples off\n")
        chat.type("Hello\n")
        #expect(chat.state.answer != nil)
    }
}
