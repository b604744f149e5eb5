import ModelFiles
import Tensor

/// A block of "LLaMA: Open and Efficient Foundation Language Models", section 2.2: each half reads normalised hidden
/// states and adds to them.
struct PreNormalizedBlock: Sendable {
    /// attn_norm: [W]
    let attentionNorm: RMSNorm
    let attention: GroupedQueryAttention
    /// ffn_norm: [W]
    let feedForwardNorm: RMSNorm
    let feedForward: GatedFeedForward

    init(
        _ source: TensorSource, index: Int, _ configuration: DecoderConfiguration, epsilon: Float
    ) throws(ModelError) {
        let (prefix, width) = ("blk.\(index)", configuration.width)
        attentionNorm = try RMSNorm(source, "\(prefix).attn_norm", features: width, epsilon: epsilon)
        attention = try GroupedQueryAttention(source, prefix: prefix, configuration)
        feedForwardNorm = try RMSNorm(source, "\(prefix).ffn_norm", features: width, epsilon: epsilon)
        feedForward = try GatedFeedForward(source, prefix: prefix, configuration, activation: .silu)
    }

    /// hidden += attention(norm(hidden)), then hidden += feedForward(norm(hidden)); hidden: [N, W].
    func apply(
        layer: Int, view: AttentionView, angles: RotaryAngles, cache: KeyValueCache, workspace: DecoderWorkspace,
        pool: ThreadPool
    ) {
        let (n, hidden, projected) = (view.lengths.count, workspace.hidden.pointer, workspace.projected.pointer)
        let width = attentionNorm.weight.count
        attentionNorm.apply(hidden, rows: n, into: workspace.normalized.pointer, pool: pool)
        attention.apply(layer: layer, view: view, angles: angles, cache: cache, workspace: workspace, pool: pool)
        Kernels.add(hidden, projected, count: n * width)
        feedForwardNorm.apply(hidden, rows: n, into: workspace.normalized.pointer, pool: pool)
        feedForward.apply(rows: n, workspace: workspace, pool: pool)
        Kernels.add(hidden, projected, count: n * width)
    }
}
