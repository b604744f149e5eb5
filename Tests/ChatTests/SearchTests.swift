import Chat
import Foundation
import Generation
import Testing

struct SearchTests {
    let folder: TemporaryFolder
    let store: SessionStore

    init() throws {
        folder = try TemporaryFolder()
        store = SessionStore(folder: folder.path)
    }

    /// One question per text, each after the one before; `branches` are further answers to the first.
    private func keep(_ name: String, _ texts: [String], branches: [String] = [], minutes: Int = 0) throws {
        let time = Examples.start.advanced(byMilliseconds: minutes * 60_000)
        var session = Session(created: time)
        for text in texts { session.append(role: .user, parts: [.text(text)], at: time) }
        for text in branches {
            session.show(leaf: 1)
            session.append(role: .user, parts: [.text(text)], at: time)
        }
        session.show(leaf: texts.count)
        _ = try store.create(named: name, session)
    }

    private func names(_ text: String) throws -> [String] { try store.search(text).hits.map(\.name) }

    @Test func marksOfPlacesAreNotSearchedNorShown() throws {
        var session = Session(created: Examples.start)
        session.append(role: .user, parts: [.text("Where?")], at: Examples.start)
        let box = (0..<4).map { " <patch_index_000\($0)>" }.joined()
        session.append(
            role: .assistant, parts: [.text("<phrase> the poodle </phrase> <object>\(box) </object> sleeps")],
            at: Examples.start)
        _ = try store.create(named: "places", session)
        #expect(try names("\"poodle sleeps\"") == ["places"])
        #expect(try names("object") == [] && names("patch") == [])
        #expect(try store.search("poodle").hits.first?.matches.first?.excerpt == "the poodle sleeps")
        // What a user writes is what it is.
        try keep("written", ["what is <patch_index_0001>?"])
        #expect(try names("patch") == ["written"])
    }

    @Test func allWordsAreFoundWhateverTheirSpelling() throws {
        try keep("cafe", ["Who waits in the Café?", "An ＥＭＵ, with a straße of its own"])
        try keep("dogs", ["Which poodle is older?"])
        for text in ["café", "CAFE", "emu cafe", "Straße", "wait", "\"waits in the\"", "emu, with", "ｃafé"] {
            #expect(try names(text) == ["cafe"], "\(text)")
        }
        #expect(try names("cafe poodle") == [])
        #expect(try names("\"in waits\"") == [])
        #expect(try names("  \" \"") == [])
        #expect(try SessionStore(folder: folder.path + "/none").search("a").count == 0)
    }

    @Test func everyBranchIsSearchedAndTheContextTold() throws {
        let long = String(repeating: "before ", count: 30) + "the Emu\nruns " + String(repeating: "after ", count: 30)
        try keep("emus", ["Hello", "Tell me"], branches: [long])
        let hit = try #require(try store.search("EMU runs").hits.first)
        let match = try #require(hit.matches.first)
        #expect(hit.matches.count == 1 && hit.matchingMessages == 1 && match.messageID == 3 && !match.isOnShownBranch)
        #expect(match.excerpt.hasPrefix("…") && match.excerpt.hasSuffix("…") && match.excerpt.count <= 102)
        let characters = Array(match.excerpt)
        #expect(match.marks.map { String(characters[$0]) } == ["Emu", "runs"])
        #expect(match.excerpt.contains("before the Emu runs after"))
        #expect(try store.search("tell").hits.first?.matches.first?.isOnShownBranch == true)
    }

    @Test func theBestComeFirst() throws {
        try keep("scattered", ["a train", "x", "the station"], minutes: 9)
        try keep("parts", ["constrain", "stations"], minutes: 8)
        try keep("together", ["Hello there", "the train station is far"], minutes: 1)
        try keep("title", ["train station", "yes", "the train station"], minutes: 0)
        #expect(try names("train station") == ["title", "together", "scattered", "parts"])
        // Of equal ones the latest.
        try keep("later", ["Hello there", "the train station is far"], minutes: 2)
        #expect(try names("train station").prefix(3) == ["title", "later", "together"])
        #expect(try store.search("train station", limit: 2).hits.map(\.name) == ["title", "later"])
        #expect(try store.search("train station", limit: 2).count == 5)
        #expect(try store.search("e").hits.first { $0.name == "later" }?.matches.count == 2)
    }

    @Test func hostileTextIsFoundAndShownSafely() throws {
        try keep("hostile", ["\u{1B}]0;title\u{7}needle\u{202E}\u{0}", String(repeating: "🐩", count: 5000) + "needle"])
        let hit = try #require(try store.search("needle").hits.first)
        for match in hit.matches {
            #expect(
                match.excerpt.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.properties.generalCategory != .format }
            )
            #expect(match.marks.count == 1)
        }
        #expect(hit.matches.count == 2)
    }
}
