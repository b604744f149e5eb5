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

    /// A complete Emu2 model: a visual encoder of two blocks over 4x4 patches, and a vocabulary of letters with the tokens
    /// that stand around pictures.
    static func emu2() -> TinyModel {
        var model = TinyModel("emu2")
        // Its system message goes letter by letter.
        model.set("context_length", .uint32(512))
        let sizes: [(String, Int)] = [
            ("image_size", 8), ("patch_size", 2), ("embedding_length", visionWidth), ("block_count", visionLayers),
            ("attention.head_count", 3), ("feed_forward_length", 20), ("image_tokens", 4), ("frame_tokens", 1),
        ]
        for (name, size) in sizes { model.set("vision.\(name)", .uint32(UInt32(size))) }
        model.set("vision.attention.layer_norm_epsilon", .float32(1e-3))
        var random = SeededGenerator(seed: 4)
        func add(_ name: String, _ shape: [Int], around mean: Float = 0, within spread: Float = 0.4) {
            model.tensors[name] = (
                shape, (0..<shape.reduce(1, *)).map { _ in mean + Float.random(in: -spread...spread, using: &random) }
            )
        }
        let (wide, inner) = (visionWidth, 20)
        add("v.class_embd", [wide])
        add("v.position_embd.weight", [wide, 17])
        add("v.patch_embd.weight", [2, 2, 3, wide])
        add("v.patch_embd.bias", [wide])
        for layer in 0..<visionLayers {
            let block = "v.blk.\(layer)"
            for norm in ["ln1", "ln2"] {
                add("\(block).\(norm).weight", [wide], around: 1)
                add("\(block).\(norm).bias", [wide])
            }
            add("\(block).attn_qkv.weight", [wide, 3 * wide])
            for part in ["q", "v"] { add("\(block).attn_\(part).bias", [wide]) }
            for (name, columns, rows) in [("attn_out", wide, wide), ("ffn_up", wide, inner), ("ffn_down", inner, wide)]
            {
                add("\(block).\(name).weight", [columns, rows])
                add("\(block).\(name).bias", [rows])
            }
        }
        add("mm.up.weight", [wide, width])
        add("mm.down.weight", [width, wide])
        return model
    }

    static let (visionWidth, visionLayers) = (24, 2)

    /// The tokens of `emu2()`, as many as it has rows; letters go by themselves.
    private static let emu2Tokens: [(text: String, type: Int32)] = {
        var tokens: [(String, Int32)] = [("<unk>", 2), ("<s>", 3), ("</s>", 3)]
        tokens += (UInt8(ascii: "a")...UInt8(ascii: "z")).map { (String(Unicode.Scalar($0)), 1) }
        tokens += ["▁", ":", ".", "Y", "A"].map { ($0, 1) }
        tokens += ["[IMG]", "[/IMG]", "<image>", "[gIMG]", "[VIDEO]", "<grounding>", "[USER]", "[ASSISTANT]"].map {
            ($0, 3)
        }
        while tokens.count < vocabularySize { tokens.append(("<free\(tokens.count)>", 3)) }
        return tokens
    }()

    /// Gives `ARCHITECTURE.name` a value; nil removes the key.
    mutating func set(_ name: String, _ value: GGUFBuilder.Value?) {
        keys[name] = value
    }

    /// The file.
    func builder() -> GGUFBuilder {
        var builder = GGUFBuilder(architecture: architecture)
        for (name, value) in keys.sorted(by: { $0.key < $1.key }) { builder.set("\(architecture).\(name)", value) }
        if architecture == "emu2" {
            builder.set("tokenizer.ggml.model", .string("llama"))
            builder.set("tokenizer.ggml.tokens", .strings(Self.emu2Tokens.map(\.text)))
            builder.set("tokenizer.ggml.scores", .float32s([Float](repeating: 0, count: Self.emu2Tokens.count)))
            builder.set("tokenizer.ggml.token_type", .int32s(Self.emu2Tokens.map(\.type)))
            builder.set("tokenizer.ggml.unknown_token_id", .uint32(0))
            builder.set("tokenizer.ggml.bos_token_id", .uint32(1))
            builder.set("tokenizer.ggml.eos_token_id", .uint32(2))
        }
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            builder.add(name, shape: tensor.shape, floats: tensor.values)
        }
        return builder
    }
}
