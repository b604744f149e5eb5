import Generation
import Pixels
import TestSupport
import Testing

/// A count that stands for a tokenizer: a token a word, two around a message, 50 a picture.
private func cost(_ prompt: Prompt, picture: Int = 50) -> PromptCost {
    var media = [Int]()
    var total = 0
    for message in prompt.messages {
        total += 2
        for part in message.parts {
            switch part {
            case .predicted: media.append(picture)
            case .text(let text), .markup(let text): total += text.split(separator: " ").count
            case .image: media.append(picture)
            case .video(let frames): media.append(picture * frames.count)
            }
        }
    }
    return PromptCost(totalTokens: total + media.reduce(0, +), mediaTokens: media)
}

private func words(_ count: Int) -> PromptPart { .text(Array(repeating: "word", count: count).joined(separator: " ")) }

private func picture() throws -> PromptPart {
    .image(try #require(PixelImage(width: 1, height: 1, bytes: [0, 0, 0])))
}

/// A system text, turns of a question and an answer, and a last question.
private func prompt(turns: [(question: [PromptPart], answer: Int)], last: [PromptPart]) -> Prompt {
    var messages = [PromptMessage(role: .system, parts: [words(8)])]
    for turn in turns {
        messages.append(PromptMessage(role: .user, parts: turn.question))
        messages.append(PromptMessage(role: .assistant, parts: [words(turn.answer)]))
    }
    return Prompt(messages: messages + [PromptMessage(role: .user, parts: last)])
}

@Suite struct ContextPlanTests {
    @Test func whatFitsIsLetThrough() throws {
        let short = prompt(turns: [([words(10)], 10)], last: [words(4)])
        let total = cost(short).totalTokens
        #expect(try ContextPlan.making(short, contextLength: total + 4, maximumTokens: 4) { cost($0) } == nil)
        let plan = try #require(
            try ContextPlan.making(short, contextLength: total + 3, maximumTokens: 4) { cost($0) })
        #expect(plan.neededTokens == total + 4)
        // It is only the answer that has too little room.
        #expect(plan.remedies == [.dropTurns(1, savedTokens: 24), .shortenAnswer(tokens: 3)])
    }

    @Test func theFewestTurnsGo() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<300 {
            let turns = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                (
                    question: [words(.random(in: 1...30, using: &generator))],
                    answer: Int.random(in: 1...60, using: &generator)
                )
            }
            let whole = prompt(turns: turns, last: [words(.random(in: 1...30, using: &generator))])
            let length = Int.random(in: 40...max(40, cost(whole).totalTokens), using: &generator)
            guard let plan = try ContextPlan.making(whole, contextLength: length, maximumTokens: 5, count: { cost($0) })
            else {
                #expect(cost(whole).totalTokens + 5 <= length)
                continue
            }
            let limit = length - plan.answerTokens
            let fewest = (1...turns.count).first {
                cost(whole.omitting(PromptOmission(turns: $0))).totalTokens <= limit
            }
            guard let fewest else {
                #expect(plan.questionTokens != nil)
                continue
            }
            let left = cost(whole.omitting(PromptOmission(turns: fewest))).totalTokens
            #expect(plan.remedies.first == .dropTurns(fewest, savedTokens: cost(whole).totalTokens - left))
        }
    }

    @Test func picturesGoFromTheOldestTurnsOn() throws {
        let old = (question: [words(5), try picture()], answer: 5)
        let plain = (question: [words(5)], answer: 5)
        let whole = prompt(turns: [plain, old, old, plain, old], last: [words(5), try picture()])
        let total = cost(whole).totalTokens
        let plan = try #require(
            try ContextPlan.making(whole, contextLength: total - 60, maximumTokens: 8) { cost($0) })
        #expect(plan.remedies.contains(.dropPictures(turns: 2...3, savedTokens: 100)))
        #expect(!plan.remedies.contains { if case .dropTurnsAndPictures = $0 { true } else { false } })
        // The question's own picture stays.
        let left = whole.omitting(PromptOmission(turnsWithoutMedia: 99))
        #expect(left.media.count == 1 && left.messages.count == whole.messages.count)
    }

    @Test func picturesThatTakeNothingAreNotOffered() throws {
        let old = (question: [words(50), try picture()], answer: 50)
        let whole = prompt(turns: [old, old], last: [words(5)])
        let plan = try #require(
            try ContextPlan.making(whole, contextLength: 150, maximumTokens: 8) { cost($0, picture: 0) })
        #expect(plan.remedies == [.dropTurns(1, savedTokens: 104)])
    }

    @Test func bothAreOfferedWhereThatSavesTurns() throws {
        let old = (question: [words(20), try picture()], answer: 20)
        let whole = prompt(turns: [old, old, old, old], last: [words(5)])
        // 94 a turn with its picture, 44 without; 17 for the system text and the question.
        let plan = try #require(
            try ContextPlan.making(whole, contextLength: 158, maximumTokens: 8) { cost($0) })
        #expect(
            plan.remedies == [
                .dropTurns(3, savedTokens: 282), .dropTurnsAndPictures(1, pictureTurns: 2...4, savedTokens: 244),
            ])
        for remedy in plan.remedies {
            let left = cost(whole.omitting(try #require(remedy.omission))).totalTokens
            #expect(left <= plan.contextLength - plan.answerTokens)
        }
    }

    @Test func aQuestionThatIsTooLongAloneIsSaid() throws {
        let whole = prompt(turns: [([words(5)], 5)], last: [words(200)])
        let plan = try #require(
            try ContextPlan.making(
                whole, contextLength: 100, maximumTokens: nil,
                enlargement: { $0 <= 512 ? ContextEnlargement(length: 512, bytes: 7) : nil },
                count: { cost($0) }))
        #expect(plan.questionTokens == 212 + plan.answerTokens)
        #expect(plan.remedies == [.enlargeContext(length: 512, bytes: 7)])
    }

    @Test func aLongConversationIsCountedInFewSteps() throws {
        let whole = prompt(turns: Array(repeating: ([words(3)], 3), count: 5000), last: [words(3)])
        for length in [60, 1000, 20_000, 49_990] {
            var counted = 0
            let plan = try ContextPlan.making(whole, contextLength: length, maximumTokens: 8) { prompt in
                counted += prompt.messages.count
                return cost(prompt)
            }
            #expect(plan?.remedies.isEmpty == false)
            // The first count, and a number of counts of about what fits.
            let fitting = length / 5
            #expect(counted <= whole.messages.count + 16 * fitting + 100, "\(length): \(counted)")
        }
    }

    @Test(arguments: [
        (2310, 2048, 8192, 4096), (4097, 4096, 8192, 8192), (5000, 300, 8192, 8192), (300, 256, 2048, 512),
        (100, 1024, 8192, 2048), (5000, 4096, 6000, 6000), (9000, 4096, 8192, nil), (10, 8192, 8192, nil),
        (10, 16, Int.max, 32),
    ])
    func theNextSensibleLength(tokens: Int, present: Int, trained: Int, expected: Int?) {
        #expect(ContextPlan.sufficientLength(for: tokens, present: present, trained: trained) == expected)
    }

    @Test(arguments: [(4096, nil, 256), (1024, nil, 128), (256, nil, 32), (4096, 10, 10), (4096, 0, 1), (16, nil, 2)])
    func roomForTheAnswer(contextLength: Int, maximumTokens: Int?, expected: Int) {
        #expect(ContextPlan.answerTokens(contextLength: contextLength, maximumTokens: maximumTokens) == expected)
    }

    @Test func aQuestionOfPicturesAloneStaysInItsPlace() throws {
        let whole = prompt(turns: [([try picture()], 3), ([words(3)], 3)], last: [words(2)])
        let left = whole.omitting(PromptOmission(turnsWithoutMedia: 1))
        #expect(left.messages.map(\.role) == whole.messages.map(\.role))
        #expect(left.messages[1].parts.isEmpty)
        #expect(whole.turns == [1..<3, 3..<5, 5..<6])
    }

    @Test func everyFailureNamesTheWayOut() {
        let failures: [(GenerationFailure, [String])] = [
            (.contextOverflow(needed: 300, available: 256, sufficient: 1024), ["300", "256", "--context 1024"]),
            (.contextOverflow(needed: 9000, available: 8192), ["9000", "8192", "not trained", "shorten"]),
        ]
        for (failure, words) in failures {
            for word in words { #expect(failure.description.contains(word)) }
        }
    }
}
