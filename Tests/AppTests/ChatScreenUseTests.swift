import Chat
import Foundation
import TestSupport
import Testing

/// The chat in a terminal, where it does not matter what the model says.
@Suite(.serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"))
struct ChatScreenUseTests {
    @Test(.enabled(if: TestSupport.sharedImage("dog2.jpg") != nil, "../shared/images/dog2.jpg is not there"))
    func aRealPictureStandsAtItsPlace() throws {
        let picture = try #require(TestSupport.sharedImage("dog2.jpg"))
        try expectPicture(picture, named: "dog2.jpg")
    }

    @Test func aPictureStandsAtItsPlace() throws {
        try expectPicture(TestSupport.fixture("MediaTests", "quadrants.png"), named: "quadrants.png")
    }

    @Test func whatLibrariesSayGoesToTheLogFile() throws {
        let chat = try ChatFixture()
        let whole = try Data(contentsOf: TestSupport.fixture("MediaTests", "steps.mp4"))
        try chat.runner.file("broken.mp4", whole.prefix(whole.count / 2))
        try chat.startTiny()
        // Standard error is not the terminal.
        let log = chat.runner.folder.appendingPathComponent("state/emuchat/emuchat.log")
        let process = try chat.terminal.chatProcess
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/2")
        #expect(URL(fileURLWithPath: target).resolvingSymlinksInPath() == log.resolvingSymlinksInPath())
        let errors = try #require(FileHandle(forWritingAtPath: "/proc/\(process)/fd/2"))
        try errors.write(contentsOf: Data("a library's own words\n".utf8))
        try chat.terminal.submit("/video broken.mp4")
        let screen = try chat.terminal.wait(for: "⚠ /video broken.mp4")
        let text = try String(contentsOf: log, encoding: .utf8)
        #expect(text.contains("a library's own words\n"))
        let told = text.split(separator: "\n").filter { $0.contains(" FFmpeg: ") }
        #expect(!told.isEmpty && told.allSatisfy { $0.contains(/^\d{4}-\d\d-\d\dT/) }, "\(text)")
        #expect(!screen.contains("FFmpeg") && !screen.contains("own words"))
    }

    @Test(.enabled(if: directTerminfo, "terminfo has no entry tmux-direct"))
    func coloursAreWhatTheThemeSaysWhereTheTerminalShowsThem() throws {
        for (setting, isDirect) in [
            ("COLORTERM=truecolor", true), ("COLORTERM=", false), ("COLORTERM=truecolor NO_COLOR=1", false),
        ] {
            let chat = try ChatFixture()
            try chat.terminal.startChat("--model '\(ProgramRunner.tinyModel)' --theme dark", setting: setting)
            try chat.terminal.wait(for: "it cannot see pictures")
            #expect(try chat.terminal.colouredScreen().contains(/\u{1B}\[[0-9;]*38;2;/) == isDirect, "\(setting)")
        }
    }

    private static let directTerminfo = ["/usr/share/terminfo", "/lib/terminfo", "/etc/terminfo"].contains {
        FileManager.default.fileExists(atPath: $0 + "/t/tmux-direct")
    }

    /// Something has been drawn between the bars.
    private static var drawnPreview: Regex<Substring> { /▌ ┊[^┊\n]*[^┊\n ][^┊\n]*┊/ }

    private func expectPicture(_ picture: URL, named name: String) throws {
        let chat = try ChatFixture()
        try chat.startTiny("--session pets")
        try chat.terminal.type("What breed is /image '\(picture.path)'")
        try chat.terminal.press("Enter")
        let attached = try chat.terminal.wait(for: "the model cannot see it")
        #expect(attached.contains("› What breed is [Image #1]"))
        #expect(attached.contains("[Image #1] \(name)"))
        try chat.terminal.submit("and is it old?")
        let answered = try chat.terminal.wait(for: "answer and preview") {
            $0.contains("did not see [Image #1]") && $0.contains("Ctrl-D leaves") && $0.contains(Self.drawnPreview)
        }
        try expectPicture(named: name, on: answered)
        try chat.terminal.press("C-d")
        #expect(try chat.terminal.finishChat().status == 0)

        // The original may go: the conversation has its own copy.
        let (_, session) = try chat.session()
        let parts = try #require(session.messages.first { $0.role == .user }).parts.map(\.content)
        guard case .text("What breed is ") = parts[0], case .image(let image) = parts[1], parts.count == 3 else {
            Issue.record("\(parts)")
            return
        }
        #expect(image.name == name)
        let copy = chat.runner.folder.appendingPathComponent("data/emuchat/sessions/" + image.file.relativePath)
        #expect(try Data(contentsOf: copy) == Data(contentsOf: picture))

        try chat.startTiny("--session pets", waitingFor: "did not see")
        let again = try chat.terminal.wait(for: "the picture") {
            $0.contains(Self.drawnPreview) && $0.contains("cannot see it")
        }
        try expectPicture(named: name, on: again)
        #expect(again.contains("did not see [Image #1]"))
    }

    /// Words, preview with its caption, words: one below the other.
    private func expectPicture(named name: String, on screen: String) throws {
        let lines = screen.split(separator: "\n").map(String.init)
        let before = try #require(lines.firstIndex { $0.contains("▌ What breed is [Image #1]") })
        let first = try #require(lines.firstIndex { $0.hasPrefix("▌ ┊") })
        let last = try #require(lines.lastIndex { $0.hasPrefix("▌ ┊") })
        let after = try #require(lines.firstIndex { $0.contains("▌ and is it old?") })
        #expect(before + 1 == first && last + 1 == after && last - first >= 2)
        #expect(lines[first].contains("\(name) · "))
    }

    @Test func aWrongPathIsToldAtOnceAndTheDraftKept() throws {
        let chat = try ChatFixture()
        try chat.startTiny()
        try chat.terminal.submit("Look at /image nowhere.png")
        let told = try chat.terminal.wait(for: "⚠ /image nowhere.png: no such file")
        #expect(told.contains("› Look at /image nowhere.png"))
        try chat.terminal.press("C-u")
        try chat.terminal.submit("/imgae x")
        let unknown = try chat.terminal.wait(for: "Did you mean /image?")
        #expect(unknown.contains("› /imgae x") && !unknown.contains("nowhere.png:"))
    }

    @Test func controlCAsksAndControlDLeaves() throws {
        let chat = try ChatFixture()
        try chat.startTiny()
        try chat.terminal.press("C-c")
        try chat.terminal.wait(for: "Ctrl-C again leaves")
        try chat.terminal.type("x")
        try chat.terminal.wait(for: "the question gone") { !$0.contains("again leaves") && $0.contains("› x") }
        // With a draft Ctrl-D deletes, so that nobody leaves by accident.
        try chat.terminal.press("C-a", "C-d")
        try chat.terminal.wait(for: "an empty editor") { !$0.contains("› x") }
        try chat.terminal.press("C-c", "C-c")
        let end = try chat.terminal.finishChat()
        #expect(end.status == 0 && !end.screen.contains("saved"))
        // Nothing was said, so nothing is kept.
        let folder = chat.runner.folder.appendingPathComponent("data/emuchat/sessions").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        #expect(names.filter { $0.hasSuffix(".json") }.isEmpty)
    }

    @Test func theJobStopsAndContinues() throws {
        let chat = try ChatFixture()
        try chat.startTiny()
        try chat.terminal.type("half a draft")
        try chat.terminal.wait(for: "› half a draft")
        try chat.terminal.press("C-z")
        try chat.terminal.wait(for: "the shell") { $0.contains("Stopped") || $0.contains("Suspended") }
        #expect(try chat.terminal.property("alternate_on") == "0")
        try chat.terminal.submit("echo here; stty -a | grep -c -e '-icanon'")
        try chat.terminal.wait(for: "here\n0")
        try chat.terminal.submit("clear; fg; echo \"status $?.\"")
        try chat.terminal.wait(for: "› half a draft")
        try chat.terminal.type(" goes on")
        try chat.terminal.wait(for: "› half a draft goes on")
        try chat.terminal.press("C-c", "C-c")
        #expect(try chat.terminal.finishChat().status == 0)
    }

    @Test(arguments: [SIGSEGV, SIGABRT])
    func aCrashRestoresTheTerminalAndNamesTheLog(number: Int32) throws {
        let chat = try ChatFixture()
        try chat.terminal.submit("stty -a >before")
        try chat.startTiny()
        kill(try chat.terminal.chatProcess, number)
        let end = try chat.terminal.finishChat()
        #expect(end.status == 128 + Int(number))
        #expect(
            end.screen.contains("emuchat has crashed. The log is ") && end.screen.contains("state/emuchat/emuchat.log"))
        #expect(try chat.terminal.property("alternate_on") == "0")
        #expect(try chat.terminal.property("cursor_flag") == "1")
        try chat.terminal.submit("stty -a >after; echo done")
        try chat.terminal.wait(for: "done\n")
        #expect(
            try String(contentsOf: chat.runner.folder.appendingPathComponent("before"), encoding: .utf8)
                == String(contentsOf: chat.runner.folder.appendingPathComponent("after"), encoding: .utf8))
    }

    @Test func aPasteStaysOneDraft() throws {
        let chat = try ChatFixture()
        try chat.startTiny()
        try chat.terminal.paste("two\nlines \u{1B}[31m/help 漢字 👩‍🚀")
        let draft = try chat.terminal.wait(for: "漢字")
        #expect(draft.contains("› two\n  lines"))
        #expect(!draft.contains("▌ you"))
        try chat.terminal.press("Enter")
        try chat.terminal.wait(for: "▌ two\n▌ lines")
    }

    @Test func aSmallScreenShowsWhatMatters() throws {
        let chat = try ChatFixture(columns: 40, rows: 12)
        try chat.terminal.startChat("--model '\(ProgramRunner.tinyModel)' --max-tokens 8 --seed 1")
        let start = try chat.terminal.wait(for: "a screen") { $0.contains("emuchat 0") && $0.contains("Ctrl-D leaves") }
        #expect(start.split(separator: "\n").allSatisfy { $0.count <= 40 })
        try chat.terminal.submit("hello")
        try chat.terminal.wait(for: "▌ hello")
        try chat.terminal.resize(columns: 80, rows: 24)
        try chat.terminal.wait(for: "F1 help")
    }

    @Test func withoutColourThereIsNone() throws {
        let chat = try ChatFixture(environment: ["NO_COLOR": "1"])
        try chat.startTiny()
        #expect(try !chat.terminal.hasColour())
        let colourful = try ChatFixture()
        try colourful.startTiny()
        #expect(try colourful.terminal.hasColour())
    }

    @Test(arguments: [("TERM=dumb", "TERM"), ("TERM=nowhere", "nowhere")])
    func aTerminalThatCannotIsToldInOneLine(_ setting: String, _ word: String) throws {
        let chat = try ChatFixture(columns: 300)
        try chat.terminal.startChat("--model '\(ProgramRunner.tinyModel)'", setting: setting)
        let end = try chat.terminal.finishChat()
        #expect(end.status == 1)
        let lines = end.screen.split(separator: "\n").filter { !$0.hasPrefix("status") && !$0.hasPrefix("ready>") }
        #expect(lines.count == 1 && lines[0].contains(word), "\(lines)")
    }

    @Test func aReplayPlaysOnTheScreen() throws {
        let chat = try ChatFixture()
        _ = try StoredConversation(in: chat.runner.folder.appendingPathComponent("sessions"), tokenGap: 50)
        try chat.terminal.startChat("replay --speed 1 sessions/emus")
        let end = try chat.terminal.wait(for: "▐ Quite sure.")
        #expect(end.contains("▌ What colours has [Image #1]?") && end.contains("did not see [Image #1]"))
        #expect(end.contains("⏹ stopped") && end.contains("space pause") && end.contains("four colours.png"))
        try chat.terminal.press("q")
        #expect(try chat.terminal.finishChat().status == 0)
    }

    @Test func aReplayIsPausedSoughtAndTakenToAnotherBranch() throws {
        let chat = try ChatFixture()
        let folder = chat.runner.folder.appendingPathComponent("sessions")
        let stored = try StoredConversation(in: folder, tokenGap: 400)
        do {
            let writer = try stored.store.open("emus")
            var session = writer.session
            session.show(leaf: 3)
            session.append(role: .user, parts: [.text("Or blue?")], at: session.updated)
            try writer.save(session)
        }
        try chat.terminal.startChat("replay sessions/emus --speed 20")
        // To the end, by its own time; the branch that was written last is played.
        let end = try chat.terminal.wait(for: "▌ Or blue?")
        #expect(end.contains("branch 2/2 · n next, p previous") && end.contains("20.0×") && end.contains("2/2"))
        try chat.terminal.press("n")
        let other = try chat.terminal.wait(for: "▐ Quite sure.")
        #expect(other.contains("branch 1/2") && !other.contains("Or blue?"))
        // The turn before begins anew; a pause keeps what has come by then.
        try chat.terminal.press("-", "-", "-", "-", "-", "-", "-", "Left", "Space")
        let paused = try chat.terminal.wait(for: "space play")
        #expect(paused.contains("⏸ 0.2×") && paused.contains("▌ What colours has") && !paused.contains("Sure?"))
        try chat.terminal.press("Right")
        #expect(try chat.terminal.wait(for: "▌ Sure?").contains("⏹ stopped"))
        try chat.terminal.press("q")
        #expect(try chat.terminal.finishChat().status == 0)
    }

    @Test func aModelThatCannotBeReadIsToldOnTheScreen() throws {
        let chat = try ChatFixture()
        try chat.runner.file(
            "cut.gguf", Data(contentsOf: URL(fileURLWithPath: ProgramRunner.tinyModel)).prefix(110_000))
        try chat.terminal.startChat("--model cut.gguf")
        try chat.terminal.wait(for: "⚠ cut.gguf: ends too early")
        try chat.terminal.submit("hello?")
        try chat.terminal.wait(for: "› hello?")
        try chat.terminal.press("C-c", "C-c")
        #expect(try chat.terminal.finishChat().status == 0)
    }
}
