import Generation
import Screen
import Testing

@testable import ChatUI

/// `/draw` and what comes of it.
@Suite struct DrawTests {
    private static let drawingModel = {
        var model = ScriptedChat.seeingModel
        model.name = "Emu2-Gen"
        model.drawing = DrawingLimits(sizeStep: 8, greatestSide: 4096, mostSteps: 1000)
        return model
    }()

    private func chat(columns: Int = 80) -> ScriptedChat {
        ScriptedChat(columns: columns, model: .ready(Self.drawingModel))
    }

    private func request(_ chat: ScriptedChat) -> GenerationRequest? {
        chat.effects.compactMap { if case .startGeneration(let request) = $0 { request } else { nil } }.last
    }

    private func end(_ chat: inout ScriptedChat, _ reason: FinishReason = .end) {
        let summary = GenerationSummary(
            finishReason: reason, remainingText: "", generatedTokens: 0, contextTokens: 0, firstTokenSeconds: 9,
            totalSeconds: 9)
        chat.act(.generationEventArrived(.finished(summary)))
    }

    private func facts(_ note: String = "50 steps") -> PictureFacts {
        PictureFacts(name: "drawing-7.png", width: 1024, height: 512, note: note)
    }

    @Test func wordsPicturesAndOptionsAreRead() {
        var chat = chat()
        chat.type("/image cat.jpg\n")
        chat.load(1, "cat.jpg")
        chat.press(.control("a"))
        chat.type("/draw --size 1024x512 --steps=20 --guidance 7.5 --seed 9 --count 2 ")
        chat.press(.control("e"))
        chat.type("wearing a hat, not [Image #1]\n")
        let request = request(chat)
        #expect(
            request?.question.drawing
                == DrawingOptions(width: 1024, height: 512, steps: 20, guidance: 7.5, seed: 9, count: 2))
        #expect(request?.question.parts == [.picture(1), .text(" wearing a hat, not "), .picture(1)])
        #expect(request?.drawnNumbers == [2, 3])
        #expect(chat.draft == "|" && chat.state.nextPictureNumber == 4)
        #expect(chat.frame.plainText.contains("you · /draw"))
    }

    @Test(arguments: [
        ("/draw", "what? Type it"), ("/draw --steps 5", "what? Type it"),
        ("/draw --size 100 a", "--size 100x100: it takes width and height in multiples of 8"),
        ("/draw --size big a", "--size big: it takes pixels, such as 512 or 768x512"),
        ("/draw --size 99999999999999999999 a", "it takes pixels"), ("/draw --size x a", "it takes pixels"),
        ("/draw --steps 1001 a", "--steps 1001: it takes 1 to 1000"), ("/draw --steps a", "--steps a: it takes"),
        ("/draw --guidance nan a", "--guidance nan: it takes a number"),
        ("/draw --guidance 101 a", "it takes 0 to 100"), ("/draw --seed -1 a", "--seed -1: it takes a whole number"),
        ("/draw --count 0 a", "--count 0: it takes 1 to 100"), ("/draw --stepps 5 a", "Did you mean --steps?"),
        ("/draw --frames 5 a", "There are --size, --steps"), ("/draw [Image #1] a", "There are none"),
        ("/draw [Video #1]", "no picture [Video #1]"), ("/draw --", "no such option"),
    ])
    func whatCannotBeDrawnIsToldAndStays(_ typed: String, _ told: String) {
        var chat = chat()
        chat.type(typed + "\n")
        let expected = told == "There are none" ? "/image attaches one" : told
        #expect(chat.state.inputErrors.first?.contains(expected) == true, "\(chat.state.inputErrors)")
        #expect(chat.draft == typed + "|" && request(chat) == nil)
    }

    @Test func aModelThatDrawsNothingSaysSo() {
        var chat = ScriptedChat()
        chat.type("/draw a cat\n")
        #expect(
            chat.state.inputErrors == [
                "/draw: SmolLM2 135M draws no pictures. Emu2-Gen does; /model FILE changes the model"
            ])
        #expect(chat.draft == "/draw a cat|")
    }

    @Test func thePictureSharpensInItsPlace() {
        var chat = chat()
        chat.type("/draw a fox\n")
        chat.act(.drawingProgressed(DrawingProgress(stage: .predicting, completed: 32, total: 64)))
        #expect(chat.frame.plainText.contains("predicting ▕███   ▏ 32/64"))
        chat.act(.ticked(ScriptedChat.noon + 10))
        chat.act(.drawingProgressed(DrawingProgress(stage: .drawing, completed: 1, total: 50)))
        chat.act(.ticked(ScriptedChat.noon + 20))
        chat.act(.drawingProgressed(DrawingProgress(stage: .drawing, completed: 10, total: 50)))
        #expect(chat.frame.plainText.contains(/drawing ▕█▎    ▏ 10\/50 40 s +Esc stops/), "\(chat.frame.plainText)")
        let asked = chat.act(.pictureDrawn(number: 1, facts("step 10 of 50")))
        #expect(asked.contains { if case .renderPreview(1, _, _) = $0 { true } else { false } })
        #expect(chat.state.items.last?.parts == [.picture(1)])
        #expect(chat.frame.plainText.contains("step 10 of 50"))
        // Each time anew, at the same place.
        let again = chat.act(.pictureDrawn(number: 1, facts()))
        #expect(asked == again && chat.state.items.last?.parts == [.picture(1)])
        end(&chat)
        #expect(chat.state.answer == nil && chat.frame.plainText.contains("1024×512 · 50 steps"))
        chat.type("/draw [Image #1] at night\n")
        #expect(request(chat)?.question.parts == [.picture(1), .text(" at night")])
        #expect(request(chat)?.drawnNumbers == [2])
    }

    @Test func numbersOfPicturesThatDidNotComeAreFree() {
        var chat = chat()
        chat.type("/draw --count 3 a fox\n")
        chat.act(.pictureDrawn(number: 1, facts()))
        chat.press(.escape)
        end(&chat, .cancelled)
        #expect(chat.state.pictures.keys.sorted() == [1] && chat.state.nextPictureNumber == 2)
        #expect(chat.frame.plainText.contains("⏹ stopped"))
        chat.type("/draw a hen\n")
        chat.act(.generationEventArrived(.failed(.backend("the weights are damaged"))))
        #expect(chat.state.pictures.keys.sorted() == [1])
        #expect(chat.frame.plainText.contains("⚠ the weights are damaged"))
        // What comes late is nobody's.
        chat.act(.pictureDrawn(number: 2, facts()))
        #expect(chat.state.pictures[2] == nil)
    }

    @Test func aDrawingIsDrawnAnewAndNotGoneOnWith() {
        var chat = chat()
        chat.type("/draw --steps 20 a fox\n")
        let id = chat.state.items[0].id
        chat.act(.messagesPlaced([id: BranchPlace(messageID: 1, alternatives: [1])]))
        chat.act(.messagesPlaced([chat.state.items[1].id: BranchPlace(messageID: 2, alternatives: [2])]))
        chat.act(.pictureDrawn(number: 1, facts()))
        end(&chat, .cancelled)
        chat.type("/continue\n")
        #expect(chat.state.inputErrors.first?.hasPrefix("/continue: a drawing that was stopped") == true)
        chat.press(.control("a"), .control("k"))
        chat.type("/regenerate\n")
        #expect(request(chat)?.question.drawing?.steps == 20)
        #expect(request(chat)?.origin == .regenerated(question: 1))
        end(&chat)
    }

    @Test func editingBringsTheCommandBack() {
        var chat = chat()
        chat.type("/draw --size 512x256 --steps 20 --guidance 2.5 --seed 4 --count 2 a fox\n")
        chat.act(.messagesPlaced([chat.state.items[0].id: BranchPlace(messageID: 1, alternatives: [1])]))
        end(&chat)
        chat.type("/edit\n")
        #expect(chat.draft == "/draw --size 512x256 --steps 20 --guidance 2.5 --seed 4 --count 2 a fox|")
        chat.type("es\n")
        #expect(request(chat)?.origin == .edited(1) && request(chat)?.question.parts == [.text("a foxes")])
        #expect(request(chat)?.question.drawing?.count == 2)
    }

    @Test func whatWaitsIsDrawnLater() {
        var chat = ScriptedChat(model: .loading(ModelLoading(name: "Emu2-Gen", since: 0)))
        chat.type("/draw --steps 9 a fox\n")
        #expect(request(chat) == nil)
        chat.press(.escape)
        #expect(chat.draft == "/draw --steps 9 a fox|")
        chat.type("\n")
        chat.act(.modelLoaded(Self.drawingModel))
        #expect(request(chat)?.question.drawing?.steps == 9)
    }

    @Test func thingsStandInBoxes() {
        var chat = chat()
        chat.type("/image cat.jpg\n")
        chat.load(1, "cat.jpg")
        chat.press(.control("a"), .control("k"))
        chat.type("/box the cat [Image #1] 300 60 40 500\n/box 1 2 3 4\n")
        #expect(
            chat.frame.plainText.contains("the next /draw: the cat [Image #1] in 40 60 300 448, something in 1 2 3 4"))
        chat.type("/draw two pets, [Image #1] and another\n")
        let request = request(chat)
        #expect(request?.question.parts == [.text("two pets, "), .picture(1), .text(" and another"), .picture(1)])
        #expect(request?.question.drawing?.boxes.map(\.text) == ["the cat [Image #2] 40 60 300 448", "1 2 3 4"])
        #expect(chat.state.boxes.isEmpty)
        #expect(chat.frame.plainText.contains("▢ the cat [Image #1] in 40 60 300 448"))
        // Edited, everything is as it was typed.
        chat.act(.messagesPlaced([chat.state.items[0].id: BranchPlace(messageID: 1, alternatives: [1])]))
        end(&chat)
        chat.type("/edit\n")
        #expect(chat.draft == "/draw two pets, [Image #1] and another|")
        #expect(chat.state.boxes.map(\.text) == ["the cat [Image #1] 40 60 300 448", "1 2 3 4"])
    }

    @Test(arguments: [
        ("/box", "where is which thing"), ("/box cat 1 2 3", "/box cat 1 2 3: it takes a name and four"),
        ("/box cat 5 5 5 9", "that make a box"), ("/box cat 1 2 3 99999999999999999999", "it takes a name"),
        ("/box cat 999999999999999999999 1 2 3", "it takes a name"),
        ("/box [Image #2] 1 2 3 4", "there is no picture [Image #2]. /image attaches one"),
    ])
    func whatIsNoBoxIsTold(_ typed: String, _ told: String) {
        var chat = chat()
        chat.type(typed + "\n")
        #expect(chat.state.inputErrors.first?.contains(told) == true, "\(chat.state.inputErrors)")
        #expect(chat.state.boxes.isEmpty && chat.draft == typed + "|")
    }

    @Test func boxesAreToldAndTakenAway() {
        var chat = chat()
        for _ in 0..<DrawingBox.most { chat.type("/box a 1 2 3 4\n") }
        chat.type("/box b 1 2 3 4\n")
        #expect(chat.state.inputErrors.first?.hasPrefix("/box: 32 boxes are as many") == true)
        chat.press(.control("a"), .control("k"))
        chat.type("/box off\n")
        #expect(chat.state.boxes.isEmpty && !chat.frame.plainText.contains("the next /draw"))
        var blind = ScriptedChat()
        blind.type("/box a 1 2 3 4\n")
        #expect(blind.state.inputErrors.first?.hasPrefix("/box: SmolLM2 135M draws no pictures") == true)
    }

    @Test func ofSeveralPicturesTheStatusSaysWhichOneIsDrawn() {
        for (columns, expected) in [
            (80, "picture 2 of 3, drawing ▕█▎    ▏ 10/50 40 s"), (40, "2 of 3, drawing 10/50 40 s"),
        ] {
            var chat = chat(columns: columns)
            var transcript = PlainTranscript()
            chat.type("/draw --count 3 a fox\n")
            func draw(_ step: Int, _ number: Int) {
                chat.act(
                    .drawingProgressed(
                        DrawingProgress(
                            stage: .drawing, completed: step, total: 50,
                            place: DrawingProgress.Place(number: number, of: 3))))
            }
            draw(0, 1)
            chat.act(.ticked(ScriptedChat.noon + 20))
            draw(40, 1)
            #expect(transcript.update(chat.state).contains("picture 1 of 3, drawn 80 %, 5.0 s left\n"))
            // The time left is reckoned anew for each.
            draw(0, 2)
            chat.act(.ticked(ScriptedChat.noon + 30))
            draw(10, 2)
            #expect(chat.frame.plainText.contains(expected), "\(chat.frame.plainText)")
            draw(13, 2)
            #expect(transcript.update(chat.state).contains("picture 2 of 3, drawn 26 %"))
        }
    }

    @Test func inLinesOfTextThePictureIsToldOnce() {
        var chat = chat()
        var transcript = PlainTranscript()
        chat.type("/draw a fox\n")
        chat.act(.pictureDrawn(number: 1, facts("step 2 of 50")))
        chat.act(.drawingProgressed(DrawingProgress(stage: .drawing, completed: 2, total: 50)))
        var text = transcript.update(chat.state)
        for (seconds, step) in [(20.0, 12), (40, 26), (41, 27), (60, 49)] {
            chat.act(.ticked(ScriptedChat.noon + seconds))
            chat.act(.drawingProgressed(DrawingProgress(stage: .drawing, completed: step, total: 50)))
            text += transcript.update(chat.state)
        }
        chat.act(.pictureDrawn(number: 1, facts()))
        text += transcript.update(chat.state)
        end(&chat)
        text += transcript.update(chat.state)
        #expect(
            text.hasSuffix(
                "you:\na fox\nemuchat:\ndrawn 52 %, 37 s left\ndrawn 98 %, 1.2 s left\n"
                    + "image 1: drawing-7.png, 1024 by 512, 50 steps\n"), "\(text)")
    }
}
