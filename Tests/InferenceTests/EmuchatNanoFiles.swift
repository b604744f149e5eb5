import Foundation
import ModelFiles
import Tensor
import TestSupport
import Testing

/// A decoder of `TinyModel` with a vocabulary, the encoder of `clip/int8.onnx`, adapters of rank 2 for some matrices.
struct EmuchatNanoFiles {
    var decoder: GGUFBuilder
    var own: GGUFBuilder
    static let (width, encoderWidth, rank, names) = (TinyModel.width, 32, 2, 7)

    init() throws {
        let tiny = TinyModel("llama")
        decoder = tiny.builder()
        var tokens = ["<unk>", "<|im_start|>", "<|im_end|>", "<empty_output>"]
        tokens += (UInt8(ascii: "a")...UInt8(ascii: "z")).map { String(Unicode.Scalar($0)) }
        while tokens.count < TinyModel.vocabularySize { tokens.append("<free\(tokens.count)>") }
        let types = tokens.map { Int32($0 == "<unk>" ? 2 : $0.count == 1 ? 1 : 3) }
        decoder.set("tokenizer.ggml.model", .string("llama"))
        decoder.set("tokenizer.ggml.tokens", .strings(tokens))
        decoder.set("tokenizer.ggml.scores", .float32s([Float](repeating: 0, count: tokens.count)))
        decoder.set("tokenizer.ggml.token_type", .int32s(types))
        decoder.set("tokenizer.ggml.unknown_token_id", .uint32(0))
        decoder.set("tokenizer.ggml.bos_token_id", .uint32(1))
        decoder.set("tokenizer.ggml.eos_token_id", .uint32(2))
        own = GGUFBuilder(architecture: "emuchat-nano")
        own.set("general.basename", .string("emuchat-nano"))
        for (key, value) in [
            ("contract", GGUFBuilder.Value.uint32(2)), ("decoder.file", .string("decoder.gguf")),
            ("vision.file", .string("vision.gguf")), ("adapter.rank", .uint32(UInt32(Self.rank))),
            ("adapter.alpha", .float32(3)), ("picture_tokens", .uint32(5)), ("names", .uint32(UInt32(Self.names))),
        ] { own.set("emuchat-nano.\(key)", value) }
        var random = SeededGenerator(seed: 6)
        func values(_ count: Int, around mean: Float = 0) -> [Float] {
            (0..<count).map { _ in mean + Float.random(in: -0.4...0.4, using: &random) }
        }
        own.add("mm.norm.weight", shape: [Self.encoderWidth], floats: values(Self.encoderWidth, around: 1))
        own.add("mm.norm.bias", shape: [Self.encoderWidth], floats: values(Self.encoderWidth))
        own.add(
            "mm.up.weight", shape: [Self.encoderWidth, Self.width], floats: values(Self.encoderWidth * Self.width))
        own.add("mm.up.bias", shape: [Self.width], floats: values(Self.width))
        own.add(
            "mm.memory.key.weight", shape: [Self.encoderWidth, Self.names],
            floats: values(Self.encoderWidth * Self.names))
        own.add("mm.memory.key.bias", shape: [Self.names], floats: values(Self.names))
        own.add(
            "mm.memory.value.weight", shape: [Self.names, Self.width], floats: values(Self.names * Self.width))
        for (name, inputs, outputs) in Self.adapted {
            own.add("\(name).lora_a", shape: [inputs, Self.rank], floats: values(inputs * Self.rank))
            own.add("\(name).lora_b", shape: [Self.rank, outputs], floats: values(outputs * Self.rank))
        }
    }

    static let adapted = [
        ("blk.0.attn_q", 32, 32), ("blk.0.attn_v", 32, 16), ("blk.1.attn_output", 32, 32),
        ("blk.1.ffn_down", 48, 32),
    ]

    /// Changes a key of the model's own file; nil removes it.
    mutating func set(_ key: String, _ value: GGUFBuilder.Value?) {
        own.metadata.removeAll { $0.key == "emuchat-nano.\(key)" }
        if let value { own.set("emuchat-nano.\(key)", value) }
    }

    /// The values of one of the own tensors.
    func values(_ name: String) throws -> [Float] {
        let bytes = try #require(own.tensors.first { $0.name == name }).bytes
        return stride(from: 0, to: bytes.count, by: 4).map { at in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) })
        }
    }

    /// Writes the files, all in one folder unless the parts are to lie in another; hands on the path and that folder.
    func write<Result>(partsApart: Bool = false, _ body: (_ path: String, _ parts: String) throws -> Result) throws
        -> Result
    {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let parts = partsApart ? folder.appendingPathComponent("parts") : folder
        try FileManager.default.createDirectory(at: parts, withIntermediateDirectories: true)
        try Data(decoder.build()).write(to: parts.appendingPathComponent("decoder.gguf"))
        try CLIPConversionTests.convert(to: parts.appendingPathComponent("vision.gguf").path)
        let path = folder.appendingPathComponent("nano.gguf").path
        try Data(own.build()).write(to: URL(fileURLWithPath: path))
        return try body(path, parts.path)
    }
}
