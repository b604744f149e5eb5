import ModelFiles
import Tensor

/// The sizes of an Emu2 model beyond those of its decoder: `emu2.vision.*` of a GGUF.
package struct Emu2Configuration: Sendable, Equatable {
    package let vision: EvaVisionConfiguration
    package let decoder: DecoderConfiguration
    /// Embeddings of a picture (`n_query` in `config.json`), and of a frame of a clip (`v_query`).
    package let imageTokens: Int
    package let frameTokens: Int
    /// Means and standard deviations of red, green and blue.
    package let mean: [Float]
    package let deviation: [Float]

    /// Patches along a side of the squares that are averaged: ⌊grid / √tokens⌋. Source: `encode_image` in `emu.py`.
    static func poolingSide(grid: Int, tokens: Int) -> Int {
        max(1, Int(Double(grid) / Double(tokens).squareRoot()))
    }

    /// Whether averaging a grid gives exactly so many embeddings.
    static func pools(grid: Int, to tokens: Int) -> Bool {
        let cells = grid / poolingSide(grid: grid, tokens: tokens)
        return cells * cells == tokens
    }
}

extension ParameterReader {
    /// The sizes of an Emu2 model, checked against each other.
    func emu2Configuration() throws(ModelError) -> Emu2Configuration {
        let (imageSize, patchSize) = (try positive("vision.image_size"), try positive("vision.patch_size"))
        let width = try positive("vision.embedding_length")
        let heads = try positive("vision.attention.head_count")
        // Larger pictures would take more memory than any machine has.
        try require("vision.image_size", found: imageSize, "a multiple of \(patchSize) up to 4096") {
            imageSize % patchSize == 0 && imageSize <= 4096
        }
        try require("vision.attention.head_count", found: heads, "a divisor of \(width)") { width % heads == 0 }
        try require("vision.attention.head_count", found: heads, "heads of up to \(Kernels.maximumHeadSize) features") {
            width / heads <= Kernels.maximumHeadSize
        }
        let vision = EvaVisionConfiguration(
            imageSize: imageSize, patchSize: patchSize, width: width, layerCount: try positive("vision.block_count"),
            heads: heads, feedForwardWidth: try positive("vision.feed_forward_length"),
            normEpsilon: Float(try number("vision.attention.layer_norm_epsilon", default: 1e-6, in: 0...1)),
            form: try evaVisionForm(headSize: width / heads))
        return Emu2Configuration(
            vision: vision, decoder: try decoderConfiguration(),
            imageTokens: try pooledTokens("vision.image_tokens", grid: vision.gridSide),
            frameTokens: try pooledTokens("vision.frame_tokens", grid: vision.gridSide),
            // What CLIP's encoders were trained with.
            mean: try colours("vision.image_mean", default: [0.48145466, 0.4578275, 0.40821073], least: -10),
            deviation: try colours("vision.image_std", default: [0.26862954, 0.26130258, 0.27577711], least: 1e-3))
    }

    /// What the encoder consists of; a file that says nothing has Emu2's.
    private func evaVisionForm(headSize: Int) throws(ModelError) -> EvaVisionForm {
        var form = EvaVisionForm()
        form.isPostNormalized = try flag("vision.post_norm", default: form.isPostNormalized)
        form.hasQueryValueBias = try flag("vision.attention.qv_bias", default: form.hasQueryValueBias)
        form.hasSubNorms = try flag("vision.sub_norm", default: form.hasSubNorms)
        form.isGated = try flag("vision.swiglu", default: form.isGated)
        form.hasFinalNorm = try flag("vision.final_norm", default: form.hasFinalNorm)
        if contains("vision.rope.grid_side") {
            form.rotary = EvaVisionForm.Rotary(
                gridSide: try positive("vision.rope.grid_side"),
                base: try frequencyBase("vision.rope.freq_base", default: 10000))
            try require("vision.attention.head_count", found: headSize, "heads of a multiple of 4 features to rotate") {
                headSize % 4 == 0
            }
        }
        return form
    }

    /// A number from `least` to 10 for each of red, green and blue.
    private func colours(_ name: String, default absent: [Float], least: Float) throws(ModelError) -> [Float] {
        guard contains(name) else { return absent }
        let values: [Float]
        do { values = try file.floats("\(prefix).\(name)") } catch { throw .file(error) }
        try require(name, found: "\(values.prefix(4))", "three numbers from \(least) to 10") {
            values.count == 3 && values.allSatisfy { $0 >= least && $0 <= 10 }
        }
        return values
    }

    private func pooledTokens(_ name: String, grid: Int) throws(ModelError) -> Int {
        let count = try positive(name)
        try require(name, found: count, "a square that averaging \(grid)x\(grid) patches gives") {
            Emu2Configuration.pools(grid: grid, to: count)
        }
        return count
    }
}
