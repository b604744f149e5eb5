import Chat
import Foundation
import TestSupport
import Testing

/// `emuchat sessions`, as scripts use it.
@Suite struct SessionsCommandTests {
    private let runner: ProgramRunner
    private var folder: URL { runner.folder.appendingPathComponent("sessions") }

    init() throws {
        runner = try ProgramRunner()
        _ = try StoredConversation(in: runner.folder.appendingPathComponent("sessions"))
    }

    private func sessions(_ arguments: String...) throws -> ProgramResult {
        try runner.start("emuchat", ["sessions"] + arguments + ["--sessions", "sessions"]).finish()
    }

    @Test func sessionsAreSearchedWithTheirContext() throws {
        let found = try sessions("search", "green", "QUITE")
        #expect(found.status == 0 && found.errorText == "")
        #expect(found.text.contains("emus\t") && found.text.contains("  emuchat, message 5: Quite sure.\n"))
        #expect(!found.text.contains("\u{1B}"))
        struct Row: Decodable {
            struct Match: Decodable { let message: Int, role: String, excerpt: String, marks: [[Int]] }
            let name: String, title: String, updated: String, rank: Double, matches: [Match], matchingMessages: Int
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let rows = try decoder.decode([Row].self, from: sessions("search", "--json", "quite").output)
        #expect(rows.map(\.name) == ["emus"] && rows[0].matches.map(\.marks) == [[[0, 5]]])
        let missing = try sessions("search", "cassowary")
        #expect(missing.status == 1 && missing.text == "" && missing.errorLines == ["emuchat: nothing found."])
        #expect(try sessions("search", "--json", "cassowary").text == "[]\n")
        #expect(try sessions("search", " ").status == 2 && sessions("search").status == 2)
    }

    @Test(.enabled(if: TerminalSession.tmux != nil, "tmux is not installed"))
    func onATerminalColumnsStandBelowEachOther() throws {
        let store = SessionStore(folder: folder.path)
        var session = Session(created: Timestamp(milliseconds: 1_795_269_720_123))
        session.append(
            role: .user, parts: [.text(String(repeating: "long 犬 ", count: 20))], at: session.created)
        _ = try store.create(named: "a-longer-name", session)
        let terminal = try TerminalSession(runner, columns: 66, rows: 12)
        try terminal.startChat("sessions list --sessions sessions")
        let listed = try terminal.wait(for: "1 turn ")
        #expect(listed.contains("emus           2026-11-21 14:03  2 turns, 1 picture  What colours…"), "\(listed)")
        #expect(listed.contains("a-longer-name  2026-11-21 14:02  1 turn              long"), "\(listed)")
        #expect(listed.split(separator: "\n").count <= 4)
        try terminal.startChat("sessions list --sessions none")
        try terminal.wait(for: "No conversations in none yet.")
        try terminal.startChat("sessions search quite --sessions sessions")
        let found = try terminal.wait(for: "Quite sure.")
        #expect(found.contains("emus  2026-11-21 14:03  What colours") && found.contains("  emuchat, message 5: "))
    }

    @Test func sessionsAreRenamedDeletedAndCleaned() throws {
        #expect(try sessions("rename", "emus", "birds").status == 0)
        #expect(try sessions("rename", "emus", "birds").errorLines.count == 1)
        #expect(try sessions("list").text.hasPrefix("birds\t"))
        let deleted = try sessions("delete", "birds")
        #expect(deleted.status == 0 && deleted.errorText.contains("sessions/trash/birds.json"))
        #expect(try sessions("list").text == "")
        let media = folder.appendingPathComponent("media")
        let picture = try #require(try FileManager.default.contentsOfDirectory(atPath: media.path).first)
        let path = media.appendingPathComponent(picture).path
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: path)
        // The one in the trash still uses it.
        #expect(try sessions("clean").text == "")
        let wouldGo = try sessions("clean", "--trash", "--dry-run")
        #expect(wouldGo.text.contains(picture) && wouldGo.text.contains("birds.json"))
        #expect(wouldGo.errorText.hasPrefix("Would remove 1 conversation and 1 picture"))
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(try sessions("clean", "--trash").errorText.hasPrefix("Removed 1 conversation and 1 picture"))
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func sessionsGoToOtherFormatsAndBack() throws {
        for format in ["markdown", "md", "html", "openai", "llava", "sharegpt", "asciicast", "cast", "asciicast-v2"] {
            let result = try sessions("export", "emus", "--to", format, "-o", "emus.\(format)")
            #expect(result.status == 0, "\(result.errorText)")
        }
        // Standard output and a file are the same.
        let direct = try sessions("export", "emus", "--to", "html").output
        #expect(try direct == Data(contentsOf: runner.folder.appendingPathComponent("emus.html")))
        for format in ["openai", "llava"] {
            let imported = try sessions("import", "emus.\(format)", "--name", "from-\(format)")
            #expect(imported.text == "from-\(format)\n", "\(imported.errorText)")
            let shown = try sessions("show", "from-\(format)")
            #expect(shown.text.contains("40 by 30\n?\nemuchat:\nRed, green\nand so on"), "\(shown.text)")
        }
        // The picture is there once.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/media").count == 1)
        #expect(try sessions("export", "emus", "--to", "pdf").status == 2)
        #expect(try sessions("export", "emus", "--to", "md", "-o", "sessions").status == 1)
    }

    @Test func anImportTakesNothingFromElsewhere() throws {
        try runner.file(
            "in/a.json", #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"PATH"}}]}]}"#)
        let picture = TestSupport.fixture("MediaTests", "quadrants.png")
        try runner.file("secret.png", Data(contentsOf: picture))
        try FileManager.default.createSymbolicLink(
            at: runner.folder.appendingPathComponent("in/link.png"),
            withDestinationURL: runner.folder.appendingPathComponent("secret.png"))
        for (path, words) in [
            ("../secret.png", "lies outside"), ("link.png", "lies outside"), ("/etc/passwd", "lies outside"),
            ("none.png", "no such file"), ("data:image/png;base64,!!", "base64"),
        ] {
            let text =
                #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"\#(path)"}}]}]}"#
            try runner.file("in/a.json", text)
            let result = try sessions("import", "in/a.json")
            #expect(
                result.status == 1 && result.errorLines.count == 1 && result.errorText.contains(words),
                "\(result.errorText)")
            #expect(result.errorText.contains("messages[0].content[0].image_url.url"))
        }
        try runner.file("in/a.json", #"[{"image":"secret.png","conversations":[{"from":"human","value":"<image>"}]}]"#)
        #expect(try sessions("import", "in/a.json", "--images", ".", "--name", "mine").text == "mine\n")
        try runner.file(
            "in/a.json",
            #"[{"image":"https://example.org/a.png","conversations":[{"from":"human","value":"<image>"}]}]"#)
        let remote = try sessions("import", "in/a.json", "--name", "remote")
        #expect(remote.status == 0 && remote.errorText.contains("not fetched"))
    }

    @Test func aBranchIsChosenByAMessage() throws {
        let store = SessionStore(folder: folder.path)
        do {
            let writer = try store.open("emus")
            var session = writer.session
            session.show(leaf: 3)
            session.append(role: .user, parts: [.text("Elsewhere")], at: session.updated)
            try writer.save(session)
        }
        #expect(try sessions("show", "emus").text.contains("Elsewhere"))
        #expect(try !sessions("show", "emus", "--branch", "4").text.contains("Elsewhere"))
        #expect(try sessions("show", "emus", "--branch", "4").text.contains("Quite sure."))
        #expect(try sessions("export", "emus", "--to", "md", "--branch", "5").text.contains("Quite sure."))
        #expect(try sessions("show", "emus", "--branch", "77").errorText.contains("from 1 to 6"))
    }

    @Test func damageIsToldAndTheRestShown() throws {
        let path = folder.appendingPathComponent("emus.json")
        let text = try String(contentsOf: path, encoding: .utf8)
        try text.replacing("\"Sure?\"", with: "\"Sure?").write(to: path, atomically: true, encoding: .utf8)
        let shown = try sessions("show", "emus")
        #expect(shown.status == 0 && shown.text.contains("Quite sure."))
        #expect(
            shown.errorLines.count == 1 && shown.errorText.contains("line ") && shown.errorText.contains("4 messages"))
    }

    @Test func theBenchPrintsItsFigures() throws {
        let result = try runner.bench("sessions", "--messages", "40", "--sessions", "6", "--runs", "2")
        let figures = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Double])
        #expect(figures["messages"] == 40 && figures["sessions"] == 6 && figures["search_common_hits"] == 6)
        for key in ["open_milliseconds", "save_turn_milliseconds", "search_rare_milliseconds", "list_milliseconds"] {
            #expect(figures[key] ?? 0 > 0, "\(key)")
        }
    }
}
