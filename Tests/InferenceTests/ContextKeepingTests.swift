import Digest
import Foundation
import Generation
import Pixels
import Tensor
import TestSupport
import Testing

@testable import Inference

/// Contexts on disk: what is read from there answers as what is computed.
@Suite struct ContextKeepingTests {
    private let folder: URL
    private let store: CacheStore
    private let model = TestSupport.fixture("InferenceTests", "tiny-llama-q4_1.gguf").path

    init() throws {
        folder = try TestSupport.temporaryFolder()
        store = CacheStore(folder: folder.appendingPathComponent("contexts"))
    }

    private func remove() { try? FileManager.default.removeItem(at: folder) }

    private func engine(
        _ path: String? = nil, _ options: ModelOptions = ModelOptions(threadCount: 1), keeps: Bool = true
    ) throws -> InferenceEngine {
        try InferenceEngine(
            model: LoadedModel(path: path ?? model, options: options), contextStore: keeps ? store : nil)
    }

    private func prompt(_ question: String, system: String? = nil, after: [PromptMessage] = []) -> Prompt {
        Prompt(
            messages: (system.map { [PromptMessage(role: .system, text: $0)] } ?? []) + after + [
                PromptMessage(role: .user, text: question)
            ])
    }

    private func answer(_ prompt: Prompt, _ engine: InferenceEngine) async -> GenerationOutcome {
        var options = GenerationOptions.greedy
        options.maximumTokens = 8
        return await GenerationOutcome(of: engine.generate(prompt, options: options))
    }

    private func isSame(_ first: GenerationOutcome, _ second: GenerationOutcome) -> Bool {
        first.ids == second.ids && first.tokens.map(\.logProbability) == second.tokens.map(\.logProbability)
            && !first.ids.isEmpty
    }

    @Test(arguments: ["f32", "f16", "q8_0"]) func aParkedContextGoesOnWithTheSameBits(_ cache: String) async throws {
        defer { remove() }
        let options = ModelOptions(
            threadCount: 1, cacheType: cache == "f32" ? .f32 : cache == "f16" ? .f16 : .q8_0, precision: .fast)
        let first = try engine(nil, options)
        #expect(try await first.park(as: "talk") == nil)
        let asked = await answer(prompt("Where does the otter live?"), first)
        let parked = try #require(try await first.park(as: "talk"))
        #expect(parked.tokens == asked.summary?.contextTokens && parked.bytes > 1000)

        let next = prompt(
            "And then?",
            after: [
                PromptMessage(role: .user, text: "Where does the otter live?"),
                PromptMessage(role: .assistant, parts: [.text(asked.text)], tokens: asked.ids),
            ])
        let second = try engine(nil, options)
        #expect(await second.restoreParked("walk") == 0)
        #expect(await second.restoreParked("talk") == parked.tokens)
        let restored = await answer(next, second)
        let fresh = await answer(next, try engine(nil, options, keeps: false))
        #expect(restored.start?.reusedTokens ?? 0 >= asked.start?.promptTokens.count ?? .max)
        #expect(fresh.start?.reusedTokens == 0)
        #expect(isSame(restored, fresh))
    }

    @Test func noOtherModelTypeOrPrecisionFindsIt() async throws {
        defer { remove() }
        let first = try engine()
        _ = await answer(prompt("Where?"), first)
        _ = try await first.park(as: "talk")
        #expect(await (try engine()).restoreParked("talk") > 0)
        let others = [
            try engine(TestSupport.fixture("InferenceTests", "tiny-llama-q8_0.gguf").path),
            try engine(nil, ModelOptions(threadCount: 1, cacheType: .f16)),
            try engine(nil, ModelOptions(threadCount: 1, precision: .fast)),
        ]
        for other in others { #expect(await other.restoreParked("talk") == 0) }
        // One that is too long for the context is none either, and goes.
        #expect(await (try engine(nil, ModelOptions(contextLength: 16, threadCount: 1))).restoreParked("talk") == 0)
    }

    @Test func aSystemPromptIsReadOnce() async throws {
        defer { remove() }
        let system = "Answer like an old sailor who has seen all seas."
        let first = try engine()
        let unknown = await answer(prompt("Where?", system: system), first)
        #expect(unknown.start?.reusedTokens == 0)
        // Nothing is kept while the weights have no name.
        #expect(!FileManager.default.fileExists(atPath: store.folder.path))
        _ = await first.modelDigest()
        _ = await answer(prompt("When?", system: system), first)

        let second = try engine()
        let standing = second.loadedModel.promptBuilder.standingTokens(of: prompt("x", system: system))
        #expect(standing.count > 20)
        let found = await answer(prompt("Why so?", system: system), second)
        #expect(found.start?.reusedTokens == standing.count)
        #expect(isSame(found, await answer(prompt("Why so?", system: system), try engine(keeps: false))))
        let other = await answer(prompt("Why so?", system: "Answer in verse."), try engine())
        #expect(other.start?.reusedTokens ?? .max < standing.count)
    }

    @Test func picturesAreRestoredWithTheirPlaces() async throws {
        defer { remove() }
        let file = folder.appendingPathComponent("emu2.gguf")
        try Data(TinyModel.emu2().builder().build()).write(to: file)
        let image = try #require(PixelImage(width: 2, height: 1, bytes: [255, 0, 128, 3, 200, 128]))
        let other = try #require(PixelImage(width: 2, height: 1, bytes: [255, 0, 128, 3, 200, 129]))
        func prompt(_ image: PixelImage) -> Prompt {
            Prompt(messages: [PromptMessage(role: .user, parts: [.text("a"), .image(image), .text("b")])])
        }
        let first = try engine(file.path)
        let asked = await answer(prompt(image), first)
        _ = try await first.park(as: "talk")
        /// Steps of encoding that were told.
        func seen(_ image: PixelImage, _ engine: InferenceEngine) async -> (outcome: GenerationOutcome, steps: Int) {
            var steps = 0
            var options = GenerationOptions.greedy
            options.maximumTokens = 8
            let outcome = await GenerationOutcome(of: engine.generate(prompt(image), options: options)) { event in
                if case .progress(let now) = event, now.stage == .images { steps += 1 }
            }
            return (outcome, steps)
        }
        let second = try engine(file.path)
        #expect(await second.restoreParked("talk") > 0)
        let (again, steps) = await seen(image, second)
        #expect(again.start?.reusedTokens == (asked.start?.promptTokens.count ?? 0) - 1 && isSame(again, asked))
        #expect(steps == 0)
        // Another picture in its place is not taken for it.
        let third = try engine(file.path)
        await third.restoreParked("talk")
        let (changed, newSteps) = await seen(other, third)
        #expect(newSteps == TinyModel.visionLayers)
        #expect(changed.start?.reusedTokens ?? .max < again.start?.reusedTokens ?? 0)
    }

    @Test func aDigestIsRememberedUntilTheFileChanges() throws {
        defer { remove() }
        let copy = folder.appendingPathComponent("model.gguf")
        try FileManager.default.copyItem(atPath: model, toPath: copy.path)
        let first = try LoadedModel(path: copy.path)
        #expect(first.knownDigest(rememberedIn: store) == nil)
        let digest = first.hexadecimalDigest(rememberedIn: store)
        #expect(digest == first.hexadecimalDigest() && first.knownDigest(rememberedIn: nil) == digest)
        #expect(try LoadedModel(path: copy.path).knownDigest(rememberedIn: store) == digest)
        // As many bytes, one of them another.
        var bytes = try Data(contentsOf: copy)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: copy)
        let second = try LoadedModel(path: copy.path)
        #expect(second.knownDigest(rememberedIn: store) == nil)
        #expect(second.hexadecimalDigest(rememberedIn: store) != digest)
    }

    @Test func damagedBytesAreRefusedWhole() throws {
        defer { remove() }
        let model = try LoadedModel(path: model, options: ModelOptions(contextLength: 64, threadCount: 1))
        let session = try DecoderSession(model: model, pool: ThreadPool(threadCount: 1))
        let key = PictureKey(content: SHA256Digest(of: [7]), slots: 2)
        let pictures = [
            key: PictureEmbedding(rows: [Float](repeating: 0.1, count: 2 * model.decoder.configuration.width))
        ]
        let items =
            [SequenceItem(token: 5), SequenceItem(token: 6)]
            + (0..<2).map { SequenceItem(token: 9, picture: .init(key: key, row: $0)) }
        #expect(session.append(items[...], pictures: pictures))
        let whole = session.withSaved(first: 4) { Array($0.joined()) }
        #expect(whole.withUnsafeBytes { session.restore($0) } && session.tokens == [5, 6, 9, 9])

        var random = SeededGenerator(seed: 11)
        var refused = 0
        for _ in 0..<2000 {
            var bytes = whole
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
            case 1: bytes += [UInt8](repeating: 0, count: Int.random(in: 1...99, using: &random))
            default:
                // The header: counts, a picture, four items.
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    bytes[Int.random(in: 0..<92, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            let before = session.tokens
            guard bytes.withUnsafeBytes({ session.restore($0) }) else {
                refused += 1
                #expect(session.tokens == before)
                continue
            }
            #expect(session.count == 4)
        }
        #expect(refused > 1200 && refused < 2000)
    }
}
