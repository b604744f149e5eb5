import Digest
import Foundation
import Generation
import ModelFiles
import Models
import Pixels
import Tensor
import Tokenization

/// Draws pictures with a model that predicts their embeddings: what is asked for becomes embeddings, noise becomes latents
/// that fit them, and latents become pixels.
package final class PictureDrawer {
    /// What a picture is drawn from: its embeddings, and those that guidance leads away from.
    package struct Condition: Sendable, Equatable {
        package let embeddings: [Float]
        package let unconditional: [Float]
    }

    /// What came of a drawing.
    package enum Drawn: Sendable, Equatable {
        case picture(PixelImage)
        /// The model's safety checker lets nobody see it.
        case withheld
    }

    /// Shares of the decoding that are told as progress.
    private static let developingParts = 100

    private let model: LoadedModel
    private let emu2: Emu2
    private let file: GGUFFile
    /// The weights where they lie: what is computed with in exact precision, else what the sizes are known from.
    private let plain: DiffusionDecoder
    /// The weights packed; nil before they are needed, and when their memory is.
    private var packed: DiffusionDecoder?
    let pool: ThreadPool
    /// What predicts, made when it is needed.
    private var predictor: PictureRegression?
    private let encoder: PictureEncoder
    private let store: CacheStore?
    private var unconditional: [Float]?
    /// What this process may take, instead of asking the system.
    var assumedAvailable: Int?
    /// How previews are made; found with the first of them.
    private var colors: LatentColors?

    /// Opens and checks the drawing parts that lie beside a model's weights; what is packed of them is when it is needed.
    ///
    /// In `store` the embeddings of pictures are kept, and those that are predicted behind an empty prompt.
    package init(model: LoadedModel, store: CacheStore?) throws(InferenceError) {
        let opened: GGUFFile?
        do {
            opened = try DiffusionCheckpoint.file(
                path: model.file.path, configurationFolders: model.configurationFolders)
        } catch { throw .model(error) }
        guard let emu2 = model.visual as? Emu2, let file = opened, model.promptBuilder.visualTokens != nil else {
            throw .drawsNothing(path: model.file.path)
        }
        do { plain = try DiffusionDecoder(file: file) } catch { throw .model(error) }
        let (found, expected) = (emu2.configuration.vision.width, plain.unet.configuration.contextWidth)
        guard found == expected else {
            throw .model(
                .invalidParameter(
                    path: model.file.path, key: "unet.cross_attention_dim", found: "\(expected)",
                    expected: "\(found), the width of the model's embeddings"))
        }
        (self.model, self.emu2, self.file, self.store) = (model, emu2, file, store)
        assumedAvailable = model.memoryCheck?.assumedAvailable
        pool = ThreadPool(threadCount: model.threadCount)
        encoder = PictureEncoder(
            model: emu2, precision: model.precision, pool: pool, store: store, weightsDigest: model.encoderDigest)
    }

    /// What computes; in fast precision only between `readyDecoder` and `unload`.
    var decoder: DiffusionDecoder { packed ?? plain }

    /// What a picture's width and height must be multiples of, and the most steps that can be taken.
    package var sizeStep: Int { plain.sizeStep }
    package var mostSteps: Int { plain.scheduler.mostSteps }

    /// Whether a picture of this size can be drawn.
    package func allows(_ request: DiffusionDecoder.Request) -> Bool { plain.allows(request) }

    // MARK: Memory

    /// How a picture's drawing is fitted into the memory.
    /// - Throws: `notEnoughMemoryToDraw` where it does not fit, unless the model was loaded without looking at the memory.
    package func plan(_ request: DiffusionDecoder.Request) throws(InferenceError) -> DrawingMemoryPlan {
        let taken = model.weights.residentBytes + (packed?.residentBytes ?? 0)
        let plan = DrawingMemoryPlan(
            languageModel: MemoryPlan.weightBytes(of: model.file, precision: model.precision), decoder: plain,
            weights: DiffusionDecoder.weightBytes(of: file, precision: model.precision), request: request,
            available: assumedAvailable ?? AvailableMemory().bytes.map { $0 + taken })
        if model.memoryCheck != nil, !plan.fits { throw .notEnoughMemoryToDraw(path: model.file.path, plan: plan) }
        return plan
    }

    /// Refuses a picture that does not fit into the memory, before the language model is read for it. What else may be
    /// wrong is told by those who open the model.
    package static func checkMemory(
        path: String, options: ModelOptions, _ request: DiffusionDecoder.Request
    ) throws(InferenceError) {
        guard let check = options.memoryCheck,
            let model = try? ModelRegistry.open(path: path, configurationFolders: options.configurationFolders),
            let file = try? DiffusionCheckpoint.file(path: path, configurationFolders: options.configurationFolders),
            let decoder = try? DiffusionDecoder(file: file), decoder.allows(request)
        else { return }
        let weights = DiffusionDecoder.weightBytes(of: file, precision: options.precision ?? .usual(for: model))
        let plan = DrawingMemoryPlan(
            languageModel: 0, decoder: decoder, weights: weights, request: request,
            available: check.assumedAvailable ?? AvailableMemory().bytes)
        guard plan.fits else { throw .notEnoughMemoryToDraw(path: path, plan: plan) }
    }

    /// Bytes of packed weights that are in memory for drawing.
    var residentBytes: Int { packed?.residentBytes ?? 0 }

    /// Gives the memory of what draws back, for the language model to come back.
    func unload() {
        packed = nil
        plain.discardPages()
    }

    /// What predicts, with the language model's weights in memory; nil when cancelled.
    private func readyPredictor(
        _ plan: DrawingMemoryPlan, _ isCancelled: () -> Bool, _ progress: (DrawingProgress) -> Void
    ) throws(InferenceError) -> PictureRegression? {
        if !plan.keepsLanguageModel { unload() }
        let isReady = model.weights.restore(pool: pool, isCancelled: isCancelled) { done, total in
            progress(DrawingProgress(stage: .loading, completed: done, total: total))
        }
        guard isReady else { return nil }
        if let predictor { return predictor }
        let session = try DecoderSession(model: model, pool: pool)
        guard let made = PictureRegression(model: model, session: session, pool: pool) else {
            throw .drawsNothing(path: model.file.path)
        }
        predictor = made
        return made
    }

    /// What draws, with the UNet's weights in memory; nil when cancelled.
    private func readyDecoder(
        _ plan: DrawingMemoryPlan, _ isCancelled: () -> Bool, _ progress: (DrawingProgress) -> Void
    ) throws(InferenceError) -> DiffusionDecoder? {
        if !plan.keepsLanguageModel {
            predictor = nil
            model.weights.release()
        }
        guard model.precision == .fast else { return plain }
        func tell(_ done: Int, _ total: Int) {
            progress(DrawingProgress(stage: .loading, completed: done, total: total))
        }
        if let packed {
            return packed.restoreUNet(pool: pool, isCancelled: isCancelled, progress: tell) ? packed : nil
        }
        let file = file
        let opened = withoutActuallyEscaping(tell) { tell in
            Result { () throws(ModelError) in
                let packer = WeightPacker(pool: pool) { file.discard($0) }
                return try DiffusionDecoder(file: file, loading: WeightLoading(packer: packer, progress: tell))
            }
        }
        do { packed = try opened.get() } catch { throw .model(error) }
        return packed
    }

    // MARK: Conditions

    /// What to draw a picture of `request`'s size from; nil when cancelled.
    ///
    /// A picture without words is drawn again from its own embeddings; everything else is a prompt behind which embeddings
    /// are predicted. Source: `diffusion.py`.
    package func condition(
        for parts: [PromptPart], _ request: DiffusionDecoder.Request, isCancelled: () -> Bool = { false },
        progress: (DrawingProgress) -> Void = { _ in }
    ) throws(InferenceError) -> Condition? {
        guard let regression = try readyPredictor(try plan(request), isCancelled, progress) else { return nil }
        if parts.count == 1, case .image(let image) = parts[0] {
            return try encodedCondition(of: image, isCancelled, progress)
        }
        let prompt = regression.tokenized(parts)
        let pictureCount = prompt.elements.count { if case .image = $0 { true } else { false } }
        let pictures: [PictureKey: PictureEmbedding]?
        do {
            pictures = try encoder.embeddings(of: prompt, isCancelled: isCancelled) { done in
                progress(DrawingProgress(stage: .looking, completed: done, total: pictureCount))
            }
        } catch { throw .model(error) }
        guard let pictures else { return nil }
        let total = (try storedUnconditional() == nil ? 2 : 1) * emu2.imageSlots
        let embeddings = try regression.embeddings(behind: prompt.items, pictures: pictures, isCancelled: isCancelled) {
            progress(DrawingProgress(stage: .predicting, completed: $0, total: total))
        }
        guard let embeddings else { return nil }
        return try condition(
            of: embeddings, request, before: emu2.imageSlots, isCancelled: isCancelled, progress: progress)
    }

    /// What to draw a picture of `request`'s size from where the embeddings [slots, features] are predicted already; nil
    /// when cancelled. `before`: how many of them are told as progress before those behind an empty prompt.
    package func condition(
        of embeddings: [Float], _ request: DiffusionDecoder.Request, before: Int = 0,
        isCancelled: () -> Bool = { false },
        progress: (DrawingProgress) -> Void = { _ in }
    ) throws(InferenceError) -> Condition? {
        if let blank = try storedUnconditional() { return Condition(embeddings: embeddings, unconditional: blank) }
        guard let regression = try readyPredictor(try plan(request), isCancelled, progress) else { return nil }
        let blank = try regression.embeddings(
            behind: regression.tokenized([]).items, pictures: [:], isCancelled: isCancelled
        ) { done in
            progress(
                DrawingProgress(stage: .predicting, completed: before + done, total: before + emu2.imageSlots))
        }
        guard let blank else { return nil }
        remember(blank)
        return Condition(embeddings: embeddings, unconditional: blank)
    }

    private func encodedCondition(
        of image: PixelImage, _ isCancelled: () -> Bool, _ progress: (DrawingProgress) -> Void
    ) throws(InferenceError) -> Condition? {
        do {
            let key = PictureKey(content: image.digest, slots: emu2.imageSlots)
            progress(DrawingProgress(stage: .looking, completed: 0, total: 2))
            guard let embeddings = try encoder.features(of: image, key: key, isCancelled: isCancelled) else {
                return nil
            }
            progress(DrawingProgress(stage: .looking, completed: 1, total: 2))
            guard let blank = try emu2.blankFeatures(pool: pool, isCancelled: isCancelled) else { return nil }
            progress(DrawingProgress(stage: .looking, completed: 2, total: 2))
            return Condition(embeddings: embeddings, unconditional: blank)
        } catch { throw .model(error) }
    }

    // MARK: What is predicted behind an empty prompt

    /// Always the same for the same weights and precision.
    private var storedName: String {
        let parts = ["predicted behind nothing", model.hexadecimalDigest(), model.precision.kernelName]
        return SHA256Digest(of: Array(parts.joined(separator: "\n").utf8)).hexadecimal
    }

    private func storedUnconditional() throws(InferenceError) -> [Float]? {
        if let unconditional { return unconditional }
        guard let stored = store?.read(storedName),
            stored.count == emu2.imageSlots * emu2.configuration.vision.width
        else { return nil }
        unconditional = stored
        return stored
    }

    private func remember(_ predicted: [Float]) {
        unconditional = predicted
        store?.write(predicted, as: storedName)
    }

    // MARK: Drawing

    /// Draws; nil when cancelled. The same seed gives the same picture on any number of threads.
    ///
    /// `preview` is shown what there is after every few steps, one pixel for each position of the latents; nothing of
    /// the picture depends on it. Where the model has a safety checker, it looks at previews as well.
    package func draw(
        _ condition: Condition, _ request: DiffusionDecoder.Request, seed: UInt64,
        isCancelled: @escaping () -> Bool = { false }, progress: (DrawingProgress) -> Void = { _ in },
        preview: ((PixelImage) -> Void)? = nil
    ) throws(InferenceError) -> Drawn? {
        let plan = try plan(request)
        guard let decoder = try readyDecoder(plan, isCancelled, progress) else { return nil }
        let shape = decoder.latentShape(request)
        let picture: FeatureMap?
        do throws(ModelError) {
            var sketch: ((FeatureMap) throws(ModelError) -> Void)?
            if let preview { sketch = try self.sketch(showing: preview, isCancelled: isCancelled) }
            let noise = try FeatureMap(
                planes: Self.noise(count: shape.height * shape.width * shape.channels, seed: seed),
                height: shape.height, width: shape.width, channels: shape.channels)
            progress(DrawingProgress(stage: .drawing, completed: 0, total: request.steps))
            let latents = try decoder.latents(
                from: noise, condition: condition.embeddings, unconditional: condition.unconditional, request,
                pool: pool, isCancelled: isCancelled,
                observe: { step, _, _ in
                    progress(DrawingProgress(stage: .drawing, completed: step + 1, total: request.steps))
                }, sketch: sketch)
            guard let latents else { return nil }
            if !plan.keepsUNet { decoder.releaseUNet() }
            picture = try decoder.picture(of: latents, pool: pool, isCancelled: isCancelled) { share in
                let done = Int(share * Double(Self.developingParts))
                progress(DrawingProgress(stage: .developing, completed: done, total: Self.developingParts))
            }
        } catch { throw .model(error) }
        guard let picture else { return nil }
        guard let pixels = Self.pixels(picture) else { throw .invalidPicture }
        return try checked(pixels, isCancelled: isCancelled, progress: progress)
    }

    /// What shows latents as a picture of one pixel for each position; nil where no such picture can be made.
    private func sketch(
        showing preview: @escaping (PixelImage) -> Void, isCancelled: @escaping () -> Bool
    ) throws(ModelError) -> ((FeatureMap) throws(ModelError) -> Void)? {
        if colors == nil { colors = try LatentColors(decoder.autoencoder, pool: pool) }
        guard let colors else { return nil }
        return { clean throws(ModelError) in
            guard let image = Self.pixels(try colors.picture(of: clean)) else { return }
            if try self.passes(image, isCancelled: isCancelled) { preview(image) }
        }
    }

    /// Standard normal numbers. Source: "A Note on the Generation of Random Normal Deviates", Box and Muller.
    static func noise(count: Int, seed: UInt64) -> [Float] {
        var source = RandomSource(seed: seed)
        var values = [Float]()
        values.reserveCapacity(count + 1)
        while values.count < count {
            // Never 0, whose logarithm is infinite.
            let radius = (-2 * log(1 - source.unitInterval())).squareRoot()
            let angle = 2 * Double.pi * source.unitInterval()
            values.append(Float(radius * cos(angle)))
            values.append(Float(radius * sin(angle)))
        }
        return Array(values.prefix(count))
    }

    /// Values [1, H, W, 3] from 0 to 1 as bytes; nil when one is no number, as with damaged weights.
    package static func pixels(_ map: FeatureMap) -> PixelImage? {
        guard map.channels == 3, (0..<map.valueCount).allSatisfy({ map.pointer[$0].isFinite }) else { return nil }
        let bytes = (0..<map.valueCount).map { index in
            UInt8(min(max((map.pointer[index] * 255).rounded(.toNearestOrEven), 0), 255))
        }
        return PixelImage(width: map.width, height: map.height, bytes: bytes)
    }
}
