import Foundation
import ModelFiles
import Models
import TestSupport
import Testing

@Suite struct GoldenEmu2Checkpoints {
    private static let golden = TestSupport.shared?.appendingPathComponent("golden")

    @Test(
        .enabled(if: golden != nil, "../shared is missing"),
        arguments: ["emu2-tiny/chat", "emu2-tiny/gen", "emu2-tiny-2/chat", "emu2-tiny-2/gen"])
    func becomeTheFileOfTheirConversion(name: String) throws {
        let folder = try #require(Self.golden).appendingPathComponent(name)
        let checkpoint = try Emu2Checkpoint(Checkpoint(path: folder.path))
        let file = try ModelRegistry.open(path: folder.path)
        #expect(file.tensorNames == checkpoint.tensors.map(\.name))
        #expect(try file.string("general.architecture") == "emu2")
        #expect(try file.bool("tokenizer.ggml.add_bos_token"))
        let isChat = name.hasSuffix("chat")
        #expect(try file.string("emu2.model_version") == (isChat ? "chat" : "base"))
        #expect(try file.stringList("tokenizer.ggml.tokens").count == (isChat ? 32274 : 32272))
        #expect(try file.strings("tokenizer.ggml.tokens")[32001...32004] == ["[IMG]", "[/IMG]", "<image>", "[gIMG]"])
        let (sizes, layers) = (checkpoint.parameters.sizes, checkpoint.parameters.sizes.visionLayers)
        #expect(
            try file.tensor("v.blk.\(layers - 1).ffn_up.weight").shape == [sizes.visionWidth, sizes.visionFeedForward])
        #expect(try file.tensor("v.class_embd").shape == [sizes.visionWidth])
        #expect(try file.tensor("mm.up.weight").shape == [sizes.visionWidth, sizes.width])
        #expect(file.tensors.count == 4 + 13 * layers + 2 + 9 * sizes.layers + 3)
        #expect(checkpoint.otherParts == (isChat ? [] : ["unet", "vae"]))
    }

    @Test(.enabled(if: golden != nil, "../shared is missing"))
    func theNativeFileTakesItsConfigurationFromElsewhere() throws {
        let tiny = try #require(Self.golden).appendingPathComponent("emu2-tiny")
        let native = tiny.appendingPathComponent("chat-native/Emu2-Chat_pytorch_model.safetensors").path
        let chat = tiny.appendingPathComponent("chat").path
        let file = try ModelRegistry.open(path: native, configurationFolders: [chat])
        let shards = try ModelRegistry.open(path: chat)
        #expect(file.tensorNames == shards.tensorNames)
        #expect(file.tensors.mapValues(\.shape) == shards.tensors.mapValues(\.shape))
        #expect(file.digest() != shards.digest())
        // Alone it is taken for a model of the published size, which it is not.
        #expect(throws: ModelError.self) { try ModelRegistry.open(path: native) }
    }

    @Test func thePublishedSizesGiveThePublishedParameters() throws {
        for (vocabulary, expected) in [(32272, 36_906_513_152), (32274, 36_906_539_776)] {
            var (parameters, tensors) = (0, 0)
            try Emu2Parameters.published(vocabulary: vocabulary).sizes.forEachTensor {
                (name, shape) throws(ModelError) in
                #expect(Emu2TensorNames.own(name) != nil)
                #expect(Emu2TensorNames.own("model." + name) == Emu2TensorNames.own(name))
                #expect(Emu2TensorNames.own("multimodal_encoder." + name) == Emu2TensorNames.own(name))
                parameters += shape.reduce(1, *)
                tensors += 1
            }
            #expect(parameters == expected)
            #expect(tensors == 1381)
        }
    }
}
