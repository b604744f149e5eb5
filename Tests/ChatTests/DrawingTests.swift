import Foundation
import Generation
import TestSupport
import Testing

@testable import Chat

/// Answers that are drawn pictures.
struct DrawingTests {
    let folder: TemporaryFolder
    let store: SessionStore

    init() throws {
        folder = try TemporaryFolder()
        store = SessionStore(folder: folder.path)
    }

    @Test func aDrawingSurvivesTheFile() throws {
        var (session, recording, drawn) = try Examples.drawing()
        recording.take(drawn)
        recording.finish(.cancelled, remainingText: "", milliseconds: 9000)
        session.append(recording.message)
        let read = try Session(bytes: session.json.prettyBytes)
        #expect(read == session)
        let message = try #require(read.activeBranch.last)
        #expect(message.parts == drawn.pictures.map { .image($0) })
        #expect(message.answer?.drawing?.endsInPreview == true)
        #expect(
            message.answer?.drawing?.options(seed: 42)
                == DrawingOptions(
                    width: 512, height: 768, steps: 30, guidance: 7.5, seed: 42, count: 3,
                    boxes: message.answer?.drawing?.boxes ?? []))
        #expect(message.answer?.drawing?.boxes.map(\.text) == ["the fox [Image #1] 1 2 30 40", "5 6 7 8"])
        // What an answer in words never had is not written.
        #expect(!String(decoding: try Examples.session().json.prettyBytes, as: UTF8.self).contains("drawing"))
    }

    /// Whenever the process ends, the pictures are there once the journal says that the answer has ended.
    @Test func theJournalHoldsThePicturesFromTheirEndOn() throws {
        let (session, recording, drawn) = try Examples.drawing()
        let writer = try store.create(named: "a", session)
        try writer.beginAnswer(recording)
        let running = try store.load("a")
        #expect(running.activeBranch.last?.answer?.drawing?.steps == 30)
        let (file, begun) = (try folder.read("a.json"), try folder.read("a.journal"))
        let finished = try writer.finishAnswer(.cancelled, seconds: 9, modelDigest: Examples.digest, drawn: drawn)
        #expect(finished.activeBranch.last?.parts == drawn.pictures.map { .image($0) })
        #expect(try store.load("a") == finished)
        // The same from the journal alone, as a killed process leaves it.
        let end = Journal.end(
            .cancelled, remainingText: "", milliseconds: 9000, modelDigest: Examples.digest, drawn: drawn)
        for cut in [end.count, end.count - 1] {
            try folder.write(file, "b.json")
            try folder.write(begun + end[..<cut], "b.journal")
            let last = try #require(try store.open("b").session.activeBranch.last)
            #expect(
                last.parts.count { if case .image = $0.content { true } else { false } } == (cut == end.count ? 2 : 0))
            #expect(last.answer?.finishReason == .cancelled)
            #expect(last.answer?.wasInterrupted == (cut != end.count))
        }
    }

    /// That pictures were withheld is kept with those that were not, by file and by journal.
    @Test func whatWasWithheldIsKept() throws {
        let (session, recording, drawn) = try Examples.drawing()
        let withheld = DrawnPictures(Array(drawn.pictures.prefix(1)), endsInPreview: false, withheld: [1, 3])
        let writer = try store.create(named: "a", session)
        try writer.beginAnswer(recording)
        let (file, begun) = (try folder.read("a.json"), try folder.read("a.journal"))
        let finished = try writer.finishAnswer(.end, seconds: 9, modelDigest: Examples.digest, drawn: withheld)
        let last = try #require(finished.activeBranch.last)
        #expect(last.answer?.drawing?.withheld == [1, 3] && last.parts == [.image(drawn.pictures[0])])
        #expect(try Session(bytes: finished.json.prettyBytes) == finished)
        let end = Journal.end(
            .end, remainingText: "", milliseconds: 9000, modelDigest: Examples.digest, drawn: withheld)
        try folder.write(file, "b.json")
        try folder.write(begun + end, "b.journal")
        #expect(try store.open("b").session.activeBranch.last?.answer?.drawing?.withheld == [1, 3])
        // Exported, it is said as well.
        let export = SessionExport(finished, picture: { _ in nil }, path: { $0.relativePath })
        for format in [ExportFormat.markdown, .html, .asciicast] {
            let text = String(decoding: export.bytes(format), as: UTF8.self)
            #expect(text.contains("safety checker withheld pictures 1 and 3 of 3. "), "\(format): \(text)")
        }
    }

    @Test(arguments: [
        ("width", JSONValue.integer(0)), ("steps", .string("many")), ("count", .integer(101)),
        ("withheld", .integers([4])), ("withheld", .integers([2, 1])), ("withheld", .integers([1, 1])),
        ("withheld", .string("all")), ("ends_in_preview", .integer(1)), ("boxes", .string("none")),
        ("boxes[0].left", .integer(449)),
        ("boxes[1].right", .integer(5)),
    ])
    func aWrongFieldIsNamed(_ key: String, _ value: JSONValue) throws {
        var (session, recording, drawn) = try Examples.drawing()
        recording.take(drawn)
        recording.finish(.end, remainingText: "", milliseconds: 1)
        session.append(recording.message)
        let json = session.json.replacing("messages[1].answer.drawing.\(key)", with: value)
        #expect {
            try Session(json: json)
        } throws: { error in
            // A box without a width is named as a whole.
            "\(error)".contains("messages[1].answer.drawing.\(key.replacing("].right", with: "]"))")
        }
    }

    @Test func aReplayShowsThePicturesAtTheEnd() throws {
        var (session, recording, drawn) = try Examples.drawing()
        recording.take(drawn)
        recording.finish(.end, remainingText: "", milliseconds: 9000)
        session.append(recording.message)
        let timeline = ReplayTimeline(session)
        #expect(timeline.messages(atMilliseconds: 5000).last?.parts == [])
        #expect(timeline.messages(atMilliseconds: .max) == session.activeBranch)
        #expect(timeline.durationMilliseconds == 10_000)
    }
}
