import TestSupport

/// A decoder of two layers with seeded random weights, every key and tensor of which a test can change.
struct TinyModel {
    static let (width, heads, groups, inner, layers, vocabularySize) = (32, 4, 2, 48, 2, 50)

    let architecture: String
    private(set) var keys: [String: GGUFBuilder.Value]
    var tensors: [String: (shape: [Int], values: [Float])] = [:]

    /// A complete model of an architecture. The head size is given by `attention.key_length`.
    init(_ architecture: String, headSize: Int = 8) {
        self.architecture = architecture
        keys = [
            "embedding_length": .uint32(UInt32(Self.width)), "attention.head_count": .uint32(UInt32(Self.heads)),
            "attention.head_count_kv": .uint32(UInt32(Self.groups)), "attention.key_length": .uint32(UInt32(headSize)),
            "feed_forward_length": .uint32(UInt32(Self.inner)), "block_count": .uint32(UInt32(Self.layers)),
            "context_length": .uint32(128), "vocab_size": .uint32(UInt32(Self.vocabularySize)),
            "attention.layer_norm_rms_epsilon": .float32(1e-6),
        ]
        var random = SeededGenerator(seed: 21)
        func add(_ name: String, _ shape: [Int], around mean: Float = 0, within spread: Float = 0.4) {
            tensors[name] = (
                shape,
                (0..<shape.reduce(1, *)).map { _ in mean + Float.random(in: -spread...spread, using: &random) }
            )
        }
        let (queries, keyWidth) = (Self.heads * headSize, Self.groups * headSize)
        add("token_embd.weight", [Self.width, Self.vocabularySize])
        add("output_norm.weight", [Self.width], around: 1)
        for layer in 0..<Self.layers {
            for norm in ["attn_norm", "ffn_norm"] { add("blk.\(layer).\(norm).weight", [Self.width], around: 1) }
            add("blk.\(layer).attn_q.weight", [Self.width, queries])
            add("blk.\(layer).attn_k.weight", [Self.width, keyWidth])
            add("blk.\(layer).attn_v.weight", [Self.width, keyWidth])
            add("blk.\(layer).attn_output.weight", [queries, Self.width])
            add("blk.\(layer).ffn_gate.weight", [Self.width, Self.inner])
            add("blk.\(layer).ffn_up.weight", [Self.width, Self.inner])
            add("blk.\(layer).ffn_down.weight", [Self.inner, Self.width])
            if architecture == "qwen2" {
                add("blk.\(layer).attn_q.bias", [queries])
                for part in ["k", "v"] { add("blk.\(layer).attn_\(part).bias", [keyWidth]) }
            }
            if architecture == "gemma3" {
                for part in ["q", "k"] { add("blk.\(layer).attn_\(part)_norm.weight", [headSize], around: 1) }
                for part in ["attention", "ffw"] {
                    add("blk.\(layer).post_\(part)_norm.weight", [Self.width], around: 1)
                }
            }
        }
    }

    /// Gives `ARCHITECTURE.name` a value; nil removes the key.
    mutating func set(_ name: String, _ value: GGUFBuilder.Value?) {
        keys[name] = value
    }

    /// The file.
    func builder() -> GGUFBuilder {
        var builder = GGUFBuilder(architecture: architecture)
        for (name, value) in keys.sorted(by: { $0.key < $1.key }) { builder.set("\(architecture).\(name)", value) }
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            builder.add(name, shape: tensor.shape, floats: tensor.values)
        }
        return builder
    }
}
