import ModelFiles
import Tensor

/// The sizes of an Emu2 model beyond those of its decoder: `emu2.vision.*` of a GGUF.
package struct Emu2Configuration: Sendable, Equatable {
    package let vision: EvaVisionConfiguration
    package let decoder: DecoderConfiguration
    /// Embeddings of a picture (`n_query` in `config.json`), and of a frame of a clip (`v_query`).
    package let imageTokens: Int
    package let frameTokens: Int
    package let preprocessing: PicturePreprocessing

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
        let (grid, width) = (try pictureGrid(), try positive("vision.embedding_length"))
        let heads = try encoderHeads(width: width)
        let vision = EvaVisionConfiguration(
            imageSize: grid.imageSize, patchSize: grid.patchSize, width: width,
            layerCount: try positive("vision.block_count"), heads: heads,
            feedForwardWidth: try positive("vision.feed_forward_length"),
            normEpsilon: Float(try number("vision.attention.layer_norm_epsilon", default: 1e-6, in: 0...1)),
            form: try evaVisionForm(headSize: width / heads))
        return Emu2Configuration(
            vision: vision, decoder: try decoderConfiguration(),
            imageTokens: try pooledTokens("vision.image_tokens", grid: grid.side),
            frameTokens: try pooledTokens("vision.frame_tokens", grid: grid.side),
            preprocessing: try picturePreprocessing(grid))
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

    private func pooledTokens(_ name: String, grid: Int) throws(ModelError) -> Int {
        let count = try positive(name)
        try require(name, found: count, "a square that averaging \(grid)x\(grid) patches gives") {
            Emu2Configuration.pools(grid: grid, to: count)
        }
        return count
    }
}
