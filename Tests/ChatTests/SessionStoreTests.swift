import Chat
import Foundation
import Generation
import Synchronization
import Testing

struct SessionStoreTests {
    let folder: TemporaryFolder
    let store: SessionStore

    init() throws {
        folder = try TemporaryFolder()
        store = SessionStore(folder: folder.path + "/sessions")
    }

    private func file(_ name: String) -> String { store.folder + "/" + name }

    @Test func aSessionIsFoundAgain() throws {
        let session = try Examples.session()
        let writer = try store.create(session)
        #expect(writer.name.hasSuffix("-what-breed-is-and"))
        let second = try store.create(session)
        #expect(second.name == writer.name + "-2")
        #expect(try store.load(writer.name) == session)
        #expect(try store.load(file(writer.name + ".json")) == session)
        let attributes = try FileManager.default.attributesOfItem(atPath: writer.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        let folderAttributes = try FileManager.default.attributesOfItem(atPath: store.folder)
        #expect(folderAttributes[.posixPermissions] as? Int == 0o700)
    }

    @Test func oneProcessWritesAtATime() throws {
        var writer: SessionWriter? = try store.create(named: "a", try Examples.session())
        #expect(throws: SessionError.locked(name: "a", processID: Int(getpid()))) { try store.open("a") }
        // The lock is on a file of its own: saving, which renames, does not lose it.
        try writer?.save(try Examples.session())
        #expect(throws: SessionError.locked(name: "a", processID: Int(getpid()))) { try store.open("a") }
        #expect(throws: SessionError.locked(name: "a", processID: Int(getpid()))) {
            try store.create(named: "a", try Examples.session())
        }
        writer = nil
        _ = try store.open("a")
    }

    @Test(arguments: ["", ".hidden", "a b", "ä", "a/../.x", "a\u{1B}", "x.schema", String(repeating: "a", count: 101)])
    func badNamesAreRefused(_ name: String) {
        #expect(throws: SessionError.invalidName(name)) { try store.load(name) }
    }

    @Test func whatIsNotThereIsSaid() throws {
        _ = try store.create(named: "dogs", try Examples.session())
        #expect(throws: SessionError.notFound(name: "dog", folder: store.folder, suggestion: "dogs")) {
            try store.open("dog")
        }
        #expect(try !FileManager.default.contentsOfDirectory(atPath: store.folder).contains("dog.lock"))
        #expect(throws: SessionError.alreadyExists(name: "dogs")) {
            _ = try store.create(named: "dogs", try Examples.session())
        }
    }

    @Test func listShowsTheLatestFirstAndDamagedOnesLast() throws {
        #expect(try store.list() == [])
        var session = try Examples.session()
        _ = try store.create(named: "old", session)
        session.updated = session.updated.advanced(byMilliseconds: 1000)
        _ = try store.create(named: "new", session)
        try Data("{".utf8).write(to: URL(fileURLWithPath: file("broken.json")))
        try Data("{}".utf8).write(to: URL(fileURLWithPath: file("session.schema.json")))
        let entries = try store.list()
        guard entries.count == 3, case .session(let first) = entries[0], case .session(let second) = entries[1],
            case .unreadable("broken", _) = entries[2]
        else { return #expect(Bool(false), "\(entries)") }
        #expect(first.name == "new" && second.name == "old")
        #expect(first.turns == 2 && first.pictures == 2)
    }

    @Test func picturesAreStoredOnce() throws {
        let file = try store.storeMedia([1, 2, 3], fileExtension: "png")
        let path = store.mediaPath(file)
        let before = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
        #expect(try store.storeMedia([1, 2, 3], fileExtension: "png") == file)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int == before)
        #expect(try store.loadMedia(file) == [1, 2, 3])
        try Data([9]).write(to: URL(fileURLWithPath: path))
        #expect(throws: SessionError.mediaChanged(path: path)) { try store.loadMedia(file) }
        // Storing it again repairs it.
        _ = try store.storeMedia([1, 2, 3], fileExtension: "png")
        #expect(try store.loadMedia(file) == [1, 2, 3])
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: SessionError.mediaMissing(path: path)) { try store.loadMedia(file) }
        #expect(throws: SessionError.invalidMediaExtension("../x")) {
            try store.storeMedia([1], fileExtension: "../x")
        }
    }

    @Test func aFailedSaveLeavesTheOldFile() throws {
        let old = try Examples.session()
        _ = try store.create(named: "a", old)
        var new = old
        new.title = "new"
        var failing: [(FileCalls, SessionError)] = []
        for accepted in [0, 1, 500] {
            var calls = FileCalls()
            let room = Mutex(accepted)
            calls.write = { descriptor, buffer in
                let count = room.withLock { room in
                    let count = min(room, buffer.count)
                    room -= count
                    return count
                }
                if count == 0 {
                    errno = ENOSPC
                    return -1
                }
                return write(descriptor, buffer.baseAddress, count)
            }
            failing.append((calls, .diskFull(path: file("a.json"))))
        }
        var calls = FileCalls()
        calls.synchronise = { _ in
            errno = EIO
            return -1
        }
        failing.append((calls, .fileSystem(path: file("a.json"), reason: String(cString: strerror(EIO)))))
        calls = FileCalls()
        calls.rename = { _, _ in
            errno = EROFS
            return -1
        }
        failing.append((calls, .permissionDenied(path: file("a.json"))))
        for (calls, expected) in failing {
            let writer = try SessionStore(folder: store.folder, calls: calls).open("a")
            #expect(throws: expected) { try writer.save(new) }
            #expect(writer.session == new)
            #expect(try store.load("a") == old)
            #expect(try FileManager.default.contentsOfDirectory(atPath: store.folder).sorted() == ["a.json", "a.lock"])
        }
        try store.open("a").save(new)
        #expect(try store.load("a") == new)
    }

    @Test func theFolderFollowsTheRules() throws {
        let environment = ["HOME": "/home/u"]
        #expect(
            SessionStore.defaultFolder(startingAt: folder.path, environment: environment)
                == "/home/u/.local/share/emuchat/sessions")
        #expect(
            SessionStore.defaultFolder(startingAt: folder.path, environment: ["HOME": "/h", "XDG_DATA_HOME": "/data"])
                == "/data/emuchat/sessions")
        try folder.write(Array("let package = Package(\n    name: \"emuchat\",".utf8), "Package.swift")
        let deep = folder.path + "/Sources/App"
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        #expect(
            SessionStore.defaultFolder(startingAt: deep, environment: environment) == folder.path + "/sessions")
    }
}

struct SessionNamingTests {
    @Test func namesComeFromTimeAndTitle() throws {
        let zone = try #require(TimeZone(secondsFromGMT: 3600))
        let name = SessionNaming.generated(title: "Hunde im Café: wie groß?", at: Examples.start, timeZone: zone)
        #expect(name == "2026-11-21-1502-hunde-im-cafe-wie-gross")
        #expect(SessionNaming.isValid(name))
        #expect(SessionNaming.generated(title: "犬", at: Examples.start, timeZone: zone) == "2026-11-21-1502-chat")
        let long = SessionNaming.generated(title: String(repeating: "word ", count: 50), at: Examples.start)
        #expect(SessionNaming.isValid(long) && long.utf8.count <= 56)
    }

    @Test func titlesComeFromTheFirstTurn() throws {
        let image = StoredImage(file: try Examples.file(), name: "a\u{1B}[1m.jpg", width: 1, height: 1, format: "jpeg")
        #expect(SessionNaming.title(of: [.text("\n  two\twords \u{7} \nmore")]) == "two words")
        #expect(SessionNaming.title(of: [.image(image), .text(" ")]) == "a [1m.jpg")
        #expect(SessionNaming.title(of: [.text(String(repeating: "x", count: 100))]).count == 60)
        #expect(SessionNaming.title(of: []) == "")
    }
}

struct SessionErrorTests {
    @Test(arguments: [
        SessionError.invalidName("\u{1B}x"), .notFound(name: "a", folder: "/f", suggestion: "ab"),
        .notFound(name: "a", folder: "/f", suggestion: nil), .alreadyExists(name: "a"),
        .locked(name: "a", processID: 7),
        .damaged(path: "/f/a.json", problem: .syntax(JSONSyntaxError(line: 3, column: 9, expected: "a value"))),
        .tooLarge(path: "/f", bytes: 2, limit: 1), .diskFull(path: "/f"), .permissionDenied(path: "/f"),
        .fileSystem(path: "/f", reason: "broken"), .mediaMissing(path: "/f"), .mediaChanged(path: "/f"),
        .invalidMediaExtension("x/"), .answerIsRunning(name: "a"), .noAnswerIsRunning(name: "a"),
        .answerDoesNotFit(name: "a", id: 3),
    ])
    func everyErrorIsOneSentenceWithoutControlCharacters(_ error: SessionError) {
        let text = error.description
        #expect(text.count > 9 && (text.hasSuffix(".") || text.hasSuffix("?")))
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
    }
}
