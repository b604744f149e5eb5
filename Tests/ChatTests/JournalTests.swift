import Chat
import Foundation
import Generation
import Synchronization
import TestSupport
import Testing

struct JournalTests {
    let folder: TemporaryFolder
    let store: SessionStore

    init() throws {
        folder = try TemporaryFolder()
        // What is synced is not what these tests look at, and waiting for the disk is slow.
        var calls = FileCalls()
        calls.synchronise = { _ in 0 }
        calls.synchroniseData = { _ in 0 }
        store = SessionStore(folder: folder.path, calls: calls)
    }

    /// A session whose next answer is being recorded, as a killed process leaves it: file, journal, no lock.
    private func interrupted() throws -> (session: Session, journal: [UInt8]) {
        let session = try Examples.session()
        let writer = try store.create(named: "a", session)
        try writer.beginAnswer(Examples.recording(id: 6, parent: 5))
        for token in Examples.tokens { try writer.append(token) }
        return (session, try folder.read("a.journal"))
    }

    @Test func anAnswerIsFoldedInAndTheJournalGoes() throws {
        let writer = try store.create(named: "a", try Examples.session())
        try writer.beginAnswer(Examples.recording(id: 6, parent: 5))
        for token in Examples.tokens { try writer.append(token) }
        // Readers follow the running answer.
        let running = try store.load("a")
        #expect(running.activeBranch.last?.text == "Zwei Pudel 🐩")
        #expect(running.activeBranch.last?.answer?.finishReason == nil)
        #expect(writer.session.message(6) == nil)
        let finished = try writer.finishAnswer(.stop, remainingText: "!", seconds: 0.5, modelDigest: Examples.digest)
        let answer = try #require(finished.activeBranch.last)
        #expect(answer.text == "Zwei Pudel 🐩!" && answer.answer?.finishReason == .stop)
        #expect(answer.answer?.tokenMilliseconds == [250, 300, 400])
        #expect(answer.answer?.tokenTextLengths == [5, 0, 10])
        #expect(try store.load("a") == finished)
        #expect(try folder.files() == ["a.json", "a.lock"])
    }

    @Test func everyPrefixOfTheJournalIsRecovered() throws {
        let (session, journal) = try interrupted()
        let lineEnds = journal.indices.filter { journal[$0] == UInt8(ascii: "\n") }
        #expect(lineEnds.count == 5)
        let file = try folder.read("a.json")
        for length in 0...journal.count {
            try folder.write(file, "a.json")
            try folder.write(journal[..<length], "a.journal")
            let writer = try store.open("a")
            // The first line names the format, the second begins the answer.
            let whole = lineEnds.count { $0 < length } - 1
            if whole < 1 {
                #expect(writer.session == session)
                #expect(writer.recoveries == [])
            } else {
                let tokens = whole - 1
                #expect(writer.recoveries == [.answer(id: 6, tokens: tokens)])
                let message = try #require(writer.session.message(6))
                #expect(message.text == Examples.tokens.prefix(tokens).map(\.text).joined())
                #expect(message.answer?.wasInterrupted == true && message.answer?.finishReason == .cancelled)
                #expect(try store.load("a") == writer.session)
            }
            #expect(try folder.files() == ["a.json", "a.lock"])
        }
    }

    @Test func aJournalThatWasFoldedBeforeIsNotFoldedAgain() throws {
        let (_, journal) = try interrupted()
        let once = try store.open("a").session
        // The process ended after the rename and before the journal was removed.
        try folder.write(journal, "a.journal")
        let writer = try store.open("a")
        #expect(writer.session == once && writer.recoveries == [])
        #expect(try folder.files() == ["a.json", "a.lock"])
    }

    @Test func foldingThatFailsKeepsTheJournal() throws {
        let (session, journal) = try interrupted()
        var calls = FileCalls()
        calls.rename = { _, _ in
            errno = ENOSPC
            return -1
        }
        #expect(throws: SessionError.diskFull(path: folder.path + "/a.json")) {
            try SessionStore(folder: folder.path, calls: calls).open("a")
        }
        #expect(try folder.read("a.journal") == journal)
        #expect(try Session(bytes: try folder.read("a.json")) == session)
        #expect(try store.open("a").session.message(6)?.answer?.tokenIDs == [11, 12, 13])
    }

    @Test func aFullDiskDuringTheAnswerLosesNothingOnceThereIsRoom() throws {
        let room = Mutex(Int.max)
        var calls = FileCalls()
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
        let writer = try store.create(named: "a", try Examples.session())
        try writer.beginAnswer(Examples.recording(id: 6, parent: 5))
        try writer.append(Examples.tokens[0])
        // Half of the second line fits.
        room.withLock { $0 = 20 }
        #expect(throws: SessionError.diskFull(path: folder.path + "/a.journal")) {
            try writer.append(Examples.tokens[1])
        }
        #expect(try store.load("a").message(6)?.answer?.tokenIDs == [11])
        room.withLock { $0 = .max }
        try writer.append(Examples.tokens[2])
        #expect(try store.load("a").message(6)?.answer?.tokenIDs == [11, 12, 13])
        // And full again at the end: the answer stays in the journal until a save succeeds.
        room.withLock { $0 = 0 }
        #expect(throws: SessionError.diskFull(path: folder.path + "/a.json")) {
            try writer.finishAnswer(.end, seconds: 1)
        }
        #expect(writer.session.message(6)?.answer?.finishReason == .end)
        #expect(try folder.files() == ["a.journal", "a.json", "a.lock"])
        room.withLock { $0 = .max }
        try writer.save(writer.session)
        #expect(try store.load("a").message(6)?.answer?.finishReason == .end)
        #expect(try folder.files() == ["a.json", "a.lock"])
    }

    @Test func aJournalThatDoesNotBelongIsPutAside() throws {
        let (_, journal) = try interrupted()
        for content in [
            Array("nonsense\n".utf8),
            Array(String(decoding: journal, as: UTF8.self).replacing("\"parent\":5", with: "\"parent\":77").utf8),
        ] {
            try folder.write(content, "a.journal")
            guard case .journalPutAside(let path, _)? = try store.open("a").recoveries.first else {
                return #expect(Bool(false), "not put aside")
            }
            #expect(try Array(Data(contentsOf: URL(fileURLWithPath: path))) == content)
        }
    }

    @Test func answersAreRecordedOneAtATime() throws {
        let writer = try store.create(named: "a", try Examples.session())
        #expect(throws: SessionError.noAnswerIsRunning(name: "a")) { try writer.append(Examples.tokens[0]) }
        #expect(throws: SessionError.noAnswerIsRunning(name: "a")) { try writer.finishAnswer(.end, seconds: 0) }
        #expect(throws: SessionError.answerDoesNotFit(name: "a", id: 5)) {
            try writer.beginAnswer(Examples.recording(id: 5, parent: 4))
        }
        try writer.beginAnswer(Examples.recording(id: 6, parent: 5))
        #expect(throws: SessionError.answerIsRunning(name: "a")) {
            try writer.beginAnswer(Examples.recording(id: 7, parent: 5))
        }
        try writer.discardAnswer()
        #expect(try folder.files() == ["a.json", "a.lock"])
        try writer.beginAnswer(Examples.recording(id: 6, parent: 5))
    }

    @Test func mutatedJournalsNeverKeepASessionFromOpening() throws {
        let (session, journal) = try interrupted()
        let file = try folder.read("a.json")
        var generator = SeededGenerator(seed: 11)
        var recovered = 0
        for _ in 0..<500 {
            var bytes = journal
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1:
                    bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...60, using: &generator)))
                default: bytes.insert(contentsOf: Array("9999999999".utf8), at: place)
                }
            }
            try folder.write(file, "a.json")
            try folder.write(bytes, "a.journal")
            let writer = try store.open("a")
            if case .answer? = writer.recoveries.first { recovered += 1 }
            // What was there before is there still.
            for message in session.messages { #expect(writer.session.message(message.id) == message) }
            #expect(try Session(bytes: try folder.read("a.json")) == writer.session)
        }
        #expect(recovered > 50)
    }
}
