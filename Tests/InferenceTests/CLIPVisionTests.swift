import Foundation
import ModelFiles
import Tensor
import TestSupport
import Testing

@testable import Models

/// CLIP's visual encoders against transformers; see `Reference/clip.py`.
@Suite struct CLIPVisionTests {
    static let names = ["quick", "exact"]

    private func fixture(_ name: String) throws -> (model: CLIPVisionTransformer, expected: SafetensorsFile) {
        (
            try CLIPVisionTransformer(file: GGUFFile(path: Self.path(name))),
            try SafetensorsFile(path: TestSupport.fixture("InferenceTests", "clip/\(name).safetensors").path)
        )
    }

    private static func path(_ name: String) -> String {
        TestSupport.fixture("InferenceTests", "clip/\(name).gguf").path
    }

    /// The largest difference relative to the largest expected value.
    private func difference(_ found: [Float], _ expected: some Collection<Float>) -> Float {
        guard found.count == expected.count else { return .infinity }
        let largest = expected.reduce(0) { max($0, abs($1)) }
        return zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) } / largest
    }

    @Test(arguments: names) func agreesWithTransformersBehindEveryBlock(name: String) throws {
        let (model, expected) = try fixture(name)
        let (pixels, states) = (try expected.floats("pixels"), try expected.floats("hidden"))
        let count = model.configuration.grid.tokenCount * model.configuration.width
        #expect(states.count == (model.configuration.layerCount + 1) * count)
        for layers in 0...model.configuration.layerCount {
            let hidden = try #require(
                try model.hiddenStates(pixels: pixels, layers: layers, pool: ThreadPool(threadCount: 2)))
            let found = difference(hidden.values(0..<count), states[layers * count..<(layers + 1) * count])
            #expect(found < 5e-6, "\(name), \(layers) blocks: \(found)")
        }
    }

    @Test(arguments: names) func agreesWithTransformersWherePicturesAreComparedWithText(name: String) throws {
        let (model, expected) = try fixture(name)
        let pool = ThreadPool(threadCount: 1)
        let hidden = try #require(try model.hiddenStates(pixels: expected.floats("pixels"), pool: pool))
        let pooled = try #require(model.pooled(hidden, pool: pool))
        #expect(try difference(pooled, expected.floats("pooled")) < 5e-6)
        let projected = try #require(model.projected(pooled, pool: pool))
        #expect(try difference(projected, expected.floats("projected")) < 5e-6)
    }

    @Test(arguments: names) func everyThreadCountAndVariantGivesTheSameBits(name: String) throws {
        let (model, expected) = try fixture(name)
        let pixels = try expected.floats("pixels")
        var first: [Float]?
        try Kernels.withEachVariant { variant in
            for threads in [1, 3] {
                let hidden = try #require(
                    try model.hiddenStates(pixels: pixels, pool: ThreadPool(threadCount: threads)))
                let values = hidden.values(0..<hidden.count)
                #expect(values == first ?? values, "\(variant), \(threads) threads")
                first = values
            }
        }
    }

    @Test(arguments: names) func fastPrecisionPointsTheSameWay(name: String) throws {
        let (_, expected) = try fixture(name)
        let packer = WeightPacker(pool: ThreadPool(threadCount: 1)) { _ in }
        let model = try CLIPVisionTransformer(
            file: GGUFFile(path: Self.path(name)), loading: WeightLoading(packer: packer))
        let hidden = try #require(
            try model.hiddenStates(pixels: expected.floats("pixels"), pool: ThreadPool(threadCount: 2)))
        let found = hidden.values(0..<hidden.count)
        let wanted = try expected.floats("hidden").suffix(found.count)
        func product(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Float {
            zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        }
        #expect(
            product(found, wanted) / (product(found, found) * product(wanted, wanted)).squareRoot() > 0.9995)
    }

    @Test func encodingStopsBetweenBlocks() throws {
        let (model, expected) = try fixture("quick")
        var done = [Int]()
        let hidden = try model.hiddenStates(
            pixels: expected.floats("pixels"), pool: ThreadPool(threadCount: 1), isCancelled: { !done.isEmpty },
            progress: { done.append($0) })
        #expect(hidden == nil && done == [1])
    }

    /// Weights that are whole numbers, with a factor for each output, are the same weights.
    @Test func wholeNumbersWithFactorsAreTheirProducts() throws {
        var random = SeededGenerator(seed: 5)
        let (rows, columns, count) = (19, 64, 5)
        let quants = (0..<rows * columns).map { _ in Int8.random(in: -127...127, using: &random) }
        let scales = (0..<rows).map { _ in Float.random(in: 0.001...0.2, using: &random) }
        let bias = (0..<rows).map { _ in Float.random(in: -1...1, using: &random) }
        let x = (0..<count * columns).map { _ in Float.random(in: -1...1, using: &random) }
        // Blocks of 32 whose own scale is one, in fp16.
        let blocks = stride(from: 0, to: quants.count, by: 32).flatMap { start -> [UInt8] in
            [0x00, 0x3C] + quants[start..<start + 32].map { UInt8(bitPattern: $0) }
        }
        var builder = GGUFBuilder(architecture: "clip")
        builder.add("a.weight", shape: [columns, rows], type: GGMLType.q8_0.rawValue, bytes: blocks)
        builder.add("a.scale", shape: [rows], floats: scales)
        builder.add("a.bias", shape: [rows], floats: bias)
        try builder.withFile { path in
            let file = try GGUFFile(path: path)
            for packer in [nil, WeightPacker(pool: ThreadPool(threadCount: 1)) { _ in }] {
                let source = TensorSource(file: file, loading: WeightLoading(packer: packer))
                let linear = try Linear(source, "a", outputs: rows, inputs: columns)
                for threads in [1, 3] {
                    var out = [Float](repeating: 0, count: count * rows)
                    linear.apply(x, count: count, into: &out, pool: ThreadPool(threadCount: threads))
                    for row in 0..<count {
                        for output in 0..<rows {
                            let sum = (0..<columns).reduce(0.0) {
                                $0 + Double(x[row * columns + $1])
                                    * Double(Float(quants[output * columns + $1]) * scales[output])
                            }
                            let error = abs(Double(out[row * rows + output]) - sum - Double(bias[output]))
                            #expect(error < (packer == nil ? 1e-5 : 2e-2) * Double(scales[output]) * 127 * 8)
                        }
                    }
                }
            }
        }
    }

    // MARK: Hostile files

    /// The fixture's tensors, with other keys.
    private func builder(_ changes: [(String, GGUFBuilder.Value?)]) throws -> GGUFBuilder {
        let file = try GGUFFile(path: Self.path("quick"))
        var builder = GGUFBuilder(architecture: "clip")
        var keys: [(String, GGUFBuilder.Value)] = [("use_gelu", .bool(false))]
        for key in [
            "image_size", "patch_size", "embedding_length", "feed_forward_length", "block_count",
            "attention.head_count", "projection_dim",
        ] {
            keys.append(("vision.\(key)", .uint32(UInt32(try file.unsigned("clip.vision.\(key)")))))
        }
        for (key, value) in keys where !changes.contains(where: { $0.0 == key }) { builder.set("clip.\(key)", value) }
        for (key, value) in changes { value.map { builder.set("clip.\(key)", $0) } }
        for tensor in file.tensors.values {
            builder.add(tensor.name, shape: tensor.shape, type: tensor.type.rawValue, bytes: Array(tensor.bytes))
        }
        return builder
    }

    private func expectRefusal(_ builder: GGUFBuilder, naming name: String) throws {
        try builder.withFile { path in
            let error = #expect(throws: ModelError.self, "\(name)") {
                try CLIPVisionTransformer(file: GGUFFile(path: path))
            }
            let text = error?.description ?? ""
            #expect(text.contains(name) && text.contains(path), "\(name): \(text)")
        }
    }

    @Test func impossibleSizesAreNamed() throws {
        for key in [
            "image_size", "patch_size", "embedding_length", "feed_forward_length", "block_count",
            "attention.head_count", "projection_dim",
        ] {
            for value in [nil, .uint32(0), .uint64(.max), .int32(-1), .string("many")] as [GGUFBuilder.Value?] {
                try expectRefusal(builder([("vision.\(key)", value)]), naming: "clip.vision.\(key)")
            }
        }
        let others: [(String, GGUFBuilder.Value, String)] = [
            ("vision.image_size", .uint32(8192), "clip.vision.image_size"),
            ("vision.image_size", .uint32(24), "v.position_embd.weight"),
            ("vision.patch_size", .uint32(16), "clip.vision.image_size"),
            ("vision.attention.head_count", .uint32(5), "clip.vision.attention.head_count"),
            ("vision.block_count", .uint32(4), "v.blk.3."), ("vision.block_count", .uint32(1 << 29), "v.blk.3."),
            ("vision.block_count", .uint32(2), "v.blk.2."),
            ("vision.feed_forward_length", .uint32(65), "v.blk.0.ffn_up.weight"),
            ("vision.projection_dim", .uint32(5), "v.projection.weight"),
            ("vision.attention.layer_norm_epsilon", .float32(.nan), "clip.vision.attention.layer_norm_epsilon"),
            ("vision.attention.layer_norm_epsilon", .float32(2), "clip.vision.attention.layer_norm_epsilon"),
            ("vision.image_std", .float32s([1, 0, 1]), "clip.vision.image_std"),
            ("use_gelu", .uint32(1), "clip.use_gelu"),
        ]
        for (key, value, name) in others { try expectRefusal(builder([(key, value)]), naming: name) }
    }

    @Test func strangeMissingAndMisshapenTensorsAreNamed() throws {
        let whole = try builder([])
        for (index, tensor) in whole.tensors.enumerated() {
            // Without them there is no norm, or no projection; what is left of the norm is one tensor too many.
            let named = tensor.name == "v.post_ln.weight" ? "v.post_ln.bias" : tensor.name
            var broken = whole
            broken.tensors.remove(at: index)
            if tensor.name != "v.projection.weight" { try expectRefusal(broken, naming: named) }
            broken.add(tensor.name, shape: [1], floats: [1])
            try expectRefusal(broken, naming: tensor.name)
        }
        var strange = whole
        strange.add("v.patch_embd.bias", shape: [32], floats: [Float](repeating: 1, count: 32))
        try expectRefusal(strange, naming: "v.patch_embd.bias")
    }

    @Test func anotherArchitectureIsNamed() throws {
        var other = try builder([])
        other.metadata[0].value = .string("siglip")
        try expectRefusal(other, naming: "siglip")
    }
}
