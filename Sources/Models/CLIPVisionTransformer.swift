// CLIP: "Learning Transferable Visual Models From Natural Language Supervision", section 2.4, its vision transformers.
// A norm stands before the first block and before each branch; GELU is x·sigmoid(1.702·x). Reference: `CLIPVisionModel`
// and `CLIPVisionModelWithProjection` of Hugging Face; keys and tensor names are those of llama.cpp's `clip` files.
//
// Letters: P patches, T = 1 + P tokens, W width, F feed-forward width, E width of the projection, S side in pixels.

import ModelFiles
import Tensor

/// The sizes of a CLIP vision transformer: `clip.vision.*` of a GGUF.
package struct CLIPVisionConfiguration: Sendable, Equatable {
    /// What stands between the two projections of a block.
    package enum Activation: Sendable, Equatable {
        case quickGELU
        case gelu
    }

    package let grid: PictureGrid
    package let width: Int
    package let layerCount: Int
    package let heads: Int
    package let feedForwardWidth: Int
    package let normEpsilon: Float
    package let activation: Activation
}

/// The visual encoder of CLIP; also that of LLaVA and of Stable Diffusion's safety checker.
package struct CLIPVisionTransformer: Sendable {
    package let configuration: CLIPVisionConfiguration
    package let preprocessing: PicturePreprocessing
    /// v.patch_embd, without a bias, v.class_embd, v.position_embd
    private let patches: PatchEmbedding
    /// v.pre_ln: [W]
    private let inputNorm: LayerNorm
    /// v.blk.0, v.blk.1, …
    private let blocks: [CLIPBlock]
    /// v.post_ln: [W]; absent where only hidden states are wanted.
    private let finalNorm: LayerNorm?
    /// v.projection: [E, W], into the space that pictures share with text; absent as the norm.
    private let projection: Linear?

    // MARK: Running

    /// The hidden states behind the first `layers` blocks, all of them when nil: [T, W], class token first, before any
    /// final norm; nil when cancelled.
    ///
    /// `pixels`: [3, S, S], normalised. `progress` is told the number of blocks done.
    package func hiddenStates(
        pixels: [Float], layers: Int? = nil, pool: ThreadPool, isCancelled: () -> Bool = { false },
        progress: (Int) -> Void = { _ in }
    ) throws(ModelError) -> FloatBuffer? {
        let workspace = try EncoderWorkspace(
            configuration.grid, width: configuration.width, heads: configuration.heads,
            feedForwardWidth: configuration.feedForwardWidth)
        let hidden = workspace.hidden.pointer
        patches.apply(pixels, workspace, pool: pool)
        inputNorm.apply(hidden, rows: workspace.tokenCount, into: hidden, pool: pool)
        for (layer, block) in blocks.prefix(layers ?? blocks.count).enumerated() {
            guard pool.cancellable(isCancelled, { block.apply(workspace, pool: pool) }) else { return nil }
            progress(layer + 1)
        }
        return workspace.hidden
    }

    /// The class token of the last hidden states [T, W] behind the final norm: [W]; nil in a file without that norm.
    package func pooled(_ hidden: FloatBuffer, pool: ThreadPool) -> [Float]? {
        finalNorm.map { norm in
            computed(configuration.width) { norm.apply(hidden.pointer, rows: 1, into: $0, pool: pool) }
        }
    }

    /// A picture where it can be compared with text, of what `pooled` gives: [E]; nil in a file without the projection.
    package func projected(_ pooled: [Float], pool: ThreadPool) -> [Float]? {
        projection.map { projection in
            computed(projection.weight.rows) { out in
                pooled.withUnsafeBufferPointer { pooled in
                    if let from = pooled.baseAddress { projection.apply(from, count: 1, into: out, pool: pool) }
                }
            }
        }
    }

    private func computed(_ count: Int, _ compute: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let out = buffer.baseAddress { compute(out) }
            initialized = count
        }
    }

    /// Bytes of activations of one pass, as near as matters for planning.
    package var workspaceBytes: Int {
        EncoderWorkspace.bytes(
            configuration.grid, width: configuration.width, feedForwardWidth: configuration.feedForwardWidth)
    }

    // MARK: Loading

    /// Takes an encoder out of a file of its own; every shape is checked.
    package init(file: GGUFFile, loading: WeightLoading = WeightLoading()) throws(ModelError) {
        let name: String
        do { name = try file.string("general.architecture") } catch { throw .file(error) }
        guard name == Self.architecture else {
            throw .unknownArchitecture(path: file.path, name: name, known: [Self.architecture])
        }
        let source = TensorSource(file: file, loading: loading)
        try self.init(source)
        _ = try source.finish()
    }

    /// What files of CLIP encoders say that they are.
    package static let architecture = "clip"

    /// Takes the weights `v.*` out of those of a larger model.
    init(_ source: TensorSource) throws(ModelError) {
        let reader = ParameterReader(file: source.file, prefix: Self.architecture)
        let configuration = try reader.clipVisionConfiguration()
        try self.init(
            source, configuration, try reader.picturePreprocessing(configuration.grid),
            projectionWidth: source.contains("v.projection.weight") ? try reader.positive("vision.projection_dim") : nil
        )
    }

    /// Takes the weights `PREFIXv.*` for sizes that are known; with the projection where its width is given.
    init(
        _ source: TensorSource, prefix: String = "", _ configuration: CLIPVisionConfiguration,
        _ preprocessing: PicturePreprocessing, projectionWidth: Int?
    ) throws(ModelError) {
        (self.configuration, self.preprocessing) = (configuration, preprocessing)
        let (width, epsilon) = (configuration.width, configuration.normEpsilon)
        source.hasFixedRows = true
        defer { source.hasFixedRows = false }
        patches = try PatchEmbedding(source, prefix: prefix, configuration.grid, width: width, hasBias: false)
        inputNorm = try LayerNorm(source, "\(prefix)v.pre_ln", features: width, epsilon: epsilon)
        var blocks = [CLIPBlock]()
        for index in 0..<configuration.layerCount {
            blocks.append(try CLIPBlock(source, prefix: "\(prefix)v.blk.\(index)", configuration))
        }
        self.blocks = blocks
        finalNorm =
            source.contains("\(prefix)v.post_ln.weight")
            ? try LayerNorm(source, "\(prefix)v.post_ln", features: width, epsilon: epsilon) : nil
        projection = try projectionWidth.map { outputs throws(ModelError) in
            try Linear(source, "\(prefix)v.projection", outputs: outputs, inputs: width)
        }
    }
}

/// x + attention(norm(x)), then x + feedForward(norm(x)).
private struct CLIPBlock: Sendable {
    /// ln1, ln2: [W]
    private let attentionNorm: LayerNorm
    private let feedForwardNorm: LayerNorm
    /// attn_q, attn_k, attn_v, attn_out: [W, W], each with a bias
    private let attention: EncoderAttention
    /// ffn_up: [F, W], ffn_down: [W, F], each with a bias
    private let up: Linear
    private let down: Linear
    private let activation: CLIPVisionConfiguration.Activation

    init(_ source: TensorSource, prefix: String, _ configuration: CLIPVisionConfiguration) throws(ModelError) {
        let (width, inner, epsilon) = (configuration.width, configuration.feedForwardWidth, configuration.normEpsilon)
        attentionNorm = try LayerNorm(source, "\(prefix).ln1", features: width, epsilon: epsilon)
        feedForwardNorm = try LayerNorm(source, "\(prefix).ln2", features: width, epsilon: epsilon)
        func linear(_ name: String, _ outputs: Int, _ inputs: Int) throws(ModelError) -> Linear {
            // A file without it lost it.
            try source.require("\(prefix).\(name).bias")
            return try Linear(source, "\(prefix).\(name)", outputs: outputs, inputs: inputs)
        }
        attention = EncoderAttention(
            query: try linear("attn_q", width, width), key: try linear("attn_k", width, width),
            value: try linear("attn_v", width, width), output: try linear("attn_out", width, width),
            heads: configuration.heads)
        up = try linear("ffn_up", inner, width)
        down = try linear("ffn_down", width, inner)
        activation = configuration.activation
    }

    /// workspace.hidden[T, W] is read and replaced.
    func apply(_ workspace: EncoderWorkspace, pool: ThreadPool) {
        let (n, inner, count) = (workspace.tokenCount, up.weight.rows, workspace.tokenCount * down.weight.rows)
        let (x, branch, wide) = (workspace.hidden.pointer, workspace.branch.pointer, workspace.inner.pointer)
        attentionNorm.apply(x, rows: n, into: branch, pool: pool)
        attention.apply(branch, workspace, pool: pool)
        Kernels.add(x, branch, count: count)
        feedForwardNorm.apply(x, rows: n, into: branch, pool: pool)
        up.apply(branch, count: n, into: wide, pool: pool)  // [T, F]
        switch activation {
        case .quickGELU: Kernels.quickGELU(wide, rows: n, columns: inner, pool: pool)
        case .gelu: Kernels.gelu(wide, rows: n, columns: inner, pool: pool)
        }
        down.apply(wide, count: n, into: branch, pool: pool)  // [T, W]
        Kernels.add(x, branch, count: count)
    }
}

extension ParameterReader {
    /// The sizes of a CLIP encoder, checked against each other.
    fileprivate func clipVisionConfiguration() throws(ModelError) -> CLIPVisionConfiguration {
        let width = try positive("vision.embedding_length")
        return CLIPVisionConfiguration(
            grid: try pictureGrid(), width: width, layerCount: try positive("vision.block_count"),
            heads: try encoderHeads(width: width), feedForwardWidth: try positive("vision.feed_forward_length"),
            normEpsilon: Float(try number("vision.attention.layer_norm_epsilon", default: 1e-5, in: 0...1)),
            activation: try flag("use_gelu", default: false) ? .gelu : .quickGELU)
    }
}
