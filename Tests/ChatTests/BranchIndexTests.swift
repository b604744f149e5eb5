import Chat
import Generation
import Testing

@Suite struct BranchIndexTests {
    /// 1 question, 2 and 3 its answers, 4 a system text behind 2, 5 a question behind that, 6 one behind 2 itself.
    private func session() -> Session {
        var session = Session(created: Timestamp(milliseconds: 0))
        func add(_ id: Int, _ parent: Int?, _ role: Role) {
            let message = Message(
                id: id, parent: parent, role: role, created: Timestamp(milliseconds: Int64(id)), parts: [.text("\(id)")]
            )
            session.append(message)
        }
        add(1, nil, .user)
        add(2, 1, .assistant)
        add(3, 1, .assistant)
        add(4, 2, .system)
        add(5, 4, .user)
        add(6, 2, .user)
        return session
    }

    @Test(arguments: [(1, [1]), (2, [2, 3]), (3, [2, 3]), (4, [4]), (5, [5, 6]), (6, [5, 6])])
    func alternativesPassSystemTextsOver(id: Int, expected: [Int]) throws {
        let session = session()
        #expect(BranchIndex(session).alternatives(to: try #require(session.message(id))) == expected)
    }

    @Test(arguments: [(nil, [1]), (1, []), (2, [5, 6]), (4, [5, 6]), (3, [])] as [(Int?, [Int])])
    func questionsFollowABranchsEnd(leaf: Int?, expected: [Int]) {
        #expect(BranchIndex(session()).questions(behind: leaf) == expected)
    }
}

@Suite struct AnswerBeginningTests {
    private func message(_ pieces: [String], rest: String) -> Message {
        var answer = Answer(
            model: Answer.Model(name: "m", path: "", sha256: nil), template: "chatml", options: .greedy, seed: 1,
            kernel: "", precision: "exact")
        answer.tokenIDs = pieces.indices.map { Int32($0 + 10) }
        answer.tokenMilliseconds = pieces.indices.map { $0 }
        answer.tokenTextLengths = pieces.map(\.utf8.count)
        return Message(
            id: 2, parent: 1, role: .assistant, created: Timestamp(milliseconds: 0),
            parts: [.text(pieces.joined() + rest)], answer: answer)
    }

    @Test func takesWholeCharactersOver() throws {
        // The last two tokens were half of a character, which came as its replacement at the end.
        let beginning = AnswerBeginning(message(["One", "", " 犬", "", ""], rest: "\u{FFFD}"))
        #expect(beginning.tokenIDs == [10, 11, 12])
        #expect(beginning.text == "One 犬")
        #expect(try beginning.promptMessage { _ in throw CancellationError() }.tokens == [10, 11, 12])
    }

    @Test func isEmptyWithoutWords() {
        #expect(AnswerBeginning(message([], rest: "")).tokenIDs.isEmpty)
        #expect(AnswerBeginning(message(["", ""], rest: "x")).text.isEmpty)
    }
}
