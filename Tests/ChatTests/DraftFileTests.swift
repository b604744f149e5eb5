import Chat
import Foundation
import TestSupport
import Testing

@Suite struct InputHistoryFileTests {
    private let folder: URL
    private let path: String
    private let file: InputHistoryFile

    init() throws {
        folder = try TestSupport.temporaryFolder()
        path = folder.path + "/data/history"
        file = InputHistoryFile(path: path)
    }

    private func remove() { try? FileManager.default.removeItem(at: folder) }

    @Test func entriesComeBackAsTheyWere() throws {
        defer { remove() }
        #expect(try file.entries() == [])
        for text in ["one", "two\nlines", "日本 \"quoted\" \\", "two\nlines", "two\nlines"] { try file.append(text) }
        #expect(try file.entries() == ["one", "two\nlines", "日本 \"quoted\" \\", "two\nlines"])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func theNumberAndLengthAreBounded() throws {
        defer { remove() }
        try FileManager.default.createDirectory(atPath: folder.path + "/data", withIntermediateDirectories: true)
        let lines = (0..<1100).map { "\"\($0)\"\n" }.joined()
        try lines.write(toFile: path, atomically: true, encoding: .utf8)
        try file.append(String(repeating: "x", count: InputHistoryFile.maximumEntryBytes + 1))
        try file.append("")
        try file.append("last")
        let entries = try file.entries()
        #expect(entries.count == 1000 && entries.first == "101" && entries.last == "last")
    }

    @Test func damagedLinesArePassedOver() throws {
        defer { remove() }
        try FileManager.default.createDirectory(atPath: folder.path + "/data", withIntermediateDirectories: true)
        try Data("\"a\"\nnonsense\n{\"b\": 1}\n\"\"\n\"c".utf8 + [0xFF, 0x0A] + Data("\"d\"".utf8))
            .write(to: URL(fileURLWithPath: path))
        #expect(try file.entries() == ["a", "d"])
    }

    @Test func aFailingDiskLeavesTheOldFile() throws {
        defer { remove() }
        try file.append("one")
        var calls = FileCalls.system
        calls.rename = { _, _ in
            errno = ENOSPC
            return -1
        }
        #expect(throws: SessionError.self) { try InputHistoryFile(path: path, calls: calls).append("two") }
        #expect(try file.entries() == ["one"])
    }
}

@Suite struct DraftFileTests {
    private let parts: [DraftPart] = [
        .text("See "), .image(path: "/a b.jpg"), .text(" and\n"), .video(path: "/c.mp4", frames: 3),
    ]

    @Test func aDraftComesBackAsItWas() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = DraftFile(path: folder.path + "/data/draft.json")
        #expect(file.parts() == [])
        try file.save(parts)
        #expect(file.parts() == parts)
        let mode =
            try FileManager.default.attributesOfItem(atPath: folder.path + "/data/draft.json")[.posixPermissions]
            as? Int
        #expect(mode == 0o600)
        try file.save([])
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/data/draft.json"))
    }

    @Test(arguments: [
        "", "{}", "[1, null, {}, {\"text\": 1}, {\"image\": [], \"text\": \"a\"}]",
        "[{\"video\": \"/a\", \"frames\": 99999999999}]", "[{\"video\": \"/a\"}]", "[[[[[[",
    ])
    func whatIsNoDraftIsNothing(text: String) throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path + "/draft.json"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(DraftFile(path: path).parts() == [])
    }
}

@Suite struct DraftPlaceTests {
    @Test func whoRunsAtTheSameTimeHasAPlaceOfTheirOwn() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = folder.path + "/data"
        let first = DraftPlace(folder: data)
        try first.save([.text("one")])
        let second = DraftPlace(folder: data)
        // The first one's is being written, and was not left behind.
        #expect(second.parts() == [])
        try second.save([.text("two")])
        #expect(try FileManager.default.contentsOfDirectory(atPath: data).filter { $0.hasSuffix(".json") }.count == 2)
        #expect(first.parts() == [.text("one")])
        try first.save([])
        second.leave()
    }

    @Test func whatAnyOfThemLeftBehindComesBackOnce() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        do {
            let first = DraftPlace(folder: folder.path)
            let second = DraftPlace(folder: folder.path)
            try second.save([.text("two")])
            first.leave()
            second.leave()
        }
        let next = DraftPlace(folder: folder.path)
        #expect(next.parts() == [.text("two")])
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(files == ["draft.json", "draft.json.lock"])
        let other = DraftPlace(folder: folder.path)
        #expect(other.parts() == [])
    }

    @Test func aFolderThatCannotBeWrittenIsToldWhenSaving() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.path + "/file"
        try "x".write(toFile: file, atomically: true, encoding: .utf8)
        let place = DraftPlace(folder: file)
        #expect(place.parts() == [])
        #expect(throws: SessionError.self) { try place.save([.text("one")]) }
    }
}

@Suite struct RestoringTests {
    @Test func aDeletedSessionComesBack() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = SessionStore(folder: folder.path)
        var session = Session(created: .now())
        session.append(role: .user, parts: [.text("Hello")], at: .now())
        func create() throws { _ = try store.create(named: "talk", session) }
        try create()
        let trashed = try store.delete("talk")
        #expect(try store.names() == [])
        #expect(try store.restore(trashed, as: "talk") == "talk")
        #expect(try store.load("talk").messages == session.messages)
        // Meanwhile there may be another one of its name.
        let again = try store.delete("talk")
        try create()
        #expect(try store.restore(again, as: "talk") == "talk-2")
        #expect(try store.names() == ["talk", "talk-2"])
    }

    @Test func onlyWhatLiesInTheTrashIsRestored() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = SessionStore(folder: folder.path)
        try "x".write(toFile: folder.path + "/elsewhere.json", atomically: true, encoding: .utf8)
        #expect(throws: SessionError.self) { try store.restore(folder.path + "/elsewhere.json", as: "a") }
        #expect(throws: SessionError.self) { try store.restore(folder.path + "/trash/gone.json", as: "a") }
        #expect(throws: SessionError.self) { try store.restore(folder.path + "/trash/a.json", as: "../a") }
    }
}
