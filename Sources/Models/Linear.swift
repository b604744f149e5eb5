import ModelFiles
import Tensor

/// A projection: `NAME.weight` [outputs, inputs] and, where the file has it, `NAME.bias` [outputs].
struct Linear: Sendable {
    let weight: WeightMatrix
    private let bias: FloatBuffer?
    private var biasPointer: UnsafePointer<Float>? { bias.map { UnsafePointer($0.pointer) } }

    init(weight: WeightMatrix, bias: [Float]?) throws(ModelError) {
        self.weight = weight
        guard let bias else {
            self.bias = nil
            return
        }
        // In memory of its own, since several projections are computed at once.
        guard let buffer = FloatBuffer(count: bias.count) else {
            throw .outOfMemory(what: "weights", bytes: bias.count * MemoryLayout<Float>.stride)
        }
        for (index, value) in bias.enumerated() { buffer.pointer[index] = value }
        self.bias = buffer
    }

    init(_ source: TensorSource, _ name: String, outputs: Int, inputs: Int) throws(ModelError) {
        let weight = try source.projection("\(name).weight", rows: outputs, columns: inputs)
        let bias = source.contains("\(name).bias") ? try source.vector("\(name).bias", count: outputs) : nil
        try self.init(weight: weight, bias: bias)
    }

    /// out[N, outputs] = x[N, inputs] · weightᵀ + bias.
    func apply(
        _ x: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, pool: ThreadPool
    ) {
        Self.apply([(self, out)], to: x, count: count, pool: pool)
    }

    /// Several projections of the same x[N, inputs], each into its own out[N, outputs].
    static func apply(
        _ projections: [(Linear, UnsafeMutablePointer<Float>)], to x: UnsafePointer<Float>, count: Int,
        pool: ThreadPool
    ) {
        let products = projections.map { WeightMatrix.Product(matrix: $0.weight, bias: $0.biasPointer, out: $1) }
        WeightMatrix.multiply(x, count: count, products, pool: pool)
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
