import Foundation
import ModelFiles

/// Hyper-parameters of a `llama` GGUF, checked against what the architecture allows.
struct LlamaParameters {
    let configuration: DecoderConfiguration
    let epsilon: Float
    private let path: String
    private let rotatedFeatures: Int
    private let frequencyBase: Double
    private let positionScale: Double

    init(_ file: GGUFFile) throws(ModelError) {
        path = file.path
        let reader = ParameterReader(file: file, prefix: "llama")
        let width = try reader.positive("embedding_length")
        let heads = try reader.positive("attention.head_count")
        let groups = try reader.positive("attention.head_count_kv", default: heads)
        let headSize = try reader.positive("attention.key_length", default: width / heads)
        let valueSize = try reader.positive("attention.value_length", default: headSize)
        try reader.require("attention.head_count_kv", groups, "a divisor of \(heads)") { heads % groups == 0 }
        try reader.require("attention.value_length", valueSize, "\(headSize), as the keys") { valueSize == headSize }
        let vocabulary = try reader.vocabularySize()
        configuration = DecoderConfiguration(
            vocabularySize: vocabulary, width: width, layerCount: try reader.positive("block_count"),
            attentionHeads: heads, keyValueHeads: groups, headSize: headSize,
            feedForwardWidth: try reader.positive("feed_forward_length"),
            trainedContextLength: try reader.positive("context_length"))
        epsilon = Float(try reader.number("attention.layer_norm_rms_epsilon", default: 1e-5))
        let rotated = try reader.positive("rope.dimension_count", default: headSize)
        try reader.require("rope.dimension_count", rotated, "an even number up to \(headSize)") {
            rotated % 2 == 0 && rotated <= headSize
        }
        rotatedFeatures = rotated
        frequencyBase = try reader.number("rope.freq_base", default: 10000)
        guard frequencyBase > 0, frequencyBase.isFinite else {
            throw .invalidParameter(
                path: path, key: "llama.rope.freq_base", found: "\(frequencyBase)", expected: "a positive number")
        }
        positionScale = try reader.rotaryPositionScale()
        if try reader.number("expert_count", default: 0) > 0 {
            throw .unsupportedFeature(path: path, feature: "a mixture of experts")
        }
    }

    /// Radians per position of each rotated pair; `rope_freqs.weight` (Llama 3) divides them where the file has it.
    func inverseFrequencies(_ source: TensorSource) throws(ModelError) -> [Double] {
        let pairs = rotatedFeatures / 2
        var factors = [Float](repeating: 1, count: pairs)
        if source.contains("rope_freqs.weight") { factors = try source.vector("rope_freqs.weight", count: pairs) }
        var frequencies = [Double]()
        for pair in 0..<pairs {
            let frequency = pow(frequencyBase, -2 * Double(pair) / Double(rotatedFeatures))
            frequencies.append(frequency * positionScale / Double(factors[pair]))
        }
        guard frequencies.allSatisfy(\.isFinite) else {
            throw .invalidParameter(
                path: path, key: "rope_freqs.weight", found: "zero or no number", expected: "positive factors")
        }
        return frequencies
    }
}

/// Reads `ARCHITECTURE.NAME` keys of a GGUF with errors that name them.
struct ParameterReader {
    let file: GGUFFile
    let prefix: String

    /// Sizes above this cannot be real; below it, products of two of them cannot overflow.
    private static let limit = 1 << 30

    func positive(_ name: String, default absent: Int? = nil) throws(ModelError) -> Int {
        let key = "\(prefix).\(name)"
        let value: Int
        do {
            if let absent {
                value = try file.unsigned(key, default: absent)
            } else {
                value = try file.unsigned(key)
            }
        } catch { throw .file(error) }
        guard value > 0, value < Self.limit else {
            throw .invalidParameter(path: file.path, key: key, found: "\(value)", expected: "1 to \(Self.limit - 1)")
        }
        return value
    }

    func number(_ name: String, default absent: Double) throws(ModelError) -> Double {
        do {
            // Counts are written as integers, the rest as floats.
            if case .unsigned = file.metadata["\(prefix).\(name)"] {
                return Double(try file.unsigned("\(prefix).\(name)"))
            }
            return try file.float("\(prefix).\(name)", default: absent)
        } catch { throw .file(error) }
    }

    func require(_ name: String, _ found: Int, _ expected: String, _ condition: () -> Bool) throws(ModelError) {
        guard condition() else {
            throw .invalidParameter(path: file.path, key: "\(prefix).\(name)", found: "\(found)", expected: expected)
        }
    }

    /// Rows of the embedding: the length of the vocabulary, or its own key in files without one.
    func vocabularySize() throws(ModelError) -> Int {
        do {
            if file.contains("tokenizer.ggml.tokens") { return try file.stringList("tokenizer.ggml.tokens").count }
        } catch { throw .file(error) }
        return try positive("vocab_size")
    }

    /// The factor of linear position scaling, 1 without; other scalings are refused by name.
    func rotaryPositionScale() throws(ModelError) -> Double {
        let kind: String
        do { kind = try file.string("\(prefix).rope.scaling.type", default: "none") } catch { throw .file(error) }
        switch kind {
        case "none":
            return 1
        case "linear":
            let factor = try number("rope.scaling.factor", default: 1)
            guard factor > 0, factor.isFinite else {
                throw .invalidParameter(
                    path: file.path, key: "\(prefix).rope.scaling.factor", found: "\(factor)",
                    expected: "a positive number")
            }
            return 1 / factor
        default:
            throw .unsupportedFeature(path: file.path, feature: "rotary scaling `\(kind)`")
        }
    }
}
