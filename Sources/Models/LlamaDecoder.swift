// LLaMA: "LLaMA: Open and Efficient Foundation Language Models", section 2.2 (pre-normalisation with RMSNorm, SwiGLU,
// rotary embeddings), with grouped-query attention; "The Llama 3 Herd of Models" scales the rotary embeddings.
// Tensor names and the order of query and key rows are GGUF's, architecture `llama`.

import ModelFiles
import Tensor

/// A decoder of the LLaMA family: Llama 1 to 3, Mistral, SmolLM, TinyLlama, Vicuna and others.
package struct LlamaDecoder: Decoder {
    package let configuration: DecoderConfiguration
    package let parameterCount: Int
    /// llama.rope.*, and rope_freqs.weight in files of Llama 3.
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

    /// out[N, width] = the last hidden states as the head takes them.
    func normalize(
        hidden: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        ends.norm.apply(hidden, rows: count, into: out, pool: pool)
    }

    // MARK: Loading

    /// Takes the weights from a GGUF file, where they stay unless they are packed; every shape is checked.
    package init(file: GGUFFile, loading: WeightLoading = WeightLoading()) throws(ModelError) {
        let reader = ParameterReader(file: file, prefix: "llama")
        let source = TensorSource(file: file, loading: loading)
        let configuration = try reader.decoderConfiguration()
        let epsilon = try reader.normEpsilon(default: 1e-5)
        let rotary = try reader.rotaryEmbedding(configuration, source, layout: .interleaved)
        try self.init(source, configuration, epsilon: epsilon, rotary: rotary)
        _ = try source.finish()
    }

    /// Takes a decoder's weights out of those of a larger model, before those of its other parts.
    init(
        _ source: TensorSource, _ configuration: DecoderConfiguration, epsilon: Float, rotary: RotaryEmbedding
    ) throws(ModelError) {
        self.configuration = configuration
        self.rotary = rotary
        ends = try EmbeddingAndHead(source, configuration, epsilon: epsilon)
        var blocks = [PreNormalizedBlock]()
        for index in 0..<configuration.layerCount {
            blocks.append(try PreNormalizedBlock(source, index: index, configuration, epsilon: epsilon))
        }
        self.blocks = blocks
        parameterCount = source.takenElementCount
    }
}
