import Chat
import ChatUI
import Generation
import Screen
import Testing

@Suite struct ModelCommandTests {
    @Test func anotherModelTakesThePlaceOnceItIsLoaded() {
        var chat = ScriptedChat()
        #expect(chat.type("/model '~/my model.gguf'\n") == [.changeModel(path: "/home/ada/my model.gguf")])
        #expect(chat.frame.plainText.contains("loading my model.gguf"))
        // What is asked meanwhile waits for it.
        #expect(chat.type("Hello\n").isEmpty)
        var model = ScriptedChat.blindModel
        model.name = "Other"
        let effects = chat.act(.modelLoaded(model))
        #expect(effects.contains { if case .startGeneration = $0 { true } else { false } })
        #expect(chat.state.model == .ready(model))
        #expect(chat.state.inputNote == "answers come from Other from here on")
    }

    @Test func whenItFailsTheOldOneStays() {
        var chat = ScriptedChat()
        chat.type("/model gone.gguf\n")
        #expect(chat.frame.rowText(23).contains("loading gone.gguf "))
        chat.act(.ticked(ScriptedChat.noon + 6))
        chat.act(.modelLoadingProgressed(share: 0.6))
        #expect(chat.frame.rowText(23).contains("SmolLM2 135M  ") && chat.frame.rowText(23).contains("gguf 60% 4.0 s"))
        chat.act(.modelChangeFailed("gone.gguf: no such file"))
        #expect(chat.state.model == .ready(ScriptedChat.blindModel))
        #expect(chat.draft == "/model gone.gguf|")
        #expect(chat.state.inputErrors == ["gone.gguf: no such file"])
    }

    @Test func aModelCanBeChosenAfterTheFirstOneFailed() {
        var chat = ScriptedChat(model: .failed("it is damaged"))
        #expect(chat.type("/model a.gguf\n") == [.changeModel(path: "a.gguf")])
    }

    @Test func aloneItTellsWhatThereIs() {
        var chat = ScriptedChat()
        chat.type("/model\n")
        #expect(
            chat.state.inputNote
                == "SmolLM2 135M · Q4_1 · 135M parameters · context 2,048 · /models/smollm2.gguf")
    }

    @Test func optionsAreSaved() {
        var chat = ScriptedChat()
        chat.type("/set top-k 3\n")
        var options = GenerationOptions()
        options.topK = 3
        #expect(chat.type("/save-options\n") == [.saveOptions(options)])
        chat.act(.optionsNotSaved("/save-options: c: may not be written"))
        #expect(chat.draft == "/save-options|")
    }

    @Test func aContextIsParked() {
        var chat = ScriptedChat()
        #expect(chat.type("/park\n") == [])
        #expect(chat.draft == "/park|" && chat.state.inputErrors.count == 1)
        chat.press(.control("u"))
        chat.type("Hello\n")
        chat.start()
        #expect(chat.type("/park\n") == [] && chat.draft == "/park|")
        chat.press(.control("u"))
        chat.finish()
        #expect(chat.type("/park\n") == [.parkContext])
        #expect(chat.state.inputNote == "parking…")
        chat.act(.contextParked(tokens: 1234, bytes: 28_000_000))
        #expect(
            chat.state.inputNote
                == "1,234 tokens parked (28\u{A0}MB): opened again, this conversation goes on at once")
    }

    @Test func theDoctorsReportIsShown() {
        var chat = ScriptedChat()
        #expect(chat.type("/doctor\n") == [.diagnose(screen: Size(columns: 80, rows: 24))])
        chat.act(.diagnosed("emuchat    0.1.0\nsystem     Debian"))
        #expect(chat.frame.plainText.contains("system     Debian"))
    }
}
