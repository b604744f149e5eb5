// Gemma 3: "Gemma 3 Technical Report", section 2, and "Gemma 2: Improving Open Language Models at a Practical Size",
// section 2 (norms before and after each half, local and global attention in turns, soft-capped logits).
// Tensor names are GGUF's, architecture `gemma3`; the norms' weights there are those of the checkpoint plus one.
//
// Letters: N rows (positions), W width, D head size, V vocabulary.

import Foundation
import ModelFiles
import Tensor

/// The text decoder of Gemma 3.
package struct Gemma3Decoder: Decoder {
    package let configuration: DecoderConfiguration
    package let parameterCount: Int
    /// gemma3.attention.sliding_window: positions that local layers see, their own included; nil when none is local.
    private let window: Int?
    /// gemma3.final_logit_softcapping
    private let logitCap: Float?
    /// gemma3.rope.freq_base and rope.scaling.*
    private let globalRotary: RotaryEmbedding
    /// gemma3.rope.freq_base_swa; never scaled.
    private let localRotary: RotaryEmbedding
    /// token_embd, output_norm, output
    private let ends: EmbeddingAndHead
    /// blk.0, blk.1, …
    private let blocks: [Gemma3Block]

    // MARK: Running

    package func embed(_ tokens: ArraySlice<Int32>, into out: UnsafeMutablePointer<Float>) {
        ends.embed(tokens, into: out)
        Kernels.scale(out, by: Float(configuration.width).squareRoot(), count: tokens.count * configuration.width)
    }

    package func forward(
        _ batch: DecoderBatch, cache: KeyValueCache, workspace: DecoderWorkspace, pool: ThreadPool
    ) {
        precondition(batch.count <= workspace.maximumRows, "more rows than the workspace holds")
        let (globalView, globalAngles) = (AttentionView(batch), globalRotary.angles(batch))
        let (localView, localAngles) = (AttentionView(batch, window: window), localRotary.angles(batch))
        for (layer, block) in blocks.enumerated() {
            block.apply(
                layer: layer, view: block.isLocal ? localView : globalView,
                angles: block.isLocal ? localAngles : globalAngles, cache: cache, workspace: workspace, pool: pool)
        }
    }

    package func logits(
        hidden: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, workspace: DecoderWorkspace,
        pool: ThreadPool
    ) {
        ends.logits(hidden: hidden, count: count, into: out, workspace: workspace, pool: pool)
        guard let cap = logitCap else { return }
        Kernels.softCap(out, cap: cap, rows: count, columns: configuration.vocabularySize, pool: pool)
    }

    // MARK: Loading

    /// Takes the weights from a GGUF file, where they stay unless they are packed; every shape is checked.
    package init(file: GGUFFile, loading: WeightLoading = WeightLoading()) throws(ModelError) {
        let parameters = try Gemma3Parameters(ParameterReader(file: file, prefix: "gemma3"))
        let source = TensorSource(file: file, loading: loading)
        let configuration = parameters.configuration
        self.configuration = configuration
        window = parameters.window
        logitCap = parameters.logitCap
        globalRotary = try parameters.reader.rotaryEmbedding(
            configuration, source, layout: .halfSplit, defaultBase: 1_000_000)
        localRotary = RotaryEmbedding(
            rotatedFeatures: globalRotary.inverseFrequencies.count * 2, base: parameters.localBase, layout: .halfSplit)
        ends = try EmbeddingAndHead(source, configuration, epsilon: parameters.epsilon)
        var blocks = [Gemma3Block]()
        for index in 0..<configuration.layerCount {
            blocks.append(try Gemma3Block(source, index: index, parameters))
        }
        self.blocks = blocks
        parameterCount = try source.finish()
    }
}

/// One block: what each half computes is normalised once more before it is added.
private struct Gemma3Block: Sendable {
    let isLocal: Bool
    /// attn_norm: [W]
    let attentionNorm: RMSNorm
    /// attn_q, attn_k, attn_v, attn_output; attn_q_norm, attn_k_norm: [D]
    let attention: GroupedQueryAttention
    /// post_attention_norm: [W]
    let postAttentionNorm: RMSNorm
    /// ffn_norm: [W]
    let feedForwardNorm: RMSNorm
    /// ffn_gate, ffn_up, ffn_down
    let feedForward: GatedFeedForward
    /// post_ffw_norm: [W]
    let postFeedForwardNorm: RMSNorm

    init(_ source: TensorSource, index: Int, _ parameters: Gemma3Parameters) throws(ModelError) {
        let (prefix, configuration, epsilon) = ("blk.\(index)", parameters.configuration, parameters.epsilon)
        func norm(_ name: String) throws(ModelError) -> RMSNorm {
            try RMSNorm(source, "\(prefix).\(name)", features: configuration.width, epsilon: epsilon)
        }
        isLocal = parameters.isLocal(layer: index)
        attentionNorm = try norm("attn_norm")
        attention = try GroupedQueryAttention(
            source, prefix: prefix, configuration, scale: parameters.queryScale, headNormEpsilon: epsilon)
        postAttentionNorm = try norm("post_attention_norm")
        feedForwardNorm = try norm("ffn_norm")
        feedForward = try GatedFeedForward(source, prefix: prefix, configuration, activation: .geluTanh)
        postFeedForwardNorm = try norm("post_ffw_norm")
    }

    /// hidden += norm(attention(norm(hidden))), then hidden += norm(feedForward(norm(hidden))); hidden: [N, W].
    func apply(
        layer: Int, view: AttentionView, angles: RotaryAngles, cache: KeyValueCache, workspace: DecoderWorkspace,
        pool: ThreadPool
    ) {
        let (n, hidden, projected) = (view.lengths.count, workspace.hidden.pointer, workspace.projected.pointer)
        let width = attentionNorm.weight.count
        attentionNorm.apply(hidden, rows: n, into: workspace.normalized.pointer, pool: pool)
        attention.apply(layer: layer, view: view, angles: angles, cache: cache, workspace: workspace, pool: pool)
        postAttentionNorm.apply(projected, rows: n, into: projected, pool: pool)
        Kernels.add(hidden, projected, count: n * width)
        feedForwardNorm.apply(hidden, rows: n, into: workspace.normalized.pointer, pool: pool)
        feedForward.apply(rows: n, workspace: workspace, pool: pool)
        postFeedForwardNorm.apply(projected, rows: n, into: projected, pool: pool)
        Kernels.add(hidden, projected, count: n * width)
    }
}

/// Hyper-parameters of a `gemma3` GGUF, checked against what the architecture allows.
private struct Gemma3Parameters {
    let reader: ParameterReader
    let configuration: DecoderConfiguration
    let epsilon: Float
    let window: Int?
    let localBase: Double
    let logitCap: Float?
    /// What the products of queries and keys are multiplied by.
    let queryScale: Float
    /// Of each layer, whether it sees a window only.
    private let pattern: Pattern

    private enum Pattern {
        /// Every so many layers one is global.
        case period(Int)
        case list([Int32])
    }

    /// The 27B model, told by its depth, divides by the root of the width per head instead of the head size.
    private static let layersOf27B = 62

    init(_ reader: ParameterReader) throws(ModelError) {
        self.reader = reader
        configuration = try reader.decoderConfiguration()
        epsilon = try reader.normEpsilon(default: 1e-6)
        window = reader.contains("attention.sliding_window") ? try reader.positive("attention.sliding_window") : nil
        pattern = try Self.pattern(reader, layers: configuration.layerCount)
        localBase = try reader.frequencyBase("rope.freq_base_swa", default: 10000)
        let cap = "final_logit_softcapping"
        // Some converters write 0 for none.
        let value = try reader.number(cap, default: 0)
        try reader.require(cap, found: value, "0 or a number from 0.001 to 1e6") { value == 0 || (1e-3...1e6 ~= value) }
        logitCap = value == 0 ? nil : Float(value)
        let squared =
            configuration.layerCount == Self.layersOf27B
            ? configuration.width / configuration.attentionHeads : configuration.headSize
        queryScale = 1 / Float(squared).squareRoot()
    }

    func isLocal(layer: Int) -> Bool {
        guard window != nil else { return false }
        switch pattern {
        case .period(let period): return (layer + 1) % period != 0
        case .list(let list): return list[layer] != 0
        }
    }

    private static func pattern(_ reader: ParameterReader, layers: Int) throws(ModelError) -> Pattern {
        let name = "attention.sliding_window_pattern"
        guard case .array? = reader.file.metadata["\(reader.prefix).\(name)"] else {
            return .period(try reader.positive(name, default: 6))
        }
        let list = try reader.integers(name)
        try reader.require(name, found: "\(list.count) layers", "\(layers) layers") { list.count == layers }
        return .list(list)
    }
}
