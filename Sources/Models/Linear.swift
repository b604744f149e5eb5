import ModelFiles
import Tensor

/// A projection: `NAME.weight` [outputs, inputs] and, where the file has it, `NAME.bias` [outputs].
struct Linear: Sendable {
    let weight: WeightMatrix
    let bias: [Float]?

    init(weight: WeightMatrix, bias: [Float]?) {
        self.weight = weight
        self.bias = bias
    }

    init(_ source: TensorSource, _ name: String, outputs: Int, inputs: Int) throws(ModelError) {
        weight = try source.matrix("\(name).weight", rows: outputs, columns: inputs)
        bias = source.contains("\(name).bias") ? try source.vector("\(name).bias", count: outputs) : nil
    }

    /// out[N, outputs] = x[N, inputs] · weightᵀ + bias.
    func apply(
        _ x: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        weight.multiply(x, count: count, into: out, bias: bias, pool: pool)
    }
}

/// Root mean square normalisation: `NAME.weight` [features].
struct RMSNorm: Sendable {
    let weight: [Float]
    let epsilon: Float

    init(_ source: TensorSource, _ name: String, features: Int, epsilon: Float) throws(ModelError) {
        weight = try source.vector("\(name).weight", count: features)
        self.epsilon = epsilon
    }

    /// out[rows, features] = x / sqrt(mean(x²) + epsilon) · weight; out may be x.
    func apply(
        _ x: UnsafePointer<Float>, rows: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        Kernels.rmsNorm(x, weight: weight, epsilon: epsilon, rows: rows, into: out, pool: pool)
    }
}

/// Layer normalisation: `NAME.weight`, `NAME.bias` [features].
struct LayerNorm: Sendable {
    let weight: [Float]
    let bias: [Float]
    let epsilon: Float

    init(_ source: TensorSource, _ name: String, features: Int, epsilon: Float) throws(ModelError) {
        weight = try source.vector("\(name).weight", count: features)
        bias = try source.vector("\(name).bias", count: features)
        self.epsilon = epsilon
    }

    /// out[rows, features] = (x - mean(x)) / sqrt(variance(x) + epsilon) · weight + bias; out may be x.
    func apply(
        _ x: UnsafePointer<Float>, rows: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        Kernels.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon, rows: rows, into: out, pool: pool)
    }
}
