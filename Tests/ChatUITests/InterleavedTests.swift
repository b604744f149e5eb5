import Generation
import Screen
import Testing

@testable import ChatUI

/// Pictures that the model opens in the midst of its answer, as the screen shows them.
@Suite struct InterleavedTests {
    static let openingModel = {
        var model = ScriptedChat.seeingModel
        model.name = "Emu2-Gen"
        model.drawing = DrawingLimits(sizeStep: 8, greatestSide: 4096, mostSteps: 1000)
        model.opensPictures = true
        model.givesBoxes = nil
        model.mediaCost = MediaCost(image: 66, clip: 1, frame: 66)
        return model
    }()

    static func facts(_ note: String) -> PictureFacts {
        PictureFacts(name: "drawing-7.png", width: 512, height: 512, note: note)
    }

    private func chat(_ model: ModelDescription = openingModel) -> ScriptedChat {
        var chat = ScriptedChat(model: .ready(model))
        chat.type("/set interleaved on\n")
        return chat
    }

    private func request(_ chat: ScriptedChat) -> GenerationRequest? {
        chat.effects.compactMap { if case .startGeneration(let request) = $0 { request } else { nil } }.last
    }

    @Test func theSettingIsOnlyForThoseThatAskForIt() {
        var chat = ScriptedChat(model: .ready(Self.openingModel))
        #expect(!chat.state.options.pictures.areWanted)
        chat.type("tell me of dogs\n")
        #expect(request(chat)?.drawnNumbers == [] && request(chat)?.options.pictures == AnswerPictures.none)
        chat = self.chat()
        #expect(chat.state.options.pictures.most == 4 && chat.state.inputNote == "interleaved is now 4")
        for (typed, pictures) in [
            ("interleaved 2", AnswerPictures(most: 2)),
            ("picture-size 768x512", AnswerPictures(width: 768, height: 512)),
            ("picture-steps 20", AnswerPictures(steps: 20)), ("picture-guidance 7.5", AnswerPictures(guidance: 7.5)),
            ("interleaved off", AnswerPictures(most: 0)),
        ] {
            var chat = self.chat()
            chat.type("/set \(typed)\n")
            #expect(chat.state.options.pictures == pictures, "\(typed)")
        }
        for typed in ["interleaved 33", "interleaved -1", "picture-size 0", "picture-steps 0", "picture-guidance nan"] {
            var chat = self.chat()
            chat.type("/set \(typed)\n")
            #expect(chat.state.options.pictures == AnswerPictures(), "\(typed)")
            #expect(chat.state.inputErrors.count == 1, "\(typed)")
        }
    }

    /// Beams would draw for each of them, so that the setting takes them away.
    @Test func itTakesTheBeamsAway() {
        var chat = ScriptedChat(model: .ready(Self.openingModel))
        chat.state.options = GenerationPreset.short.options
        chat.type("/set interleaved on\n")
        #expect(chat.state.options.beamCount == 1 && chat.state.options.maximumTokens == 512)
        chat.type("/preset greedy\n")
        #expect(chat.state.options.pictures.most == 4)
        chat.type("/preset long\n")
        #expect(chat.state.options.pictures == AnswerPictures.none)
    }

    @Test func aModelThatOpensNoneSaysSo() {
        var chat = ScriptedChat()
        chat.type("/set interleaved on\n")
        #expect(
            chat.state.inputNote
                == "interleaved is now 4; SmolLM2 135M opens no pictures of its own, as the base Emu2 does")
        chat.type("tell me of dogs\n")
        #expect(request(chat)?.drawnNumbers == [])
        var mute = Self.openingModel
        mute.drawing = nil
        #expect(
            self.chat(mute).state.inputNote
                == "interleaved is now 4; Emu2-Gen has nothing to draw with, so that its pictures only keep their places; "
                + "the folder of Emu2-Gen with `unet` and `vae` has")
    }

    @Test func wordsGoOnBehindThePlaceOfAPicture() {
        var chat = chat()
        chat.type("tell me of foxes\n")
        #expect(request(chat)?.drawnNumbers == [1, 2, 3, 4])
        chat.start()
        chat.answer("A fox")
        chat.act(.pictureDrawn(number: 1, Self.facts("not drawn yet")))
        chat.act(.drawingProgressed(DrawingProgress(stage: .predicting, completed: 32, total: 64)))
        #expect(chat.frame.plainText.contains("predicting ▕███   ▏ 32/64"))
        let before = chat.state.contextTokens ?? 0
        chat.act(.generationEventArrived(.picture(0, .predicted(context: ""))))
        #expect(chat.state.contextTokens == before + 65)
        chat.answer("and a bear")
        #expect(!chat.frame.plainText.contains("predicting"))
        #expect(chat.state.items.last?.parts == [.text("A fox"), .picture(1), .text("and a bear")])
        chat.act(.pictureDrawn(number: 1, Self.facts("50 steps")))
        #expect(chat.state.items.last?.parts == [.text("A fox"), .picture(1), .text("and a bear")])
        chat.finish()
        #expect(chat.state.pictures.keys.sorted() == [1] && chat.state.nextPictureNumber == 2)
        #expect(chat.frame.plainText.contains("512×512 · 50 steps"))
    }

    @Test func whatCannotBeDrawnKeepsItsPlace() {
        var chat = chat()
        chat.type("tell me of foxes\n")
        chat.start()
        chat.answer("A fox")
        chat.act(.pictureDrawn(number: 1, Self.facts("not drawn yet")))
        chat.answer("and a bear")
        chat.act(.pictureNotDrawn(number: 1, "no paint"))
        chat.finish()
        let words = "[a picture that could not be drawn: no paint]"
        #expect(chat.state.items.last?.parts == [.text("A fox"), .undrawn(words), .text("and a bear")])
        #expect(chat.state.items.last?.text == "A fox\(words)and a bear" && chat.state.pictures.isEmpty)
        #expect(chat.frame.plainText.contains("▐ A fox\n▐ \(words)\n▐ and a bear\n"), "\(chat.frame.plainText)")
    }

    @Test func plainTextTellsItInItsPlaces() {
        var chat = chat()
        var transcript = PlainTranscript()
        chat.type("tell me of foxes\n")
        chat.start()
        _ = transcript.update(chat.state)
        chat.answer("A fox")
        #expect(transcript.update(chat.state) == "A fox")
        chat.act(.pictureDrawn(number: 1, Self.facts("not drawn yet")))
        chat.answer("and a bear")
        chat.act(.pictureDrawn(number: 2, Self.facts("not drawn yet")))
        // What may still change is not told.
        #expect(transcript.update(chat.state) == "")
        chat.act(.pictureDrawn(number: 1, Self.facts("50 steps")))
        chat.act(.pictureNotDrawn(number: 2, "no paint"))
        chat.finish()
        #expect(
            transcript.update(chat.state)
                == """

                image 1: drawing-7.png, 512 by 512, 50 steps
                and a bear
                [a picture that could not be drawn: no paint]

                """)
    }

    @Test func anAnswerThatGoesOnBeginsWithItsPictures() {
        var chat = chat()
        chat.type("tell me of foxes\n")
        chat.start()
        chat.act(.answerResumed([.text("A fox"), .picture(1), .text("and")], [1: Self.facts("50 steps")]))
        chat.answer(" a bear")
        #expect(chat.state.items.last?.parts == [.text("A fox"), .picture(1), .text("and a bear")])
        #expect(chat.frame.plainText.contains("512×512 · 50 steps"))
    }
}
