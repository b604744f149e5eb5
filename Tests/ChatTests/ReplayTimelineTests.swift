import Chat
import Generation
import Pixels
import Testing

struct ReplayTimelineTests {
    @Test func eventsComeInTheirRecordedTimes() throws {
        let timeline = ReplayTimeline(try Examples.session())
        // System at 0; the user 1 s later; the answer, 3 s after that, no later than the longest pause; its tokens.
        #expect(timeline.events.map(\.milliseconds) == [0, 1000, 2500, 2750, 2800, 2900, 2950, 2950, 4450])
        #expect(timeline.events.map(\.turn) == [0, 1, 1, 1, 1, 1, 1, 1, 2])
        #expect(timeline.durationMilliseconds == 4450)
        let texts = timeline.events.compactMap { event in
            if case .textAdded(_, _, let text) = event.kind { text } else { nil }
        }
        #expect(texts == ["Zwei ", "", "Pudel 🐩", "."])
        #expect(timeline.events[7].kind == .answerEnded(messageID: 3, .end, wasInterrupted: false))
    }

    @Test func anyMomentCanBeShown() throws {
        let session = try Examples.session()
        let timeline = ReplayTimeline(session)
        #expect(timeline.messages(atMilliseconds: -1) == [])
        #expect(timeline.messages(atMilliseconds: 1000).map(\.id) == [1, 2])
        let running = timeline.messages(atMilliseconds: 2800)
        #expect(running.last?.text == "Zwei " && running.last?.answer?.finishReason == nil)
        #expect(timeline.messages(atMilliseconds: .max) == session.activeBranch)
        #expect(timeline.milliseconds(ofTurn: 2) == 4450)
        #expect(timeline.milliseconds(ofTurn: 99) == 4450)
        #expect(timeline.turn(atMilliseconds: 2800) == 1)
        #expect((1...5).map(timeline.milliseconds(ofMessage:)) == [0, 1000, 2500, nil, 4450])
    }

    @Test func anyBranchCanBeShownAndNoneIsFine() throws {
        #expect(ReplayTimeline(try Examples.session(), to: 4).messages(afterEvents: .max).last?.text == "Sure?")
        let empty = ReplayTimeline(Session(created: Examples.start))
        #expect(empty.events.isEmpty && empty.milliseconds(ofTurn: 0) == 0 && empty.turn(atMilliseconds: 5) == 0)
    }

    @Test func theClockKeepsItsPlaceThroughSpeedPauseAndSeek() {
        var clock = ReplayClock(now: 100)
        #expect(clock.position(now: 101.5) == 1500)
        clock.setSpeed(4, now: 101)
        #expect(clock.position(now: 102) == 5000)
        #expect(clock.delay(untilMilliseconds: 9000, now: 102) == 1)
        clock.setPaused(true, now: 102)
        #expect(clock.position(now: 200) == 5000 && clock.delay(untilMilliseconds: 9000, now: 200) == nil)
        clock.seek(toMilliseconds: 100, now: 200)
        clock.setPaused(false, now: 201)
        #expect(clock.position(now: 202) == 4100)
        clock.setSpeed(.nan, now: 202)
        #expect(clock.speed == 1)
    }
}

struct SessionPromptTests {
    @Test func wordsAndPicturesKeepTheirOrder() throws {
        let picture = try #require(PixelImage(width: 1, height: 1, bytes: [1, 2, 3]))
        let prompt = try Examples.session().prompt { _ in picture }
        #expect(prompt.messages.map(\.role) == [.system, .user, .assistant, .user])
        #expect(
            prompt.messages[1].parts == [
                .text("What breed is "), .image(picture), .text(" and\nwho is in "),
                .video([VideoFrame(image: picture, seconds: 0.5), VideoFrame(image: picture, seconds: 1.25)]),
            ])
        #expect(prompt.messages[2].parts == [.text("Zwei Pudel 🐩.")])
    }

    @Test func emptyAnswersAreLeftOut() throws {
        var session = Session(created: Examples.start)
        session.append(role: .user, parts: [.text("Hi")], at: Examples.start)
        var recording = Examples.recording(id: 2, parent: 1)
        recording.finish(.cancelled, remainingText: "", milliseconds: 3)
        session.append(recording.message)
        session.append(role: .user, parts: [.text("Hi?")], at: Examples.start)
        let prompt = session.prompt { _ in fatalError("there is no picture") }
        #expect(prompt.messages.map(\.role) == [.user, .user])
    }

    @Test func aMissingPictureIsTheCallersError() throws {
        let session = try Examples.session()
        #expect(throws: SessionError.mediaMissing(path: "x")) {
            try session.prompt { (_) throws(SessionError) -> PixelImage in throw .mediaMissing(path: "x") }
        }
    }
}
