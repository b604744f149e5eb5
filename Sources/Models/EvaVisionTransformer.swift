// EVA: "EVA-CLIP: Improved Training Techniques for CLIP at Scale" and "EVA-02: A Visual Representation for Neon
// Genesis", in the form of Emu2's encoder: "Generative Multimodal Models are In-Context Learners", section 2.1. Its
// norms stand behind each branch, inside the residual, and none stands behind the last block.
//
// Letters: P patches, T = 1 + P tokens, W width, H heads, D head size, F feed-forward width, S side in pixels.

import ModelFiles
import Tensor

/// The sizes of an EVA vision transformer.
package struct EvaVisionConfiguration: Sendable, Equatable {
    /// Side of the square picture, and of a patch, in pixels.
    package let imageSize: Int
    package let patchSize: Int
    package let width: Int
    package let layerCount: Int
    package let heads: Int
    package let feedForwardWidth: Int
    package let normEpsilon: Float

    package init(
        imageSize: Int, patchSize: Int, width: Int, layerCount: Int, heads: Int, feedForwardWidth: Int,
        normEpsilon: Float
    ) {
        self.imageSize = imageSize
        self.patchSize = patchSize
        self.width = width
        self.layerCount = layerCount
        self.heads = heads
        self.feedForwardWidth = feedForwardWidth
        self.normEpsilon = normEpsilon
    }

    /// Patches along a side.
    package var gridSide: Int { imageSize / patchSize }
    /// T.
    package var tokenCount: Int { 1 + gridSide * gridSide }
    package var headSize: Int { width / heads }
    /// Features of a patch: channels, rows, columns.
    package var patchFeatures: Int { 3 * patchSize * patchSize }
}

/// The visual encoder of Emu2.
package struct EvaVisionTransformer: Sendable {
    package let configuration: EvaVisionConfiguration
    /// v.patch_embd: [W, 3·p·p]
    private let patchEmbedding: Linear
    /// v.class_embd: [W]
    private let classToken: [Float]
    /// v.position_embd.weight: [T, W]
    private let positions: [Float]
    /// v.blk.0, v.blk.1, …
    private let blocks: [EvaBlock]

    // MARK: Running

    /// The hidden states behind the last block, [T, W], class token first; nil when cancelled.
    ///
    /// `pixels`: [3, S, S], normalised. `progress` is told the number of blocks done.
    package func hiddenStates(
        pixels: [Float], pool: ThreadPool, isCancelled: () -> Bool = { false }, progress: (Int) -> Void = { _ in }
    ) throws(ModelError) -> FloatBuffer? {
        let (side, width) = (configuration.imageSize, configuration.width)
        precondition(pixels.count == 3 * side * side, "pixels of another size than the encoder's")
        let workspace = try EvaWorkspace(configuration, threadCount: pool.threadCount)
        let hidden = workspace.hidden.pointer
        embedPatches(pixels, workspace, pool)
        for feature in 0..<width { hidden[feature] = classToken[feature] }
        positions.withUnsafeBufferPointer { positions in
            if let base = positions.baseAddress { Kernels.add(hidden, base, count: positions.count) }
        }
        for (layer, block) in blocks.enumerated() {
            if isCancelled() { return nil }
            block.apply(workspace, pool: pool)
            progress(layer + 1)
        }
        return workspace.hidden
    }

    /// hidden[1..., W] = the convolution whose stride is its kernel's side: a product over each patch.
    private func embedPatches(_ pixels: [Float], _ workspace: EvaWorkspace, _ pool: ThreadPool) {
        let (side, patch, grid) = (configuration.imageSize, configuration.patchSize, configuration.gridSide)
        let patches = workspace.patches.pointer  // [P, 3, p, p]
        var at = 0
        for row in 0..<grid {
            for column in 0..<grid {
                for channel in 0..<3 {
                    for line in 0..<patch {
                        let from = (channel * side + row * patch + line) * side + column * patch
                        for index in 0..<patch { patches[at + index] = pixels[from + index] }
                        at += patch
                    }
                }
            }
        }
        patchEmbedding.apply(
            patches, count: grid * grid, into: workspace.hidden.pointer + configuration.width, pool: pool)
    }

    /// Bytes of activations of one pass, as near as matters for planning.
    static func workspaceBytes(_ configuration: EvaVisionConfiguration) -> Int {
        let columns = 6 * configuration.width + configuration.feedForwardWidth + configuration.patchFeatures
        return configuration.tokenCount * columns * MemoryLayout<Float>.stride
    }

    // MARK: Loading

    /// Takes the weights `v.*`, where they lie; every shape is checked.
    init(_ source: TensorSource, _ configuration: EvaVisionConfiguration) throws(ModelError) {
        self.configuration = configuration
        let (width, patch) = (configuration.width, configuration.patchSize)
        patchEmbedding = try Linear(
            weight: try source.projection(
                "v.patch_embd.weight", rows: width, columns: configuration.patchFeatures,
                shape: [patch, patch, 3, width]),
            bias: try source.vector("v.patch_embd.bias", count: width))
        classToken = try source.values("v.class_embd", shape: [width])
        positions = try source.values("v.position_embd.weight", shape: [width, configuration.tokenCount])
        var blocks = [EvaBlock]()
        for index in 0..<configuration.layerCount {
            blocks.append(try EvaBlock(source, prefix: "v.blk.\(index)", configuration))
        }
        self.blocks = blocks
    }
}

/// One block: x + norm(attention(x)), then x + norm(feedForward(x)).
private struct EvaBlock: Sendable {
    /// attn_qkv: [3·W, W], used as three; keys have no bias.
    let query: Linear
    let key: Linear
    let value: Linear
    /// attn_out: [W, W]
    let output: Linear
    /// ln1, ln2: [W]
    let attentionNorm: LayerNorm
    let feedForwardNorm: LayerNorm
    /// ffn_up: [F, W]; ffn_down: [W, F]
    let up: Linear
    let down: Linear
    private let shape: AttentionShape
    private let precision: Precision

    init(_ source: TensorSource, prefix: String, _ configuration: EvaVisionConfiguration) throws(ModelError) {
        let (width, inner) = (configuration.width, configuration.feedForwardWidth)
        // A file without them lost them.
        for name in ["attn_out", "ffn_up", "ffn_down"] { try source.require("\(prefix).\(name).bias") }
        let fused = try source.projection("\(prefix).attn_qkv.weight", rows: 3 * width, columns: width)
        query = try Linear(
            weight: fused.rows(0..<width), bias: try source.vector("\(prefix).attn_q.bias", count: width))
        key = try Linear(weight: fused.rows(width..<2 * width), bias: nil)
        value = try Linear(
            weight: fused.rows(2 * width..<3 * width), bias: try source.vector("\(prefix).attn_v.bias", count: width))
        output = try Linear(source, "\(prefix).attn_out", outputs: width, inputs: width)
        attentionNorm = try LayerNorm(source, "\(prefix).ln1", features: width, epsilon: configuration.normEpsilon)
        feedForwardNorm = try LayerNorm(source, "\(prefix).ln2", features: width, epsilon: configuration.normEpsilon)
        up = try Linear(source, "\(prefix).ffn_up", outputs: inner, inputs: width)
        down = try Linear(source, "\(prefix).ffn_down", outputs: width, inputs: inner)
        shape = AttentionShape(
            heads: configuration.heads, keyValueHeads: configuration.heads, headSize: configuration.headSize)
        precision = source.precision
    }

    func apply(_ workspace: EvaWorkspace, pool: ThreadPool) {
        let (n, width, inner) = (workspace.tokenCount, output.weight.rows, up.weight.rows)
        let (x, branch, wide) = (workspace.hidden.pointer, workspace.branch.pointer, workspace.inner.pointer)
        let (q, k, v) = (workspace.queries.pointer, workspace.keys.pointer, workspace.values.pointer)

        Linear.apply([(query, q), (key, k), (value, v)], to: x, count: n, pool: pool)  // [T, H, D] each
        shape.attend(
            queries: q, keys: UnsafeRawPointer(k), values: UnsafeRawPointer(v), cacheType: .f32,
            headBytes: shape.headSize * MemoryLayout<Float>.stride, slots: workspace.slots, lengths: workspace.lengths,
            scratch: workspace.scores, into: workspace.attended.pointer, precision: precision, pool: pool)  // [T, H, D]
        output.apply(workspace.attended.pointer, count: n, into: branch, pool: pool)  // [T, W]
        attentionNorm.apply(branch, rows: n, into: branch, pool: pool)
        Kernels.add(x, branch, count: n * width)

        up.apply(x, count: n, into: wide, pool: pool)  // [T, F]
        Kernels.gelu(wide, rows: n, columns: inner, pool: pool)
        down.apply(wide, count: n, into: branch, pool: pool)  // [T, W]
        feedForwardNorm.apply(branch, rows: n, into: branch, pool: pool)
        Kernels.add(x, branch, count: n * width)
    }
}

/// Memory of one pass.
private final class EvaWorkspace {
    let tokenCount: Int
    /// [T, W]
    let hidden: FloatBuffer
    let branch: FloatBuffer
    let queries: FloatBuffer
    let keys: FloatBuffer
    let values: FloatBuffer
    let attended: FloatBuffer
    /// [T, F]
    let inner: FloatBuffer
    /// [P, 3·p·p]
    let patches: FloatBuffer
    /// [threads, T]
    let scores: FloatBuffer
    /// Every token sees every token.
    let slots: [UnsafePointer<Int32>?]
    let lengths: [Int32]
    private let order: UnsafeMutableBufferPointer<Int32>

    init(_ configuration: EvaVisionConfiguration, threadCount: Int) throws(ModelError) {
        let (tokens, width) = (configuration.tokenCount, configuration.width)
        func reserve(_ rows: Int, _ columns: Int) throws(ModelError) -> FloatBuffer {
            let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
            guard !overflow, let buffer = FloatBuffer(count: count) else {
                throw .outOfMemory(what: "a picture's activations", bytes: overflow ? Int.max : count * 4)
            }
            return buffer
        }
        tokenCount = tokens
        hidden = try reserve(tokens, width)
        branch = try reserve(tokens, width)
        queries = try reserve(tokens, width)
        keys = try reserve(tokens, width)
        values = try reserve(tokens, width)
        attended = try reserve(tokens, width)
        inner = try reserve(tokens, configuration.feedForwardWidth)
        patches = try reserve(tokens - 1, configuration.patchFeatures)
        scores = try reserve(threadCount, tokens)
        order = .allocate(capacity: tokens)
        for token in 0..<tokens { order.initializeElement(at: token, to: Int32(token)) }
        slots = Array(repeating: order.baseAddress.map { UnsafePointer($0) }, count: tokens)
        lengths = Array(repeating: Int32(tokens), count: tokens)
    }

    deinit { order.deallocate() }
}
