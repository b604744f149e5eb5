import Chat
import Generation
import Pixels
import Testing

/// What is left out of a branch's prompt, how it is recorded, and for whom it counts.
struct BranchPromptTests {
    private func picture(_ file: StoredFile) throws -> PixelImage {
        try #require(PixelImage(width: 1, height: 1, bytes: [1, 2, 3]))
    }

    private func image() throws -> Part {
        .image(StoredImage(file: try Examples.file(), name: "dog.jpg", width: 6, height: 4, format: "jpeg"))
    }

    private func answer(_ text: String, _ session: inout Session, dropped: Answer.Dropped? = nil) {
        var answer = Examples.answer()
        answer.dropped = dropped
        var recording = AnswerRecording(
            id: session.nextID, parent: session.activeLeaf, created: Examples.start, answer: answer)
        recording.finish(.end, remainingText: text, milliseconds: 5)
        session.append(recording.message)
    }

    /// System 1; turns 2-3 (a picture), 4-5 (a picture and no words), 6-7 (no answer), 8-9; the question 10.
    private func conversation() throws -> Session {
        var session = Session(created: Examples.start)
        session.append(role: .system, parts: [.text("Be brief.")], at: Examples.start)
        session.append(role: .user, parts: [.text("One "), try image()], at: Examples.start)
        answer("1", &session)
        session.append(role: .user, parts: [try image()], at: Examples.start)
        answer("2", &session)
        session.append(role: .user, parts: [.text("Three")], at: Examples.start)
        answer("", &session)
        session.append(role: .user, parts: [.text("Four"), try image()], at: Examples.start)
        answer("4", &session)
        session.append(role: .user, parts: [.text("Five"), try image()], at: Examples.start)
        return session
    }

    @Test func whatIsRecordedGivesWhatWasSent() throws {
        let session = try conversation()
        let whole = try session.branchPrompt(dropping: nil, picture: picture)
        #expect(whole.prompt == (try session.prompt(picture: picture)))
        #expect(whole.messageIDs == [1, 2, 3, 4, 5, 6, 8, 9, 10])
        #expect(whole.mediaNumbers == [1, 2, 3, 4])
        for turns in 0...6 {
            for pictures in 0...6 {
                let omission = PromptOmission(turns: turns, turnsWithoutMedia: pictures)
                let dropped = session.dropped(adding: omission, to: whole)
                let asked = try session.branchPrompt(dropping: dropped, picture: picture)
                #expect(asked.prompt == whole.prompt.omitting(omission), "\(omission)")
                #expect(asked.prompt.messages.last?.parts.count == 2)
                #expect(asked.mediaNumbers.count == asked.prompt.media.count)
                #expect((dropped?.turns ?? 0) == min(turns, 4))
                #expect(asked.prompt.media.count + (dropped?.pictures ?? 0) <= 4)
            }
        }
    }

    @Test func moreCanBeLeftOutLater() throws {
        let session = try conversation()
        let whole = try session.branchPrompt(dropping: nil, picture: picture)
        let first = session.dropped(adding: PromptOmission(turnsWithoutMedia: 2), to: whole)
        #expect(first == Answer.Dropped(turns: 0, lastMessage: nil, pictures: 2, lastPictureMessage: 5))
        let once = try session.branchPrompt(dropping: first, picture: picture)
        let second = session.dropped(adding: PromptOmission(turns: 1), to: once)
        #expect(second == Answer.Dropped(turns: 1, lastMessage: 3, pictures: 1, lastPictureMessage: 5))
        let twice = try session.branchPrompt(dropping: second, picture: picture)
        let third = session.dropped(adding: PromptOmission(turns: 2), to: twice)
        #expect(third == Answer.Dropped(turns: 3, lastMessage: 6, pictures: 0, lastPictureMessage: nil))
        #expect(session.dropped(adding: PromptOmission(), to: whole) == nil)
    }

    @Test func theChoiceStaysInForceOnItsBranchAndNowhereElse() throws {
        var session = try conversation()
        let whole = try session.branchPrompt(dropping: nil, picture: picture)
        let dropped = session.dropped(adding: PromptOmission(turns: 2, turnsWithoutMedia: 4), to: whole)
        let asked = try session.branchPrompt(dropping: dropped, picture: picture)
        answer("5", &session, dropped: dropped)
        session = try Session(bytes: session.json.prettyBytes)
        session.append(role: .user, parts: [.text("Six")], at: Examples.start)
        #expect(session.dropped() == dropped)
        let next = try session.prompt(picture: picture)
        #expect(Array(next.messages.prefix(asked.prompt.messages.count)) == asked.prompt.messages)
        #expect(next.messages.count == asked.prompt.messages.count + 2)
        // What a replay asks: the answer's question with what the answer says.
        let recorded = try #require(session.message(11)?.answer?.dropped)
        #expect(try session.branchPrompt(to: 10, dropping: recorded, picture: picture) == asked)
        // A branch from before the choice has everything.
        session.show(leaf: 9)
        session.append(role: .user, parts: [.text("Five?")], at: Examples.start)
        #expect(session.dropped() == nil)
        #expect(try session.prompt(picture: picture).messages.count == 9)
    }

    @Test func picturesKeepTheirNumbers() throws {
        let session = try conversation()
        let whole = try session.branchPrompt(dropping: nil, picture: picture)
        let asked = try session.branchPrompt(
            dropping: session.dropped(adding: PromptOmission(turns: 1), to: whole), picture: picture)
        #expect(asked.mediaNumbers == [2, 3, 4])
        let start = GenerationStart(
            promptTokens: [1], reusedTokens: 0, unseenMedia: [1, 3, 9], seed: 1, imageSeconds: 0, prefillSeconds: 0)
        #expect(asked.numbered(start).unseenMedia == [2, 4])
    }

    @Test func picturesThatAreLeftOutAreNotRead() throws {
        let session = try conversation()
        let whole = try session.branchPrompt(dropping: nil, picture: picture)
        var reads = 0
        _ = try session.branchPrompt(
            dropping: session.dropped(adding: PromptOmission(turnsWithoutMedia: 3), to: whole)
        ) { file throws in
            reads += 1
            return try picture(file)
        }
        #expect(reads == 2)
    }

    @Test func aMessageThatIsNotOnTheBranchLeavesNothingOut() throws {
        let session = try conversation()
        let foreign = Answer.Dropped(turns: 3, lastMessage: 99, pictures: 4, lastPictureMessage: 98)
        let asked = try session.branchPrompt(dropping: foreign, picture: picture)
        #expect(asked.prompt.messages.count == 9 && asked.prompt.media.count == 4)
    }
}
