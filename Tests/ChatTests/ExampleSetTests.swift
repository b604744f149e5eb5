import Foundation
import Generation
import TestSupport
import Testing

@testable import Chat

/// Sets of examples on disk.
struct ExampleSetTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("examples-\(UUID().uuidString)")
    private var sets: ExampleSets { ExampleSets(folder: folder.path, application: "test") }

    private func example(_ question: String, _ answer: String, picture: [UInt8]? = nil) throws -> Example {
        var parts: [Part] = []
        if let picture {
            let file = try sets.store.storeMedia(picture, fileExtension: "png")
            parts.append(.image(StoredImage(file: file, name: "a.png", width: 3, height: 2, format: "png")))
        }
        return Example(question: parts + [.text(question)], answer: answer)
    }

    @Test func examplesComeBackAsTheyWereAdded() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let first = try example("How many?", "Two.", picture: [1, 2, 3])
        let second = try example("\u{1B}[2JWho?", "Nobody")
        try sets.add([first], to: "dogs")
        try sets.add([second], to: "dogs")
        #expect(try sets.load("dogs") == [first, second])
        #expect(try sets.list().sets == [ExampleSets.Summary(name: "dogs", examples: 2, pictures: 1)])
        #expect(first.picture?.name == "a.png" && second.picture == nil)
        #expect(first.questionText == "How many?")
        // Not readable for others.
        let mode = try FileManager.default.attributesOfItem(atPath: folder.path + "/dogs.json")[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func examplesAreRemovedByNumber() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let examples = try (1...4).map { try example("question \($0)", "answer \($0)") }
        try sets.add(examples, to: "few")
        try sets.remove([3, 1], from: "few")
        #expect(try sets.load("few") == [examples[1], examples[3]])
        #expect(throws: ExampleError.noSuchExample(number: 3, set: "few", count: 2)) {
            try sets.remove([3], from: "few")
        }
        #expect(try sets.load("few").count == 2)
        let trashed = try sets.delete("few")
        #expect(FileManager.default.fileExists(atPath: trashed))
        #expect(throws: ExampleError.noSuchSet("few", suggestion: nil)) { try sets.load("few") }
        #expect(try sets.list().sets.isEmpty)
    }

    @Test(arguments: ["", "../x", "a/b", ".hidden", "/etc/passwd", "a b", String(repeating: "a", count: 101)])
    func namesStayInTheFolder(_ name: String) throws {
        #expect(throws: ExampleError.invalidName(name)) { try sets.load(name) }
        #expect(throws: ExampleError.invalidName(name)) { try sets.add([], to: name) }
        #expect(throws: ExampleError.invalidName(name)) { try sets.delete(name) }
    }

    @Test func aDamagedSetIsToldAndTheOthersAreThere() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try sets.add([try example("q", "a")], to: "good")
        try Data("[1, 2".utf8).write(to: folder.appendingPathComponent("bad.json"))
        let listed = try sets.list()
        #expect(listed.sets.map(\.name) == ["good"])
        #expect(listed.problems.count == 1)
    }

    @Test func onlyWholeTurnsAreExamples() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        var session = Session(created: Examples.start)
        for (role, text) in [(Role.system, "s"), (.user, "lost"), (.user, "q"), (.assistant, "a"), (.assistant, "b")] {
            session.append(role: role, parts: [.text(text)], at: Examples.start)
        }
        _ = try sets.store.create(named: "odd", session)
        #expect(try sets.load("odd").map(\.answer) == ["a"])
        #expect(try sets.load("odd").map(\.questionText) == ["q"])
    }

    @Test func aPictureThatWasChangedIsNotUsed() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let example = try example("q", "a", picture: [1, 2, 3])
        try sets.add([example], to: "set")
        let file = try #require(example.picture?.file)
        try Data([9]).write(to: URL(fileURLWithPath: sets.store.mediaPath(file)))
        let other = SessionStore(folder: folder.path + "/other")
        #expect(throws: SessionError.mediaChanged(path: sets.store.mediaPath(file))) {
            try ExampleSets.copyPictures(of: example, from: sets.store, to: other)
        }
    }

    @Test func aConversationKnowsItsExamples() throws {
        var session = Session(created: Examples.start)
        let example = Example(question: [.text("q")], answer: "a")
        session.append(example, ofSet: "dogs", at: Examples.start)
        #expect(session.title.isEmpty)
        session.append(role: .user, parts: [.text("asked")], at: Examples.start)
        #expect(session.title == "asked")
        #expect(session.examples == [example])
        #expect(session.messages.map(\.example) == ["dogs", "dogs", nil])
        // The model is given them as turns.
        let prompt = try session.prompt { file throws in throw SessionError.mediaMissing(path: file.relativePath) }
        #expect(prompt.messages.map(\.role) == [.user, .assistant, .user])
    }

    @Test(arguments: [
        ExampleError.invalidName("a/\u{1B}b"), .noSuchSet("a", suggestion: "b"), .noSuchSet("a", suggestion: nil),
        .noSuchExample(number: 3, set: "a", count: 2), .noSuchExample(number: 3, set: "a", count: 0), .inUse("a"),
        .isEmpty("a"), .hasNoPictures("a"), .file(.diskFull(path: "/x")),
    ])
    func wordingIsOneLine(_ error: ExampleError) {
        let text = error.description
        #expect((text.hasSuffix(".") || text.hasSuffix("?")) && text.count > 20)
        #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control })
    }
}
