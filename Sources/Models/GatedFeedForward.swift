// "GLU Variants Improve Transformer", section 2.
//
// Letters: N rows (positions), W width, F feed-forward width.

import ModelFiles
import Tensor

/// A feed-forward layer whose first projection is multiplied by an activated second one.
struct GatedFeedForward: Sendable {
    /// What the gate passes through.
    enum Activation: Sendable {
        /// SwiGLU.
        case silu
        /// GeGLU, with the tanh form of GELU.
        case geluTanh
    }

    /// ffn_gate, ffn_up: [F, W]
    let gate: Linear
    let up: Linear
    /// ffn_down: [W, F]
    let down: Linear
    private let activation: Activation

    init(
        _ source: TensorSource, prefix: String, _ configuration: DecoderConfiguration, activation: Activation
    ) throws(ModelError) {
        let (width, inner) = (configuration.width, configuration.feedForwardWidth)
        gate = try Linear(source, "\(prefix).ffn_gate", outputs: inner, inputs: width)
        up = try Linear(source, "\(prefix).ffn_up", outputs: inner, inputs: width)
        down = try Linear(source, "\(prefix).ffn_down", outputs: width, inputs: inner)
        self.activation = activation
    }

    /// workspace.projected[N, W] = Wdown · (activation(Wgate · x) · (Wup · x)), x = workspace.normalized[N, W].
    func apply(rows n: Int, workspace: DecoderWorkspace, pool: ThreadPool) {
        let (x, gated, inner) = (workspace.normalized.pointer, workspace.gate.pointer, gate.weight.rows)
        Linear.apply([(gate, gated), (up, workspace.up.pointer)], to: x, count: n, pool: pool)  // [N, F] each
        switch activation {
        case .silu: Kernels.siluMultiply(gated, workspace.up.pointer, rows: n, columns: inner, pool: pool)
        case .geluTanh: Kernels.geluMultiply(gated, workspace.up.pointer, rows: n, columns: inner, pool: pool)
        }
        down.apply(gated, count: n, into: workspace.projected.pointer, pool: pool)  // [N, W]
    }
}
