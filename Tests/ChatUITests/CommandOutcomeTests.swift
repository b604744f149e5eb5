import ChatUI
import Screen
import Testing

/// A command that fails is back where it was typed, whenever and however it fails.
@Suite struct CommandOutcomeTests {
    private static let failingLater: [(typed: String, failure: Action)] = [
        ("/theme nope", .themeFailed("no such theme")),
        ("/open nowhere", .sessionFailed("nowhere: no such session")),
        ("/model gone.gguf", .modelChangeFailed("gone.gguf: no such file")),
        ("/examples use gone", .sessionFailed("gone: no such set")),
        ("/examples show gone", .examplesFailed("no such set")),
        ("/save-options", .optionsNotSaved("config.toml: permission denied")),
        ("/image gone.jpg", .pictureFailed(number: 1, "no such file")),
        ("/video gone.mp4", .pictureFailed(number: 1, "no such file")),
    ]
    private static let failingAtOnce = [
        "/nonsense", "/image", "/video", "/video a.mp4 --frames 0", "/view", "/view 3", "/regenerate", "/continue",
        "/edit", "/edit x", "/branch", "/open", "/open 7", "/set nothing 1", "/set temperature hot", "/set temperature",
    ]

    private func chat(_ typed: String) -> ScriptedChat {
        var chat = ScriptedChat()
        chat.type("kept")
        chat.press(Key(.enter, .alt))
        chat.type(typed + "\n")
        return chat
    }

    @Test(arguments: failingLater.indices) func backWhenToldLater(_ index: Int) {
        let (typed, failure) = Self.failingLater[index]
        var chat = chat(typed)
        #expect(chat.draft != "kept\n\(typed)|")
        chat.act(failure)
        #expect(chat.draft == "kept\n\(typed)|")
        #expect(chat.state.inputErrors.count == 1)
        // Only once.
        chat.press(.control("u"))
        chat.act(failure)
        #expect(!chat.draft.contains("/"))
    }

    @Test(arguments: failingLater.indices) func leftAwayWhenSomethingWasTypedSince(_ index: Int) {
        let (typed, failure) = Self.failingLater[index]
        var chat = chat(typed)
        chat.type("x")
        chat.act(failure)
        #expect(!chat.draft.contains(typed) && chat.draft.hasSuffix("x|"))
    }

    @Test(arguments: failingAtOnce) func staysWhenToldAtOnce(_ typed: String) {
        let chat = chat(typed)
        #expect(chat.draft == "kept\n\(typed)|")
        #expect(chat.state.inputErrors.count == 1)
    }

    @Test func whatIsDoneDoesNotComeBack() {
        var chat = chat("/theme dark")
        chat.act(.themeChanged(name: "dark"))
        chat.act(.themeFailed("another one"))
        #expect(chat.draft == "kept|")
        chat.type("\n")
        chat.press(.control("u"))
        chat.type("/save-options\n")
        // What goes wrong elsewhere is not the command's.
        chat.act(.sessionFailed("the disk is full"))
        #expect(chat.draft == "|")
    }

    @Test func theCursorIsWhereItWas() {
        var chat = ScriptedChat()
        chat.type("/theme nope")
        chat.press(Key(.left), Key(.left), .enter)
        chat.act(.themeFailed("no such theme"))
        #expect(chat.draft == "/theme no|pe")
    }
}
