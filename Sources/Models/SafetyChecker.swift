// Stable Diffusion's safety checker: "Red-Teaming the Stable Diffusion Safety Filter" describes it. A picture's CLIP
// embedding is compared with those of concepts. Reference: `StableDiffusionSafetyChecker` of diffusers.
//
// Letters: E width of the space that pictures share with concepts, S side in pixels.

import ModelFiles
import Pixels
import Tensor

/// Says of a drawn picture whether it is to be shown.
package struct SafetyChecker: Sendable {
    /// How near a picture comes to each concept, beyond what is tolerated; in thousandths, as far as they count.
    package struct Verdict: Sendable, Equatable {
        /// Of what calls for more care with all others.
        package let specialScores: [Double]
        package let scores: [Double]

        /// Whether the picture is not to be shown.
        package var isFlagged: Bool { scores.contains { $0 > 0 } }
    }

    /// What the names of its tensors begin with in a file with other parts.
    package static let prefix = "safety_checker."

    /// safety_checker.v.*
    package let transformer: CLIPVisionTransformer
    /// safety_checker.special_care_embeds, .special_care_embeds_weights
    private let specialCare: Concepts
    /// safety_checker.concept_embeds, .concept_embeds_weights
    private let concepts: Concepts
    private let path: String

    /// By how much nearer everything counts once something calls for care.
    private static let adjustment = 0.01

    // MARK: Judging

    /// What it says of a picture; nil when cancelled. `progress` is told the number of the tower's blocks that are done.
    package func verdict(
        on picture: PixelImage, pool: ThreadPool, isCancelled: () -> Bool = { false },
        progress: (Int) -> Void = { _ in }
    ) throws(ModelError) -> Verdict? {
        guard
            let cosines = try cosines(
                pixels: try transformer.preprocessing.pixels(of: picture), pool: pool, isCancelled: isCancelled,
                progress: progress)
        else { return nil }
        return verdict(special: cosines.special, cosines: cosines.concepts)
    }

    /// The cosines between a picture, [3, S, S], and what calls for care, and the concepts; nil when cancelled.
    func cosines(
        pixels: [Float], pool: ThreadPool, isCancelled: () -> Bool = { false }, progress: (Int) -> Void = { _ in }
    ) throws(ModelError) -> (special: [Float], concepts: [Float])? {
        let hidden = try transformer.hiddenStates(
            pixels: pixels, pool: pool, isCancelled: isCancelled, progress: progress)
        guard let hidden else { return nil }
        guard let pooled = transformer.pooled(hidden, pool: pool),
            let embedding = transformer.projected(pooled, pool: pool), embedding.allSatisfy(\.isFinite)
        else { throw .noVerdict(path: path) }
        return (specialCare.cosines(embedding), concepts.cosines(embedding))
    }

    private func verdict(special: [Float], cosines: [Float]) -> Verdict {
        var adjustment = 0.0
        var specialScores = [Double]()
        for (cosine, threshold) in zip(special, specialCare.thresholds) {
            let score = Self.score(cosine, threshold, adjustment)
            specialScores.append(score)
            // From here on, for what calls for care as well.
            if score > 0 { adjustment = Self.adjustment }
        }
        let scores = zip(cosines, concepts.thresholds).map { Self.score($0, $1, adjustment) }
        return Verdict(specialScores: specialScores, scores: scores)
    }

    /// Rounded to thousandths, so that what is over by less is not over.
    private static func score(_ cosine: Float, _ threshold: Float, _ adjustment: Double) -> Double {
        ((Double(cosine) - Double(threshold) + adjustment) * 1000).rounded(.toNearestOrEven) / 1000
    }

    /// Directions in which pictures of something lie, and how near to them is too near.
    private struct Concepts: Sendable {
        /// [n, E], of length 1
        let directions: [[Double]]
        /// [n]
        let thresholds: [Float]

        /// No list that is looked through for each picture is longer.
        private static let most = 1 << 16

        /// Takes `NAME` [n, E] and `NAME_weights` [n]; a number that is none would let everything pass.
        init(_ source: TensorSource, _ name: String, width: Int) throws(ModelError) {
            let shape = source.file.tensors[name]?.shape ?? []
            let count = min(shape.count == 2 ? max(1, shape[1]) : 1, Self.most)
            let rows = try source.finiteValues(name, shape: [width, count])
            thresholds = try source.finiteValues("\(name)_weights", shape: [count])
            directions = (0..<count).map { Self.unit(rows[$0 * width..<($0 + 1) * width]) }
        }

        func cosines(_ embedding: [Float]) -> [Float] {
            let unit = Self.unit(embedding[...])
            return directions.map { direction in
                Float(zip(direction, unit).reduce(0) { $0 + $1.0 * $1.1 })
            }
        }

        private static func unit(_ vector: ArraySlice<Float>) -> [Double] {
            let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            return vector.map { Double($0) / max(length, 1e-12) }
        }
    }

    // MARK: Loading

    /// Takes the weights `safety_checker.*`; `extractor` says how a picture is brought to what the tower sees.
    init(
        _ source: TensorSource, _ settings: DiffusionSettings, _ extractor: DiffusionSettings
    ) throws(ModelError) {
        let vision = try settings.settings("vision_config", overriding: "vision_config_dict")
        let configuration = try CLIPVisionConfiguration(vision)
        let width = try settings.integer("projection_dim", default: 512)
        try source.require("\(Self.prefix)v.post_ln.weight")
        transformer = try CLIPVisionTransformer(
            source, prefix: Self.prefix, configuration,
            try PicturePreprocessing(extractor, side: configuration.grid.imageSize), projectionWidth: width)
        specialCare = try Concepts(source, "\(Self.prefix)special_care_embeds", width: width)
        concepts = try Concepts(source, "\(Self.prefix)concept_embeds", width: width)
        path = source.file.path
    }
}

/// `hidden_act`
private enum HiddenActivation: String, CaseIterable {
    case quickGELU = "quick_gelu"
    case gelu
}

extension CLIPVisionConfiguration {
    /// Checks `vision_config` of a CLIP model; what is absent is as in transformers.
    fileprivate init(_ settings: DiffusionSettings) throws(ModelError) {
        func require(_ key: String, _ found: Int, _ expected: String, _ condition: Bool) throws(ModelError) {
            guard condition else {
                throw .invalidParameter(
                    path: settings.path, key: "\(settings.part).\(key)", found: "\(found)", expected: expected)
            }
        }
        _ = try settings.integer("num_channels", default: 3, in: 3...3)
        // Larger pictures would take more memory than any machine has.
        let imageSize = try settings.integer("image_size", default: 224, in: 1...4096)
        let patchSize = try settings.integer("patch_size", default: 32)
        try require("image_size", imageSize, "a multiple of \(patchSize)", imageSize % patchSize == 0)
        let width = try settings.integer("hidden_size", default: 768)
        let heads = try settings.integer("num_attention_heads", default: 12)
        try require("num_attention_heads", heads, "a divisor of \(width)", width % heads == 0)
        try require(
            "num_attention_heads", heads, "heads of up to \(Kernels.maximumHeadSize) features",
            width / heads <= Kernels.maximumHeadSize)
        self.init(
            grid: PictureGrid(imageSize: imageSize, patchSize: patchSize), width: width,
            layerCount: try settings.integer("num_hidden_layers", default: 12), heads: heads,
            feedForwardWidth: try settings.integer("intermediate_size", default: 3072),
            normEpsilon: Float(try settings.number("layer_norm_eps", default: 1e-5, in: 0...1)),
            activation: try settings.word("hidden_act", default: HiddenActivation.quickGELU) == .gelu
                ? .gelu : .quickGELU)
    }
}

extension PicturePreprocessing {
    /// Checks `preprocessor_config.json` of CLIP; what is absent is as in transformers, where a square is cut out that is
    /// as high as the picture.
    fileprivate init(_ settings: DiffusionSettings, side: Int) throws(ModelError) {
        try settings.requireUsual([
            "do_resize": "true", "do_center_crop": "true", "do_rescale": "true", "do_normalize": "true",
            "resample": "3",
        ])
        let crop = try settings.integer("crop_size", named: ["height", "width"], default: side)
        let shorterSide = try settings.integer("size", named: ["shortest_edge"], default: side)
        guard crop == side, (side...4096).contains(shorterSide) else {
            throw .invalidParameter(
                path: settings.path, key: "\(settings.part).\(crop == side ? "size" : "crop_size")",
                found: "\(crop == side ? shorterSide : crop)",
                expected: crop == side ? "\(side) to 4096" : "\(side), which safety_checker.vision_config has")
        }
        self.init(
            side: side, mean: try settings.numbers("image_mean", default: Self.clipMean, in: -10...10),
            deviation: try settings.numbers("image_std", default: Self.clipDeviation, in: 1e-3...10),
            shorterSide: shorterSide)
    }
}
