import Foundation
import TestSupport
import Testing

/// `emuchat replay` where there is no terminal.
@Suite(.serialized) struct ReplayTests {
    private let runner: ProgramRunner

    init() throws { runner = try ProgramRunner() }

    private static let lines = """
        system:
        Be brief.
        you:
        What colours has 
        image 1: four colours.png, 40 by 30
        ?
        emuchat:
        did not see [Image #1]
        Red, green
        and so on
        (stopped)
        you:
        Sure?
        emuchat:
        Quite sure.

        """

    @Test func everyEventIsALineInOrder() throws {
        let conversation = try StoredConversation(in: runner.folder.appendingPathComponent("sessions"))
        // By name, by path with and without its ending, and without a model anywhere.
        for arguments in [
            ["--sessions", "sessions", "emus"], ["--plain", "--sessions", "sessions", "emus"], ["sessions/emus"],
            [conversation.path],
        ] {
            let result = try runner.start(
                "emuchat", ["replay", "--speed", "100"] + arguments, environment: ["XDG_CACHE_HOME": "/nowhere"]
            ).finish()
            #expect(result.text == Self.lines)
            #expect(result.status == 0 && result.errorText == "")
        }
    }

    @Test func theTimingIsTheRecordedOne() throws {
        // Four gaps of 50 s: at a 25th of that in eight seconds, never earlier; a pause of the machine is shorter.
        _ = try StoredConversation(in: runner.folder.appendingPathComponent("slow"), tokenGap: 50_000)
        let began = ContinuousClock.now
        let program = try runner.start("emuchat", ["replay", "--speed", "25", "slow/emus"])
        try program.waitForOutput()
        try Patience.wait(for: "the first words") { String(decoding: program.output, as: UTF8.self).contains("Red") }
        #expect(!String(decoding: program.output, as: UTF8.self).contains("and so on"))
        #expect(try program.finish().text == Self.lines)
        #expect(ContinuousClock.now - began >= .seconds(8))
    }

    @Test func nothingIsWrittenToTheSession() throws {
        let conversation = try StoredConversation(in: runner.folder.appendingPathComponent("sessions"))
        let folder = runner.folder.appendingPathComponent("sessions").path
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: conversation.path))
        _ = try runner.emuchat("replay", "--speed", "100", "sessions/emus")
        #expect(try Data(contentsOf: URL(fileURLWithPath: conversation.path)) == bytes)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == names)
    }

    @Test func whatCannotBePlayedIsToldInOneLine() throws {
        _ = try StoredConversation(in: runner.folder.appendingPathComponent("sessions"))
        try runner.file("sessions/damaged.json", #"{"format": "emuchat-session", "version": 1, "created": 7}"#)
        try runner.file("sessions/later.json", #"{"format": "emuchat-session", "version": 99}"#)
        for (name, words) in [
            ("emu", ["emu", "Did you mean emus?"]), ("damaged", ["damaged.json", "created"]),
            ("later", ["later.json", "version"]), (".hidden", [".hidden", "name"]),
        ] {
            let result = try runner.emuchat("replay", "--sessions", "sessions", name)
            #expect(result.status == 1 && result.output.isEmpty && result.errorLines.count == 1, "\(result.errorText)")
            for word in words { #expect(result.errorText.contains(word), "\(result.errorText)") }
        }
        for arguments in [["replay"], ["replay", "--speed", "0", "emus"], ["replay", "--speed", "nan", "emus"]] {
            #expect(try runner.start("emuchat", arguments).finish().status == 2)
        }
    }

    @Test func anInterruptEndsIt() throws {
        _ = try StoredConversation(in: runner.folder.appendingPathComponent("sessions"), tokenGap: 1_000_000)
        let program = try runner.start("emuchat", ["replay", "sessions/emus"])
        try program.waitForOutput()
        program.send(SIGINT)
        #expect(try program.finish().status == 130)
    }
}

/// A second instance on a session that the first one writes.
@Suite(.serialized, .enabled(if: TerminalSession.tmux != nil, "tmux is not installed"))
struct FollowedSessionTests {
    @Test func itIsShownWithoutBeingChangedAndGrows() throws {
        let chat = try ChatFixture()
        try chat.startTiny("--session shared")
        try chat.terminal.submit("First question")
        try chat.terminal.wait(for: "the first answer") { $0.contains("tok/s") && $0.contains("First question") }
        let second = try TerminalSession(chat.runner, columns: 100, rows: 30)
        try second.startChat("--session shared")
        let opened = try second.wait(for: "read only: another emuchat (process ")
        #expect(opened.contains("First question") && opened.contains("q leave"))
        // What is typed there changes nothing; what happens in the first one is shown.
        try second.submit("Second")
        try chat.terminal.submit("Another question")
        try second.wait(for: "Another question")
        #expect(try !second.screen().contains("Second"))
        try chat.terminal.press("C-d")
        _ = try chat.terminal.finishChat()
        try second.wait(for: "the other emuchat has ended")
        try second.type("q")
        #expect(try second.finishChat().status == 0)
    }
}
