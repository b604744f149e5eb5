import Conversion
import Foundation
import Generation
import Models
import Pixels
import Tensor
import TestSupport
import Testing

@testable import Inference

/// How a language model and what draws share the memory: which makes room for which, and that nothing but time is lost.
@Suite struct DrawingMemoryTests {
    private static let request = DiffusionDecoder.Request(width: 64, height: 48, steps: 2)
    private static let parts: [PromptPart] = [.text("a fox")]

    /// A small model of random weights that draws; the folder is removed behind the body.
    private func withModel(_ body: (String) async throws -> Void) async throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("gen.gguf").path
        try SyntheticModel(shape: "emu2-gen-tiny", layers: 1).write(
            to: path, type: .q8_0, seed: 1, threadCount: 2, isCancelled: { false }, progress: { _, _ in })
        try await body(path)
    }

    private func model(_ path: String, available: Int, precision: Precision = .fast) throws -> LoadedModel {
        var options = ModelOptions(contextLength: 256, threadCount: 2, precision: precision)
        options.memoryCheck = MemoryCheck(beamCount: 1, assumedAvailable: available)
        return try LoadedModel(path: path, options: options)
    }

    /// What of the weights is in memory at once while a picture is drawn, and the picture.
    private struct Course {
        var picture: PixelImage?
        /// The most bytes of the language model's weights, of what draws, and of both together.
        var (predicting, drawing, together) = (0, 0, 0)
        var developing = 0
        var loadings = 0
    }

    private func draw(
        _ drawer: PictureDrawer, _ model: LoadedModel, _ request: DiffusionDecoder.Request = request, count: Int = 1
    ) throws -> Course {
        var course = Course()
        var stage: DrawingProgress.Stage?
        func watch(_ progress: DrawingProgress) {
            let (predicting, drawing) = (model.weights.residentBytes, drawer.residentBytes)
            course.predicting = max(course.predicting, predicting)
            course.drawing = max(course.drawing, drawing)
            course.together = max(course.together, predicting + drawing)
            if progress.stage == .developing { course.developing = max(course.developing, drawing) }
            if progress.stage == .loading, stage != .loading { course.loadings += 1 }
            stage = progress.stage
        }
        let condition = try #require(try drawer.condition(for: Self.parts, request, progress: watch))
        for _ in 0..<count {
            guard case .picture(let image)? = try drawer.draw(condition, request, seed: 7, progress: watch) else {
                continue
            }
            #expect(course.picture == nil || course.picture == image)
            course.picture = image
        }
        return course
    }

    // MARK: Plans

    private func plan(_ available: Int?) -> DrawingMemoryPlan {
        DrawingMemoryPlan(
            languageModel: 1000, weights: (unet: 500, others: 50), workspace: (step: 100, decoding: 300),
            request: Self.request, available: available, smallerSize: nil)
    }

    @Test func whatCostsLeastIsChosen() {
        for (available, model, unet, total) in [
            (nil, true, true, 1850), (1850, true, true, 1850), (1849, true, false, 1650), (1650, true, false, 1650),
            (1649, false, true, 850), (850, false, true, 850), (849, false, false, 650), (650, false, false, 650),
        ] as [(Int?, Bool, Bool, Int)] {
            let plan = plan(available)
            #expect(plan.fits && plan.total == total, "\(available ?? -1)")
            #expect((plan.keepsLanguageModel, plan.keepsUNet) == (model, unet), "\(available ?? -1)")
        }
        #expect(!plan(649).fits)
    }

    // MARK: Small models

    @Test func whereBothFitBothStay() async throws {
        try await withModel { path in
            let model = try model(path, available: 1 << 40)
            let drawer = try PictureDrawer(model: model, store: nil)
            #expect(drawer.residentBytes == 0, "not before it is needed")
            let course = try draw(drawer, model)
            #expect(course.picture != nil && course.loadings == 1)
            #expect(course.together == course.predicting + course.drawing && !model.weights.isReleased)
            // Nothing is read again for the next picture.
            #expect(try draw(drawer, model).loadings == 0)
        }
    }

    @Test func whereNotTheLanguageModelMakesRoomAndComesBack() async throws {
        try await withModel { path in
            let loose = try model(path, available: 1 << 40)
            let amplePlan = try PictureDrawer(model: loose, store: nil).plan(Self.request)
            let expected = try draw(PictureDrawer(model: loose, store: nil), loose)
            let model = try model(path, available: amplePlan.languageModel + amplePlan.unet)
            let drawer = try PictureDrawer(model: model, store: nil)
            let plan = try drawer.plan(Self.request)
            #expect(!plan.keepsLanguageModel)
            let course = try draw(drawer, model)
            #expect(course.picture == expected.picture)
            #expect(course.predicting > 0 && course.drawing > 0)
            #expect(course.together == max(course.predicting, course.drawing), "the larger of both, not the sum")
            #expect(model.weights.isReleased && model.weights.residentBytes == 0)
            // It is read again for the next picture, and draws the same.
            #expect(try draw(drawer, model).picture == expected.picture)
        }
    }

    @Test func theUNetMakesRoomForTheAutoencoder() async throws {
        try await withModel { path in
            // Without guidance, which takes two at once, a step is less than the decoding.
            let request = DiffusionDecoder.Request(width: 64, height: 48, steps: 2, guidance: 1)
            let model = try model(path, available: 1 << 40)
            let drawer = try PictureDrawer(model: model, store: nil)
            let whole = try drawer.plan(request)
            let expected = try draw(drawer, model, request)
            drawer.unload()
            drawer.assumedAvailable = max(whole.unet + whole.others + whole.step, whole.others + whole.decoding)
            let course = try draw(drawer, model, request, count: 2)
            #expect(course.picture == expected.picture)
            #expect(course.developing < course.drawing)
            // The language model is there already; the decoder is read, and its UNet again for the second picture.
            #expect(course.loadings == 2)
        }
    }

    @Test func exactPrecisionDrawsTheSameFromWhereTheWeightsLie() async throws {
        try await withModel { path in
            let loose = try model(path, available: 1 << 40, precision: .exact)
            let expected = try draw(PictureDrawer(model: loose, store: nil), loose)
            let drawer = try PictureDrawer(model: loose, store: nil)
            let plan = try drawer.plan(Self.request)
            drawer.assumedAvailable = plan.total - plan.languageModel
            #expect(try draw(drawer, loose).picture == expected.picture)
        }
    }

    @Test func whatDoesNotFitIsRefusedBeforeAnythingIsComputed() async throws {
        try await withModel { path in
            let model = try model(path, available: 1 << 40)
            let drawer = try PictureDrawer(model: model, store: nil)
            let large = DiffusionDecoder.Request(width: 2048, height: 1024)
            let whole = try drawer.plan(large)
            drawer.assumedAvailable = whole.unet + whole.others + whole.decoding / 3
            var isTold = false
            let error = #expect(throws: InferenceError.self) {
                _ = try drawer.condition(for: Self.parts, large, progress: { _ in isTold = true })
            }
            #expect(!isTold)
            let words = error?.description ?? ""
            #expect(words.contains("drawing 2048x1024 needs") && words.contains("are free"), "\(words)")
            #expect(words.contains("What fits: a picture of 1024x512") && words.contains("--ignore-memory"), "\(words)")
            // Nor does anything smaller fit.
            drawer.assumedAvailable = whole.unet
            let hopeless = #expect(throws: InferenceError.self) { try drawer.plan(large) }
            #expect(hopeless?.description.contains("emuchat convert --type q4_0") == true)
            // The same before the language model is read.
            var options = ModelOptions(precision: .fast)
            options.memoryCheck = MemoryCheck(assumedAvailable: whole.unet)
            let early = #expect(throws: InferenceError.self) {
                try PictureDrawer.checkMemory(path: path, options: options, large)
            }
            #expect(early?.description == hopeless?.description)
            options.memoryCheck = nil
            try PictureDrawer.checkMemory(path: path, options: options, large)
        }
    }

    /// Ones that ignore the memory draw as well as it goes.
    @Test func whoIgnoresTheMemoryIsNotRefused() async throws {
        try await withModel { path in
            var options = ModelOptions(contextLength: 256, threadCount: 2, precision: .fast)
            options.memoryCheck = nil
            let model = try LoadedModel(path: path, options: options)
            let drawer = try PictureDrawer(model: model, store: nil)
            drawer.assumedAvailable = 1
            #expect(try draw(drawer, model).picture != nil)
        }
    }

    @Test func aStoppedReadingLeavesNothingHalfRead() async throws {
        try await withModel { path in
            let model = try model(path, available: 1 << 40)
            let pool = ThreadPool(threadCount: 2)
            let bytes = model.weights.residentBytes
            model.weights.release()
            var told = 0
            let isReady = model.weights.restore(pool: pool, isCancelled: { told > 3 }) { _, _ in told += 1 }
            #expect(!isReady && model.weights.isReleased && model.weights.residentBytes == 0)
            #expect(model.weights.restore(pool: pool, isCancelled: { false }) { _, _ in })
            #expect(!model.weights.isReleased && model.weights.residentBytes == bytes)
        }
    }

    // MARK: In a conversation

    @Test func afterADrawingTheNextAnswerIsWhatItWasBefore() async throws {
        try await withModel { path in
            let whole = try PictureDrawer(model: model(path, available: 1 << 40), store: nil).plan(Self.request)
            let engine = try InferenceEngine(model: model(path, available: whole.languageModel + whole.unet))
            var options = GenerationOptions.greedy
            options.maximumTokens = 8
            let prompt = Prompt(messages: [PromptMessage(role: .user, text: "a b c")], layout: .raw)
            let before = await GenerationOutcome(of: engine.generate(prompt, options: options))
            #expect(before.failure == nil && !before.ids.isEmpty)
            var pictures = [PixelImage]()
            let drawing = DrawingOptions(width: 64, height: 48, steps: 2, seed: 3, count: 2)
            var places = [DrawingProgress.Place?]()
            for await event in engine.draw(Self.parts, options: drawing).events {
                switch event {
                case .drawn(_, let image, _): pictures.append(image)
                case .progress(let progress) where progress.stage == .drawing: places.append(progress.place)
                default: break
                }
            }
            #expect(pictures.count == 2)
            #expect(places.first == DrawingProgress.Place(number: 1, of: 2))
            #expect(places.last == DrawingProgress.Place(number: 2, of: 2))
            #expect(engine.loadedModel.weights.isReleased)
            var isTold = false
            let other = Prompt(messages: [PromptMessage(role: .user, text: "x")], layout: .raw)
            _ = await GenerationOutcome(of: engine.generate(other, options: options)) { event in
                if case .progress(let progress) = event, progress.stage == .loading { isTold = true }
            }
            #expect(isTold && !engine.loadedModel.weights.isReleased)
            #expect(await GenerationOutcome(of: engine.generate(prompt, options: options)).ids == before.ids)
            // A context of another length shares the weights.
            for await _ in engine.draw(Self.parts, options: drawing).events {}
            let longer = try InferenceEngine(engine, contextLength: 512)
            #expect(longer.loadedModel.weights.isReleased)
            #expect(await GenerationOutcome(of: longer.generate(prompt, options: options)).ids == before.ids)
        }
    }
}
