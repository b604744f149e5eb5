import Chat
import Foundation
import Generation
import TestSupport
import Testing

/// Pictures in the midst of answers in the chat: the whole program in a terminal, with the small Emu2-Gen made to open some.
@Suite(
    .serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"),
    .enabled(if: OpeningPipeline.gen != nil, "../shared/golden/emu2-tiny/gen is missing"))
struct InterleavedChatTests {
    private static let question = "A red fox in the snow."

    private func model(_ runner: ProgramRunner) throws -> String {
        let gen = try #require(OpeningPipeline.gen).path
        let plain = try runner.emuchat(
            "ask", "--model", gen, "--temperature", "0", "--max-tokens", "5", "--json", Self.question)
        let json = try #require(try JSONSerialization.jsonObject(with: plain.output) as? [String: Any])
        let token = try #require((json["tokens"] as? [Int])?.last)
        return try OpeningPipeline(in: runner.folder, named: "opening", inPlaceOf: token).path
    }

    private func start(size: Int = 128, steps: Int = 4) throws -> ChatFixture {
        let chat = try ChatFixture(columns: 80, rows: 40)
        try chat.terminal.startChat("--model '\(try model(chat.runner))' --temperature 0 --max-tokens 8")
        try chat.terminal.wait(for: "text and pictures")
        for option in ["interleaved 1", "picture-size \(size)", "picture-steps \(steps)", "seed 7"] {
            try chat.terminal.submit("/set \(option)")
            let name = option.prefix { $0 != " " }
            try chat.terminal.wait(for: "\(name) is now")
        }
        return chat
    }

    private func leave(_ chat: ChatFixture) throws {
        try chat.terminal.submit("/quit")
        #expect(try chat.terminal.finishChat().status == 0)
    }

    @Test func aPictureStandsAmongTheWordsAndStaysThere() throws {
        let chat = try start()
        try chat.terminal.submit(Self.question)
        try chat.terminal.wait(for: "drawing-7.png · 128×128 · 4 steps")
        try chat.terminal.wait(for: "cut short by the token limit")
        try chat.terminal.submit("And a bear?")
        try chat.terminal.wait(for: /(?s)cut short.*And a bear.*cut short/)
        try leave(chat)

        let (file, session) = try chat.session()
        let messages = session.activeBranch
        #expect(messages.map(\.role) == [.user, .assistant, .user, .assistant])
        let parts = messages[1].parts
        let picture = try #require(messages[1].predictedPictures.first)
        #expect(parts.count == 3 && parts[1].predicted == picture && picture.isWhole && picture.seed == 7)
        #expect(messages[1].answer?.tokenIDs[picture.token] == Int32(OpeningPipeline.opening))
        let stored = try #require(picture.image)
        let folder = file.deletingLastPathComponent()
        #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent(stored.file.relativePath).path))
        // The next question went on with the very context that the picture stands in.
        let (first, second) = (try #require(messages[1].answer), try #require(messages[3].answer))
        #expect(second.reusedTokens == first.promptTokens + first.tokenIDs.count - 1 + 4 + 1)

        let name = file.deletingPathExtension().lastPathComponent
        let verified = try chat.runner.emuchat("replay", "--verify", name, "--sessions", folder.path)
        #expect(verified.status == 0, "\(verified.text)\(verified.errorText)")
        let replayed = try chat.runner.emuchat("replay", name, "--plain", "--speed", "100", "--sessions", folder.path)
        #expect(
            replayed.text.contains(/\nimage 1: drawing-7.png, 128 by 128, 4 steps\n/), "\(replayed.text)")

        // A picture that was drawn in another way is found out.
        var changed = messages[1]
        changed.answer?.options.pictures.guidance = 9
        var differing = Session(created: session.created)
        for message in messages { differing.append(message.id == changed.id ? changed : message) }
        try Data(differing.json.prettyBytes).write(to: folder.appendingPathComponent("other.json"))
        let result = try chat.runner.emuchat("replay", "--verify", "other", "--sessions", folder.path)
        #expect(result.status == 1)
        #expect(result.text.contains(/message 2, picture 1: \d+ of 49152 values are others/), "\(result.text)")
    }

    @Test func whatIsKilledWhileItDrawsKeepsItsWords() throws {
        let chat = try start(size: 512, steps: 400)
        try chat.terminal.submit(Self.question)
        try chat.terminal.wait(for: /· step [0-9]+ of 400/)
        kill(try chat.terminal.chatProcess, SIGKILL)
        let (file, _) = try chat.session()
        let name = file.deletingPathExtension().lastPathComponent
        let folder = file.deletingLastPathComponent().path
        let shown = try chat.runner.emuchat("sessions", "export", name, "--to", "markdown", "--sessions", folder)
        #expect(
            shown.text.contains("[a picture that could not be drawn: not drawn yet]"),
            "\(shown.text)\(shown.errorText)")
        // It stands between words, which are all there.
        let again = try ChatFixture(columns: 80, rows: 40)
        try again.terminal.startChat("--model '\(try model(again.runner))' --session '\(file.path)'")
        try again.terminal.wait(
            for: /▐ [^\n]+\n▐ \[a picture that could not be drawn: the program[^\n]*\n(▐ [^\n]*\n)+/)
        try again.terminal.wait(for: "interrupted")
        try leave(again)
    }

    @Test func stoppedWhileItDrawsTheLastPreviewStays() throws {
        let chat = try start(size: 512, steps: 400)
        try chat.terminal.submit(Self.question)
        try chat.terminal.wait(for: /· step [0-9]+ of 400/)
        try chat.terminal.press("Escape")
        try chat.terminal.wait(for: "⏹ stopped")
        try chat.terminal.wait(for: "unfinished")
        try leave(chat)
        let (_, session) = try chat.session()
        let picture = try #require(session.activeBranch.last?.predictedPictures.first)
        #expect(picture.problem == PictureEvent.stopped && picture.image?.width == 64 && picture.context != nil)
    }
}
