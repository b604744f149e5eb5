import Foundation
import Generation
import Synchronization
import TestSupport
import Testing

@testable import Chat

/// Sessions whose file is too large to be written anew with every turn.
struct LargeSessionTests {
    let folder: TemporaryFolder
    let store: SessionStore

    init() throws {
        folder = try TemporaryFolder()
        var calls = FileCalls()
        calls.synchronise = { _ in 0 }
        calls.synchroniseData = { _ in 0 }
        store = SessionStore(folder: folder.path, calls: calls)
    }

    private func largeSession() throws -> Session {
        var session = try Examples.session()
        session.append(
            role: .user, parts: [.text(String(repeating: "long ", count: 20_000))],
            at: Examples.start.advanced(byMilliseconds: 95_000))
        return session
    }

    /// A turn in every way that the chat changes a session.
    private func talk(_ writer: SessionWriter) throws -> Session {
        var session = writer.session
        session.show(leaf: 4)
        session.append(role: .system, parts: [.text("Be long.")], at: Examples.start.advanced(byMilliseconds: 96_000))
        session.append(role: .user, parts: [.text("Why?")], at: Examples.start.advanced(byMilliseconds: 97_000))
        session.title = "Why"
        try writer.save(session)
        try writer.beginAnswer(Examples.recording(id: 9, parent: 8))
        for token in Examples.tokens { try writer.append(token) }
        try writer.finishAnswer(.stop, remainingText: "!", seconds: 0.5, modelDigest: Examples.digest)
        try writer.beginAnswer(Examples.recording(id: 10, parent: 9))
        try writer.discardAnswer()
        session = writer.session
        session.show(leaf: 6)
        try writer.save(session)
        return session
    }

    @Test func turnsStayInTheJournalUntilTheWriterIsClosed() throws {
        var writer: SessionWriter? = try store.create(named: "a", try largeSession())
        let before = try folder.read("a.json")
        let talked = try talk(try #require(writer))
        #expect(try folder.read("a.json") == before)
        #expect(try store.load("a") == talked)
        #expect(talked.activeLeaf == 6 && talked.message(9)?.text == "Zwei Pudel 🐩!" && talked.message(10) == nil)
        guard case .session(let summary)? = try store.list().first else { return #expect(Bool(false), "no session") }
        #expect(summary.title == "Why")
        #expect(try store.search("Zwei Pudel").hits.map(\.name) == ["a"])
        writer = nil
        #expect(try Session(bytes: try folder.read("a.json")) == talked)
        #expect(try folder.files() == ["a.json", "a.lock"])
    }

    @Test func aJournalAsLongAsTheFileIsFolded() throws {
        let writer = try store.create(named: "a", try largeSession())
        let before = try folder.read("a.json")
        var foldings = 0
        for number in 0..<40 {
            var session = writer.session
            session.append(role: .user, parts: [.text(String(repeating: "x", count: 10_000))], at: Examples.start)
            try writer.save(session)
            #expect(try store.load("a") == session)
            if !FileManager.default.fileExists(atPath: folder.path + "/a.journal") { foldings += 1 }
            if number == 5 { #expect(try folder.read("a.json") == before) }
        }
        #expect((1...5).contains(foldings))
    }

    @Test func everyPrefixOfTheJournalIsRecoveredAndFoldingAgainChangesNothing() throws {
        let original = try largeSession()
        let writer = try store.create(named: "a", original)
        let file = try folder.read("a.json")
        let talked = try talk(writer)
        let journal = try folder.read("a.journal")
        let kept = try TemporaryFolder()
        let other = SessionStore(folder: kept.path, calls: store.calls)
        var seen = 0
        for length in 0...journal.count where length == journal.count || length % 61 == 0 {
            try kept.write(file, "a.json")
            try kept.write(journal[..<length], "a.journal")
            let opened = try other.open("a").session
            // Nothing that was there is lost, and messages come in their order.
            #expect(opened.messages.prefix(6).elementsEqual(original.messages))
            // But for an answer that has begun, and is discarded later.
            #expect(opened.messages.count { $0.id != 10 } >= seen)
            seen = opened.messages.count { $0.id != 10 }
            #expect(try kept.files() == ["a.json", "a.lock"])
            guard length == journal.count else { continue }
            #expect(opened == talked)
            // The process ended after the rename and before the journal was removed.
            let folded = try kept.read("a.json")
            try kept.write(journal, "a.journal")
            #expect(try other.open("a").session == talked)
            #expect(try kept.read("a.json") == folded)
        }
    }

    @Test func whatIsNoContinuationIsWrittenAnew() throws {
        let writer = try store.create(named: "a", try largeSession())
        _ = try talk(writer)
        var session = try largeSession()
        session.unknown["note"] = .string("by hand")
        try writer.save(session)
        #expect(try Session(bytes: try folder.read("a.json")) == session)
        #expect(try folder.files() == ["a.json", "a.lock"])
    }

    @Test func aFullDiskLosesNothingOnceThereIsRoom() throws {
        let room = Mutex(Int.max)
        var calls = FileCalls()
        calls.synchronise = { _ in 0 }
        calls.synchroniseData = { _ in 0 }
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
        let store = SessionStore(folder: folder.path, calls: calls)
        let writer = try store.create(named: "a", try largeSession())
        var session = writer.session
        session.append(role: .user, parts: [.text("Why?")], at: Examples.start)
        room.withLock { $0 = 100 }
        let full = SessionError.diskFull(path: folder.path + "/a.journal")
        #expect(throws: full) { try writer.save(session) }
        #expect(throws: full) { try writer.beginAnswer(Examples.recording(id: 8, parent: 7)) }
        for token in Examples.tokens { #expect(throws: full) { try writer.append(token) } }
        #expect(try store.load("a").messages.count == 6)
        room.withLock { $0 = 300 }
        #expect(throws: full) { try writer.finishAnswer(.end, seconds: 1) }
        #expect(writer.session.message(8)?.text == "Zwei Pudel 🐩")
        room.withLock { $0 = .max }
        try writer.save(writer.session)
        #expect(try store.load("a") == writer.session)
    }
}
