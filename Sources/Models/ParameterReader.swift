import ModelFiles

/// Reads `ARCHITECTURE.NAME` keys of a GGUF with errors that name them.
struct ParameterReader {
    let file: GGUFFile
    let prefix: String

    /// Sizes above this cannot be real; below it, products of two of them cannot overflow.
    private static let limit = 1 << 30

    /// Whether the file has a key.
    func contains(_ name: String) -> Bool { file.contains("\(prefix).\(name)") }

    /// A size from 1, or the default when the key is absent.
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
        try require(name, found: value, "1 to \(Self.limit - 1)") { value > 0 && value < Self.limit }
        return value
    }

    /// A finite number, or the default when the key is absent.
    func number(_ name: String, default absent: Double) throws(ModelError) -> Double {
        let key = "\(prefix).\(name)"
        do {
            // Counts are written as integers, the rest as floats.
            if case .unsigned = file.metadata[key] { return Double(try file.unsigned(key)) }
            return try file.float(key, default: absent)
        } catch { throw .file(error) }
    }

    /// A number within a range, or the default when the key is absent.
    func number(_ name: String, default absent: Double, in range: ClosedRange<Double>) throws(ModelError) -> Double {
        let value = try number(name, default: absent)
        try require(name, found: value, "a number from \(range.lowerBound) to \(range.upperBound)") {
            range.contains(value)
        }
        return value
    }

    /// Text, or the default when the key is absent.
    func string(_ name: String, default absent: String) throws(ModelError) -> String {
        do { return try file.string("\(prefix).\(name)", default: absent) } catch { throw .file(error) }
    }

    /// A truth value, or the default when the key is absent.
    func flag(_ name: String, default absent: Bool) throws(ModelError) -> Bool {
        do { return try file.bool("\(prefix).\(name)", default: absent) } catch { throw .file(error) }
    }

    /// A list of integers or of truth values.
    func integers(_ name: String) throws(ModelError) -> [Int32] {
        do { return try file.int32s("\(prefix).\(name)") } catch { throw .file(error) }
    }

    /// Refuses a value that the architecture does not allow.
    func require(
        _ name: String, found: some CustomStringConvertible, _ expected: String, _ condition: () -> Bool
    ) throws(ModelError) {
        guard condition() else {
            throw .invalidParameter(
                path: file.path, key: "\(prefix).\(name)", found: found.description, expected: expected)
        }
    }

    /// Refuses a file that needs what no code here computes.
    func refuse(_ feature: String) -> ModelError { .unsupportedFeature(path: file.path, feature: feature) }

    // MARK: What every family has

    /// The sizes of a decoder, checked against each other.
    func decoderConfiguration() throws(ModelError) -> DecoderConfiguration {
        let width = try positive("embedding_length")
        let heads = try positive("attention.head_count")
        let groups = try positive("attention.head_count_kv", default: heads)
        try require("attention.head_count_kv", found: groups, "a divisor of \(heads)") { heads % groups == 0 }
        if !contains("attention.key_length") {
            try require("attention.head_count", found: heads, "a divisor of \(width)") { width % heads == 0 }
        }
        let headSize = try positive("attention.key_length", default: width / heads)
        let valueSize = try positive("attention.value_length", default: headSize)
        try require("attention.value_length", found: valueSize, "\(headSize), as the keys") { valueSize == headSize }
        if try number("expert_count", default: 0) > 0 { throw refuse("a mixture of experts (\(prefix).expert_count)") }
        return DecoderConfiguration(
            vocabularySize: try vocabularySize(), width: width, layerCount: try positive("block_count"),
            attentionHeads: heads, keyValueHeads: groups, headSize: headSize,
            feedForwardWidth: try positive("feed_forward_length"),
            trainedContextLength: try positive("context_length"))
    }

    /// What RMSNorm adds to the mean square.
    func normEpsilon(default absent: Double) throws(ModelError) -> Float {
        Float(try number("attention.layer_norm_rms_epsilon", default: absent, in: 0...1))
    }

    /// Rows of the embedding: the length of the vocabulary, or its own key in files without one.
    private func vocabularySize() throws(ModelError) -> Int {
        do {
            if file.contains("tokenizer.ggml.tokens") { return try file.stringList("tokenizer.ggml.tokens").count }
        } catch { throw .file(error) }
        return try positive("vocab_size")
    }
}
