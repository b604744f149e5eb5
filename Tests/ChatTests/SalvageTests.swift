import Foundation
import Generation
import TestSupport
import Testing

@testable import Chat

/// What becomes of damaged files: an error that says where, and everything that is whole.
struct SalvageTests {
    let folder: TemporaryFolder
    let store: SessionStore

    init() throws {
        folder = try TemporaryFolder()
        var calls = FileCalls()
        calls.synchronise = { _ in 0 }
        calls.synchroniseData = { _ in 0 }
        store = SessionStore(folder: folder.path, calls: calls)
    }

    private func problem(_ text: String) throws -> (SessionReading, [UInt8]) {
        try folder.write(Array(text.utf8), "a.json")
        return (try store.read("a"), Array(text.utf8))
    }

    @Test func wholeMessagesAreRecoveredFromTornText() throws {
        let session = try Examples.session()
        let text = String(decoding: session.json.prettyBytes, as: UTF8.self)
        let place = try #require(text.range(of: "\"What breed is \""))
        let (reading, bytes) = try problem(text.replacingCharacters(in: place, with: "\"What breed is "))
        guard case .syntax(let error)? = reading.fileProblem else { return #expect(Bool(false), "no syntax error") }
        #expect(error.line == text[..<place.lowerBound].split(separator: "\n", omittingEmptySubsequences: false).count)
        #expect(reading.session.messages.map(\.id) == [1, 3, 4, 5])
        // What followed the lost message follows the one before.
        #expect(reading.session.messages.map(\.parent) == [nil, 1, 3, 3])
        #expect(reading.session.message(3)?.answer == session.message(3)?.answer)
        #expect(reading.session.title == session.title && reading.session.created == session.created)
        #expect(reading.session.activeLeaf == session.activeLeaf)
        // Reading changes nothing; opening keeps the damaged file.
        #expect(try folder.read("a.json") == bytes)
        let writer = try store.open("a")
        #expect(writer.recoveries == [.filePutAside(path: folder.path + "/a.json.damaged", problem: .syntax(error))])
        #expect(try folder.read("a.json.damaged") == bytes)
        #expect(try Session(bytes: try folder.read("a.json")) == writer.session)
        #expect(writer.session.messages.map(\.id) == [1, 3, 4, 5])
    }

    @Test func wrongFieldsCostTheirMessageOrItsAnswerAlone() throws {
        let json = try Examples.session().json
        let damaged = json.replacing("messages[1].parts[1].sha256", with: .string("x"))
            .replacing("messages[2].answer.token_ids", with: .string("y"))
        let (reading, _) = try problem(String(decoding: damaged.prettyBytes, as: UTF8.self))
        #expect(reading.fileProblem?.description.hasPrefix("messages[1].parts[1].sha256: expected") == true)
        #expect(reading.session.messages.map(\.id) == [1, 3, 4, 5])
        #expect(reading.session.message(3)?.text == "Zwei Pudel 🐩." && reading.session.message(3)?.answer == nil)
    }

    @Test func pastedMessagesAreNotTakenForTheSessionsOwn() throws {
        var session = Session(created: Examples.start)
        let pasted = String(decoding: try Examples.session().json.compactBytes, as: UTF8.self)
        session.append(role: .user, parts: [.text(pasted)], at: Examples.start)
        session.append(role: .user, parts: [.text("Why?")], at: Examples.start)
        let bytes = session.json.prettyBytes
        let (reading, _) = try problem(String(decoding: bytes.dropLast(3), as: UTF8.self))
        #expect(reading.session.messages == session.messages)
    }

    @Test func whatHoldsNoMessageIsRefused() throws {
        for text in ["", "{", "[]", "null", String(repeating: "{\"a\":", count: 100_000)] {
            try folder.write(Array(text.utf8), "a.json")
            #expect(throws: SessionError.self) { try store.read("a") }
            #expect(throws: SessionError.self) { try store.open("a") }
            #expect(try folder.read("a.json") == Array(text.utf8))
        }
        #expect(try folder.files() == ["a.json", "a.lock"])
    }

    @Test func aDamagedJournalLineCostsItsMessageAlone() throws {
        var session = try Examples.session()
        session.append(role: .user, parts: [.text(String(repeating: "x", count: 70_000))], at: Examples.start)
        let writer = try store.create(named: "a", session)
        for text in ["one", "two", "three"] {
            session.append(role: .user, parts: [.text(text)], at: Examples.start)
            try writer.save(session)
            try writer.beginAnswer(Examples.recording(id: session.nextID, parent: session.activeLeaf))
            for token in Examples.tokens { try writer.append(token) }
            session = try writer.finishAnswer(.end, seconds: 1)
        }
        let (file, journal) = (try folder.read("a.json"), String(decoding: try folder.read("a.journal"), as: UTF8.self))
        let other = try TemporaryFolder()
        let otherStore = SessionStore(folder: other.path, calls: store.calls)
        for (damage, kept) in [("\"two\"", [7, 8, 10, 11, 12]), ("\"title\"", [7, 8, 9, 10, 11, 12])] {
            try other.write(file, "a.json")
            try other.write(Array(journal.replacing(damage, with: "\"two").utf8), "a.journal")
            let opened = try otherStore.open("a")
            #expect(opened.session.messages.map(\.id) == [1, 2, 3, 4, 5, 6] + kept)
            #expect(opened.recoveries.count == (kept.count == 5 ? 1 : 0))
            if kept.count == 5 {
                #expect(opened.session.message(10)?.parent == 8)
                #expect(opened.session.message(12)?.answer?.tokenIDs == [11, 12, 13])
                #expect(try other.files() == ["a.journal.damaged", "a.json", "a.lock"])
            }
        }
    }

    @Test func filesOfVersion1AreReadAndBecomeVersion2() throws {
        // As version 1 wrote them: a file whose answers lack what came later, and a journal of one answer.
        var json = try Examples.session().json.replacing("version", with: .integer(1))
        json = json.replacing("messages[2].answer.context", with: nil).replacing("messages[2].answer.cache", with: nil)
        let message = Examples.recording(id: 6, parent: 5).message.json
        let begin = JSONValue.object([
            "event": .string("begin"), "format": .string("emuchat-journal"), "version": .integer(1), "message": message,
        ])
        let token = JSONValue.object([
            "event": .string("token"), "id": .integer(9), "text": .string("Yes"), "milliseconds": .integer(7),
        ])
        try folder.write(json.prettyBytes, "a.json")
        try folder.write(begin.compactBytes + [10] + token.compactBytes + [10], "a.journal")
        let writer = try store.open("a")
        #expect(writer.recoveries == [.answer(id: 6, tokens: 1)])
        #expect(writer.session.message(6)?.text == "Yes")
        let written = try JSONParser.parse(try folder.read("a.json"))
        #expect(written["version"] == .integer(2))
        #expect(try store.load("a") == writer.session)
    }

    /// Files of every kind, damaged at random places: never a crash, always an error that says where or a session, and
    /// the messages that the damage did not reach.
    @Test func damagedFilesGiveUpWhatIsWhole() throws {
        var session = try Examples.session()
        for number in 0..<6 { session.append(role: .user, parts: [.text("Question \(number)")], at: Examples.start) }
        let original = session.json.prettyBytes
        var random = SeededGenerator(seed: 23)
        var (untouched, salvaged, refused) = (0, 0, 0)
        for _ in 0..<Mutation.count(default: 1000) {
            let bytes = Mutation.mutate(original, with: &random)
            do throws(SessionFormatError) {
                _ = try Session(bytes: bytes)
                untouched += 1
            } catch {
                #expect(error.description.contains(":"))
                if let found = SessionSalvage(bytes).session {
                    // At most three places are damaged; what stands in the file twice may be there twice.
                    let whole = session.messages.count { message in
                        found.messages.contains { $0.id == message.id && $0.parts == message.parts }
                    }
                    #expect(whole >= 1 || bytes.count < original.count)
                    if bytes.count > original.count - 60 { #expect(whole >= session.messages.count - 6) }
                    #expect((try? Session(bytes: found.json.prettyBytes)) == found)
                    salvaged += 1
                } else {
                    refused += 1
                }
            }
        }
        #expect(salvaged > untouched && salvaged > refused * 5 && untouched > 0)
    }

    @Test func damagedJournalsGiveUpWhatIsWhole() throws {
        let session = try Examples.session()
        let writer = try store.create(named: "a", session)
        try writer.beginAnswer(Examples.recording(id: 6, parent: 5))
        for token in Examples.tokens { try writer.append(token) }
        let journal = try folder.read("a.journal")
        var random = SeededGenerator(seed: 29)
        var recovered = 0
        for _ in 0..<Mutation.count(default: 1000) {
            var reader = JournalReader(Mutation.mutate(journal, with: &random), onto: session)
            reader.interrupt()
            #expect(reader.session.messages.prefix(session.messages.count).elementsEqual(session.messages))
            #expect((try? Session(bytes: reader.session.json.prettyBytes)) == reader.session)
            if let damage = reader.damage {
                let text = damage.description
                #expect(text.contains("line ") || text.hasPrefix("version:"))
            }
            if reader.session.message(6)?.answer != nil { recovered += 1 }
        }
        #expect(recovered > 100)
    }
}
