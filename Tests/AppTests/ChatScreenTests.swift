import Chat
import Foundation
import TestSupport
import Testing

/// What tests of the chat share.
struct ChatFixture {
    let runner: ProgramRunner
    let terminal: TerminalSession

    init(columns: Int = 80, rows: Int = 24, environment: [String: String] = [:]) throws {
        runner = try ProgramRunner()
        terminal = try TerminalSession(runner, columns: columns, rows: rows, environment: environment)
    }

    /// A chat with a small model of random weights, whose words mean nothing but come at once.
    func startTiny(_ arguments: String = "", waitingFor text: String = "it cannot see pictures") throws {
        try terminal.startChat("--model '\(ProgramRunner.tinyModel)' --max-tokens 8 --seed 1 \(arguments)")
        try terminal.wait(for: text)
    }

    /// A chat with the language model that the built-in one stands on.
    func startLanguageModel(_ arguments: String = "") throws {
        let model = try #require(TestSupport.builtInModel).path
        try terminal.startChat("--model '\(model)' --temperature 0 \(arguments)")
        try terminal.wait(for: "the model") { $0.contains("smollm2 135M  ▕") }
    }

    /// Asks for a long answer and waits until some of it stands there.
    func askForALongAnswer() throws {
        try terminal.submit("Write a long story about a fox who finds a lantern in the forest.")
        try terminal.wait(for: "several lines of an answer") { Self.answerWords($0).count > 20 }
    }

    /// The words of the last answer on a screen, without the cursor behind it.
    static func answerWords(_ screen: String) -> [Substring] {
        let lines = screen.split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.lastIndex(where: { $0.hasPrefix("▐ emuchat") }) else { return [] }
        return lines[(start + 1)...].prefix { $0.hasPrefix("▐") }
            .flatMap { $0.dropFirst().split(whereSeparator: { $0.isWhitespace || $0 == "▏" }) }
    }

    /// The only session there is, where it is kept when nothing else is said.
    func session() throws -> (file: URL, session: Session) {
        let folder = runner.folder.appendingPathComponent("data/emuchat/sessions")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
        try #require(names.count == 1, "\(names)")
        let file = folder.appendingPathComponent(names[0])
        return (file, try Session(bytes: Array(Data(contentsOf: file))))
    }
}

/// The whole program in a terminal, with a model that answers in words.
@Suite(
    .serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"),
    .enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
struct ChatConversationTests {
    /// `EMUCHAT_RECORD_GOLDEN=1` writes the file anew.
    @Test func theStartScreenIsTheGoldenOne() throws {
        let chat = try ChatFixture()
        try chat.startLanguageModel()
        let screen = try chat.terminal.screen()
        let file = TestSupport.projectRoot.appendingPathComponent("Tests/AppTests/Golden/start-80x24.txt")
        if ProcessInfo.processInfo.environment["EMUCHAT_RECORD_GOLDEN"] == "1" {
            try screen.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try screen == String(contentsOf: file, encoding: .utf8), "the screen was:\n\(screen)")
    }

    @Test func aQuestionIsAnsweredKeptAndShownAgain() throws {
        let chat = try ChatFixture()
        try chat.terminal.submit("stty -a >before")
        try chat.startLanguageModel()
        try chat.terminal.submit("What is the capital of France?")
        let answered = try chat.terminal.wait(for: "the answer's end") {
            $0.contains("Paris.") && $0.contains("Ctrl-D")
        }
        #expect(answered.contains("▌ What is the capital of France?"))
        #expect(answered.contains("▐ The capital of France is Paris.\n"))
        #expect(answered.contains("tok/s"))
        #expect(try chat.terminal.property("alternate_on") == "1")
        try chat.terminal.press("C-d")
        let end = try chat.terminal.finishChat()
        #expect(end.status == 0)

        // The terminal is as it was: modes, cursor, the screen before with one line more.
        #expect(try chat.terminal.property("alternate_on") == "0")
        #expect(try chat.terminal.property("cursor_flag") == "1")
        #expect(try chat.terminal.property("mouse_any_flag") == "0")
        #expect(!end.screen.contains("▌"))
        try chat.terminal.submit("stty -a >after; echo done")
        try chat.terminal.wait(for: "done\n")
        #expect(
            try String(contentsOf: chat.runner.folder.appendingPathComponent("before"), encoding: .utf8)
                == String(contentsOf: chat.runner.folder.appendingPathComponent("after"), encoding: .utf8))

        let (file, session) = try chat.session()
        let name = file.deletingPathExtension().lastPathComponent
        #expect(end.screen.contains("emuchat --session \(name)"))
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(session.messages.map(\.text) == ["What is the capital of France?", "The capital of France is Paris."])
        let answer = try #require(session.messages.last?.answer)
        #expect(answer.finishReason == .end && answer.tokenIDs.count > 5)
        #expect(answer.model.sha256?.count == 64)

        try chat.startLanguageModel("--session \(name)")
        let again = try chat.terminal.wait(for: "The capital of France is Paris.")
        #expect(again.contains("▌ What is the capital of France?"))
    }

    @Test func escapeStopsTheAnswerAndKeepsWhatCame() throws {
        let chat = try ChatFixture()
        try chat.startLanguageModel()
        try chat.askForALongAnswer()
        try chat.terminal.press("Escape")
        let stopped = try chat.terminal.wait(for: "⏹ stopped")
        let words = ChatFixture.answerWords(stopped)
        #expect(words.count > 20)
        try chat.terminal.press("C-d")
        #expect(try chat.terminal.finishChat().status == 0)
        let answer = try #require(try chat.session().session.messages.last)
        #expect(answer.answer?.finishReason == .cancelled)
        #expect(answer.text.split(whereSeparator: \.isWhitespace).starts(with: words.dropLast(2)))
    }

    @Test func terminationWhileAnsweringKeepsWhatCame() throws {
        let chat = try ChatFixture()
        try chat.startLanguageModel()
        try chat.askForALongAnswer()
        let words = ChatFixture.answerWords(try chat.terminal.screen())
        kill(try chat.terminal.chatProcess, SIGTERM)
        let end = try chat.terminal.finishChat()
        #expect(!end.screen.contains("▐"))
        #expect(try chat.terminal.property("alternate_on") == "0")
        let (file, session) = try chat.session()
        let answer = try #require(session.messages.last)
        #expect(answer.answer?.finishReason == .cancelled)
        #expect(answer.text.split(whereSeparator: \.isWhitespace).starts(with: words.dropLast()))
        #expect(!FileManager.default.fileExists(atPath: file.deletingPathExtension().path + ".journal"))
    }

    @Test func aKilledProgramHasKeptWhatItShowed() throws {
        let chat = try ChatFixture()
        try chat.startLanguageModel()
        try chat.askForALongAnswer()
        let words = ChatFixture.answerWords(try chat.terminal.screen())
        kill(try chat.terminal.chatProcess, SIGKILL)
        _ = try chat.terminal.finishChat()
        let before = try chat.session()
        #expect(before.session.messages.map(\.role) == [.user])
        let name = before.file.deletingPathExtension().lastPathComponent
        // Nobody has put the terminal back, so Enter is no line end.
        try chat.terminal.type("stty sane; tput rmcup; clear; echo cleared")
        try chat.terminal.press("C-j")
        try chat.terminal.wait(for: "a clear screen") { $0.hasPrefix("cleared\n") }
        try chat.startLanguageModel("--session \(name)")
        try chat.terminal.wait(for: "⏹ interrupted: the program ended")
        let answer = try #require(try chat.session().session.messages.last)
        #expect(answer.answer?.wasInterrupted == true)
        #expect(answer.text.split(whereSeparator: \.isWhitespace).starts(with: words.dropLast()))
    }

    @Test func theScreenMayChangeItsSizeWhileAnswering() throws {
        let chat = try ChatFixture()
        try chat.startLanguageModel()
        try chat.askForALongAnswer()
        for (columns, rows) in [(40, 12), (100, 30), (20, 5), (1, 1), (80, 24)] {
            try chat.terminal.resize(columns: columns, rows: rows)
        }
        try chat.terminal.wait(for: "the answer at the old size") {
            ChatFixture.answerWords($0).count > 20 && $0.contains("Alt-Enter new line")
        }
        try chat.terminal.resize(columns: 40, rows: 12)
        let small = try chat.terminal.wait(for: "a compact screen") {
            $0.split(separator: "\n").allSatisfy { $0.count <= 40 } && $0.contains("Esc stops\n")
        }
        #expect(!small.contains("Alt-Enter"))
        try chat.terminal.press("Escape")
        try chat.terminal.wait(for: "⏹ stopped")
    }
}
