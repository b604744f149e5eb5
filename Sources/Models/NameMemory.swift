import Tensor

/// What a picture's class token is called: an attention over one key for each of N names, whose values are added to the
/// token's row.
///
/// A linear layer hands a name on, but faintly, and adapters of low rank do not tell it from the rest. Source:
/// https://arxiv.org/abs/2012.14913 on layers as key-value memories.
struct NameMemory: Sendable {
    /// mm.memory.key: [N, W], and a bias
    private let key: Linear
    /// mm.memory.value: [E, N]
    private let value: Linear

    init(_ source: TensorSource, _ reader: ParameterReader, width: Int, outer: Int) throws(ModelError) {
        let count = try reader.positive("names")
        try source.require("mm.memory.key.bias")
        key = try Linear(source, "mm.memory.key", outputs: count, inputs: width)
        value = try Linear(source, "mm.memory.value", outputs: outer, inputs: count)
    }

    /// What is added to the row of a class token [W]: value · softmax(key · token + bias), [E]; NaN where the likeness to
    /// any name is NaN or the greatest is infinite.
    func name(of token: [Float], pool: ThreadPool) -> [Float] {
        let likeness = key.row(token, pool: pool)
        // They stay 0 where the sum is NaN.
        var weights = [Float](repeating: 0, count: likeness.count)
        let sum = Kernels.softmaxWeights(likeness, count: likeness.count, temperature: 1, into: &weights)
        return value.row(weights.map { $0 / Float(sum) }, pool: pool)
    }
}
