import Foundation
import ModelFiles
import Models
import Tensor
import TestSupport
import Testing

/// A small EVA encoder with random weights, and what timm computes with it; see `Reference/eva.py`.
struct EvaFixture {
    private let file: SafetensorsFile
    /// `vision_config` of a configuration.
    var vision: [String: Any]
    /// The encoder's tensors by their published names; a test may take some away or add some.
    var tensors: [String: (shape: [Int], values: [Float])] = [:]

    static let names = ["large", "enormous", "giant", "rotated", "subnormed", "gated"]

    init(_ name: String) throws {
        file = try SafetensorsFile(path: TestSupport.fixture("InferenceTests", "eva/\(name).safetensors").path)
        let text = try #require(file.metadata["vision_config"])
        vision = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        for (name, tensor) in file.tensors where name.hasPrefix("visual.") {
            tensors[name] = (tensor.shape, try file.floats(name))
        }
    }

    /// [3, S, S]
    var pixels: [Float] { get throws { try file.floats("pixels") } }
    /// [T, W]
    var hidden: [Float] { get throws { try file.floats("hidden") } }

    /// Writes a checkpoint of Emu2 that has this encoder and the least of everything else, and removes it afterwards.
    func withCheckpoint<Result>(_ body: (_ folder: String) throws -> Result) throws -> Result {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (width, inner, rows) = (8, 12, 8)
        let configuration: [String: Any] = [
            "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": 1, "num_attention_heads": 2,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "model_version": "base", "vision_config": vision,
        ]
        try JSONSerialization.data(withJSONObject: configuration).write(
            to: folder.appendingPathComponent("config.json"))
        try Data(Self.tokenizer(["<unk>", "<s>", "</s>"])).write(to: folder.appendingPathComponent("tokenizer.model"))
        let encoderWidth = tensors["visual.cls_token"]?.shape.last ?? 1
        let layer = "decoder.lm.model.layers.0"
        var all = tensors.map { (name: "model.\($0.key)", shape: $0.value.shape, values: $0.value.values) }
        func add(_ name: String, _ shape: [Int]) {
            all.append((name, shape, [Float](repeating: 0.5, count: shape.reduce(1, *))))
        }
        add("project_up.weight", [width, encoderWidth])
        add("project_down.weight", [encoderWidth, width])
        for name in ["embed_tokens", "lm_head"] {
            add("model.decoder.lm.\(name == "lm_head" ? "" : "model.")\(name).weight", [rows, width])
        }
        for norm in ["\(layer).input_layernorm", "\(layer).post_attention_layernorm", "decoder.lm.model.norm"] {
            add("model.\(norm).weight", [width])
        }
        for part in ["q", "k", "v", "o"] { add("model.\(layer).self_attn.\(part)_proj.weight", [width, width]) }
        for part in ["gate", "up"] { add("model.\(layer).mlp.\(part)_proj.weight", [inner, width]) }
        add("model.\(layer).mlp.down_proj.weight", [width, inner])
        try SafetensorsWriter(tensors: all.sorted { $0.name < $1.name }).data().write(
            to: folder.appendingPathComponent("model.safetensors"))
        return try body(folder.path)
    }

    /// The hidden states that the engine computes from a checkpoint or a GGUF.
    func computed(from path: String, packer: WeightPacker? = nil) throws -> [Float] {
        let network = try ModelRegistry.network(
            of: ModelRegistry.open(path: path), loading: WeightLoading(packer: packer))
        let model = try #require(network.visual as? Emu2)
        let hidden = try #require(try model.visual.hiddenStates(pixels: pixels, pool: ThreadPool(threadCount: 2)))
        return hidden.values(0..<hidden.count)
    }

    /// A SentencePiece model: byte-pair encoding over these control tokens. Source: `sentencepiece_model.proto`.
    private static func tokenizer(_ pieces: [String]) -> [UInt8] {
        func field(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
            [number << 3 | 2, UInt8(payload.count)] + payload
        }
        return pieces.flatMap { field(1, field(1, Array($0.utf8)) + [3 << 3, 3]) } + field(2, [3 << 3, 2])
            + field(3, [4 << 3, 0])
    }
}
