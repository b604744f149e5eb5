import Foundation
import Generation
import Inference
import Pixels
import TestSupport
import Testing

/// The engine's contract: what its events say, when it ends, and that chance depends on the seed alone.
@Suite struct InferenceEngineTests {
    /// A whole generation's events, taken apart.
    private struct Outcome {
        var start: GenerationStart?
        var tokens: [GeneratedToken] = []
        var summary: GenerationSummary?
        var failure: GenerationFailure?
        var order = ""

        var ids: [Int32] { tokens.map(\.id) }
        var text: String { tokens.map(\.text).joined() + (summary?.remainingText ?? "") }
    }

    private func engine(context: Int? = nil, threads: Int = 1) throws -> InferenceEngine {
        let path = TestSupport.fixture("InferenceTests", "tiny-llama-f32.gguf").path
        let options = ModelOptions(contextLength: context, threadCount: threads)
        return try InferenceEngine(model: LoadedModel(path: path, options: options))
    }

    private func collect(_ run: GenerationRun, onToken: (Int) -> Void = { _ in }) async -> Outcome {
        var outcome = Outcome()
        for await event in run.events {
            switch event {
            case .progress: outcome.order += "p"
            case .started(let start):
                outcome.order += "s"
                outcome.start = start
            case .provisional: outcome.order += "b"
            case .picture: outcome.order += "i"
            case .token(let token):
                outcome.order += "t"
                outcome.tokens.append(token)
                onToken(outcome.tokens.count)
            case .finished(let summary):
                outcome.order += "f"
                outcome.summary = summary
            case .failed(let failure):
                outcome.order += "x"
                outcome.failure = failure
            }
        }
        return outcome
    }

    private func options(_ change: (inout GenerationOptions) -> Void) -> GenerationOptions {
        var options = GenerationOptions.greedy
        options.maximumTokens = 20
        change(&options)
        return options
    }

    private let question = Prompt(messages: [PromptMessage(role: .user, text: "And 7 times 6?")])

    @Test func eventsComeInOrderAndCountWhatTheyShow() async throws {
        let outcome = await collect(try engine().generate(question, options: options { $0.maximumTokens = 5 }))
        #expect(outcome.order.wholeMatch(of: /p+st{5}f/) != nil, "\(outcome.order)")
        let summary = try #require(outcome.summary)
        #expect(summary.finishReason == .length)
        #expect(summary.generatedTokens == 5)
        // The last token was chosen but not processed: nothing follows it.
        #expect(summary.contextTokens == (outcome.start?.promptTokens.count ?? 0) + 4)
        #expect(summary.firstTokenSeconds <= summary.totalSeconds)
    }

    @Test func noTokensWhenNoneMayCome() async throws {
        let outcome = await collect(try engine().generate(question, options: options { $0.maximumTokens = 0 }))
        #expect(outcome.ids.isEmpty)
        #expect(outcome.summary?.finishReason == .length)
    }

    @Test func theSameSeedGivesTheSameAnswerOnAnyNumberOfThreads() async throws {
        let sampled = options {
            $0.temperature = 1
            $0.topP = 0.95
            $0.seed = 7
        }
        let one = await collect(try engine().generate(question, options: sampled))
        let three = await collect(try engine(threads: 3).generate(question, options: sampled))
        #expect(one.ids == three.ids)
        #expect(one.start?.seed == 7)
        let other = await collect(
            try engine().generate(
                question,
                options: options {
                    $0.temperature = 1
                    $0.seed = 8
                }))
        #expect(other.ids != one.ids)
    }

    @Test func aDrawnSeedIsReportedAndRepeatsTheAnswer() async throws {
        let engine = try engine()
        let first = await collect(engine.generate(question, options: options { $0.temperature = 2 }))
        let seed = try #require(first.start?.seed)
        let second = await collect(
            engine.generate(
                question,
                options: options {
                    $0.temperature = 2
                    $0.seed = seed
                }))
        #expect(first.ids == second.ids)
    }

    @Test func filtersThatLeaveOneTokenAreGreedy() async throws {
        let engine = try engine()
        let greedy = await collect(engine.generate(question, options: options { _ in })).ids
        for narrow in [
            options { ($0.temperature, $0.topK) = (1.5, 1) }, options { ($0.temperature, $0.topP) = (1.5, 1e-9) },
            options { ($0.temperature, $0.minP) = (1.5, 1) },
        ] {
            #expect(await collect(engine.generate(question, options: narrow)).ids == greedy)
        }
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func cancellingEndsWithinATokenAndKeepsWhatCame() async throws {
        // A model slow enough that its answer cannot be over before the third token is read here.
        let path = try #require(TestSupport.builtInModel).path
        let engine = try InferenceEngine(model: LoadedModel(path: path))
        let prompt = Prompt(messages: [PromptMessage(role: .user, text: "Write a long story about an emu.")])
        let run = engine.generate(prompt, options: options { $0.maximumTokens = nil })
        let outcome = await collect(run) { if $0 == 3 { run.cancel() } }
        #expect(outcome.summary?.finishReason == .cancelled)
        #expect(outcome.tokens.count >= 3)
        // How many more came depends on when this task was next given a processor, so the reason is what counts.
        #expect(!outcome.text.isEmpty)
    }

    @Test func cancellingAWaitingGenerationGivesNoToken() async throws {
        let engine = try engine()
        let first = engine.generate(question, options: options { $0.maximumTokens = 200 })
        let second = engine.generate(question, options: options { _ in })
        second.cancel()
        let outcome = await collect(second)
        #expect(outcome.summary?.finishReason == .cancelled)
        #expect(outcome.ids.isEmpty)
        #expect(await collect(first).summary?.finishReason != .cancelled)
    }

    @Test func aStopStringEndsTheAnswerBeforeIt() async throws {
        let engine = try engine()
        let whole = await collect(engine.generate(question, options: options { _ in })).text
        let stop = String(whole.dropFirst(3).prefix(2))
        #expect(stop.count == 2)
        let outcome = await collect(engine.generate(question, options: options { $0.stopStrings = [stop] }))
        #expect(outcome.summary?.finishReason == .stop)
        let expected = whole.range(of: stop).map { String(whole[..<$0.lowerBound]) }
        #expect(outcome.text == expected)
    }

    @Test func theContextEndsTheAnswer() async throws {
        let outcome = await collect(
            try engine(context: 64).generate(question, options: options { $0.maximumTokens = nil }))
        #expect(outcome.summary?.finishReason == .length)
        let prompt = try #require(outcome.start?.promptTokens.count)
        #expect(prompt + outcome.tokens.count == 64)
    }

    @Test func aPromptThatDoesNotFitIsRefusedBeforeAnythingChanges() async throws {
        let long = Prompt(messages: [PromptMessage(role: .user, text: String(repeating: "word ", count: 100))])
        let outcome = await collect(try engine(context: 64).generate(long, options: .greedy))
        guard case .contextOverflow(let needed, let available, let sufficient)? = outcome.failure else {
            Issue.record("\(outcome.order)")
            return
        }
        #expect(available == 64)
        #expect(needed > 64)
        #expect(sufficient.map { $0 >= needed } ?? true)
        #expect(outcome.order == "x")
    }

    @Test func theNextTurnReusesTheLastOne() async throws {
        let engine = try engine()
        let first = await collect(engine.generate(question, options: options { $0.maximumTokens = 6 }))
        let answer = PromptMessage(role: .assistant, parts: [.text(first.text)], tokens: first.ids)
        let next = Prompt(messages: question.messages + [answer, PromptMessage(role: .user, text: "Why?")])
        let second = await collect(engine.generate(next, options: options { _ in }))
        let start = try #require(second.start)
        let held = try #require(first.summary?.contextTokens)
        // Ids are kept only where they decode to the text; of a random model's bytes that is not always so.
        #expect(start.reusedTokens >= (first.start?.promptTokens.count ?? 0))
        #expect(start.reusedTokens <= held)
        let fresh = await collect(try self.engine().generate(next, options: options { _ in }))
        #expect(fresh.ids == second.ids, "a reused prefix changes nothing")
    }

    @Test func picturesThatAModelCannotSeeAreTold() async throws {
        let picture = try #require(PixelImage(width: 1, height: 1, bytes: [1, 2, 3]))
        let prompt = Prompt(messages: [
            PromptMessage(role: .user, parts: [.image(picture), .text("What?"), .image(picture)])
        ])
        let engine = try engine()
        let outcome = await collect(engine.generate(prompt, options: options { _ in }))
        #expect(outcome.start?.unseenMedia == [1, 2])
        #expect(try engine.cost(of: prompt).mediaTokens == [0, 0])
        #expect(!engine.model.seesImages)
    }

    @Test func wrongOptionsAreNamed() async throws {
        let engine = try engine()
        let wrong: [(String, GenerationOptions)] = [
            ("--temperature", options { $0.temperature = .nan }), ("--top-k", options { $0.topK = -1 }),
            ("--top-p", options { $0.topP = 0 }), ("--min-p", options { $0.minP = 2 }),
            ("--repetition-penalty", options { $0.repetitionPenalty = 0 }), ("--beams", options { $0.beamCount = 0 }),
            ("--length-penalty", options { $0.lengthPenalty = .infinity }),
            ("--max-tokens", options { $0.maximumTokens = -1 }),
        ]
        for (name, options) in wrong {
            let outcome = await collect(engine.generate(question, options: options))
            guard case .invalidOption(let text)? = outcome.failure else {
                Issue.record("\(name) was accepted")
                continue
            }
            #expect(text.hasPrefix(name + " "))
        }
    }

    @Test(arguments: ["nothing.gguf", "golden.json"])
    func whatIsNoModelIsTold(_ name: String) {
        let path = TestSupport.fixture("InferenceTests", "smollm2/\(name)").path
        #expect { try LoadedModel(path: path) } throws: { error in
            "\(error)".contains(name)
        }
    }

    @Test func aContextBeyondTheModelsIsRefused() {
        let path = TestSupport.fixture("InferenceTests", "tiny-llama-f32.gguf").path
        #expect(throws: InferenceError.self) {
            try LoadedModel(path: path, options: ModelOptions(contextLength: 1 << 40))
        }
        #expect(throws: InferenceError.self) { try LoadedModel(path: path, options: ModelOptions(contextLength: 2)) }
    }
}
