import Generation
import Screen
import Testing

@testable import ChatUI

/// Drawn pictures that the model's safety checker lets nobody see.
@Suite struct WithheldTests {
    private func chat() -> ScriptedChat {
        var model = ScriptedChat.seeingModel
        model.drawing = DrawingLimits(sizeStep: 8, greatestSide: 4096, mostSteps: 1000)
        return ScriptedChat(model: .ready(model))
    }

    private func end(_ chat: inout ScriptedChat) {
        let summary = GenerationSummary(
            finishReason: .end, remainingText: "", generatedTokens: 0, contextTokens: 0, firstTokenSeconds: 9,
            totalSeconds: 9)
        chat.act(.generationEventArrived(.finished(summary)))
    }

    private func facts(_ note: String) -> PictureFacts {
        PictureFacts(name: "drawing-7.png", width: 1024, height: 512, note: note)
    }

    @Test func wordsTakeThePlaceOfThePicture() {
        var chat = chat()
        chat.type("/draw a fox\n")
        chat.act(.pictureDrawn(number: 1, facts("step 48 of 50")))
        chat.act(.drawingProgressed(DrawingProgress(stage: .checking, completed: 12, total: 24)))
        #expect(chat.frame.plainText.contains(/checking ▕███   ▏ 50%/), "\(chat.frame.plainText)")
        chat.act(.pictureWithheld(number: 1, which: 1))
        // Nothing of it is left, also not while the answer goes on.
        #expect(!chat.frame.plainText.contains("drawing-7.png") && !chat.frame.plainText.contains("Image #1"))
        end(&chat)
        let words = "⚠ the model's safety checker withheld the picture. Another seed or other\n▐ words may"
        #expect(chat.frame.plainText.contains(words), "\(chat.frame.plainText)")
        #expect(chat.state.pictures.isEmpty && chat.state.nextPictureNumber == 1)
        #expect(!chat.state.items.contains { $0.marks.contains(where: \.isCut) })
    }

    /// The others move up, as they will be numbered when the conversation is opened again.
    @Test func theOthersOfSeveralAreShown() {
        var chat = chat()
        chat.type("/draw --count 4 a fox\n")
        chat.act(.pictureDrawn(number: 1, facts("50 steps")))
        chat.act(.pictureWithheld(number: 2, which: 2))
        chat.act(.pictureDrawn(number: 2, facts("step 2 of 50")))
        #expect(chat.frame.plainText.contains("withheld picture 2 of 4."))
        chat.act(.pictureDrawn(number: 2, facts("50 steps")))
        chat.act(.pictureWithheld(number: 3, which: 4))
        end(&chat)
        #expect(chat.frame.plainText.contains("withheld pictures 2 and 4 of 4."), "\(chat.frame.plainText)")
        #expect(chat.state.items.last?.parts == [.picture(1), .picture(2)])
        #expect(chat.state.pictures.keys.sorted() == [1, 2] && chat.state.nextPictureNumber == 3)
        // What comes late, or is meant for another picture, changes nothing.
        chat.act(.pictureWithheld(number: 1, which: 1))
        #expect(chat.state.pictures.keys.sorted() == [1, 2])
    }

    @Test func aViewOfItCloses() {
        var chat = chat()
        chat.type("/draw a fox\n")
        chat.act(.pictureDrawn(number: 1, facts("step 2 of 50")))
        chat.type("/view 1\n")
        #expect(chat.state.pictureView?.number == 1)
        chat.act(.pictureWithheld(number: 1, which: 1))
        #expect(chat.state.pictureView == nil)
    }

    @Test func inLinesOfTextItIsTold() {
        var chat = chat()
        var transcript = PlainTranscript()
        chat.type("/draw a fox\n")
        chat.act(.pictureDrawn(number: 1, facts("step 2 of 50")))
        var text = transcript.update(chat.state)
        chat.act(.pictureWithheld(number: 1, which: 1))
        text += transcript.update(chat.state)
        end(&chat)
        text += transcript.update(chat.state)
        #expect(
            text.hasSuffix(
                "emuchat:\n(the model's safety checker withheld the picture. "
                    + "Another seed or other words may give one that it lets pass)\n"), "\(text)")
    }

    @Test(arguments: [
        ([1], 1, "withheld the picture."), ([3], 4, "withheld picture 3 of 4."),
        ([1, 4], 4, "withheld pictures 1 and 4 of 4."), ([1, 2, 3], 3, "withheld pictures 1, 2 and 3 of 3."),
    ])
    func theWordsSayWhich(_ numbers: [Int], _ count: Int, _ words: String) {
        #expect(WithheldPictures.words(numbers, of: count).contains(words))
    }
}
