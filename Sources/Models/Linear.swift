import ModelFiles
import Tensor

/// A projection: `NAME.weight` [outputs, inputs] and, where the file has them, `NAME.bias` [outputs] and `NAME.scale`
/// [outputs], by which weights that are whole numbers are to be multiplied.
struct Linear: Sendable {
    let weight: WeightMatrix
    private let scale: FloatBuffer?
    private let bias: FloatBuffer?

    init(weight: WeightMatrix, scale: [Float]? = nil, bias: [Float]?) throws(ModelError) {
        self.weight = weight
        self.scale = try Self.buffer(scale)
        self.bias = try Self.buffer(bias)
    }

    init(_ source: TensorSource, _ name: String, outputs: Int, inputs: Int) throws(ModelError) {
        let weight = try source.projection("\(name).weight", rows: outputs, columns: inputs)
        func vector(_ name: String) throws(ModelError) -> [Float]? {
            source.contains(name) ? try source.vector(name, count: outputs) : nil
        }
        try self.init(weight: weight, scale: try vector("\(name).scale"), bias: try vector("\(name).bias"))
    }

    /// In memory of its own, since several projections are computed at once.
    private static func buffer(_ values: [Float]?) throws(ModelError) -> FloatBuffer? {
        guard let values else { return nil }
        guard let buffer = FloatBuffer(count: values.count) else {
            throw .outOfMemory(what: "weights", bytes: values.count * MemoryLayout<Float>.stride)
        }
        for (index, value) in values.enumerated() { buffer.pointer[index] = value }
        return buffer
    }

    /// out[N, outputs] = x[N, inputs] · weightᵀ · scale + bias.
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
        let products = projections.map {
            WeightMatrix.Product(
                matrix: $0.weight, scale: $0.scale.map { UnsafePointer($0.pointer) },
                bias: $0.bias.map { UnsafePointer($0.pointer) }, out: $1)
        }
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
