import Foundation
import Generation
import Inference
import ModelFiles
import Models
import Tensor
import TestSupport
import Testing

/// Beam search against recorded results of the implementation that sets the rules, and what an engine promises of it.
@Suite(.serialized) struct BeamSearchTests {
    private static let model = TestSupport.fixture("InferenceTests", "beam-search.gguf").path
    /// The fixture's end of sequence.
    private static let end: Int32 = 2

    // MARK: The rules

    @Test func answersAreTheReferences() async throws {
        let golden = try golden()
        #expect(golden.cases.count == 200)
        // One engine for all, so that every answer also follows others in the same cache.
        let engine = try engine()
        for (index, item) in golden.cases.enumerated() {
            let outcome = await GenerationOutcome(of: engine.generate(item.asPrompt, options: item.options))
            #expect(outcome.start?.promptTokens.count == item.prompt.count)
            #expect(outcome.ids == item.ids, "case \(index): \(item)")
            let ended = item.ids.last == Self.end
            #expect(outcome.summary?.finishReason == (ended ? .end : .length), "case \(index)")
        }
    }

    @Test func theCasesCoverWhatTheyShould() throws {
        let cases = try golden().cases
        let kinds = Set(cases.map { [Double($0.beams), $0.lengthPenalty, $0.repetitionPenalty] })
        #expect(kinds.count == 6 * 4 * 2)
        let ended = cases.filter { $0.ids.last == Self.end }.count
        #expect(ended >= 50 && cases.count - ended >= 10)
    }

    @Test func equalsGoByBeamAndToken() {
        var search = BeamSearch(configuration(beams: 3))
        let level = [Float](repeating: 0, count: 10)
        let first = level.withUnsafeBufferPointer { search.advance([$0]) }
        #expect(first == [0, 1, 2].map { BeamSearch.Continuation(parent: 0, token: $0) })
        let second = level.withUnsafeBufferPointer { search.advance([$0, $0, $0]) }
        #expect(second == [0, 1, 2].map { BeamSearch.Continuation(parent: 0, token: $0) })
    }

    @Test func fewerTokensThanBeamsAreAllKept() {
        var search = BeamSearch(configuration(beams: 4))
        let logits: [Float] = [0, 2, -.infinity]
        let continuations = logits.withUnsafeBufferPointer { search.advance([$0]) }
        #expect(continuations?.prefix(2).map(\.token) == [1, 0])
        #expect(!search.hasFailed)
    }

    @Test(arguments: [[Float.nan, 0, 1], [.infinity, 0, 1], [-.infinity, -.infinity, -.infinity]])
    func logitsThatAreNoNumbersEndTheSearch(_ logits: [Float]) {
        var search = BeamSearch(configuration(beams: 2))
        #expect(logits.withUnsafeBufferPointer { search.advance([$0]) } == nil)
        #expect(search.hasFailed)
        #expect(search.answer.tokens.isEmpty)
    }

    // MARK: The cache

    @Test func beamsShareTheirPromptAndComputeWhatAFreshSequenceDoes() throws {
        let model = try LoadedModel(path: Self.model, options: ModelOptions(threadCount: 2))
        let prompt: [Int32] = [40, 41, 50, 60, 45]
        let session = try DecoderSession(model: model)
        try session.reserveBeams(count: 3, promptTokens: prompt.count, maximumTokens: 8)
        #expect(session.append(prompt[...]))
        var beams = session.beams()
        #expect(beams.slotCount == prompt.count)
        var texts = [[Int32]](repeating: [], count: 1)
        // Branching, dropping a beam, changing their order, dropping and taking up freed slots.
        let steps: [(parents: [Int], slots: Int)] = [
            ([0, 0, 0], 3), ([0, 0, 2], 5), ([2, 1, 0], 8), ([1, 1, 1], 6), ([2, 0], 7), ([1, 1, 0], 10),
        ]
        for (step, (parents, slots)) in steps.enumerated() {
            let continuations = parents.enumerated().map { index, parent in
                BeamSearch.Continuation(parent: parent, token: Int32(10 + step * 3 + index))
            }
            // A step that was cancelled changes nothing.
            #expect(session.advance(&beams, by: continuations, isCancelled: { true }) == nil)
            let logits = try #require(session.advance(&beams, by: continuations, isCancelled: { false }))
            texts = continuations.map { texts[$0.parent] + [$0.token] }
            #expect(beams.slotCount == prompt.count + slots, "step \(step)")
            for (text, row) in zip(texts, logits) {
                let fresh = try DecoderSession(model: model)
                #expect(fresh.append((prompt + text)[...]))
                #expect(Array(fresh.logits) == Array(row), "step \(step)")
            }
        }
        #expect(session.tokens == prompt)
    }

    @Test func aSearchLeavesTheCacheAsAFreshEngineWouldHaveIt() async throws {
        let engine = try engine()
        var greedy = GenerationOptions.greedy
        greedy.maximumTokens = 12
        let first = raw("WHERE DOES")
        _ = await GenerationOutcome(of: engine.generate(first, options: greedy))
        // Longer than any cache for one answer, so that it has to grow.
        let searched = await GenerationOutcome(of: engine.generate(raw("WHERE DOES IT"), options: beams(6, limit: 100)))
        #expect(
            searched.ids
                == (await GenerationOutcome(
                    of: try self.engine().generate(raw("WHERE DOES IT"), options: beams(6, limit: 100)))).ids)
        let next = raw("WHERE DOES IT GO")
        let after = await GenerationOutcome(of: engine.generate(next, options: greedy))
        let fresh = await GenerationOutcome(of: try self.engine().generate(next, options: greedy))
        #expect(after.ids == fresh.ids)
        #expect(after.tokens.map(\.logProbability) == fresh.tokens.map(\.logProbability))
        #expect(after.start?.reusedTokens ?? 0 >= "WHERE DOES IT".count)
        // And the same beams again, on the cache that grew for the others.
        let again = await GenerationOutcome(of: engine.generate(raw("WHERE DOES IT"), options: beams(6, limit: 100)))
        #expect(again.ids == searched.ids)
        #expect(again.start?.reusedTokens == "WHERE DOES IT".count - 1)
    }

    @Test func theNextTurnReusesTheWholeAnswer() async throws {
        let engine = try engine()
        for (beamCount, penalty) in [(2, 1.0), (4, 0), (6, 2), (5, -1)] {
            var search = beams(beamCount, limit: 24)
            search.lengthPenalty = penalty
            var (text, held) = ("TELL ME", [Int32]())
            // Three turns, so that the second search stands on the first one's kept answer.
            for turn in 1...3 {
                let answer = await GenerationOutcome(of: engine.generate(raw(text), options: search))
                let fresh = await GenerationOutcome(of: try self.engine().generate(raw(text), options: search))
                #expect(answer.ids == fresh.ids, "\(beamCount) beams, turn \(turn)")
                #expect(answer.tokens.map(\.logProbability) == fresh.tokens.map(\.logProbability))
                let start = try #require(answer.start)
                #expect(start.promptTokens.starts(with: held), "the text does not spell the tokens of the last turn")
                if turn > 1 { #expect(start.reusedTokens == held.count) }
                held = start.promptTokens + answer.ids.dropLast()
                text += answer.text + "XY"
            }
        }
    }

    @Test func aPromptStaysWhenTheCacheGrowsForBeams() async throws {
        let engine = try engine()
        var greedy = GenerationOptions.greedy
        greedy.maximumTokens = 1
        _ = await GenerationOutcome(of: engine.generate(raw("WHERE DOES"), options: greedy))
        let searched = await GenerationOutcome(of: engine.generate(raw("WHERE DOES IT"), options: beams(6, limit: 100)))
        #expect(searched.start?.reusedTokens == "WHERE DOES".count)
    }

    @Test func everyThreadCountGivesTheSameAnswer() async throws {
        let (one, three) = (try engine(), try engine(threads: 3))
        for item in try golden().cases where item.beams > 1 && item.limit > 20 {
            let first = await GenerationOutcome(of: one.generate(item.asPrompt, options: item.options))
            let second = await GenerationOutcome(of: three.generate(item.asPrompt, options: item.options))
            #expect(first.ids == second.ids)
            #expect(first.tokens.map(\.logProbability) == second.tokens.map(\.logProbability))
        }
    }

    @Test func logProbabilitiesAreTheModelsOwn() async throws {
        let model = try LoadedModel(path: Self.model)
        let engine = try engine()
        for item in try golden().cases.filter({ $0.beams > 2 && $0.ids.count > 3 }).prefix(12) {
            let outcome = await GenerationOutcome(of: engine.generate(item.asPrompt, options: item.options))
            let session = try DecoderSession(model: model)
            #expect(session.append((outcome.start?.promptTokens ?? [])[...]))
            for token in outcome.tokens {
                let logits = Array(session.logits)
                let expected = Float(
                    Double(logits[Int(token.id)]) - Kernels.logSumExp(logits, count: logits.count))
                #expect(token.logProbability == expected)
                #expect(session.append([token.id]))
            }
        }
    }

    // MARK: The engine's contract

    @Test func provisionalTextsComeBeforeTheTokens() async throws {
        let outcome = await GenerationOutcome(
            of: try engine().generate(raw("TELL ME"), options: beams(4, limit: 20)))
        #expect(outcome.order.wholeMatch(of: /p+sb+t+f/) != nil, "\(outcome.order)")
        #expect(outcome.summary?.generatedTokens == outcome.tokens.count)
        let prompt = try #require(outcome.start?.promptTokens.count)
        // The last token of the best beam was chosen but not processed: nothing follows it.
        #expect(outcome.summary?.contextTokens == prompt + outcome.tokens.count - 1)
    }

    @Test func noTokensWhenNoneMayCome() async throws {
        let outcome = await GenerationOutcome(of: try engine().generate(raw("A"), options: beams(4, limit: 0)))
        #expect(outcome.order.wholeMatch(of: /p+sf/) != nil, "\(outcome.order)")
        #expect(outcome.summary?.finishReason == .length)
    }

    @Test func oneTokenIsTheMostProbableOne() async throws {
        let engine = try engine()
        var greedy = GenerationOptions.greedy
        greedy.maximumTokens = 1
        for text in ["A", "QUICK", "BROWN FOX", "7 TIMES 6"] {
            var search = beams(5, limit: 1)
            search.lengthPenalty = 0
            let first = await GenerationOutcome(of: engine.generate(raw(text), options: greedy))
            let best = await GenerationOutcome(of: engine.generate(raw(text), options: search))
            #expect(best.ids == first.ids)
            #expect(best.ids.count == 1)
            #expect(best.summary?.finishReason == first.summary?.finishReason)
        }
    }

    @Test func theContextEndsTheAnswer() async throws {
        // A length penalty of 8 makes long answers win.
        var options = beams(3, limit: nil)
        options.lengthPenalty = 8
        let outcome = await GenerationOutcome(
            of: try engine(context: 40).generate(raw("ABCDEFGHIJ"), options: options))
        #expect(outcome.summary?.finishReason == .length)
        #expect(outcome.ids.count == 30)
    }

    @Test func mostBeamsFitIntoTheLeastContext() async throws {
        let outcome = await GenerationOutcome(
            of: try engine(context: 16).generate(raw("ABC"), options: beams(64, limit: nil)))
        #expect(outcome.failure == nil)
        #expect(!outcome.ids.isEmpty)
    }

    @Test func aStopStringEndsTheAnswerBeforeIt() async throws {
        let engine = try engine()
        var options = beams(4, limit: 20)
        options.lengthPenalty = 3
        let whole = await GenerationOutcome(of: engine.generate(raw("TELL ME"), options: options))
        let stop = String(whole.text.dropFirst(4).prefix(2))
        #expect(stop.count == 2)
        options.stopStrings = [stop]
        let outcome = await GenerationOutcome(of: engine.generate(raw("TELL ME"), options: options))
        #expect(outcome.summary?.finishReason == .stop)
        #expect(outcome.text == whole.text.range(of: stop).map { String(whole.text[..<$0.lowerBound]) })
        #expect(outcome.ids == Array(whole.ids.prefix(outcome.ids.count)), "a stop string changes no choice")
        #expect(outcome.ids.count < whole.ids.count)
    }

    @Test func beamsTakeNoChances() async throws {
        var options = beams(2, limit: 4)
        options.temperature = 0.5
        let outcome = await GenerationOutcome(of: try engine().generate(raw("A"), options: options))
        guard case .invalidOption(let text)? = outcome.failure else {
            Issue.record("\(outcome.order)")
            return
        }
        #expect(text.hasPrefix("--temperature "))
        #expect(outcome.order == "x")
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func cancellingEndsWithinATokenAndKeepsTheLeadingBeam() async throws {
        // A model slow enough that its search cannot be over before the third provisional text is read here.
        let path = try #require(TestSupport.builtInModel).path
        let engine = try InferenceEngine(model: LoadedModel(path: path))
        let prompt = Prompt(messages: [PromptMessage(role: .user, text: "Write a long story about an emu.")])
        let run = engine.generate(prompt, options: beams(3, limit: 500))
        var provisional = 0
        let outcome = await GenerationOutcome(of: run) { event in
            guard case .provisional = event else { return }
            provisional += 1
            if provisional == 3 { run.cancel() }
        }
        #expect(outcome.summary?.finishReason == .cancelled)
        #expect(outcome.tokens.count >= 3)
        #expect(outcome.tokens.count < 100)
        #expect(!outcome.text.isEmpty)
    }

    // MARK: Helpers

    private func golden() throws -> RecordedSearches {
        let data = try Data(contentsOf: TestSupport.fixture("InferenceTests", "beam-search.json"))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(RecordedSearches.self, from: data)
    }

    private func engine(context: Int? = nil, threads: Int = 1) throws -> InferenceEngine {
        let options = ModelOptions(contextLength: context, threadCount: threads)
        return try InferenceEngine(model: LoadedModel(path: Self.model, options: options))
    }

    private func beams(_ count: Int, limit: Int?) -> GenerationOptions {
        GenerationOptions(maximumTokens: limit, temperature: 0, topP: 1, beamCount: count)
    }

    private func configuration(beams: Int) -> BeamSearch.Configuration {
        BeamSearch.Configuration(
            beamCount: beams, maximumTokens: 10, lengthPenalty: 1, repetitionPenalty: 1, beginToken: nil, endTokens: [])
    }
}

private func raw(_ text: String) -> Prompt {
    Prompt(messages: [PromptMessage(role: .user, text: text)], layout: .raw)
}

private struct RecordedSearches: Decodable {
    struct Case: Decodable {
        let prompt: String
        let beams: Int
        let lengthPenalty: Double
        let repetitionPenalty: Double
        let limit: Int
        let ids: [Int32]

        var asPrompt: Prompt { raw(prompt) }
        var options: GenerationOptions {
            GenerationOptions(
                maximumTokens: limit, temperature: 0, topP: 1, repetitionPenalty: repetitionPenalty, beamCount: beams,
                lengthPenalty: lengthPenalty)
        }
    }
    let cases: [Case]
}
