import Generation
import Screen
import Testing

@testable import ChatUI

/// What the screen says and does differently for a model that sees pictures.
@Suite struct SightTests {
    private func model() -> ModelDescription {
        var model = ModelDescription(
            name: "Emu2-Chat", path: "/emu2", architecture: "emu2", parameterCount: 1, weightType: "F16",
            templateName: "emu2", contextLength: 2048, seesImages: true, kernel: "avx2", precision: "exact")
        model.sight = PictureSight(width: 448, height: 448)
        model.mediaCost = MediaCost(image: 258, clip: 1, frame: 66)
        model.presetName = "long"
        model.systemMessages = [
            SystemMessage(name: "detailed", text: "Say all."), SystemMessage(name: "concise", text: "Be short."),
        ]
        return model
    }

    @Test func captionsTellSizeAndCost() {
        func caption(_ model: AppState.Model) -> String {
            let chat = ScriptedChat(model: model)
            return chat.state.caption(PictureFacts(name: "dog.jpg", width: 640, height: 480))
        }
        #expect(caption(.ready(model())) == "dog.jpg · 640×480 · seen at 448×448 · 258 tokens")
        #expect(
            caption(.loading(ModelLoading(name: "m", since: ScriptedChat.noon))) == "dog.jpg · 640×480")
        #expect(caption(.ready(ScriptedChat.blindModel)) == "dog.jpg · 640×480 · the model cannot see it")
    }

    private func loading() -> ScriptedChat {
        ScriptedChat(model: .loading(ModelLoading(name: "m", since: ScriptedChat.noon)))
    }

    @Test func optionsAreTheModelsUntilTheUserChoosesSome() {
        var chat = loading()
        chat.act(.modelLoaded(model()))
        #expect(chat.state.options == GenerationPreset.long.options)
        var chosen = loading()
        chosen.state.options = .greedy
        chosen.act(.modelLoaded(model()))
        #expect(chosen.state.options == .greedy)
        // Also what happens to be the standard, such as no beams.
        var standard = loading()
        standard.state.hasChosenOptions = true
        standard.act(.modelLoaded(model()))
        #expect(standard.state.options == GenerationOptions())
    }

    @Test func theTermsOfAModelStandOnTheScreen() {
        var chat = loading()
        chat.act(.modelLoaded(model()))
        #expect(chat.state.items.isEmpty)
        var bound = model()
        bound.termsToTell = "Only for research."
        chat.act(.modelLoaded(bound))
        #expect(chat.state.items.last?.parts == [.text("Only for research.")])
        // Beside what there is to try, and then atop the conversation.
        #expect(
            chat.frame.plainText.contains("Only for research.") && chat.frame.plainText.contains("/image ~/dog.jpg"))
        chat.type("Hello\n")
        #expect(chat.frame.plainText.contains("Only for research.") && !chat.frame.plainText.contains("~/dog.jpg"))
    }

    @Test func presetsGoByTheirNames() {
        var chat = loading()
        chat.act(.modelLoaded(model()))
        chat.type("/set seed 7\n")
        chat.type("/preset short\n")
        var expected = GenerationPreset.short.options
        expected.seed = 7
        #expect(chat.state.options == expected)
        #expect(chat.state.inputNote?.hasPrefix("short: 5 beams, up to 10 tokens") == true)
        chat.type("/preset\n")
        #expect(chat.frame.plainText.contains("· chosen"))
        chat.type("/preset lang\n")
        #expect(chat.state.inputErrors == ["/preset lang: no such preset. There are long, short, greedy, interleaved"])
        chat.press(.control("u"))
        chat.type("/system con")
        chat.press(Key(.tab))
        #expect(chat.draft == "/system concise |")
    }

    @Test func systemMessagesOfTheModelGoByTheirNames() {
        var chat = loading()
        chat.act(.modelLoaded(model()))
        chat.type("/system concise\n")
        #expect(chat.state.systemText == "Be short.")
        chat.type("/system Be kind.\n")
        #expect(chat.state.systemText == "Be kind.")
        chat.type("/system none\n")
        chat.type("/system\n")
        #expect(chat.state.inputNote?.contains("/system detailed, /system concise") == true)
        // Another model knows no such name.
        var other = ScriptedChat()
        other.type("/system concise\n")
        #expect(other.state.systemText == "concise")
    }
}
