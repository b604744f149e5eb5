// Emu2-Gen: "Generative Multimodal Models are In-Context Learners", section 2.2; the published pipeline `diffusion.py`.
// Letters as in `FeatureMap.swift`.

import ModelFiles
import Tensor

/// What turns a picture's embeddings into the picture: a denoising network, an autoencoder and a scheduler; and what looks
/// at it before people do, where there is such.
package struct DiffusionDecoder: Sendable {
    package let unet: SDXLUNet
    package let autoencoder: AutoencoderKL
    package let scheduler: EulerDiscreteScheduler
    /// Nil for a pipeline without one.
    package let safetyChecker: SafetyChecker?
    /// Number of weights of all networks.
    package let parameterCount: Int
    let file: GGUFFile
    /// What the UNet's packed weights take, and those of the rest; nil where they lie in the file.
    let unetMemory: PackedWeightMemory?
    let otherMemory: PackedWeightMemory?

    /// How a picture is to be drawn.
    package struct Request: Sendable, Equatable {
        /// In pixels, multiples of `DiffusionDecoder.sizeStep`.
        package var width: Int
        package var height: Int
        package var steps: Int
        /// How far away from the unconditional prediction; up to 1 is not guided.
        package var guidance: Float
        /// What the network is told of the original the picture would be a crop of, and where it would begin in it.
        package var originalWidth: Int
        package var originalHeight: Int
        package var cropLeft: Int
        package var cropTop: Int

        /// As published: 50 steps, guided by 3, as if a square of 1024 pixels had been brought to the size.
        package init(
            width: Int, height: Int, steps: Int = 50, guidance: Float = 3, originalWidth: Int = 1024,
            originalHeight: Int = 1024, cropLeft: Int = 0, cropTop: Int = 0
        ) {
            (self.width, self.height, self.steps, self.guidance) = (width, height, steps, guidance)
            (self.originalWidth, self.originalHeight) = (originalWidth, originalHeight)
            (self.cropLeft, self.cropTop) = (cropLeft, cropTop)
        }

        fileprivate var sizes: [Float] {
            [originalHeight, originalWidth, cropTop, cropLeft, height, width].map { Float($0) }
        }
    }

    /// Steps from one sketch to the next.
    private static let sketchSteps = 2

    /// What width and height must be multiples of.
    package var sizeStep: Int { autoencoder.configuration.scale }

    /// The greatest width and height; beyond, the first level alone would take gigabytes.
    package static let greatestSide = 4096

    /// Whether a picture of this size can be drawn.
    package func allows(_ request: Request) -> Bool {
        [request.width, request.height].allSatisfy { side in
            side >= sizeStep && side <= Self.greatestSide && side % sizeStep == 0
        }
    }

    /// The shape of the noise from which a picture is drawn: [latentHeight, latentWidth, latentChannels].
    package func latentShape(_ request: Request) -> (height: Int, width: Int, channels: Int) {
        (request.height / sizeStep, request.width / sizeStep, unet.configuration.inputs)
    }

    // MARK: Drawing

    /// Latents of a picture [1, H, W, C] from standard normal noise of that shape; nil when cancelled.
    ///
    /// `condition`: the picture's embeddings, [T, X]; `unconditional`: those that guidance leads away from, of the same
    /// shape. `observe` is told each step's prediction (after guidance) and the latents behind it; `sketch`, after every
    /// `sketchSteps` steps, what the latents would be without their noise.
    package func latents(
        from noise: FeatureMap, condition: [Float], unconditional: [Float], _ request: Request, pool: ThreadPool,
        isCancelled: () -> Bool = { false },
        observe: (_ step: Int, _ predicted: FeatureMap, _ latents: FeatureMap) -> Void = { _, _, _ in },
        sketch: ((_ clean: FeatureMap) throws(ModelError) -> Void)? = nil
    ) throws(ModelError) -> FeatureMap? {
        let isGuided = request.guidance > 1
        let batch = isGuided ? 2 : 1
        let context = DiffusionContext(
            rows: isGuided ? condition + unconditional : condition, count: batch, width: unet.configuration.contextWidth
        )
        let known = SDXLUNet.Condition(context: context, sizes: request.sizes)
        let schedule = scheduler.schedule(steps: request.steps)
        let latents = try FeatureMap(height: noise.height, width: noise.width, channels: noise.channels)
        let count = latents.valueCount
        for index in 0..<count { latents.pointer[index] = noise.pointer[index] * schedule.initialNoiseSigma }
        let scaled = try FeatureMap(
            count: batch, height: noise.height, width: noise.width, channels: noise.channels)
        for step in schedule {
            for index in 0..<count {
                let value = latents.pointer[index] * step.inputScale
                for picture in 0..<batch { scaled.pointer[picture * count + index] = value }
            }
            let outcome = cancellable(pool, isCancelled) { () throws(ModelError) in
                try unet.predict(scaled, timestep: step.timestep, condition: known, pool: pool)
            }
            guard let predicted = try outcome?.get() else { return nil }
            let guided = isGuided ? try self.guided(predicted, by: request.guidance) : predicted
            var clean: FeatureMap?
            if sketch != nil, step.index % Self.sketchSteps == Self.sketchSteps - 1 {
                let map = try FeatureMap(height: noise.height, width: noise.width, channels: noise.channels)
                for index in 0..<count {
                    map.pointer[index] = step.clean(latents.pointer[index], guided.pointer[index])
                }
                clean = map
            }
            step.advance(latents.pointer, by: guided.pointer, count: count)
            observe(step.index, guided, latents)
            if let sketch, let clean { try sketch(clean) }
        }
        return latents
    }

    /// The picture of latents, [H, W, 3] from 0 to 1; nil when cancelled.
    package func picture(
        of latents: FeatureMap, pool: ThreadPool, isCancelled: () -> Bool = { false },
        progress: (Double) -> Void = { _ in }
    ) throws(ModelError) -> FeatureMap? {
        let outcome = cancellable(pool, isCancelled) { () throws(ModelError) in
            try autoencoder.decode(latents, pool: pool, progress: progress)
        }
        guard let picture = try outcome?.get() else { return nil }
        for index in 0..<picture.valueCount {
            picture.pointer[index] = min(max(picture.pointer[index] / 2 + 0.5, 0), 1)
        }
        return picture
    }

    /// unconditional + guidance · (conditional - unconditional), from both predictions in that order: conditional first.
    private func guided(_ predicted: FeatureMap, by guidance: Float) throws(ModelError) -> FeatureMap {
        let result = try FeatureMap(height: predicted.height, width: predicted.width, channels: predicted.channels)
        let (conditional, unconditional) = (predicted.picture(0), predicted.picture(1))
        for index in 0..<result.valueCount {
            result.pointer[index] = unconditional[index] + guidance * (conditional[index] - unconditional[index])
        }
        return result
    }

    /// Runs a body whose operations end early once cancelled; nil then.
    private func cancellable(
        _ pool: ThreadPool, _ isCancelled: () -> Bool, _ body: () throws(ModelError) -> FeatureMap
    ) -> Result<FeatureMap, ModelError>? {
        var result: Result<FeatureMap, ModelError>?
        let isDone = pool.cancellable(isCancelled) {
            result = Result { () throws(ModelError) in try body() }
        }
        return isDone ? result : nil
    }

    // MARK: Loading

    /// What a file's configurations allow, without its weights: what sides must be multiples of, and the most steps.
    package static func limits(of file: GGUFFile) throws(ModelError) -> (sizeStep: Int, mostSteps: Int) {
        let autoencoder = try AutoencoderKLConfiguration(
            try settings(file, DiffusionCheckpoint.autoencoderKey, "vae"))
        let scheduler = try EulerDiscreteScheduler(try settings(file, DiffusionCheckpoint.schedulerKey, "scheduler"))
        return (autoencoder.scale, scheduler.mostSteps)
    }

    private static func safetyChecker(_ source: TensorSource, _ file: GGUFFile) throws(ModelError) -> SafetyChecker {
        let extractor =
            file.contains(DiffusionCheckpoint.featureExtractorKey)
            ? try settings(file, DiffusionCheckpoint.featureExtractorKey, "feature_extractor")
            : try DiffusionSettings("{}", part: "feature_extractor", path: file.path)
        return try SafetyChecker(
            source, try settings(file, DiffusionCheckpoint.safetyCheckerKey, "safety_checker"), extractor)
    }

    private static func settings(
        _ file: GGUFFile, _ key: String, _ part: String
    ) throws(ModelError) -> DiffusionSettings {
        let text: String
        do { text = try file.string(key) } catch { throw .file(error) }
        return try DiffusionSettings(text, part: part, path: file.path)
    }

    /// Takes the weights `unet.*`, `vae.*` and `safety_checker.*` of a file, where they lie unless they are packed; every
    /// shape is checked.
    package init(file: GGUFFile, loading: WeightLoading = WeightLoading()) throws(ModelError) {
        let source = TensorSource(file: file, loading: loading, where: DiffusionCheckpoint.isPart)
        let unetConfiguration = try SDXLUNetConfiguration(try Self.settings(file, DiffusionCheckpoint.unetKey, "unet"))
        let autoencoderConfiguration = try AutoencoderKLConfiguration(
            try Self.settings(file, DiffusionCheckpoint.autoencoderKey, "vae"))
        scheduler = try EulerDiscreteScheduler(try Self.settings(file, DiffusionCheckpoint.schedulerKey, "scheduler"))
        let (inputs, outputs) = (unetConfiguration.inputs, unetConfiguration.outputs)
        guard inputs == outputs, inputs == autoencoderConfiguration.latentChannels else {
            throw .invalidParameter(
                path: file.path, key: "unet.in_channels", found: "\(inputs), with out_channels \(outputs)",
                expected: "\(autoencoderConfiguration.latentChannels), the autoencoder's latent_channels")
        }
        self.file = file
        unet = try SDXLUNet(source, unetConfiguration)
        unetMemory = loading.packer?.takeMemory()
        autoencoder = try AutoencoderKL(source, autoencoderConfiguration)
        safetyChecker =
            DiffusionCheckpoint.hasSafetyChecker(file) ? try Self.safetyChecker(source, file) : nil
        parameterCount = try source.finish()
        otherMemory = loading.packer?.takeMemory()
    }
}
