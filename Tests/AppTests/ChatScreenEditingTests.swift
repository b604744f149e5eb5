import Chat
import Foundation
import TestSupport
import Testing

/// What users do with drafts, branches and conversations, in a terminal; it does not matter what the model says.
@Suite(.serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"))
struct ChatScreenEditingTests {
    /// Asks something and waits until it has been answered.
    private func ask(_ chat: ChatFixture, _ text: String) throws {
        try chat.terminal.submit(text)
        try chat.terminal.wait(for: "the answer to \(text)") {
            $0.contains("▌ \(text)") && $0.contains("Ctrl-D leaves")
        }
    }

    private func leave(_ chat: ChatFixture) throws {
        try chat.terminal.press("C-c", "C-c")
        #expect(try chat.terminal.finishChat().status == 0)
        try chat.terminal.submit("clear")
    }

    @Test(arguments: [SIGTERM, SIGHUP])
    func anUnsentDraftSurvivesTheProgramsEnd(signal: Int32) throws {
        let chat = try ChatFixture()
        try chat.startTiny()
        try chat.terminal.paste(TestSupport.fixture("MediaTests", "quadrants.png").path)
        try chat.terminal.wait(for: "› [Image #1]")
        try chat.terminal.type("what is it")
        try chat.terminal.wait(for: "› [Image #1] what is it")
        kill(try chat.terminal.chatProcess, signal)
        _ = try chat.terminal.finishChat()
        #expect(try chat.terminal.property("alternate_on") == "0")
        try chat.terminal.submit("clear")
        try chat.startTiny(waitingFor: "› [Image #1] what is it")
        try chat.terminal.wait(for: "[Image #1] quadrants.png · ")
        // Sent, it is not there any more.
        try chat.terminal.press("Enter")
        try chat.terminal.wait(for: "an answer") { $0.contains("▌ what is it") && $0.contains("Ctrl-D leaves") }
        try leave(chat)
        let draft = chat.runner.folder.appendingPathComponent("data/emuchat/draft.json")
        #expect(!FileManager.default.fileExists(atPath: draft.path))
    }

    @Test func aKilledChatLosesNothingThatWasTypedASecondBefore() throws {
        let chat = try ChatFixture()
        try chat.startTiny()
        try chat.terminal.type("a long thought")
        let draft = chat.runner.folder.appendingPathComponent("data/emuchat/draft.json")
        try Patience.wait(for: "the draft on the disk") {
            (try? String(contentsOf: draft, encoding: .utf8))?.contains("a long thought") == true
        }
        kill(try chat.terminal.chatProcess, SIGKILL)
        try chat.terminal.wait(for: "status 137.")
        // Nobody has put the terminal back.
        try chat.terminal.submit("reset")
        try chat.startTiny(waitingFor: "› a long thought")
    }

    @Test func whatWasSentIsFoundInTheNextConversation() throws {
        let chat = try ChatFixture()
        try chat.startTiny()
        try ask(chat, "first words")
        try ask(chat, "second ones")
        try leave(chat)
        let file = chat.runner.folder.appendingPathComponent("data/emuchat/history").path
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
        try chat.startTiny()
        try chat.terminal.press("Up")
        try chat.terminal.wait(for: "› second ones")
        try chat.terminal.press("C-u", "C-r")
        try chat.terminal.type("first")
        try chat.terminal.wait(for: "› first words")
        try chat.terminal.press("Enter")
        try chat.terminal.wait(for: "the search's end") { !$0.contains("looking for") && $0.contains("› first words") }
    }

    @Test func theUsersOwnEditorChangesTheDraft() throws {
        let chat = try ChatFixture(environment: ["EDITOR": "sh ./edit"])
        try chat.runner.file("edit", Data("printf ' from outside' >>\"$1\"; stat -c %a \"$1\" >mode\n".utf8))
        try chat.startTiny()
        try chat.terminal.type("words")
        try chat.terminal.press("C-x", "C-e")
        try chat.terminal.wait(for: "› words from outside")
        #expect(
            try String(contentsOf: chat.runner.folder.appendingPathComponent("mode"), encoding: .utf8) == "600\n")
        // The screen and the keys are the chat's again.
        try chat.terminal.type("!")
        try chat.terminal.wait(for: "› words from outside!")
        #expect(try chat.terminal.property("alternate_on") == "1")
        try chat.runner.file("edit", Data("exit 3\n".utf8))
        try chat.terminal.press("C-x", "C-e")
        let failed = try chat.terminal.wait(for: "⚠ sh ./edit ended with status 3; the text is as it was")
        #expect(failed.contains("› words from outside!"))
    }

    @Test func tabCompletesPaths() throws {
        let chat = try ChatFixture()
        try chat.runner.file(
            "my pictures/four colours.png", Data(contentsOf: TestSupport.fixture("MediaTests", "quadrants.png")))
        try chat.startTiny()
        try chat.terminal.type("/ima")
        try chat.terminal.press("Tab")
        try chat.terminal.wait(for: "› /image")
        try chat.terminal.type("my")
        try chat.terminal.press("Tab")
        try chat.terminal.wait(for: "› /image my\\ pictures/")
        try chat.terminal.press("Tab")
        try chat.terminal.wait(for: "› /image my\\ pictures/four\\ colours.png")
        try chat.terminal.press("Enter")
        try chat.terminal.wait(for: "[Image #1] four colours.png · ")
    }

    @Test func branchesAreKeptAndShownAgain() throws {
        let chat = try ChatFixture()
        try chat.startTiny("--session twigs")
        try ask(chat, "hello")
        try chat.terminal.submit("/set seed 2")
        try chat.terminal.submit("/regenerate")
        try chat.terminal.wait(for: "another answer") { $0.contains("2/2") && $0.contains("Ctrl-D leaves") }
        try chat.terminal.press("M-p")
        try chat.terminal.wait(for: "1/2")
        try leave(chat)
        try chat.startTiny("--session twigs", waitingFor: "1/2")
        try chat.terminal.submit("/edit 1")
        try chat.terminal.wait(for: "question 1, asked otherwise")
        try chat.terminal.submit(" you")
        try chat.terminal.wait(for: "the new question") {
            $0.contains("▌ hello you") && $0.contains("2/2") && $0.contains("Ctrl-D leaves")
        }
        try chat.terminal.submit("/undo")
        try chat.terminal.wait(for: "2 branches go on from here")
        try leave(chat)
        let (_, session) = try chat.session()
        #expect(session.messages.map(\.parent) == [nil, 1, 1, nil, 4])
        #expect(session.activeLeaf == nil)
    }

    @Test func conversationsAreFoundOpenedRenamedAndDeleted() throws {
        let chat = try ChatFixture(columns: 120, rows: 30)
        try chat.startTiny()
        for words in ["dogs of the park", "receipts of march"] {
            try ask(chat, words)
            try chat.terminal.submit("/new")
            try chat.terminal.wait(for: "an empty conversation") { !$0.contains("▌ \(words)") }
        }
        try chat.terminal.press("C-o")
        try chat.terminal.wait(for: "the list") { $0.contains(" › Receipts") || $0.contains(" › receipts of march") }
        try chat.terminal.type("park")
        try chat.terminal.wait(for: "one hit") {
            $0.contains(" › dogs of the park") && !$0.contains("receipts of march")
        }
        try chat.terminal.press("C-r", "C-u")
        try chat.terminal.submit("poodles in the park")
        try chat.terminal.wait(for: " › poodles in the park")
        try chat.terminal.press("Enter")
        try chat.terminal.wait(for: "▌ dogs of the park")
        // What is open is not deleted; the other one is, and comes back.
        try chat.terminal.press("DC")
        try chat.terminal.wait(for: "this conversation is open")
        try chat.terminal.press("C-u")
        try chat.terminal.wait(for: "both") { $0.contains(" › poodles") && $0.contains("receipts of march") }
        try chat.terminal.press("Up")
        try chat.terminal.wait(for: " › receipts of march")
        try chat.terminal.press("DC")
        try chat.terminal.wait(for: "deleted receipts")
        try chat.terminal.press("C-_")
        try chat.terminal.wait(for: "the session again") { !$0.contains("deleted") && $0.contains("receipts of march") }
        try chat.terminal.press("Escape")
        // A key right behind Esc would be one with Alt.
        try chat.terminal.wait(for: "the list's end") { !$0.contains("Ctrl-R renames") }
        try leave(chat)
    }

    @Test func whatIsTypedBeforeTheScreenIsUpIsKept() throws {
        let chat = try ChatFixture()
        try chat.terminal.startChat("--model '\(ProgramRunner.tinyModel)' --max-tokens 8 --seed 1")
        try chat.terminal.type("early words")
        let screen = try chat.terminal.wait(for: "› early words")
        #expect(screen.contains("emuchat 0"))
    }

    @Test func aCommandThatFailsLaterIsGivenBack() throws {
        let chat = try ChatFixture()
        try chat.startTiny()
        try chat.terminal.submit("/open nowhere")
        let refused = try chat.terminal.wait(for: "⚠ ")
        #expect(refused.contains("› /open nowhere"))
        try chat.terminal.press("C-u")
        try chat.terminal.submit("/model nowhere.gguf")
        let kept = try chat.terminal.wait(for: "⚠ nowhere.gguf")
        #expect(kept.contains("› /model nowhere.gguf"))
        try chat.terminal.press("C-u")
        try ask(chat, "still there?")
    }

    @Test func optionsAreSavedForTheNextTime() throws {
        let chat = try ChatFixture()
        try chat.runner.file("config/emuchat/config.toml", Data("# mine\ntheme = \"light\"\n".utf8))
        try chat.startTiny()
        try chat.terminal.submit("/set top-k 7")
        try chat.terminal.submit("/save-options")
        try chat.terminal.wait(for: "saved in ")
        let file = chat.runner.folder.appendingPathComponent("config/emuchat/config.toml")
        #expect(
            try String(contentsOf: file, encoding: .utf8).hasPrefix(
                "# mine\ntheme = \"light\"\n\n[options]\ntop-k = 7\n"))
        try leave(chat)
        try chat.startTiny()
        try chat.terminal.submit("/set")
        try chat.terminal.wait(for: /top-k +7\b/)
    }

    @Test func theDoctorTellsWhatThereIs() throws {
        let chat = try ChatFixture(columns: 120, rows: 40)
        try chat.startTiny()
        try chat.terminal.submit("/doctor")
        let report = try chat.terminal.wait(for: "libavformat")
        for word in ["120×40, ", "kernels", "ncurses ", "libvips", "utf8proc", "memory", "sessions ", "B free"] {
            #expect(report.contains(word), "\(word) in:\n\(report)")
        }
    }
}
