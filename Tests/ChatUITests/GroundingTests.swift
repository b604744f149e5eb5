import Foundation
import Generation
import Screen
import Testing

@testable import ChatUI

/// Answers that say where in a picture things are.
@Suite struct GroundingTests {
    private let answer = [
        "<phrase>", "the", "dog", "</phrase>", "<object>", "<patch_index_0056>", "<patch_index_0112>",
        "<patch_index_0112>", "<patch_index_0224>", "</object>", "sleeps.",
    ].joined(separator: " ")
    private let box = NumberedBox(number: 1, box: PictureBox(left: 0.25, top: 0.5, right: 0.5, bottom: 1))

    /// Two pictures in a question that is to be answered with places.
    private func asked(_ command: String = "") -> ScriptedChat {
        var chat = ScriptedChat(model: .ready(ScriptedChat.seeingModel))
        chat.type("/image a.jpg b.jpg\n")
        chat.load(1, "a.jpg")
        chat.load(2, "b.jpg", width: 1000, height: 500)
        if command.isEmpty { chat.press(.alt("g")) } else { chat.type("/ground 1\n") }
        chat.type("Where is the dog?\n")
        return chat
    }

    private func request(_ chat: ScriptedChat) -> GenerationRequest? {
        chat.effects.compactMap { if case .startGeneration(let request) = $0 { request } else { nil } }.last
    }

    @Test func aKeyAsksForPlacesOnce() {
        var chat = asked()
        #expect(request(chat)?.grounding?.picture == 2)
        #expect(chat.state.groundingWish == nil)
        chat.start()
        chat.finish()
        chat.type("And now?\n")
        #expect(request(chat)?.grounding == nil)
    }

    @Test func theKeyTakesItsWishBack() {
        var chat = ScriptedChat(model: .ready(ScriptedChat.seeingModel))
        chat.press(.alt("g"))
        #expect(chat.frame.plainText.contains("the next answer says where things are"))
        chat.press(.alt("g"))
        #expect(!chat.frame.plainText.contains("where things are,"))
        chat.type("/ground\n")
        #expect(chat.state.groundingWish != nil)
        chat.type("/ground off\n")
        #expect(chat.state.groundingWish == nil)
        chat.type("/ground 3\n")
        #expect(chat.state.inputErrors == ["/ground 3: no such picture. There are none yet; /image attaches one"])
    }

    @Test func aModelThatCannotSaysSo() {
        var chat = ScriptedChat()
        chat.press(.alt("g"))
        #expect(chat.state.groundingWish == nil)
        #expect(chat.state.inputErrors.first?.contains("SmolLM2 135M cannot say where things are") == true)
    }

    @Test func theAnswerIsWordsWithAListBelow() {
        var chat = asked()
        chat.start()
        chat.answer(answer)
        chat.finish()
        #expect(chat.state.items.last?.text == "the dog [1] sleeps.")
        let screen = chat.frame.plainText
        #expect(screen.contains("▐ left, top, right, bottom in pixels of [Image #2]"))
        #expect(screen.contains("▐ 1 the dog: 250, 250, 500, 500"))
        #expect(!screen.contains("patch_index"))
    }

    @Test func boxesAreDrawnOntoThePictureThatWasMeant() {
        for (command, number) in [("", 2), ("/ground 1", 1)] {
            var chat = asked(command)
            chat.start()
            chat.answer(answer)
            chat.effects = []
            chat.finish()
            let drawn = chat.effects.compactMap { effect in
                if case .renderPreview(let number, _, let boxes) = effect { (number, boxes) } else { nil }
            }
            #expect(drawn.map(\.0) == [number])
            #expect(drawn.first?.1 == [box])
            let viewed = chat.type("/view \(number)\n")
            #expect(
                viewed.contains { effect in
                    if case .renderView(number, _, _, [box]) = effect { true } else { false }
                })
        }
    }

    @Test func theLeadingBeamMayBeReplaced() {
        var chat = asked()
        chat.start()
        chat.act(.generationEventArrived(.provisional("<phrase> a cat </phrase> <object> <patch_index_0001>")))
        #expect(chat.state.items.last?.text == "a cat")
        #expect(chat.frame.plainText.contains("choosing among"))
        chat.act(.generationEventArrived(.provisional(answer)))
        #expect(chat.state.items.last?.text == "the dog [1] sleeps.")
        chat.answer(answer)
        chat.finish()
        #expect(chat.state.items.last?.text == "the dog [1] sleeps.")
        #expect(chat.state.items.last?.grounding?.answer.boxes == [box])
    }

    @Test func anAnswerWithoutBoxesSaysSo() {
        var chat = asked()
        chat.start()
        chat.answer("It is not there.")
        #expect(!chat.frame.plainText.contains("no boxes"))
        chat.finish()
        #expect(chat.frame.plainText.contains("▐ no boxes: the answer places nothing"))
    }

    @Test func anotherAnswerSaysWhereThingsAreToo() {
        var chat = asked("/ground 1")
        chat.start()
        chat.answer(answer)
        chat.finish()
        let items = chat.state.items.suffix(2)
        chat.act(
            .messagesPlaced(
                Dictionary(
                    uniqueKeysWithValues: items.enumerated().map {
                        ($1.id, BranchPlace(messageID: $0 + 1, alternatives: [$0 + 1]))
                    })))
        chat.type("/regenerate\n")
        #expect(request(chat)?.origin == .regenerated(question: 1))
        #expect(request(chat)?.grounding?.picture == 1)
    }

    @Test func aQuestionTakenBackKeepsItsWish() {
        var chat = ScriptedChat(model: .loading(ModelLoading(name: "emu2", since: ScriptedChat.noon)))
        chat.press(.alt("g"))
        chat.type("And the cat?\n")
        #expect(chat.state.groundingWish == nil)
        chat.press(.escape)
        #expect(chat.draft == "And the cat?|")
        #expect(chat.state.groundingWish != nil)
    }

    @Test func linesOfTextHaveTheListOnce() {
        var chat = asked()
        var transcript = PlainTranscript()
        _ = transcript.update(chat.state)
        chat.start()
        chat.answer(answer)
        chat.finish()
        let text = transcript.update(chat.state) + transcript.update(chat.state)
        #expect(text.contains("the dog [1] sleeps.\nleft, top, right, bottom in pixels of [Image #2]\n1 the dog: 250,"))
        #expect(text.components(separatedBy: "1 the dog").count == 2)
    }
}
