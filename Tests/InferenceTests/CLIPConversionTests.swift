import Conversion
import Foundation
import ModelFiles
import Models
import Pixels
import Tensor
import TestSupport
import Testing

/// A CLIP encoder in ONNX becomes a GGUF with the same whole numbers and factors; see `Reference/clip_onnx.py`.
@Suite struct CLIPConversionTests {
    private static var source: String { TestSupport.fixture("InferenceTests", "clip/int8.onnx").path }

    static func convert(_ source: String = source, to path: String, threads: Int = 1) throws {
        try CLIPConverter(CLIPGraph(ONNXFile(path: source))).write(
            to: path, threadCount: threads, isCancelled: { false }, progress: { _, _ in })
    }

    private func withConverted<Result>(threads: Int = 1, _ body: (String) throws -> Result) throws -> Result {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("encoder.gguf").path
        try Self.convert(to: path, threads: threads)
        return try body(path)
    }

    /// The picture of the reference script.
    private func picture(_ side: Int) throws -> PixelImage {
        let bytes = (0..<side * side * 3).map { index -> UInt8 in
            let (x, y, c) = (index / 3 % side, index / 3 / side, index % 3)
            return UInt8((x * 7 + y * 13 + c * 50 + x * y / 16) % 256)
        }
        return try #require(PixelImage(width: side, height: side, bytes: bytes))
    }

    /// The largest difference of some rows of the hidden states, and of the projection.
    private func difference(_ path: String, _ fixture: String, rows: [Int]?) throws -> Float {
        let expected = try SafetensorsFile(path: TestSupport.fixture("InferenceTests", "clip/\(fixture)").path)
        let model = try CLIPVisionTransformer(file: GGUFFile(path: path))
        let (pool, width) = (ThreadPool(threadCount: 2), model.configuration.width)
        let pixels = try model.preprocessing.pixels(of: picture(model.preprocessing.side))
        let hidden = try #require(try model.hiddenStates(pixels: pixels, pool: pool))
        let found = (rows ?? Array(0..<model.configuration.grid.tokenCount)).flatMap { row in
            hidden.values(row * width..<(row + 1) * width)
        }
        let pooled = try #require(model.pooled(hidden, pool: pool))
        let all = found + (try #require(model.projected(pooled, pool: pool)))
        let wanted = try expected.floats("hidden") + expected.floats("projected")
        #expect(all.count == wanted.count)
        return zip(all, wanted).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    @Test func computesWhatTheWeightsStandFor() throws {
        let found = try withConverted { try difference($0, "int8.safetensors", rows: nil) }
        #expect(found < 1e-4, "\(found)")
    }

    @Test(.enabled(if: TestSupport.visualEncoder != nil, "the visual encoder has not been fetched"))
    func thePublishedEncoderComputesWhatItsWeightsStandFor() throws {
        let path = try #require(TestSupport.visualEncoder).path
        let found = try difference(path, "vit-b16.safetensors", rows: [0, 1, 100, 196])
        #expect(found < 1e-4, "\(found)")
    }

    @Test func wholeNumbersAndFactorsAreTheGraphs() throws {
        let graph = try ONNXFile(path: Self.source)
        let products = graph.nodes.filter { $0.operation == "MatMulInteger" }
        #expect(products.count == 13)
        try withConverted { path in
            let file = try GGUFFile(path: path)
            let weight = try file.tensor("v.blk.0.attn_q.weight", shape: [32, 32])
            // The first product of the graph, whose columns are the outputs.
            let name = products[0].inputs[1]
            let quants = try #require(try graph.tensor(name).bytes)
            for output in 0..<32 {
                let block = weight.bytes[output * 34..<(output + 1) * 34]
                #expect(Array(block.prefix(2)) == [0x00, 0x3C])
                #expect(block.dropFirst(2).elementsEqual((0..<32).map { quants[$0 * 32 + output] }))
            }
            let factors = try #require(
                try graph.tensor(name.replacing("quantized", with: "scale")).floats)
            let scale = try file.tensor("v.blk.0.attn_q.scale", shape: [32])
            #expect(Kernels.widen(type: scale.type, bytes: scale.bytes, count: 32) == factors)
            #expect(try file.unsigned("clip.vision.attention.head_count") == 4)
            #expect(try file.float("clip.vision.attention.layer_norm_epsilon") == Double(Float(1e-5)))
        }
    }

    @Test func theBytesDoNotDependOnThreads() throws {
        let one = try withConverted(threads: 1) { try Data(contentsOf: URL(fileURLWithPath: $0)) }
        #expect(try withConverted(threads: 3) { try Data(contentsOf: URL(fileURLWithPath: $0)) } == one)
    }

    // MARK: Graphs of others

    /// Spells another word of the same length throughout the file.
    private func refusal(replacing word: String, with other: String) throws -> String {
        precondition(word.utf8.count == other.utf8.count)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: Self.source))
        while let range = bytes.range(of: Data(word.utf8)) { bytes.replaceSubrange(range, with: Data(other.utf8)) }
        return try TestSupport.withTemporaryFile(Array(bytes), name: "a.onnx") { path in
            let error = #expect(throws: ModelFileError.self, "\(word)") { try CLIPGraph(ONNXFile(path: path)) }
            let text = error?.description ?? ""
            #expect(text.hasPrefix(path), "\(text)")
            return text
        }
    }

    @Test func whatIsNotSuchAnEncoderIsNamed() throws {
        for (word, other, named) in [
            ("MatMulInteger", "MatMulIntegra", "self_attn.q_proj"),
            ("pre_layrnorm.weight", "pre_layrnorm.wight2", "pre_layrnorm"),
            ("layers.1.mlp.fc1.bias", "layers.1.mlp.fc3.bias", "layers.1.mlp.fc"),
            ("class_embedding", "class_embeddin2", "class_embedding"), ("Sigmoid", "Softer1", "the activation"),
            ("Reshape", "Reshap2", "the heads"), ("Sqrt", "Sqr1", "the norm"), ("Cast", "Casd", "the product"),
            ("layers.1.layer_norm1", "layers.7.layer_norm1", "layers."),
        ] {
            let text = try refusal(replacing: word, with: other)
            #expect(text.contains(named), "\(word): \(text)")
        }
    }

    @Test func aFileOfAnotherKindIsRefused() throws {
        for bytes in [Array("hello".utf8), [], [0x08, 0x07, 0x12, 0xFF], [0x3A, 0x02, 0x0A, 0x00]] as [[UInt8]] {
            try TestSupport.withTemporaryFile(bytes, name: "a.onnx") { path in
                _ = #expect(throws: ModelFileError.self) { try ONNXFile(path: path) }
            }
        }
    }

    @Test func damagedGraphsNeitherTrapNorHang() throws {
        let original = try Array(Data(contentsOf: URL(fileURLWithPath: Self.source)))
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("mutant.onnx").path
        var random = SeededGenerator(seed: 71)
        var (graphs, encoders) = (0, 0)
        for _ in 0..<Mutation.count(default: 400) {
            let bytes = Mutation.mutate(original, with: &random)
            #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
            do throws(ModelFileError) {
                let file = try ONNXFile(path: path)
                graphs += 1
                for tensor in file.tensors.values { _ = (tensor.scalar, tensor.isZero, tensor.elementCount) }
                let graph = try CLIPGraph(file)
                encoders += 1
                _ = try? CLIPConverter(graph)
            } catch {
                let text = error.description
                try #require(!text.isEmpty && !text.unicodeScalars.contains { $0.value < 32 || $0.value == 127 })
            }
        }
        #expect(graphs > 0 && encoders > 0)
    }
}
