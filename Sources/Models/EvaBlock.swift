// Letters as in `EvaVisionTransformer.swift`.

import ModelFiles
import Tensor

/// One block: x + norm(attention(x)), then x + norm(feedForward(x)); or x + attention(norm(x)) and so on.
struct EvaBlock: Sendable {
    private let attention: EvaAttention
    private let feedForward: EvaFeedForward
    /// ln1, ln2: [W]
    private let attentionNorm: LayerNorm
    private let feedForwardNorm: LayerNorm
    private let isPostNormalized: Bool

    init(_ source: TensorSource, prefix: String, _ configuration: EvaVisionConfiguration) throws(ModelError) {
        let (width, epsilon) = (configuration.width, configuration.normEpsilon)
        attention = try EvaAttention(source, prefix: prefix, configuration)
        attentionNorm = try LayerNorm(source, "\(prefix).ln1", features: width, epsilon: epsilon)
        feedForwardNorm = try LayerNorm(source, "\(prefix).ln2", features: width, epsilon: epsilon)
        feedForward = try EvaFeedForward(source, prefix: prefix, configuration)
        isPostNormalized = configuration.form.isPostNormalized
    }

    func apply(_ workspace: EvaWorkspace, angles: RotaryAngles?, pool: ThreadPool) {
        add(attentionNorm, workspace, pool) { attention.apply($0, workspace, angles: angles, pool: pool) }
        add(feedForwardNorm, workspace, pool) { feedForward.apply($0, workspace, pool: pool) }
    }

    /// hidden += branch(hidden), normalised behind the branch or before it. `compute` leaves its result in
    /// `workspace.branch`, which may be what it is given.
    private func add(
        _ norm: LayerNorm, _ workspace: EvaWorkspace, _ pool: ThreadPool, _ compute: (UnsafePointer<Float>) -> Void
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

/// Self-attention in which every token sees every token.
private struct EvaAttention: Sendable {
    /// attn_qkv: [3·W, W], used as three, or attn_q, attn_k, attn_v: [W, W]; keys have no bias.
    let query: Linear
    let key: Linear
    let value: Linear
    /// attn_norm: [W], of sub-LN
    let innerNorm: LayerNorm?
    /// attn_out: [W, W]
    let output: Linear
    private let shape: AttentionShape
    private let precision: Precision

    init(_ source: TensorSource, prefix: String, _ configuration: EvaVisionConfiguration) throws(ModelError) {
        let (width, form) = (configuration.width, configuration.form)
        // A file without it lost it.
        try source.require("\(prefix).attn_out.bias")
        func bias(_ part: String) throws(ModelError) -> [Float]? {
            form.hasQueryValueBias ? try source.vector("\(prefix).attn_\(part).bias", count: width) : nil
        }
        if form.hasSubNorms {
            func weight(_ part: String) throws(ModelError) -> WeightMatrix {
                try source.projection("\(prefix).attn_\(part).weight", rows: width, columns: width)
            }
            query = try Linear(weight: try weight("q"), bias: try bias("q"))
            key = try Linear(weight: try weight("k"), bias: nil)
            value = try Linear(weight: try weight("v"), bias: try bias("v"))
            innerNorm = try LayerNorm(
                source, "\(prefix).attn_norm", features: width, epsilon: configuration.normEpsilon)
        } else {
            let fused = try source.projection("\(prefix).attn_qkv.weight", rows: 3 * width, columns: width)
            query = try Linear(weight: fused.rows(0..<width), bias: try bias("q"))
            key = try Linear(weight: fused.rows(width..<2 * width), bias: nil)
            value = try Linear(weight: fused.rows(2 * width..<3 * width), bias: try bias("v"))
            innerNorm = nil
        }
        output = try Linear(source, "\(prefix).attn_out", outputs: width, inputs: width)
        shape = AttentionShape(
            heads: configuration.heads, keyValueHeads: configuration.heads, headSize: configuration.headSize)
        precision = source.precision
    }

    /// workspace.branch[T, W] = Wo · attention(x), x: [T, W].
    func apply(_ x: UnsafePointer<Float>, _ workspace: EvaWorkspace, angles: RotaryAngles?, pool: ThreadPool) {
        let (n, width, attended) = (workspace.tokenCount, output.weight.rows, workspace.attended.pointer)
        let (q, k, v) = (workspace.queries.pointer, workspace.keys.pointer, workspace.values.pointer)
        Linear.apply([(query, q), (key, k), (value, v)], to: x, count: n, pool: pool)  // [T, H, D] each
        if let angles {
            // The class token has no place in the picture.
            for heads in [q, k] {
                Kernels.rotate(
                    heads + width, rows: n - 1, heads: shape.heads, headSize: shape.headSize, angles: angles,
                    pool: pool)
            }
        }
        shape.attend(
            queries: q, keys: UnsafeRawPointer(k), values: UnsafeRawPointer(v), cacheType: .f32,
            headBytes: shape.headSize * MemoryLayout<Float>.stride, slots: workspace.slots, lengths: workspace.lengths,
            scratch: workspace.scores, into: attended, precision: precision, pool: pool)  // [T, H, D]
        innerNorm?.apply(attended, rows: n, into: attended, pool: pool)
        output.apply(attended, count: n, into: workspace.branch.pointer, pool: pool)  // [T, W]
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
    func apply(_ x: UnsafePointer<Float>, _ workspace: EvaWorkspace, pool: ThreadPool) {
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

/// Memory of one pass.
final class EvaWorkspace {
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
    /// [T, F], of SwiGLU
    let gate: FloatBuffer?
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
        gate = configuration.form.isGated ? try reserve(tokens, configuration.feedForwardWidth) : nil
        patches = try reserve(tokens - 1, configuration.patchFeatures)
        scores = try reserve(threadCount, tokens)
        order = .allocate(capacity: tokens)
        for token in 0..<tokens { order.initializeElement(at: token, to: Int32(token)) }
        slots = Array(repeating: order.baseAddress.map { UnsafePointer($0) }, count: tokens)
        lengths = Array(repeating: Int32(tokens), count: tokens)
    }

    deinit { order.deallocate() }
}
