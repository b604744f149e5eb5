import Conversion
import Foundation
import ModelFiles
import Models
import Tensor
import TestSupport
import Testing

@Suite struct SyntheticModels {
    private func written(
        _ shape: String, _ type: TargetType, seed: UInt64 = 0, threads: Int = 2, layers: Int? = nil
    ) throws -> Data {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("model.gguf").path
        try SyntheticModel(shape: shape, layers: layers).write(
            to: path, type: type, seed: seed, threadCount: threads, isCancelled: { false }, progress: { _, _ in })
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    @Test(arguments: TargetType.allCases) func aSeedGivesTheSameBytesOnAnyNumberOfThreads(type: TargetType) throws {
        let first = try written("emu2-tiny", type, seed: 3, threads: 1)
        #expect(try written("emu2-tiny", type, seed: 3, threads: 7) == first)
        #expect(try written("emu2-tiny", type, seed: 4) != first)
    }

    @Test(arguments: TargetType.allCases) func weightsLieAroundZeroAndNormsAroundOne(type: TargetType) throws {
        let bytes = Array(try written("emu2-tiny", type))
        try TestSupport.withTemporaryFile(bytes, name: "model.gguf") { path in
            let file = try GGUFFile(path: path)
            #expect(try file.string("general.architecture") == "emu2")
            #expect(try file.strings("tokenizer.ggml.tokens").count == 32274)
            #expect(Set(try file.strings("tokenizer.ggml.tokens")).count == 32274)
            for tensor in file.tensors.values where tensor.elementCount >= 4096 {
                let values = try #require(
                    Kernels.widen(type: tensor.type, bytes: tensor.bytes, count: tensor.elementCount))
                let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
                let square = values.reduce(0) { $0 + pow(Double($1) - mean, 2) } / Double(values.count)
                let wanted = 1 / Double(tensor.shape[0]).squareRoot()
                #expect(abs(mean) < 0.15 * wanted, "\(tensor.name): \(mean)")
                #expect((0.5...1.5).contains(square.squareRoot() / wanted), "\(tensor.name): \(square.squareRoot())")
            }
            let norm = try file.tensor("output_norm.weight")
            let values = try #require(Kernels.widen(type: norm.type, bytes: norm.bytes, count: norm.elementCount))
            #expect(values.allSatisfy { abs($0 - 1) < 0.1 } && Set(values).count > 10)
        }
    }

    @Test func aDecoderOfAnotherFamilyLoads() throws {
        let bytes = Array(try written("llama-135m", .q8_0, layers: 1))
        try TestSupport.withTemporaryFile(bytes, name: "model.gguf") { path in
            let decoder = try ModelRegistry.decoder(of: ModelRegistry.open(path: path))
            #expect(decoder.configuration.width == 576)
            #expect(decoder.configuration.layerCount == 1)
            let parameters = try SyntheticModel(shape: "llama-135m", layers: 1).parameterCount
            #expect(decoder.parameterCount == parameters)
        }
    }

    @Test func theRealShapesHaveTheRealSizes() throws {
        #expect(try SyntheticModel(shape: "emu2").parameterCount == 36_906_513_152)
        #expect(try SyntheticModel(shape: "emu2-chat").parameterCount == 36_906_539_776)
        // Emu2-Gen's UNet has 2,525,520,644, its autoencoder 83,653,863, as diffusers counts them.
        #expect(try SyntheticModel(shape: "emu2-gen-decoder").parameterCount == 2_525_520_644 + 83_653_863)
        #expect(try SyntheticModel(shape: "emu2-gen").parameterCount == 36_906_513_152 + 2_525_520_644 + 83_653_863)
        // TinyLlama's, with a head of its own.
        #expect(try SyntheticModel(shape: "llama-1.1b").parameterCount == 1_100_048_384)
        #expect(throws: ConversionError.unknownShape(name: "gpt", known: SyntheticModel.names)) {
            try SyntheticModel(shape: "gpt")
        }
    }

    @Test(arguments: [ElementType.f32, .f16, .bf16]) func aCheckpointOpensAsPublishedOnesDo(type: ElementType) throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try SyntheticModel(shape: "emu2-tiny").writeCheckpoint(
            to: folder.path, type: type, seed: 0, threadCount: 2, shardBytes: 5 << 20, isCancelled: { false },
            progress: { _, _ in })
        let checkpoint = try Emu2Checkpoint(Checkpoint(path: folder.path))
        #expect(checkpoint.files.count > 1)
        #expect(checkpoint.parameters.sizes.visionFeedForward == 192)
        #expect(checkpoint.parameters.isChat)
        #expect(checkpoint.tensors.allSatisfy { $0.type == type.storageType })
        let file = try checkpoint.file()
        let types = try file.int32s("tokenizer.ggml.token_type")
        #expect(types.prefix(4) == [2, 3, 3, 6] && types.suffix(2) == [3, 3] && types[259] == 1)
    }
}
