import Foundation
import ModelFiles
import Models
import TestSupport
import Testing

/// Hyper-parameters that no model can have end in an error that names the key, for every family.
@Suite struct HostileParameterTests {
    /// A key's value, and the key that the error must name where it is another one.
    struct Case: Sendable, CustomStringConvertible {
        let key: String
        let value: GGUFBuilder.Value?
        var also: [(String, GGUFBuilder.Value?)] = []
        var named: String?

        var description: String { "\(key) = \(value.map { "\($0)" } ?? "none")" }
    }

    static let everyFamily: [Case] =
        [
            "embedding_length", "attention.head_count", "attention.head_count_kv", "attention.key_length",
            "attention.value_length", "feed_forward_length", "block_count", "context_length", "rope.dimension_count",
        ].flatMap { key in
            [
                Case(key: key, value: .uint32(0)), Case(key: key, value: .int32(-1)),
                Case(key: key, value: .uint64(1 << 40)), Case(key: key, value: .uint64(.max)),
                Case(key: key, value: .string("many")), Case(key: key, value: .float32(8)),
            ]
        }
        + ["embedding_length", "attention.head_count", "feed_forward_length", "block_count", "context_length"].map {
            Case(key: $0, value: nil)
        }
        + [
            Case(key: "attention.head_count_kv", value: .uint32(3)),
            Case(key: "attention.head_count_kv", value: .uint32(8)),
            Case(key: "attention.head_count", value: .uint32(6), also: [("attention.key_length", nil)]),
            Case(
                key: "attention.head_count", value: .uint32(64), also: [("attention.head_count_kv", .uint32(64))],
                named: "blk.0.attn_q.weight"),
            Case(key: "attention.key_length", value: .uint32(7)),
            Case(key: "attention.key_length", value: .uint32(1)),
            Case(key: "attention.value_length", value: .uint32(4)),
            Case(key: "block_count", value: .uint32(1 << 29), named: "blk.2."),
            Case(key: "rope.dimension_count", value: .uint32(3)),
            Case(key: "rope.dimension_count", value: .uint32(10)),
            Case(key: "expert_count", value: .uint32(8)),
            Case(key: "rope.scaling.type", value: .string("longrope")),
            Case(key: "rope.scaling.type", value: .uint32(1)),
        ]
        + numbers("attention.layer_norm_rms_epsilon", [-1, 2])
        + numbers("rope.freq_base", [0, -1, 1, 1e30])
        + numbers("rope.scaling.factor", [0, -4, 0.25, 1e30])
        + numbers("rope.scaling.attn_factor", [0, -1, 1e30])
        + [("yarn", ["original_context_length"]), ("llama3", ["original_context_length"])].flatMap { type, keys in
            keys.map {
                Case(key: "rope.scaling.\($0)", value: .uint32(0), also: [("rope.scaling.type", .string(type))])
            }
        }
        + [("yarn_beta_fast", [0, 0.5, 1, 1e30]), ("yarn_beta_slow", [0, -1, 1e30]), ("yarn_ext_factor", [0.5])]
        .flatMap { key, values in
            numbers("rope.scaling.\(key)", values, also: [("rope.scaling.type", .string("yarn"))])
        }
        + [("low_freq_factor", [0, -1, 1e30]), ("high_freq_factor", [0, 0.5, 1, 1e30])].flatMap { key, values in
            numbers("rope.scaling.\(key)", values, also: [("rope.scaling.type", .string("llama3"))])
        }

    static let gemma: [Case] =
        [
            Case(key: "attention.sliding_window", value: .uint32(0)),
            Case(key: "attention.sliding_window", value: .int32(-5)),
            Case(key: "attention.sliding_window", value: .uint64(1 << 40)),
            Case(key: "attention.sliding_window_pattern", value: .uint32(0)),
            Case(key: "attention.sliding_window_pattern", value: .int32s([1])),
            Case(key: "attention.sliding_window_pattern", value: .int32s([])),
            Case(key: "attention.sliding_window_pattern", value: .strings(["a", "b"])),
        ] + numbers("rope.freq_base_swa", [0, 1, 1e30]) + numbers("final_logit_softcapping", [-1, 1e-9, 1e30])

    static let emu2: [Case] =
        [
            "image_size", "patch_size", "embedding_length", "block_count", "attention.head_count",
            "feed_forward_length", "image_tokens", "frame_tokens",
        ].flatMap { key in
            [
                Case(key: "vision.\(key)", value: nil), Case(key: "vision.\(key)", value: .uint32(0)),
                Case(key: "vision.\(key)", value: .uint64(.max)), Case(key: "vision.\(key)", value: .string("many")),
            ]
        }
        + [
            Case(key: "vision.image_size", value: .uint32(9)), Case(key: "vision.image_size", value: .uint32(8192)),
            Case(key: "vision.image_size", value: .uint32(10), named: "v.position_embd.weight"),
            Case(key: "vision.patch_size", value: .uint32(16), named: "vision.image_size"),
            Case(key: "vision.attention.head_count", value: .uint32(5)),
            Case(key: "vision.block_count", value: .uint32(3), named: "v.blk.2."),
            Case(key: "vision.feed_forward_length", value: .uint32(21), named: "v.blk.0.ffn_up.weight"),
            // No square, more than there are patches, and no whole number of squares.
            Case(key: "vision.image_tokens", value: .uint32(5)), Case(key: "vision.image_tokens", value: .uint32(25)),
            Case(key: "vision.frame_tokens", value: .uint32(3)),
            Case(key: "vision.image_mean", value: .float32s([0, 0])),
            Case(key: "vision.image_mean", value: .float32s([0, 0, .nan])),
            Case(key: "vision.image_std", value: .float32s([1, 1, 0])),
            // A form that the tensors have not.
            Case(key: "vision.sub_norm", value: .bool(true), named: "v.blk.0.attn_q.weight"),
            Case(key: "vision.swiglu", value: .bool(true), named: "v.blk.0.ffn_gate"),
            Case(key: "vision.final_norm", value: .bool(true), named: "v.post_ln.weight"),
            Case(key: "vision.attention.qv_bias", value: .bool(false), named: "v.blk.0.attn_q.bias"),
            Case(key: "vision.post_norm", value: .uint32(1)), Case(key: "vision.swiglu", value: .string("yes")),
            Case(key: "vision.rope.grid_side", value: .uint32(0)),
            Case(key: "vision.rope.grid_side", value: .uint64(.max)),
            // Heads of 6 features.
            Case(
                key: "vision.attention.head_count", value: .uint32(4),
                also: [("vision.rope.grid_side", .uint32(4))]),
        ] + numbers("vision.attention.layer_norm_epsilon", [-1, 2])
        + numbers("vision.rope.freq_base", [0, -1, 1, 1e30], also: [("vision.rope.grid_side", .uint32(4))])

    private static func numbers(
        _ key: String, _ values: [Float], also: [(String, GGUFBuilder.Value?)] = []
    ) -> [Case] {
        (values + [.nan, .infinity]).map { Case(key: key, value: .float32($0), also: also) }
    }

    @Test(arguments: ["llama", "qwen2", "gemma3"]) func impossibleValuesAreNamed(_ architecture: String) throws {
        for item in Self.everyFamily { try expectRefusal(architecture, item) }
    }

    @Test func impossibleEncodersAreNamed() throws {
        for item in Self.emu2 { try expectRefusal("emu2", item) }
    }

    @Test func impossibleWindowsAndCapsAreNamed() throws {
        for item in Self.gemma { try expectRefusal("gemma3", item) }
    }

    @Test(arguments: [
        [Float](repeating: 1, count: 3) + [0], [1, -1, 1, 1], [1, .nan, 1, 1], [1, 1, .infinity, 1], [1],
    ])
    func impossibleFrequencyFactorsAreNamed(_ factors: [Float]) throws {
        var model = TinyModel("llama")
        model.tensors["rope_freqs.weight"] = ([factors.count], factors)
        try expectError(model, naming: "rope_freqs.weight")
    }

    /// What a file holds beyond the known computation would be left out in silence; what it lacks cannot be made up.
    @Test func strangeAndMissingTensorsAreNamed() throws {
        for name in ["blk.0.attn_q_norm.weight", "blk.1.ffn_gate_inp.weight", "rope_factors_long.weight"] {
            var model = TinyModel("llama")
            model.tensors[name] = ([8], [Float](repeating: 1, count: 8))
            try expectError(model, naming: name)
        }
        for architecture in ["llama", "qwen2", "gemma3", "emu2"] {
            let model = architecture == "emu2" ? TinyModel.emu2() : TinyModel(architecture)
            for name in model.tensors.keys {
                var broken = model
                broken.tensors[name] = nil
                try expectError(broken, naming: name)
                broken.tensors[name] = ([1], [1])
                try expectError(broken, naming: name)
            }
        }
    }

    @Test func everyMessageNamesTheFileAndIsFitForATerminal() {
        let hostile = "a\u{1B}[2J\nb\u{202E}"
        let errors: [ModelError] = [
            .unknownArchitecture(path: hostile, name: hostile, known: ["llama"]),
            .unsupportedType(path: hostile, tensor: hostile, type: "I8"),
            .invalidParameter(path: hostile, key: hostile, found: hostile, expected: "1"),
            .unsupportedFeature(path: hostile, feature: hostile),
            .file(.missingTensor(path: hostile, name: hostile)),
        ]
        for error in errors {
            #expect(error.description.contains("b"))
            for scalar in error.description.unicodeScalars {
                #expect(![.control, .format].contains(scalar.properties.generalCategory), "\(error)")
            }
        }
    }

    private func expectRefusal(_ architecture: String, _ item: Case) throws {
        var model = architecture == "emu2" ? TinyModel.emu2() : TinyModel(architecture)
        for (key, value) in item.also { model.set(key, value) }
        model.set(item.key, item.value)
        try expectError(model, naming: item.named ?? "\(architecture).\(item.key)", "\(item)")
    }

    private func expectError(_ model: TinyModel, naming name: String, _ comment: String = "") throws {
        try model.builder().withFile { path in
            let error = #expect(throws: ModelError.self, "\(comment)") {
                try ModelRegistry.decoder(of: GGUFFile(path: path))
            }
            let text = error?.description ?? ""
            #expect(text.contains(name) && text.contains(path), "\(comment): \(text)")
        }
    }
}
