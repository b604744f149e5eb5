import Chat
import Foundation
import Media
import TestSupport
import Testing

private let tinyGen = TestSupport.shared?.appendingPathComponent("golden/emu2-tiny/gen")

/// Drawing in the chat: the whole program in a terminal, with the small Emu2-Gen of the recorded results.
@Suite(
    .serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"),
    .enabled(if: tinyGen != nil, "../shared/golden/emu2-tiny/gen is missing"))
struct ChatDrawTests {
    private func start(_ arguments: String = "", waitingFor text: String = "text and pictures") throws -> ChatFixture {
        let chat = try ChatFixture(columns: 80, rows: 40)
        let model = try #require(tinyGen).path
        try chat.terminal.startChat("--model '\(model)' \(arguments)")
        try chat.terminal.wait(for: text)
        return chat
    }

    private func leave(_ chat: ChatFixture) throws {
        try chat.terminal.submit("/quit")
        #expect(try chat.terminal.finishChat().status == 0)
    }

    private func pictures(_ message: Message?) -> [StoredImage] {
        (message?.parts ?? []).compactMap { if case .image(let image) = $0.content { image } else { nil } }
    }

    @Test func aPromptBecomesAPictureAndThatAnother() throws {
        let chat = try start()
        try chat.terminal.submit("/draw --size 128 --steps 40 --seed 7 a red cat")
        // The bar, and the picture while it sharpens.
        try chat.terminal.wait(for: /drawing ▕[^▏]*▏ [0-9]+\/40/)
        try chat.terminal.wait(for: /drawing-7.png · 128×128 · step [0-9]+/)
        try chat.terminal.wait(for: "drawing-7.png · 128×128 · 40 steps")
        try chat.terminal.submit("/draw --size 64x128 --steps 2 --seed 8 [Image #1] wearing a hat")
        let screen = try chat.terminal.wait(for: "drawing-8.png · 64×128 · 2 steps")
        #expect(screen.contains("▌ wearing a hat"))
        try leave(chat)

        let (file, session) = try chat.session()
        let messages = session.activeBranch
        #expect(messages.map(\.role) == [.user, .assistant, .user, .assistant])
        #expect(messages[0].text == "a red cat" && messages[1].answer?.seed == 7)
        #expect(messages[1].answer?.drawing == Answer.Drawing(width: 128, height: 128, steps: 40, guidance: 3))
        let first = try #require(pictures(messages[1]).first)
        #expect(pictures(messages[2]) == [first])
        // The picture tells how it was drawn.
        let folder = file.deletingLastPathComponent()
        let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(first.file.relativePath)))
        #expect(try StillDecoder().load(bytes: bytes, name: "a").pixels.width == 128)
        #expect(String(decoding: bytes, as: UTF8.self).contains("prompt\0a red cat"))

        let name = file.deletingPathExtension().lastPathComponent
        let verified = try chat.runner.emuchat("replay", "--verify", name, "--sessions", folder.path)
        #expect(
            verified.status == 0 && verified.text == "2 of 2 answers agree.\n", "\(verified.text)\(verified.errorText)")
        let replayed = try chat.runner.emuchat("replay", name, "--plain", "--speed", "100", "--sessions", folder.path)
        let lines = replayed.text.split(separator: "\n")
        #expect(
            lines.count { $0.hasPrefix("image ") } == 3 && lines.count { $0 == "emuchat:" } == 2, "\(replayed.text)")

        // A picture that is another one is found out.
        var changed = messages[1]
        changed.answer?.seed = 9
        var other = Session(created: session.created)
        for message in messages { other.append(message.id == changed.id ? changed : message) }
        try Data(other.json.prettyBytes).write(to: folder.appendingPathComponent("other.json"))
        let differing = try chat.runner.emuchat("replay", "--verify", "other", "--sessions", folder.path)
        #expect(differing.status == 1)
        #expect(
            differing.text.contains(/turn 1, message 2, picture 1: \d+ of 49152 values are others/), "\(differing.text)"
        )
    }

    /// The chat's boxes are those of `emuchat draw`.
    @Test func thingsStandInBoxes() throws {
        let chat = try start()
        let picture = try #require(TestSupport.sharedImage("dog2.jpg"))
        try chat.terminal.submit("/image '\(picture.path)'")
        try chat.terminal.wait(for: "dog2.jpg · 498×501")
        try chat.terminal.press("C-a")
        try chat.terminal.type("/draw --size 64 --steps 2 --seed 3 ")
        try chat.terminal.press("C-e")
        try chat.terminal.submit("beside a hat")
        try chat.terminal.wait(for: "drawing-3.png · 64×64 · 2 steps")
        try chat.terminal.submit("/box the dog [Image #1] 40 60 200 300")
        try chat.terminal.wait(for: "the next /draw: the dog")
        try chat.terminal.submit("/draw --size 64 --steps 2 --seed 3 a hat")
        try chat.terminal.wait(for: "▢ the dog [Image #1] in 40 60 200 300")
        try chat.terminal.wait(for: /\[Image #3\]\n▐ ┊.*drawing-3.png · 64×64 · 2 steps/)
        try leave(chat)
        let (file, session) = try chat.session()
        let folder = file.deletingLastPathComponent()
        let model = try #require(tinyGen).path
        let drawn = try ["a", "b"].map { name in
            let box = name == "a" ? [] : ["--box", "the dog [Image #1] 40 60 200 300"]
            let words = name == "a" ? "[Image #1] beside a hat" : "a hat"
            let options = [
                "draw", "--model", model, "--size", "64", "--steps", "2", "--seed", "3", "--image", picture.path,
            ]
            let result = try chat.runner.start("emuchat", options + box + ["-o", name, words]).finish()
            #expect(result.status == 0, "\(result.errorText)")
            let bytes = [UInt8](try Data(contentsOf: chat.runner.folder.appendingPathComponent(name)))
            return try StillDecoder().load(bytes: bytes, name: name).pixels
        }
        let kept = try session.activeBranch.flatMap { $0.role == .assistant ? pictures($0) : [] }.map { image in
            let bytes = try Data(contentsOf: folder.appendingPathComponent(image.file.relativePath))
            return try StillDecoder().load(bytes: [UInt8](bytes), name: "kept").pixels
        }
        #expect(kept.count == 2 && kept == drawn && kept[0] != kept[1])
        let name = file.deletingPathExtension().lastPathComponent
        let verified = try chat.runner.emuchat("replay", "--verify", name, "--sessions", folder.path)
        #expect(verified.text == "2 of 2 answers agree.\n", "\(verified.text)\(verified.errorText)")
    }

    @Test func whatWasStoppedStays() throws {
        let chat = try start()
        try chat.terminal.submit("/draw --size 512 --steps 400 --seed 7 a red cat")
        try chat.terminal.wait(for: /· step [0-9]+/)
        try chat.terminal.press("Escape")
        try chat.terminal.wait(for: "⏹ stopped")
        try leave(chat)
        let (file, session) = try chat.session()
        let answer = try #require(session.activeBranch.last)
        #expect(answer.answer?.finishReason == .cancelled && answer.answer?.drawing?.endsInPreview == true)
        #expect(pictures(answer).map(\.width) == [64])
        // It can be looked at again, and there is nothing to draw again.
        let name = file.deletingPathExtension().lastPathComponent
        let again = try start(
            "--session \(name) --sessions '\(file.deletingLastPathComponent().path)'", waitingFor: "a red cat")
        try again.terminal.wait(for: "unfinished")
        try leave(again)
        let verified = try chat.runner.emuchat(
            "replay", "--verify", name, "--sessions", file.deletingLastPathComponent().path)
        #expect(verified.status == 0 && verified.text == "0 of 0 answers agree.\n", "\(verified.text)")
    }

    @Test func killedWhileDrawingItSaysSo() throws {
        let chat = try start()
        try chat.terminal.submit("/draw --size 512 --steps 400 a red cat")
        try chat.terminal.wait(for: /· step [0-9]+/)
        kill(try chat.terminal.chatProcess, SIGKILL)
        let (file, _) = try chat.session()
        let name = file.deletingPathExtension().lastPathComponent
        let again = try start(
            "--session \(name) --sessions '\(file.deletingLastPathComponent().path)'", waitingFor: "you · /draw")
        try again.terminal.wait(for: "⏹ interrupted: the program ended")
        try leave(again)
    }
}
