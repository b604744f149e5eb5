import Foundation
import Generation
import Models
import Pixels
import Tensor
import TestSupport
import Testing

@testable import Inference

/// Pictures that the model opens in the midst of its answers.
@Suite(.enabled(if: OpeningPipeline.gen != nil, "../shared/golden/emu2-tiny/gen is missing"))
struct InterleavedTests {
    /// A model that opens a picture behind a few words.
    private final class Fixture {
        let folder: URL
        let path: String
        private let draws: Bool

        init(draws: Bool = true) async throws {
            self.draws = draws
            folder = try TestSupport.temporaryFolder()
            let gen = try #require(OpeningPipeline.gen)
            let plain = try InferenceEngine(model: LoadedModel(path: gen.path, options: ModelOptions(threadCount: 1)))
            var options = GenerationOptions.greedy
            options.maximumTokens = 5
            let words = await GenerationOutcome(of: plain.generate(InterleavedTests.prompt(), options: options))
            let token = try #require(words.ids.last)
            path = try OpeningPipeline(in: folder, named: "opening", inPlaceOf: Int(token), draws: draws).path
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func model(context: Int? = nil, threads: Int = 2) throws -> LoadedModel {
            try LoadedModel(path: path, options: ModelOptions(contextLength: context, threadCount: threads))
        }

        func engine(context: Int? = nil, threads: Int = 2) throws -> InferenceEngine {
            try InferenceEngine(model: model(context: context, threads: threads))
        }
    }

    private static let question = "A red fox in the snow."

    private static func prompt(_ more: [PromptMessage] = []) -> Prompt {
        Prompt(messages: [PromptMessage(role: .user, text: question)] + more)
    }

    private static func options(most: Int = 1, tokens: Int = 8) -> GenerationOptions {
        var options = GenerationOptions.greedy
        options.maximumTokens = tokens
        options.seed = 7
        options.pictures = AnswerPictures(most: most, width: 64, height: 48, steps: 2)
        return options
    }

    /// An answer's message as a later prompt holds it.
    private static func message(_ answer: GenerationOutcome, tokens count: Int? = nil) throws -> PromptMessage {
        let ids = Array(answer.ids.prefix(count ?? answer.ids.count))
        let opening = try #require(ids.firstIndex(of: Int32(OpeningPipeline.opening)))
        let texts = answer.tokens.prefix(ids.count).map(\.text)
        let rest = count == nil ? answer.summary?.remainingText ?? "" : ""
        let context = try #require(answer.contexts.first)
        return PromptMessage(
            role: .assistant,
            parts: [
                .text(texts[...opening].joined()),
                .predicted(PredictedImage(image: answer.drawn.first, context: context)),
                .text(texts[(opening + 1)...].joined() + rest),
            ], tokens: ids)
    }

    private static func isSame(_ first: some Collection<GeneratedToken>, _ second: some Collection<GeneratedToken>)
        -> Bool
    {
        first.map(\.id) == second.map(\.id) && first.map(\.logProbability) == second.map(\.logProbability)
    }

    // MARK: What an answer consists of

    @Test func aPictureComesBetweenTheWords() async throws {
        let fixture = try await Fixture()
        let engine = try fixture.engine()
        #expect(engine.model.opensPictures == true && engine.model.drawing != nil)
        let answer = await GenerationOutcome(of: engine.generate(Self.prompt(), options: Self.options()))
        let opening = try #require(answer.ids.firstIndex(of: Int32(OpeningPipeline.opening)))
        #expect(opening > 0 && opening < answer.ids.count - 1)
        #expect(answer.pictureOrder == "oPdD" && answer.drawn.count == 1 && answer.ids.count == 8)
        #expect(answer.order.hasSuffix("f") && answer.summary?.finishReason == .length)
        // Words stand on both sides, and none of them is the picture's.
        #expect(!answer.tokens[..<opening].map(\.text).joined().isEmpty)
        #expect(!answer.tokens[(opening + 1)...].map(\.text).joined().isEmpty)
        #expect(!answer.text.contains("IMG"))
        // Four embeddings and what closes them; the last token is not read any more.
        let prompt = try #require(answer.start?.promptTokens.count)
        #expect(answer.summary?.contextTokens == prompt + 8 - 1 + 4 + 1)
        // It is what the model draws behind these very words.
        let model = try fixture.model()
        let drawer = try PictureDrawer(model: model, store: nil)
        let session = try DecoderSession(model: model)
        let pool = ThreadPool(threadCount: 1)
        let regression = try #require(PictureRegression(model: model, session: session, pool: pool))
        let ids = try #require(answer.start?.promptTokens) + answer.ids[...opening]
        let embeddings = try #require(
            try regression.embeddings(behind: ids.map { SequenceItem(token: $0) }, pictures: [:]))
        let request = DiffusionDecoder.Request(width: 64, height: 48, steps: 2, guidance: 3)
        let condition = try #require(try drawer.condition(of: embeddings, request))
        #expect(try drawer.draw(condition, request, seed: 7) == answer.drawn.first.map { .picture($0) })
    }

    /// Bit for bit, however the words before it were read.
    @Test func embeddingsAreThoseOfAPromptThatEndsThere() async throws {
        let fixture = try await Fixture()
        let model = try fixture.model()
        let tokens = model.promptBuilder.build(Self.prompt()).tokens
        let items = (tokens + [300, 400, Int32(OpeningPipeline.opening)]).map { SequenceItem(token: $0) }
        let pool = ThreadPool(threadCount: 2)
        let fresh = try DecoderSession(model: model, pool: ThreadPool(threadCount: 1))
        let expected = try #require(
            try PictureRegression(model: model, session: fresh, pool: pool)?
                .embeddings(behind: items, pictures: [:]))
        let session = try DecoderSession(model: model, pool: pool)
        for item in items { #expect(session.append([item][...])) }
        let regression = try #require(PictureRegression(model: model, session: session, pool: pool))
        let context = session.digest
        let found = try #require(regression.extend(isCancelled: { false }))
        #expect(found.map(\.bitPattern) == expected.map(\.bitPattern) && session.count == items.count + 4)
        // The same again when the whole sequence is read anew, and what follows it.
        #expect(session.append([SequenceItem(token: 32002), SequenceItem(token: 500)][...]))
        let key = PictureKey(content: context, slots: 4)
        let slots = (0..<4).map { SequenceItem(token: 32003, picture: .init(key: key, row: $0)) }
        let whole = items + slots + [SequenceItem(token: 32002), SequenceItem(token: 500)]
        let again = try DecoderSession(model: model, pool: pool)
        let reader = try #require(PictureRegression(model: model, session: again, pool: pool))
        #expect(
            reader.append(whole[...], predicted: [key], pictures: [:], isCancelled: { false }, progress: { _ in }))
        #expect(again.logits.elementsEqual(session.logits) && again.digest == session.digest)
    }

    @Test func theWordsBehindItAreThoseOfAFreshReading() async throws {
        let fixture = try await Fixture()
        let answer = await GenerationOutcome(
            of: try fixture.engine().generate(Self.prompt(), options: Self.options()))
        let opening = try #require(answer.ids.firstIndex(of: Int32(OpeningPipeline.opening)))
        for count in [opening + 1, opening + 2] {
            var options = Self.options(tokens: answer.ids.count - count)
            options.pictures.most = 0
            let prompt = Self.prompt([try Self.message(answer, tokens: count)])
            let rest = await GenerationOutcome(
                of: try fixture.engine(threads: 1).generate(prompt, options: options))
            #expect(Self.isSame(rest.tokens, answer.tokens[count...]), "\(count) tokens")
        }
    }

    // MARK: What follows an answer

    @Test func aLaterQuestionGoesOnWithTheSameContext() async throws {
        let fixture = try await Fixture()
        let engine = try fixture.engine()
        let answer = await GenerationOutcome(of: engine.generate(Self.prompt(), options: Self.options()))
        let read = try #require(answer.summary?.contextTokens)
        let next = Self.prompt([try Self.message(answer), PromptMessage(role: .user, text: "And a bear?")])
        var options = Self.options()
        options.pictures = .none
        let cached = await GenerationOutcome(of: engine.generate(next, options: options))
        #expect(cached.start?.reusedTokens == read)
        let fresh = await GenerationOutcome(of: try fixture.engine(threads: 1).generate(next, options: options))
        #expect(fresh.start?.reusedTokens == 0 && fresh.start?.promptTokens == cached.start?.promptTokens)
        #expect(Self.isSame(cached.tokens, fresh.tokens) && cached.ids.count == 8)
        // Where the cache ends in the midst of the picture, that is predicted anew as a whole.
        let items = engine.loadedModel.promptBuilder.build(next).sequence
        let row = try #require(items.items.firstIndex { $0.picture?.row == 2 })
        #expect(PictureRegression.start(of: items.items, reused: row, predicted: items.predicted) == row - 3)
        #expect(PictureRegression.start(of: items.items, reused: 3, predicted: items.predicted) == 3)
    }

    /// Behind other words the model would predict another picture than the one that people saw.
    @Test func behindOtherWordsItLooksAtWhatWasDrawn() async throws {
        let fixture = try await Fixture()
        let engine = try fixture.engine()
        let answer = await GenerationOutcome(of: engine.generate(Self.prompt(), options: Self.options()))
        let image = try #require(answer.drawn.first)
        var prompt = Self.prompt([try Self.message(answer), PromptMessage(role: .user, text: "And a bear?")])
        let builder = engine.loadedModel.promptBuilder
        #expect(builder.build(prompt).sequence.predicted.count == 1)
        #expect(builder.build(prompt).mediaTokens == [6])
        prompt.messages[0] = PromptMessage(role: .user, text: "A blue fox.")
        let other = builder.build(prompt).sequence
        #expect(other.predicted.isEmpty)
        #expect(other.items.contains { $0.picture?.key == PictureKey(content: image.digest, slots: 4) })
        let seen = await GenerationOutcome(of: engine.generate(prompt, options: Self.options(most: 0)))
        #expect(!seen.ids.isEmpty && seen.failure == nil)
        // One that nobody drew is predicted, whatever it would be.
        prompt.messages[1].parts[1] = .predicted(PredictedImage(image: nil, context: "0"))
        #expect(builder.build(prompt).sequence.predicted.count == 1 && builder.build(prompt).mediaTokens == [])
    }

    // MARK: Ends

    @Test func stoppedInItsMidstItIsNoPartOfTheContext() async throws {
        let fixture = try await Fixture()
        let engine = try fixture.engine()
        let (events, counts) = try await engine.openPicture(stoppingAfter: 2)
        #expect(counts[0] == counts[1] && counts[0] == 3)
        #expect(events.first == .picture(0, .opened(seed: 7)))
        #expect(events.last == .picture(0, .notDrawn(PictureEvent.stopped)))
        #expect(!events.contains { if case .picture(_, .predicted) = $0 { true } else { false } })
        // What comes next is as if there had been none.
        let next = await GenerationOutcome(of: engine.generate(Self.prompt(), options: Self.options()))
        let fresh = await GenerationOutcome(
            of: try fixture.engine().generate(Self.prompt(), options: Self.options()))
        #expect(Self.isSame(next.tokens, fresh.tokens) && next.drawn == fresh.drawn && !fresh.drawn.isEmpty)
    }

    @Test func stoppedWhileItIsDrawnTheWordsStay() async throws {
        let fixture = try await Fixture()
        var options = Self.options()
        options.pictures.steps = 300
        let (events, summary) = try await fixture.engine().answer(Self.prompt(), options, stoppingAtStep: 4)
        let words = events.count { if case .token = $0 { true } else { false } }
        let previews = events.count { if case .picture(0, .preview) = $0 { true } else { false } }
        #expect(words == 8 && previews > 0 && events.last == .picture(0, .notDrawn(PictureEvent.stopped)))
        #expect(summary.finishReason == .cancelled)
    }

    @Test func thereAreNoMoreThanAreWanted() async throws {
        let fixture = try await Fixture()
        var counts = [Int]()
        for most in [0, 1, 3] {
            var options = Self.options(most: most, tokens: 40)
            // Likelier than anything where it may come.
            options.temperature = 0
            let answer = await GenerationOutcome(of: try fixture.engine().generate(Self.prompt(), options: options))
            counts.append(answer.drawn.count)
            #expect(answer.failure == nil && answer.drawn.count <= most)
            // Of the tokens that mean something no other one is chosen.
            if most > 0 {
                let controls = answer.ids.filter { $0 >= 32000 && $0 != Int32(OpeningPipeline.opening) }
                #expect(controls.isEmpty && answer.ids.count { $0 == Int32(OpeningPipeline.opening) } == counts.last)
            }
        }
        #expect(counts[0] == 0 && counts[1] == 1 && counts[2] >= 1)
    }

    @Test func withoutRoomInTheContextNoneIsOpened() async throws {
        let fixture = try await Fixture()
        let tokens = try fixture.model().promptBuilder.build(Self.prompt()).tokens.count
        var opened = [Int]()
        let loaded = try fixture.engine(threads: 1)
        for context in stride(from: max(16, tokens + 2), through: tokens + 24, by: 2) {
            let engine = try InferenceEngine(loaded, contextLength: context)
            let answer = await GenerationOutcome(
                of: engine.generate(Self.prompt(), options: Self.options(most: 4, tokens: 100)))
            #expect(answer.failure == nil && answer.summary?.contextTokens ?? .max < context)
            opened.append(answer.contexts.count)
        }
        #expect(opened.first == 0 && opened.last ?? 0 >= 1, "\(opened)")
    }

    @Test func whatCannotBeDrawnKeepsItsPlace() async throws {
        let drawn = try await Fixture()
        let fixture = try await Fixture(draws: false)
        let engine = try fixture.engine()
        #expect(engine.model.drawing == nil && engine.model.opensPictures == true)
        let answer = await GenerationOutcome(of: engine.generate(Self.prompt(), options: Self.options()))
        let whole = await GenerationOutcome(of: try drawn.engine().generate(Self.prompt(), options: Self.options()))
        #expect(answer.pictureOrder == "oPn" && Self.isSame(answer.tokens, whole.tokens))
        #expect(answer.problems.first?.contains("draws nothing") == true && answer.summary?.finishReason == .length)
    }

    @Test func beamsAndImpossibleSizesAreRefused() async throws {
        let fixture = try await Fixture()
        let engine = try fixture.engine()
        var options = Self.options()
        options.beamCount = 3
        let beams = await GenerationOutcome(of: engine.generate(Self.prompt(), options: options))
        #expect(beams.failure == .invalidOption("--beams is 3; it must be 1 with --interleaved."))
        options = Self.options()
        options.pictures.width = 63
        let size = await GenerationOutcome(of: engine.generate(Self.prompt(), options: options))
        guard case .invalidOption(let words) = size.failure else {
            Issue.record("\(String(describing: size.failure))")
            return
        }
        #expect(words.hasPrefix("--picture-size is 63x48; it takes width and height"))
    }
}

extension InferenceEngine {
    /// Opens a picture behind three tokens and stops it when so many of its embeddings are there: what was told, and the
    /// length of the context before and after.
    fileprivate func openPicture(stoppingAfter count: Int) throws -> (events: [GenerationEvent], counts: [Int]) {
        let cancellation = CancellationFlag()
        var answer = GrowingAnswer(began: .now, cancellation: cancellation, spellsControls: false)
        var queue = AnswerPictureQueue(AnswerPictures(most: 1, width: 64, height: 48, steps: 2), seed: 7, loadedModel)
        _ = session.append([1, 300, 400])
        let before = session.count
        var events: [GenerationEvent] = []
        let isWhole = predictPicture(&queue, &answer) { event in
            events.append(event)
            if case .picture(_, .progress(let now)) = event, now.completed == count { cancellation.cancel() }
        }
        #expect(!isWhole)
        return (events, [before, session.count])
    }

    /// Answers, and stops when so many steps of a picture are done: on the engine's own thread, so that it is that step.
    fileprivate func answer(
        _ prompt: Prompt, _ options: GenerationOptions, stoppingAtStep step: Int
    ) throws -> (events: [GenerationEvent], summary: GenerationSummary) {
        let cancellation = CancellationFlag()
        var answer = GrowingAnswer(began: .now, cancellation: cancellation, spellsControls: false)
        var events: [GenerationEvent] = []
        _ = session.append(loadedModel.promptBuilder.build(prompt).items[...])
        let summary = try decode(&answer, options, seed: options.seed ?? 7) { event in
            events.append(event)
            if case .picture(_, .progress(let now)) = event, now.stage == .drawing, now.completed == step {
                cancellation.cancel()
            }
        }
        return (events, summary)
    }
}
