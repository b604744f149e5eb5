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

    @Test(arguments: [
        ("width", JSONValue.integer(0)), ("steps", .string("many")), ("count", .integer(101)),
        ("ends_in_preview", .integer(1)), ("boxes", .string("none")), ("boxes[0].left", .integer(449)),
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
