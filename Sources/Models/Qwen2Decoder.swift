// Qwen2: "Qwen2 Technical Report", section 2.2: LLaMA's blocks with biases on queries, keys and values, and rotary
// embeddings whose pairs are the halves of a head. Tensor names are GGUF's, architecture `qwen2`.

import ModelFiles
import Tensor

/// A decoder of the Qwen2 family: Qwen 2 and 2.5, DeepSeek's distillations into them and others.
package struct Qwen2Decoder: Decoder {
    package let configuration: DecoderConfiguration
    package let parameterCount: Int
    /// qwen2.rope.*
    private let rotary: RotaryEmbedding
    /// token_embd, output_norm, output
    private let ends: EmbeddingAndHead
    /// blk.0, blk.1, …
    private let blocks: [PreNormalizedBlock]

    // MARK: Running

    package func embed(_ tokens: ArraySlice<Int32>, into out: UnsafeMutablePointer<Float>) {
        ends.embed(tokens, into: out)
    }

    package func forward(
        _ batch: DecoderBatch, cache: KeyValueCache, workspace: DecoderWorkspace, pool: ThreadPool
    ) {
        precondition(batch.count <= workspace.maximumRows, "more rows than the workspace holds")
        let (view, angles) = (AttentionView(batch), rotary.angles(batch))
        for (layer, block) in blocks.enumerated() {
            block.apply(layer: layer, view: view, angles: angles, cache: cache, workspace: workspace, pool: pool)
        }
    }

    package func logits(
        hidden: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, workspace: DecoderWorkspace,
        pool: ThreadPool
    ) {
        ends.logits(hidden: hidden, count: count, into: out, workspace: workspace, pool: pool)
    }

    // MARK: Loading

    /// Takes the weights from a GGUF file, where they stay unless they are packed; every shape is checked.
    package init(file: GGUFFile, loading: WeightLoading = WeightLoading()) throws(ModelError) {
        let reader = ParameterReader(file: file, prefix: "qwen2")
        let source = TensorSource(file: file, loading: loading)
        let configuration = try reader.decoderConfiguration()
        let epsilon = try reader.normEpsilon(default: 1e-6)
        self.configuration = configuration
        rotary = try reader.rotaryEmbedding(configuration, source, layout: .halfSplit)
        ends = try EmbeddingAndHead(source, configuration, epsilon: epsilon)
        var blocks = [PreNormalizedBlock]()
        for index in 0..<configuration.layerCount {
            // The family has these biases always: a file without them lost them.
            for name in ["attn_q", "attn_k", "attn_v"] { try source.require("blk.\(index).\(name).bias") }
            blocks.append(try PreNormalizedBlock(source, index: index, configuration, epsilon: epsilon))
        }
        self.blocks = blocks
        parameterCount = try source.finish()
    }
}
