// LLaMA: "LLaMA: Open and Efficient Foundation Language Models", section 2.2 (pre-normalisation with RMSNorm, SwiGLU,
// rotary embeddings), with grouped-query attention ("GQA", section 2.2).
// Tensor names and the order of query and key rows are GGUF's, architecture `llama`.
//
// Letters: N rows (positions), W width, H heads, G key-value heads, D head size, F feed-forward width, V vocabulary.

import Foundation
import ModelFiles
import Tensor

/// A decoder of the LLaMA family.
package struct LlamaDecoder: Decoder {
    package let configuration: DecoderConfiguration
    package let parameterCount: Int
    private let epsilon: Float
    private let inverseFrequencies: [Double]

    /// token_embd.weight: [V, W]
    private let embedding: WeightMatrix
    private let layers: [LlamaLayer]
    /// output_norm.weight: [W]
    private let finalNorm: [Float]
    /// output.weight: [V, W]; the embedding again where the file has none.
    private let head: WeightMatrix

    // MARK: Running

    package func embed(_ tokens: ArraySlice<Int32>, into out: UnsafeMutablePointer<Float>) {
        for (row, token) in tokens.enumerated() {
            embedding.widenRow(Int(token), into: out + row * configuration.width)
        }
    }

    package func forward(
        _ batch: DecoderBatch, cache: KeyValueCache, workspace: DecoderWorkspace, pool: ThreadPool,
        isCancelled: () -> Bool
    ) -> Bool {
        precondition(batch.count <= workspace.maximumRows, "more rows than the workspace holds")
        let angles = RotaryAngles(
            positions: batch.positions, inverseFrequencies: inverseFrequencies, layout: .interleaved)
        let view = AttentionView(batch)
        for (index, layer) in layers.enumerated() {
            if isCancelled() { return false }
            attention(layer, index, view, angles, cache, workspace, pool)
            feedForward(layer, batch.count, workspace, pool)
        }
        return true
    }

    /// hidden += Wo · attention(norm(hidden)).
    private func attention(
        _ layer: LlamaLayer, _ index: Int, _ view: AttentionView, _ angles: RotaryAngles, _ cache: KeyValueCache,
        _ workspace: DecoderWorkspace, _ pool: ThreadPool
    ) {
        let n = view.lengths.count
        let (heads, groups, headSize) = (
            configuration.attentionHeads, configuration.keyValueHeads, configuration.headSize
        )
        let (hidden, normalized) = (workspace.hidden.pointer, workspace.normalized.pointer)
        let (q, k, v) = (workspace.queries.pointer, workspace.keys.pointer, workspace.values.pointer)

        Kernels.rmsNorm(hidden, weight: layer.attentionNorm, epsilon: epsilon, rows: n, into: normalized, pool: pool)
        layer.query.multiply(normalized, count: n, into: q, pool: pool)  // [N, H, D]
        layer.key.multiply(normalized, count: n, into: k, pool: pool)  // [N, G, D]
        layer.value.multiply(normalized, count: n, into: v, pool: pool)  // [N, G, D]
        Kernels.rotate(q, rows: n, heads: heads, headSize: headSize, angles: angles, pool: pool)
        Kernels.rotate(k, rows: n, heads: groups, headSize: headSize, angles: angles, pool: pool)
        for row in 0..<n {
            let offset = row * configuration.keyValueWidth
            cache.store(layer: index, slot: view.targets[row], key: k + offset, value: v + offset)
        }
        AttentionShape(heads: heads, keyValueHeads: groups, headSize: headSize).attend(
            queries: q, keys: cache.keys(layer: index), values: cache.values(layer: index),
            cacheType: cache.type, slots: view.slots, lengths: view.lengths, scratch: workspace.scores,
            into: workspace.attended.pointer, pool: pool)
        layer.output.multiply(
            workspace.attended.pointer, count: n, into: workspace.projected.pointer, pool: pool)
        Kernels.add(hidden, workspace.projected.pointer, count: n * configuration.width)
    }

    /// hidden += Wdown · (silu(Wgate · x) · (Wup · x)) with x = norm(hidden).
    private func feedForward(_ layer: LlamaLayer, _ n: Int, _ workspace: DecoderWorkspace, _ pool: ThreadPool) {
        let (hidden, normalized) = (workspace.hidden.pointer, workspace.normalized.pointer)
        let (gate, up) = (workspace.gate.pointer, workspace.up.pointer)
        Kernels.rmsNorm(hidden, weight: layer.feedForwardNorm, epsilon: epsilon, rows: n, into: normalized, pool: pool)
        layer.gate.multiply(normalized, count: n, into: gate, pool: pool)  // [N, F]
        layer.up.multiply(normalized, count: n, into: up, pool: pool)  // [N, F]
        Kernels.siluMultiply(gate, up, rows: n, columns: configuration.feedForwardWidth, pool: pool)
        layer.down.multiply(gate, count: n, into: workspace.projected.pointer, pool: pool)  // [N, W]
        Kernels.add(hidden, workspace.projected.pointer, count: n * configuration.width)
    }

    package func logits(
        hidden: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, workspace: DecoderWorkspace,
        pool: ThreadPool
    ) {
        precondition(count <= workspace.maximumRows, "more rows than the workspace holds")
        let normalized = workspace.normalized.pointer
        Kernels.rmsNorm(hidden, weight: finalNorm, epsilon: epsilon, rows: count, into: normalized, pool: pool)
        head.multiply(normalized, count: count, into: out, pool: pool)
    }

    // MARK: Loading

    /// Takes the weights from a GGUF file, where they stay; every shape is checked.
    package init(file: GGUFFile) throws(ModelError) {
        let parameters = try LlamaParameters(file)
        configuration = parameters.configuration
        epsilon = parameters.epsilon
        let source = TensorSource(file: file)
        let (width, rows) = (configuration.width, configuration.vocabularySize)
        inverseFrequencies = try parameters.inverseFrequencies(source)
        embedding = try source.matrix("token_embd.weight", rows: rows, columns: width)
        var layers = [LlamaLayer]()
        for index in 0..<configuration.layerCount {
            layers.append(try LlamaLayer(source, prefix: "blk.\(index)", configuration))
        }
        self.layers = layers
        finalNorm = try source.vector("output_norm.weight", count: width)
        head =
            source.contains("output.weight")
            ? try source.matrix("output.weight", rows: rows, columns: width) : embedding
        parameterCount = file.tensors.values.reduce(0) { $0 + $1.elementCount }
    }
}

/// The weights of one block.
private struct LlamaLayer: Sendable {
    /// attn_norm.weight: [W]
    let attentionNorm: [Float]
    /// attn_q.weight: [H·D, W]
    let query: WeightMatrix
    /// attn_k.weight, attn_v.weight: [G·D, W]
    let key: WeightMatrix
    let value: WeightMatrix
    /// attn_output.weight: [W, H·D]
    let output: WeightMatrix
    /// ffn_norm.weight: [W]
    let feedForwardNorm: [Float]
    /// ffn_gate.weight, ffn_up.weight: [F, W]
    let gate: WeightMatrix
    let up: WeightMatrix
    /// ffn_down.weight: [W, F]
    let down: WeightMatrix

    init(_ source: TensorSource, prefix: String, _ configuration: DecoderConfiguration) throws(ModelError) {
        let (width, inner) = (configuration.width, configuration.feedForwardWidth)
        let queryWidth = configuration.attentionHeads * configuration.headSize
        let keyWidth = configuration.keyValueWidth
        attentionNorm = try source.vector("\(prefix).attn_norm.weight", count: width)
        query = try source.matrix("\(prefix).attn_q.weight", rows: queryWidth, columns: width)
        key = try source.matrix("\(prefix).attn_k.weight", rows: keyWidth, columns: width)
        value = try source.matrix("\(prefix).attn_v.weight", rows: keyWidth, columns: width)
        output = try source.matrix("\(prefix).attn_output.weight", rows: width, columns: queryWidth)
        feedForwardNorm = try source.vector("\(prefix).ffn_norm.weight", count: width)
        gate = try source.matrix("\(prefix).ffn_gate.weight", rows: inner, columns: width)
        up = try source.matrix("\(prefix).ffn_up.weight", rows: inner, columns: width)
        down = try source.matrix("\(prefix).ffn_down.weight", rows: width, columns: inner)
    }
}
