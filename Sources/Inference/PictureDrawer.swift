import Digest
import Foundation
import Generation
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
    let decoder: DiffusionDecoder
    let pool: ThreadPool
    private let session: DecoderSession
    private let regression: PictureRegression
    private let encoder: PictureEncoder
    private let store: CacheStore?
    private var unconditional: [Float]?
    /// How previews are made; found with the first of them.
    private var colors: LatentColors?

    /// Opens the drawing parts that lie beside a model's weights; `loading` is told the bytes of theirs that are done, and
    /// of all.
    ///
    /// In `store` the embeddings of pictures are kept, and those that are predicted behind an empty prompt.
    package init(
        model: LoadedModel, store: CacheStore?,
        loading: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(InferenceError) {
        let pool = ThreadPool(threadCount: model.threadCount)
        let session = try DecoderSession(model: model, pool: pool)
        let opened: DiffusionDecoder?
        do { opened = try Self.decoder(beside: model, pool, loading) } catch { throw .model(error) }
        guard let emu2 = model.visual as? Emu2, let decoder = opened,
            let regression = PictureRegression(model: model, session: session, pool: pool)
        else { throw .drawsNothing(path: model.file.path) }
        let (found, expected) = (emu2.configuration.vision.width, decoder.unet.configuration.contextWidth)
        guard found == expected else {
            throw .model(
                .invalidParameter(
                    path: model.file.path, key: "unet.cross_attention_dim", found: "\(expected)",
                    expected: "\(found), the width of the model's embeddings"))
        }
        (self.model, self.emu2, self.decoder) = (model, emu2, decoder)
        (self.pool, self.session, self.regression, self.store) = (pool, session, regression, store)
        encoder = PictureEncoder(
            model: emu2, precision: model.precision, pool: pool, store: store, weightsDigest: model.encoderDigest)
    }

    private static func decoder(
        beside model: LoadedModel, _ pool: ThreadPool, _ loading: @escaping (Int, Int) -> Void
    ) throws(ModelError) -> DiffusionDecoder? {
        guard
            let file = try DiffusionCheckpoint.file(
                path: model.file.path, configurationFolders: model.configurationFolders)
        else { return nil }
        let packer = model.precision == .fast ? WeightPacker(pool: pool) { file.discard($0) } : nil
        return try DiffusionDecoder(file: file, loading: WeightLoading(packer: packer, progress: loading))
    }

    /// What a picture's width and height must be multiples of, and the most steps that can be taken.
    package var sizeStep: Int { decoder.sizeStep }
    package var mostSteps: Int { decoder.scheduler.mostSteps }

    /// Whether a picture of this size can be drawn.
    package func allows(_ request: DiffusionDecoder.Request) -> Bool { decoder.allows(request) }

    // MARK: Conditions

    /// What to draw from; nil when cancelled.
    ///
    /// A picture without words is drawn again from its own embeddings; everything else is a prompt behind which embeddings
    /// are predicted. Source: `diffusion.py`.
    package func condition(
        for parts: [PromptPart], isCancelled: () -> Bool = { false }, progress: (DrawingProgress) -> Void = { _ in }
    ) throws(InferenceError) -> Condition? {
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
        let blank = try storedUnconditional()
        let total = (blank == nil ? 2 : 1) * emu2.imageSlots
        func predict(
            _ items: [SequenceItem], _ pictures: [PictureKey: PictureEmbedding], before: Int
        ) throws(InferenceError) -> [Float]? {
            try regression.embeddings(behind: items, pictures: pictures, isCancelled: isCancelled) { done in
                progress(DrawingProgress(stage: .predicting, completed: before + done, total: total))
            }
        }
        guard let embeddings = try predict(prompt.items, pictures, before: 0) else { return nil }
        if let blank { return Condition(embeddings: embeddings, unconditional: blank) }
        guard let blank = try predict(regression.tokenized([]).items, [:], before: emu2.imageSlots) else { return nil }
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
