// Letters as in `EvaVisionTransformer.swift`.

import ModelFiles
import Tensor

/// One block: x + norm(attention(x)), then x + norm(feedForward(x)); or x + attention(norm(x)) and so on.
struct EvaBlock: Sendable {
    private let attention: EncoderAttention
    private let feedForward: EvaFeedForward
    /// ln1, ln2: [W]
    private let attentionNorm: LayerNorm
    private let feedForwardNorm: LayerNorm
    private let isPostNormalized: Bool

    init(_ source: TensorSource, prefix: String, _ configuration: EvaVisionConfiguration) throws(ModelError) {
        let (width, epsilon) = (configuration.width, configuration.normEpsilon)
        attention = try EncoderAttention(source, prefix: prefix, configuration)
        attentionNorm = try LayerNorm(source, "\(prefix).ln1", features: width, epsilon: epsilon)
        feedForwardNorm = try LayerNorm(source, "\(prefix).ln2", features: width, epsilon: epsilon)
        feedForward = try EvaFeedForward(source, prefix: prefix, configuration)
        isPostNormalized = configuration.form.isPostNormalized
    }

    func apply(_ workspace: EncoderWorkspace, angles: RotaryAngles?, pool: ThreadPool) {
        add(attentionNorm, workspace, pool) { attention.apply($0, workspace, angles: angles, pool: pool) }
        add(feedForwardNorm, workspace, pool) { feedForward.apply($0, workspace, pool: pool) }
    }

    /// hidden += branch(hidden), normalised behind the branch or before it. `compute` leaves its result in
    /// `workspace.branch`, which may be what it is given.
    private func add(
        _ norm: LayerNorm, _ workspace: EncoderWorkspace, _ pool: ThreadPool, _ compute: (UnsafePointer<Float>) -> Void
    ) {
        let (n, x, branch) = (workspace.tokenCount, workspace.hidden.pointer, workspace.branch.pointer)
        if isPostNormalized {
            compute(x)
            norm.apply(branch, rows: n, into: branch, pool: pool)
        } else {
            norm.apply(x, rows: n, into: branch, pool: pool)
            compute(branch)
        }
        Kernels.add(x, branch, count: n * norm.weight.count)
    }
}

extension EncoderAttention {
    /// attn_qkv: [3·W, W], used as three, or attn_q, attn_k, attn_v: [W, W]; keys have no bias. attn_norm, of sub-LN;
    /// attn_out.
    fileprivate init(
        _ source: TensorSource, prefix: String, _ configuration: EvaVisionConfiguration
    ) throws(ModelError) {
        let (width, form) = (configuration.width, configuration.form)
        // A file without it lost it.
        try source.require("\(prefix).attn_out.bias")
        func bias(_ part: String) throws(ModelError) -> [Float]? {
            form.hasQueryValueBias ? try source.vector("\(prefix).attn_\(part).bias", count: width) : nil
        }
        let weights: [WeightMatrix]
        if form.hasSubNorms {
            func weight(_ part: String) throws(ModelError) -> WeightMatrix {
                try source.projection("\(prefix).attn_\(part).weight", rows: width, columns: width)
            }
            weights = [try weight("q"), try weight("k"), try weight("v")]
        } else {
            let fused = try source.projection("\(prefix).attn_qkv.weight", rows: 3 * width, columns: width)
            weights = (0..<3).map { fused.rows($0 * width..<($0 + 1) * width) }
        }
        self.init(
            query: try Linear(weight: weights[0], bias: try bias("q")), key: try Linear(weight: weights[1], bias: nil),
            value: try Linear(weight: weights[2], bias: try bias("v")),
            innerNorm: form.hasSubNorms
                ? try LayerNorm(source, "\(prefix).attn_norm", features: width, epsilon: configuration.normEpsilon)
                : nil,
            output: try Linear(source, "\(prefix).attn_out", outputs: width, inputs: width), heads: configuration.heads)
    }
}

/// Two projections with GELU between them, or three with SwiGLU.
private struct EvaFeedForward: Sendable {
    /// ffn_gate: [F, W], of SwiGLU
    let gate: Linear?
    /// ffn_up: [F, W]
    let up: Linear
    /// ffn_norm: [F], of sub-LN
    let innerNorm: LayerNorm?
    /// ffn_down: [W, F]
    let down: Linear

    init(_ source: TensorSource, prefix: String, _ configuration: EvaVisionConfiguration) throws(ModelError) {
        let (width, inner, form) = (configuration.width, configuration.feedForwardWidth, configuration.form)
        for name in (form.isGated ? ["ffn_gate"] : []) + ["ffn_up", "ffn_down"] {
            try source.require("\(prefix).\(name).bias")
        }
        gate = form.isGated ? try Linear(source, "\(prefix).ffn_gate", outputs: inner, inputs: width) : nil
        up = try Linear(source, "\(prefix).ffn_up", outputs: inner, inputs: width)
        innerNorm =
            form.hasSubNorms
            ? try LayerNorm(source, "\(prefix).ffn_norm", features: inner, epsilon: configuration.normEpsilon) : nil
        down = try Linear(source, "\(prefix).ffn_down", outputs: width, inputs: inner)
    }

    /// workspace.branch[T, W] = Wdown · activated(x), x: [T, W].
    func apply(_ x: UnsafePointer<Float>, _ workspace: EncoderWorkspace, pool: ThreadPool) {
        let (n, inner) = (workspace.tokenCount, up.weight.rows)
        var wide = workspace.inner.pointer
        if let gate, let gated = workspace.gate?.pointer {
            Linear.apply([(gate, gated), (up, wide)], to: x, count: n, pool: pool)  // [T, F] each
            Kernels.siluMultiply(gated, wide, rows: n, columns: inner, pool: pool)
            wide = gated
        } else {
            up.apply(x, count: n, into: wide, pool: pool)  // [T, F]
            Kernels.gelu(wide, rows: n, columns: inner, pool: pool)
        }
        innerNorm?.apply(wide, rows: n, into: wide, pool: pool)
        down.apply(wide, count: n, into: workspace.branch.pointer, pool: pool)  // [T, W]
    }
}
