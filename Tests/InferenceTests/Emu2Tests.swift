import Foundation
import Generation
import Inference
import ModelFiles
import Models
import Pixels
import Tensor
import TestSupport
import Testing
import Tokenization

/// The small random Emu2 model against a plain form of its published equations, and against itself.
@Suite struct Emu2Tests {
    private static func picture(_ seed: UInt64, width: Int = 8, height: Int = 8) throws -> PixelImage {
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<width * height * 3).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return try #require(PixelImage(width: width, height: height, bytes: bytes))
    }

    private func withModel<Result>(_ body: (LoadedModel, Emu2) throws -> Result) throws -> Result {
        try TinyModel.emu2().builder().withFile { path in
            let model = try LoadedModel(path: path, options: ModelOptions(threadCount: 2))
            return try body(model, try #require(model.visual as? Emu2))
        }
    }

    // MARK: The encoder

    @Test func theEncoderIsWhatItsEquationsSay() throws {
        try withModel { _, model in
            let pixels = try model.configuration.preprocessing.pixels(of: Self.picture(1))
            let found = try #require(try model.visual.hiddenStates(pixels: pixels, pool: ThreadPool(threadCount: 2)))
            let expected = PlainEva(TinyModel.emu2()).hiddenStates(pixels.map(Double.init))
            let scale = expected.map(abs).max() ?? 0
            for (a, b) in zip(found.values(0..<found.count), expected) { #expect(abs(Double(a) - b) < 1e-5 * scale) }
            #expect(found.count == expected.count)
        }
    }

    @Test func poolingAveragesSquaresWithoutTheClassToken() throws {
        try withModel { _, model in
            let hidden = try #require(FloatBuffer(count: 17 * 24))
            // Each patch holds its own number, the class token something else.
            for token in 0..<17 {
                for feature in 0..<24 { hidden.pointer[token * 24 + feature] = token == 0 ? 1e6 : Float(token - 1) }
            }
            let four = model.pooled(hidden, to: 4)
            #expect(four.count == 4 * 24)
            #expect([four[0], four[24], four[48], four[72]] == [2.5, 4.5, 10.5, 12.5])
            #expect(model.pooled(hidden, to: 1) == [Float](repeating: 7.5, count: 24))
        }
    }

    @Test func aPictureIsSquashedAndNormalised() throws {
        try withModel { _, model in
            let image = try #require(PixelImage(width: 2, height: 1, bytes: [255, 0, 128, 255, 0, 128]))
            let pixels = try model.configuration.preprocessing.pixels(of: image)
            #expect(pixels.count == 3 * 64)
            let expected: [Float] = [(1 - 0.48145466) / 0.26862954, -0.4578275 / 0.26130258]
            #expect(abs(pixels[0] - expected[0]) < 1e-6 && abs(pixels[64] - expected[1]) < 1e-6)
        }
    }

    @Test func everyThreadCountAndVariantGivesTheSameBits() throws {
        try withModel { _, model in
            let pixels = try model.configuration.preprocessing.pixels(of: Self.picture(1))
            var expected: [Float]?
            try Kernels.withEachVariant { variant in
                for threads in [1, 3] {
                    let hidden = try #require(
                        try model.visual.hiddenStates(pixels: pixels, pool: ThreadPool(threadCount: threads)))
                    let values = hidden.values(0..<hidden.count)
                    #expect(values == expected ?? values, "\(variant), \(threads) threads")
                    expected = values
                }
            }
        }
    }

    @Test func encodingStopsBetweenBlocks() throws {
        try withModel { _, model in
            var done = [Int]()
            let hidden = try model.visual.hiddenStates(
                pixels: model.configuration.preprocessing.pixels(of: Self.picture(1)), pool: ThreadPool(threadCount: 1),
                isCancelled: { !done.isEmpty }, progress: { done.append($0) })
            #expect(hidden == nil && done == [1])
        }
    }

    @Test func theFirstPictureTellsHowFarItsWeightsAreRead() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("emuchat-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let image = try Self.picture(1)
        let key = PictureKey(content: image.digest, slots: 4)
        try withModel { model, _ in
            let total = model.file.tensors.values.reduce(0) { $0 + ($1.name.hasPrefix("v.") ? $1.bytes.count : 0) }
            let encoder = try encoder(model, store: CacheStore(folder: folder))
            var read = [Int]()
            // Stopped in the middle, it is read again.
            let stopped = try encoder.features(
                of: image, key: key, isCancelled: { read.count == 3 }, reading: { done, _ in read.append(done) })
            #expect(stopped == nil && read.count == 3)
            read = []
            let features = try encoder.features(
                of: image, key: key,
                reading: { done, all in
                    #expect(all == total && done > read.last ?? 0)
                    read.append(done)
                })
            #expect(features != nil && read.last == total)
            read = []
            let other = try Self.picture(2)
            _ = try encoder.features(
                of: other, key: PictureKey(content: other.digest, slots: 4), reading: { done, _ in read.append(done) })
            #expect(read.isEmpty)
        }
    }

    // MARK: Pictures between tokens

    private func prompt(_ parts: PromptPart..., answer: String? = nil) -> Prompt {
        var messages = [PromptMessage(role: .user, parts: parts)]
        if let answer {
            messages += [
                PromptMessage(role: .assistant, text: answer), PromptMessage(role: .user, text: "and"),
            ]
        }
        return Prompt(messages: messages)
    }

    private func embeddings(
        _ built: TokenizedPrompt, _ encoder: PictureEncoder
    ) throws -> [PictureKey: PictureEmbedding] {
        var result: [PictureKey: PictureEmbedding] = [:]
        for case .image(_, let image, let slots, _) in built.elements {
            let key = PictureKey(content: image.digest, slots: slots)
            result[key] = try encoder.embedding(of: image, key: key)
        }
        return result
    }

    private func encoder(_ model: LoadedModel, store: CacheStore? = nil) throws -> PictureEncoder {
        PictureEncoder(
            model: try #require(model.visual), precision: .exact, pool: ThreadPool(threadCount: 2), store: store,
            weightsDigest: model.encoderDigest)
    }

    @Test func passesOfAnySizeAndKeptBeginningsGiveTheSameBits() throws {
        try withModel { model, _ in
            let encoder = try encoder(model)
            let (one, two) = (try Self.picture(1), try Self.picture(2))
            let built = model.promptBuilder.build(
                prompt(.image(one), .text("hi "), .video([VideoFrame(image: two, seconds: 0)]), .text("so")))
            let (items, pictures) = (built.items, try embeddings(built, encoder))
            #expect(items.map(\.token) == built.tokens && items.count == built.tokenCount)
            let whole = try DecoderSession(model: model)
            #expect(whole.append(items[...], pictures: pictures))
            let expected = Array(whole.logits)
            for rows in [1, 3, 7] {
                let session = try DecoderSession(model: model)
                #expect(session.append(items[...], pictures: pictures, passRows: rows))
                #expect(Array(session.logits) == expected, "passes of \(rows)")
            }
            // A second turn goes on behind the first one's pictures.
            let longer = model.promptBuilder.build(
                prompt(
                    .image(one), .text("hi "), .video([VideoFrame(image: two, seconds: 0)]), .text("so"), answer: "a")
            ).items
            #expect(whole.reuse(for: longer) == items.count)
            #expect(whole.append(longer[items.count...]))
            let fresh = try DecoderSession(model: model)
            #expect(fresh.append(longer[...], pictures: pictures))
            #expect(Array(whole.logits) == Array(fresh.logits))
        }
    }

    @Test func anotherPictureInTheSamePlaceIsAnotherPrompt() throws {
        try withModel { model, _ in
            let encoder = try encoder(model)
            let session = try DecoderSession(model: model)
            var logits = [[Float]]()
            for seed in [1, 2] as [UInt64] {
                let built = model.promptBuilder.build(prompt(.image(try Self.picture(seed)), .text("hi")))
                let items = built.items
                let kept = session.reuse(for: items)
                // All ids agree, so that only the picture's content tells them apart.
                if seed == 2 { #expect(kept == items.firstIndex { $0.picture != nil }) }
                #expect(session.append(items[kept...], pictures: try embeddings(built, encoder)))
                logits.append(Array(session.logits))
            }
            #expect(logits[0] != logits[1])
        }
    }

    @Test func theEngineTellsHowFarItSeesAndSeesNothingTwice() async throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("emu2.gguf")
        try Data(TinyModel.emu2().builder().build()).write(to: file)
        let engine = try InferenceEngine(
            model: LoadedModel(path: file.path),
            pictureStore: CacheStore(folder: folder.appendingPathComponent("pictures")))
        let (one, two) = (try Self.picture(1), try Self.picture(2))
        var options = GenerationOptions.greedy
        options.maximumTokens = 1
        func progress(_ prompt: Prompt) async -> (images: [GenerationProgress], start: GenerationStart?) {
            var images: [GenerationProgress] = []
            var start: GenerationStart?
            for await event in engine.generate(prompt, options: options).events {
                if case .progress(let now) = event, now.stage == .images { images.append(now) }
                if case .started(let now) = event { start = now }
            }
            return (images, start)
        }
        let both = prompt(.image(one), .text("and"), .image(two))
        let first = await progress(both)
        #expect(first.images.map(\.completed) == [1, 2, 3, 4] && first.images.allSatisfy { $0.total == 4 })
        #expect(first.start?.unseenMedia == [] && first.start?.promptTokens.filter { $0 == 36 }.count == 8)
        // The same again is in the cache, and the other way round its pictures are.
        let again = await progress(both)
        #expect(again.images.isEmpty && again.start?.reusedTokens == (first.start?.promptTokens.count ?? 0) - 1)
        let turned = await progress(prompt(.image(two), .text("and"), .image(one)))
        #expect(turned.images.isEmpty && turned.start != nil)
    }

    @Test func aCancelledPictureEndsTheAnswer() async throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("emu2.gguf")
        try Data(TinyModel.emu2().builder().build()).write(to: file)
        let engine = try InferenceEngine(model: LoadedModel(path: file.path))
        let run = engine.generate(prompt(.image(try Self.picture(1)), .text("hi")), options: .greedy)
        run.cancel()
        var reasons: [FinishReason] = []
        for await event in run.events {
            if case .finished(let summary) = event { reasons.append(summary.finishReason) }
            if case .token = event { Issue.record("a token of a cancelled answer") }
        }
        #expect(reasons == [.cancelled])
    }

    @Test func aFrameIsEncodedToItsOwnNumberOfPlaces() throws {
        try withModel { model, _ in
            let image = try Self.picture(1)
            let built = model.promptBuilder.build(prompt(.image(image), .video([VideoFrame(image: image, seconds: 0)])))
            let pictures = try embeddings(built, try encoder(model))
            #expect(Set(pictures.keys.map(\.slots)) == [4, 1])
            #expect(Set(pictures.values.map(\.rows.count)) == [4 * 32, 32])
            #expect(built.mediaTokens == [6, 4])
        }
    }

    // MARK: Each picture once

    @Test func aPictureIsEncodedOnce() throws {
        try withModel { model, _ in
            let encoder = try encoder(model)
            for seed in [1, 2, 1, 2, 1] as [UInt64] {
                let image = try Self.picture(seed)
                _ = try encoder.features(of: image, key: PictureKey(content: image.digest, slots: 4))
            }
            #expect(encoder.encodedCount == 2)
        }
    }

    @Test func whatWasStoredIsTakenFromTheDisk() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = CacheStore(folder: folder)
        let image = try Self.picture(1)
        let key = PictureKey(content: image.digest, slots: 4)
        let first = try withModel { model, _ in
            let encoder = try encoder(model, store: store)
            return try encoder.features(of: image, key: key)
        }
        try withModel { model, _ in
            let encoder = try encoder(model, store: store)
            #expect(try encoder.features(of: image, key: key) == first)
            #expect(encoder.encodedCount == 0)
            // Neither other pixels, nor another number of places, find it.
            let other = try Self.picture(2)
            _ = try encoder.features(of: other, key: PictureKey(content: other.digest, slots: 4))
            _ = try encoder.features(of: image, key: PictureKey(content: image.digest, slots: 1))
            #expect(encoder.encodedCount == 2)
        }
        // Nor do other weights, or sizes that no weight shows.
        for change in ["v.blk.1.ln2.bias", "vision.attention.head_count"] {
            var changed = TinyModel.emu2()
            if change.hasPrefix("v.") {
                changed.tensors[change]?.values[3] += 1
            } else {
                changed.set(change, .uint32(4))
            }
            try changed.builder().withFile { path in
                let encoder = try encoder(LoadedModel(path: path), store: store)
                #expect(try encoder.features(of: image, key: key) != first)
                #expect(encoder.encodedCount == 1, "\(change)")
            }
        }
        // A damaged entry is computed anew.
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let file = folder.appendingPathComponent(name)
            var bytes = [UInt8](try Data(contentsOf: file))
            bytes[bytes.count - 1] ^= 1
            try Data(bytes).write(to: file)
        }
        try withModel { model, _ in
            let encoder = try encoder(model, store: store)
            #expect(try encoder.features(of: image, key: key) == first)
            #expect(encoder.encodedCount == 1)
        }
    }
}
