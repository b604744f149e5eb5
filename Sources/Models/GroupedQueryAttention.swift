// "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints", section 2.2, over a cache.
//
// Letters: N rows (positions), W width, H heads, G key-value heads, D head size.

import ModelFiles
import Tensor

/// Self-attention whose query heads share fewer key-value heads.
struct GroupedQueryAttention: Sendable {
    /// attn_q: [H·D, W]
    let query: Linear
    /// attn_k, attn_v: [G·D, W]
    let key: Linear
    let value: Linear
    /// attn_output: [W, H·D]
    let output: Linear
    /// attn_q_norm, attn_k_norm: [D], over each head before it is rotated; absent in most families.
    let queryNorm: RMSNorm?
    let keyNorm: RMSNorm?
    private let shape: AttentionShape
    private let precision: Precision

    /// A nil scale is 1 / √D; head norms are taken where `headNormEpsilon` is given.
    init(
        _ source: TensorSource, prefix: String, _ configuration: DecoderConfiguration, scale: Float? = nil,
        headNormEpsilon: Float? = nil
    ) throws(ModelError) {
        let (width, headSize) = (configuration.width, configuration.headSize)
        let (queryWidth, keyWidth) = (configuration.attentionHeads * headSize, configuration.keyValueWidth)
        query = try Linear(source, "\(prefix).attn_q", outputs: queryWidth, inputs: width)
        key = try Linear(source, "\(prefix).attn_k", outputs: keyWidth, inputs: width)
        value = try Linear(source, "\(prefix).attn_v", outputs: keyWidth, inputs: width)
        output = try Linear(source, "\(prefix).attn_output", outputs: width, inputs: queryWidth)
        if let epsilon = headNormEpsilon {
            queryNorm = try RMSNorm(source, "\(prefix).attn_q_norm", features: headSize, epsilon: epsilon)
            keyNorm = try RMSNorm(source, "\(prefix).attn_k_norm", features: headSize, epsilon: epsilon)
        } else {
            queryNorm = nil
            keyNorm = nil
        }
        shape = AttentionShape(
            heads: configuration.attentionHeads, keyValueHeads: configuration.keyValueHeads, headSize: headSize,
            scale: scale)
        precision = source.precision
    }

    /// workspace.projected[N, W] = Wo · attention(x), x = workspace.normalized[N, W]; keys and values are cached.
    func apply(
        layer: Int, view: AttentionView, angles: RotaryAngles, cache: KeyValueCache, workspace: DecoderWorkspace,
        pool: ThreadPool
    ) {
        let n = view.lengths.count
        let (heads, groups, headSize) = (shape.heads, shape.keyValueHeads, shape.headSize)
        let (x, attended) = (workspace.normalized.pointer, workspace.attended.pointer)
        let (q, k, v) = (workspace.queries.pointer, workspace.keys.pointer, workspace.values.pointer)

        Linear.apply([(query, q), (key, k), (value, v)], to: x, count: n, pool: pool)  // [N, H, D], [N, G, D] twice
        queryNorm?.apply(q, rows: n * heads, into: q, pool: pool)
        keyNorm?.apply(k, rows: n * groups, into: k, pool: pool)
        Kernels.rotate(q, rows: n, heads: heads, headSize: headSize, angles: angles, pool: pool)
        Kernels.rotate(k, rows: n, heads: groups, headSize: headSize, angles: angles, pool: pool)
        for row in 0..<n {
            let offset = row * groups * headSize
            cache.store(layer: layer, slot: view.targets[row], key: k + offset, value: v + offset)
        }
        shape.attend(
            queries: q, keys: cache.keys(layer: layer), values: cache.values(layer: layer),
            cacheType: cache.type, headBytes: cache.headBytes, slots: view.slots, lengths: view.lengths,
            scratch: workspace.scores, into: attended, precision: precision, pool: pool)  // [N, H, D]
        output.apply(attended, count: n, into: workspace.projected.pointer, pool: pool)  // [N, W]
    }
}
