import Chat
import Foundation
import Testing

struct ManagingTests {
    let folder: TemporaryFolder
    let store: SessionStore

    init() throws {
        folder = try TemporaryFolder()
        store = SessionStore(folder: folder.path)
    }

    private func interrupted(_ name: String) throws {
        let writer = try store.create(named: name, try Examples.session())
        try writer.beginAnswer(Examples.recording(id: 6, parent: 5))
        for token in Examples.tokens { try writer.append(token) }
    }

    @Test func renamingTakesTheRunningAnswerAlong() throws {
        try interrupted("a")
        try store.rename("a", to: "b")
        #expect(try store.load("b").message(6)?.text == "Zwei Pudel 🐩")
        #expect(try folder.files() == ["b.json", "b.lock"])
        // What is open elsewhere, taken or elsewhere stays.
        let writer = try store.create(named: "c", try Examples.session())
        #expect(throws: SessionError.locked(name: "c", processID: Int(getpid()))) { try store.rename("c", to: "d") }
        #expect(throws: SessionError.alreadyExists(name: "c")) {
            try withExtendedLifetime(writer) {
                do { try store.rename("b", to: "c") } catch SessionError.locked {
                    throw SessionError.alreadyExists(name: "c")
                }
            }
        }
        #expect(throws: SessionError.invalidName("x y")) { try store.rename("b", to: "x y") }
        #expect(throws: SessionError.otherFolder(name: "/tmp/x", folder: store.folder)) {
            try store.rename("b", to: "/tmp/x")
        }
        #expect(try store.names() == ["b", "c"])
    }

    @Test func aWriterGoesOnUnderItsNewName() throws {
        let writer = try store.create(named: "a", try Examples.session())
        try writer.rename(to: "b")
        #expect(writer.name == "b" && writer.path == folder.path + "/b.json")
        #expect(throws: SessionError.locked(name: "b", processID: Int(getpid()))) { try store.open("b") }
        try writer.beginAnswer(Examples.recording(id: 6, parent: 5))
        #expect(throws: SessionError.answerIsRunning(name: "b")) { try writer.rename(to: "c") }
        try writer.finishAnswer(.end, seconds: 1)
        #expect(try store.load("b").message(6) != nil)
        #expect(try folder.files() == ["b.json", "b.lock"])
        // The old name is free at once.
        _ = try store.create(named: "a", try Examples.session())
        #expect(throws: SessionError.alreadyExists(name: "a")) { try writer.rename(to: "a") }
    }

    @Test func deletedSessionsLieInTheTrash() throws {
        try interrupted("a")
        let path = try store.delete("a")
        #expect(path == folder.path + "/trash/a.json")
        #expect(try Session(bytes: try folder.read("trash/a.json")).message(6) != nil)
        #expect(try folder.files() == ["trash"])
        #expect(throws: SessionError.notFound(name: "a", folder: folder.path, suggestion: nil)) {
            try store.delete("a")
        }
        _ = try store.create(named: "a", try Examples.session())
        #expect(try store.delete("a") == folder.path + "/trash/a-2.json")
        // What cannot be read can be thrown away, too.
        try folder.write(Array("{".utf8), "b.json")
        #expect(try store.delete("b") == folder.path + "/trash/b.json")
        #expect(try folder.files() == ["trash"])
    }

    @Test func onlyPicturesThatNothingMentionsAreRemoved() throws {
        var names = [String]()
        for number in 0..<7 {
            let file = try store.storeMedia([UInt8(number)], fileExtension: "png")
            names.append(file.sha256)
        }
        let mentions = ["a.json", "b.journal", "c.json.damaged", "trash/d.json"]
        try FileManager.default.createDirectory(atPath: folder.path + "/trash", withIntermediateDirectories: true)
        for (mention, name) in zip(mentions, names) {
            // Not even readable, but it says what it uses.
            try folder.write(Array("{ \"sha256\": \"\(name)\", ".utf8), mention)
        }
        try folder.write(Array("no picture".utf8), "media/notes.txt")
        let hour = SessionStore.newMediaSeconds
        #expect(try store.unusedMedia().files == [])
        #expect(try store.unusedMedia().newFiles == 3)
        let later = Date(timeIntervalSinceNow: hour + 60)
        let unused = try store.unusedMedia(now: later)
        #expect(unused.files.map(\.path) == names[4...].sorted().map { "\(folder.path)/media/\($0).png" })
        #expect(unused.usedFiles == 4 && unused.newFiles == 0 && unused.bytes == 3)
        #expect(try store.unusedMedia(countingTrash: false, now: later).files.count == 4)
        try store.remove(unused)
        #expect(try store.unusedMedia(now: later).files == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/media").count == 5)
    }
}
