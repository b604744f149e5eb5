import Foundation
import Generation
import Pixels
import Testing

@testable import Chat

/// Answers with pictures of the model's own among the words.
struct InterleavedAnswerTests {
    private let folder: TemporaryFolder
    private let store: SessionStore
    private static let context = String(repeating: "a1", count: 32)

    init() throws {
        folder = try TemporaryFolder()
        store = SessionStore(folder: folder.path)
    }

    private static func image(_ name: String = "drawing-7.png") throws -> StoredImage {
        StoredImage(file: try Examples.file("png"), name: name, width: 64, height: 48, format: "png")
    }

    /// "A dog", a picture, "and" with another that nobody drew, "a cat".
    private static func message(_ session: Session) throws -> Message {
        var answer = Examples.answer()
        answer.grounding = nil
        answer.options.pictures = AnswerPictures(most: 3, width: 64, height: 48, steps: 2, guidance: 1.5)
        var recording = AnswerRecording(
            id: session.nextID, parent: session.activeLeaf, created: Timestamp(milliseconds: 0), answer: answer)
        for (id, text) in [(5, "A"), (6, " dog"), (32001, ""), (7, "and"), (32001, " "), (8, "a cat")] {
            recording.append(id: Int32(id), text: text, milliseconds: 10 * Int(recording.tokenCount))
            guard id == 32001 else { continue }
            let number = recording.pictures.count
            recording.take(picture(number, token: recording.tokenCount - 1), number: number)
        }
        var whole = recording.pictures[0]
        whole.image = try image()
        recording.take(whole, number: 0)
        var broken = recording.pictures[1]
        broken.problem = "no paint"
        recording.take(broken, number: 1)
        let isTaken = recording.take(broken, number: 3)
        #expect(!isTaken)
        recording.finish(.end, remainingText: ".", milliseconds: 900)
        return recording.message
    }

    private static func picture(_ number: Int, token: Int) -> PredictedPicture {
        PredictedPicture(token: token, seed: 7 + UInt64(number), context: Self.context)
    }

    static func session() throws -> Session {
        var session = try Examples.session()
        session.append(try message(session))
        return session
    }

    @Test func wordsAndPicturesSurviveTheFile() throws {
        let session = try Self.session()
        let read = try Session(bytes: session.json.prettyBytes)
        #expect(read == session)
        let message = try #require(read.activeBranch.last)
        #expect(message.parts.count == 5 && message.text == "A dogand a cat.")
        #expect(message.parts[0] == .text("A dog") && message.parts[4] == .text("a cat."))
        let pictures = message.predictedPictures
        #expect(pictures.map(\.token) == [2, 4] && pictures.map(\.seed) == [7, 8])
        #expect(pictures.map(\.isWhole) == [true, false] && pictures[1].problem == "no paint")
        #expect(message.answer?.options.pictures.guidance == 1.5)
        // Programs that know nothing of it take them for a picture and for no words.
        let parts = try #require(message.json["parts"]?.elements)
        #expect(parts[1]["type"] == .string("image") && parts[3]["type"] == .string("text"))
        #expect(parts[3]["text"] == .string(""))
        // Answers that were allowed none say nothing of them.
        #expect(!String(decoding: try Examples.session().json.prettyBytes, as: UTF8.self).contains("\"most\""))
    }

    @Test(arguments: [
        ("parts[1].predicted.token", JSONValue.integer(-1)), ("parts[1].predicted.seed", .string("x")),
        ("parts[1].predicted.seed", nil), ("parts[1].predicted.context", .string("abc")),
        ("parts[3].predicted.problem", .integer(1)), ("parts[3].predicted", .integer(1)),
        ("parts[3].text", .string("words")), ("answer.options.pictures.most", .integer(33)),
        ("answer.options.pictures.width", .integer(0)), ("answer.options.pictures", .string("many")),
    ])
    func aWrongFieldIsNamed(_ key: String, _ value: JSONValue?) throws {
        let session = try Self.session()
        let index = session.messages.count - 1
        let json = session.json.replacing("messages[\(index)].\(key)", with: value)
        #expect { try Session(json: json) } throws: { "\($0)".contains("messages[\(index)].\(key)") }
    }

    /// Whenever the process is killed, what was there of the answer is there again.
    @Test func theJournalHoldsEveryPictureAsFarAsItIs() throws {
        let session = try Examples.session()
        let whole = try Self.message(session)
        let writer = try store.create(named: "a", session)
        try writer.beginAnswer(
            AnswerRecording(id: whole.id, parent: whole.parent, created: whole.created, answer: Examples.answer()))
        func token(_ id: Int32, _ text: String) throws {
            try writer.append(GeneratedToken(id: id, logProbability: 0, text: text, seconds: 1))
        }
        func kept(_ name: String) throws -> Message {
            try folder.write(folder.read("a.json"), "\(name).json")
            try folder.write(folder.read("a.journal"), "\(name).journal")
            return try #require(try store.open(name).session.activeBranch.last)
        }
        try token(5, "A dog")
        try token(32001, "")
        try writer.record(PredictedPicture(token: 1, seed: 7), number: 0)
        let opened = try kept("b")
        #expect(opened.predictedPictures.map(\.problem) == ["the program ended before it was drawn"])
        #expect(opened.predictedPictures.first?.context == nil && opened.answer?.wasInterrupted == true)
        try writer.record(Self.picture(0, token: 1), number: 0)
        try token(7, "and")
        #expect(try kept("c").predictedPictures.first?.context == Self.context)
        #expect(try kept("d").parts.last == .text("and"))
        var drawn = Self.picture(0, token: 1)
        drawn.image = try Self.image()
        try writer.record(drawn, number: 0)
        let last = try kept("e")
        #expect(last.predictedPictures == [drawn] && last.parts.count == 3)
        let finished = try writer.finishAnswer(.end, seconds: 9)
        #expect(finished.activeBranch.last?.predictedPictures == [drawn])
        #expect(try store.load("a") == finished)
    }

    @Test(arguments: ["number", "part"]) func aDamagedLineOfTheJournalIsNamed(_ key: String) throws {
        let session = try Examples.session()
        let writer = try store.create(named: "a", session)
        try writer.beginAnswer(
            AnswerRecording(
                id: session.nextID, parent: session.activeLeaf, created: Timestamp(milliseconds: 0),
                answer: Examples.answer()))
        var line = try JSONParser.parse(Journal.picture(PredictedPicture(token: 0, seed: 7), number: 0).dropLast())
        line[key] = key == "number" ? .integer(2) : Part.text("words").json
        try folder.write(folder.read("a.json"), "b.json")
        try folder.write(folder.read("a.journal") + line.compactBytes + [UInt8(ascii: "\n")], "b.journal")
        let opened = try store.open("b")
        #expect(opened.session.activeBranch.last?.predictedPictures == [])
        guard case .journalPutAside(_, let problem)? = opened.recoveries.last else {
            Issue.record("\(opened.recoveries)")
            return
        }
        #expect("\(problem)".contains(".\(key)"))
    }

    @Test func promptsHoldThemInTheirPlaces() throws {
        let session = try Self.session()
        let pixels = try #require(PixelImage(width: 1, height: 1, bytes: [1, 2, 3]))
        let prompt = session.prompt { (_: StoredFile) throws(Never) in pixels }
        let answer = try #require(prompt.messages.last)
        #expect(
            answer.parts == [
                .text("A dog"), .predicted(PredictedImage(image: pixels, context: Self.context)), .text("and "),
                .predicted(PredictedImage(image: nil, context: Self.context)), .text("a cat."),
            ])
        #expect(answer.tokens == [5, 6, 32001, 7, 32001, 8] && prompt.media.contains(answer.parts[1]))
        // Only what is drawn has a number.
        #expect(!prompt.media.contains(answer.parts[3]))
    }

    @Test func anAnswerGoesOnBehindItsPictures() throws {
        let session = try Self.session()
        var message = try #require(session.activeBranch.last)
        let beginning = AnswerBeginning(message)
        #expect(beginning.tokenIDs == [5, 6, 32001, 7, 32001, 8] && beginning.pictures.count == 2)
        #expect(beginning.parts.map(\.predicted?.seed) == message.parts.map(\.predicted?.seed))
        #expect(try #require(AnswerBeginning(message, tokens: 4)).parts == Array(message.parts[..<2]) + [.text("and")])
        // What opened a picture that came to nothing is not taken over, nor is what stands behind it.
        var broken = message.predictedPictures[1]
        broken.context = nil
        message.parts[3].content = .predicted(broken)
        let shorter = AnswerBeginning(message)
        #expect(shorter.tokenIDs == [5, 6, 32001, 7] && shorter.pictures.count == 1)
    }

    @Test(arguments: ExportFormat.allCases) func noExportDropsThem(_ format: ExportFormat) throws {
        let session = try Self.session()
        let export = SessionExport(session, picture: { _ in [1, 2, 3] }, path: { $0.relativePath })
        let text = String(decoding: export.bytes(format), as: UTF8.self)
        let undrawn = "a picture that could not be drawn: no paint"
        #expect(text.contains(undrawn), "\(text)")
        #expect(text.contains(format == .llava ? "media/" : "drawing-7.png"), "\(text)")
    }

    @Test func aReplayShowsThemInTheirPlaces() throws {
        let session = try Self.session()
        let timeline = ReplayTimeline(session)
        let end = timeline.messages(atMilliseconds: .max)
        #expect(end == session.activeBranch)
        let events = timeline.events.map(\.kind)
        let opened = try #require(
            events.firstIndex { if case .pictureOpened = $0 { true } else { false } })
        let parts = timeline.messages(afterEvents: opened + 1).last?.parts
        #expect(parts?.map(\.predicted?.seed) == [nil, 7] && parts?.first == .text("A dog"))
    }
}
