import App
import Chat
import ChatUI
import Foundation
import TestSupport
import Testing

@Suite struct SessionListTests {
    private let folder: URL
    private let store: SessionStore
    private let list: SessionList

    init() throws {
        folder = try TestSupport.temporaryFolder()
        store = SessionStore(folder: folder.path)
        list = SessionList(store: store)
        try create("dogs", "Tell me of the dogs of the park", at: 1000)
        try create("march", "Add the receipts of March", at: 2000)
    }

    private func create(_ name: String, _ text: String, at milliseconds: Int64) throws {
        var session = Session(created: Timestamp(milliseconds: milliseconds))
        session.append(role: .user, parts: [.text(text)], at: Timestamp(milliseconds: milliseconds))
        _ = try store.create(named: name, session)
    }

    private func remove() { try? FileManager.default.removeItem(at: folder) }

    @Test func theLatestComeFirst() {
        defer { remove() }
        let entries = list.entries(matching: " ")
        #expect(entries.map(\.name) == ["march", "dogs"])
        #expect(entries.map(\.turns) == [1, 1] && entries.map(\.time) == [2, 1])
    }

    @Test func aQueryFindsWordsAndShowsThem() throws {
        defer { remove() }
        _ = list.entries(matching: "")
        let hits = list.entries(matching: "PARK dogs")
        #expect(hits.map(\.name) == ["dogs"])
        #expect(hits.first?.excerpt?.contains("dogs of the park") == true && hits.first?.turns == 1)
        #expect(list.entries(matching: "emus").isEmpty)
        // Also in one that is newer than the last list.
        try create("emus", "What do emus eat?", at: 3000)
        #expect(list.entries(matching: "emus").map(\.name) == ["emus"])
    }

    @Test func whatIsDeletedComesBack() throws {
        defer { remove() }
        guard case .sessionDeleted(let deleted) = list.delete("dogs", title: "Dogs") else {
            Issue.record("not deleted")
            return
        }
        #expect(list.entries(matching: "").map(\.name) == ["march"])
        guard case .sessionListChanged = list.restore(deleted.name, path: deleted.path) else {
            Issue.record("not restored")
            return
        }
        #expect(list.entries(matching: "").map(\.name) == ["march", "dogs"])
    }

    @Test func whatSomebodyWritesIsLeftAlone() throws {
        defer { remove() }
        let writer = try store.open("dogs")
        for action in [
            list.delete("dogs", title: "Dogs"), list.retitle("dogs", "Cats"), list.delete("gone", title: ""),
        ] {
            guard case .sessionListFailed(let message) = action else {
                Issue.record("\(action)")
                continue
            }
            #expect(!message.isEmpty)
        }
        #expect(writer.session.title != "Cats")
    }

    @Test func aTitleIsChanged() throws {
        defer { remove() }
        guard case .sessionListChanged = list.retitle("dogs", "Poodles") else {
            Issue.record("not changed")
            return
        }
        #expect(list.entries(matching: "poodles").map(\.title) == ["Poodles"])
    }
}
