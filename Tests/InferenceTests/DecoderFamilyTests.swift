import Foundation
import Generation
import Inference
import ModelFiles
import Models
import Tensor
import TestSupport
import Testing

/// Every decoder family against recorded results of an independent implementation.
@Suite struct DecoderFamilyTests {
    static let names = [
        "tiny-llama-linear", "tiny-llama-yarn", "tiny-llama-llama3", "tiny-qwen2", "tiny-gemma3", "tiny-gemma3-capped",
        "tiny-gemma3-deep",
    ]

    @Test(arguments: names) func logitsAgreeWithTheReferenceAtEveryPosition(_ name: String) throws {
        let folder = TestSupport.fixture("InferenceTests", name)
        let golden = try Golden(in: folder)
        let recorded = try SafetensorsFile(path: folder.appendingPathComponent("golden.safetensors").path)
        let item = try #require(golden.textCases.first)
        let expected = try recorded.floats("prompt.logits")
        let decoder = try ModelRegistry.decoder(
            of: GGUFFile(path: TestSupport.fixture("InferenceTests", "\(name).gguf").path))
        let found = try allLogits(decoder, of: item.inputIds)
        let difference = largestRelativeDifference(found, expected)
        #expect(difference < 1e-4, "\(difference)")

        let session = try DecoderSession(decoder: decoder, contextLength: 512, pool: ThreadPool(threadCount: 2))
        #expect(session.append(item.inputIds[...]))
        #expect(Array(session.logits) == Array(found.suffix(session.logits.count)), "the last position by itself")
        var ids = [Int32]()
        for _ in item.greedyIds {
            let best = try #require(session.logits.indices.max { session.logits[$0] < session.logits[$1] })
            ids.append(Int32(best))
            #expect(session.append([Int32(best)]))
        }
        #expect(ids == item.greedyIds)
    }

    /// Keys and a tensor can say the same scaling of Llama 3; the tensor is what converters write.
    @Test func llama3ScalingByKeysEqualsTheConvertersFactors() throws {
        let file = try GGUFFile(path: TestSupport.fixture("InferenceTests", "tiny-llama-llama3.gguf").path)
        let tensor = try file.tensor("rope_freqs.weight", shape: [8])
        let factors = try #require(Kernels.widen(type: tensor.type, bytes: tensor.bytes, count: 8))
        var byKeys = TinyModel("llama", headSize: 16)
        byKeys.set("rope.freq_base", .float32(500_000))
        var byTensor = byKeys
        byKeys.set("rope.scaling.type", .string("llama3"))
        byKeys.set("rope.scaling.factor", .float32(8))
        byKeys.set("rope.scaling.low_freq_factor", .float32(1))
        byKeys.set("rope.scaling.high_freq_factor", .float32(4))
        byKeys.set("rope.scaling.original_context_length", .uint32(64))
        let unscaled = try logits(byTensor)
        byTensor.tensors["rope_freqs.weight"] = ([8], factors)
        let expected = try logits(byTensor)
        #expect(largestRelativeDifference(try logits(byKeys), expected) < 1e-5)
        #expect(largestRelativeDifference(unscaled, expected) > 1e-3)
        // Both together are one scaling, not two.
        byKeys.tensors["rope_freqs.weight"] = ([8], factors)
        #expect(try logits(byKeys) == expected)
    }

    @Test func aWindowAsLongAsThePromptChangesNothing() throws {
        var model = TinyModel("gemma3", headSize: 6)
        model.set("rope.freq_base", .float32(10_000))
        let unlimited = try logits(model)
        model.set("attention.sliding_window", .uint32(1 << 29))
        #expect(try logits(model) == unlimited)
        model.set("attention.sliding_window", .uint32(40))
        #expect(try logits(model) == unlimited)
        model.set("attention.sliding_window", .uint32(39))
        #expect(try logits(model) != unlimited)
        // A window of one position: each token sees itself alone.
        model.set("attention.sliding_window", .uint32(1))
        #expect(try logits(model).allSatisfy(\.isFinite))
        // A list says the same as a period.
        model.set("attention.sliding_window", .uint32(5))
        let byPeriod = try logits(model)
        model.set("attention.sliding_window_pattern", .array(type: 7, [.bool(true), .bool(true)]))
        #expect(try logits(model) == byPeriod)
        model.set("attention.sliding_window_pattern", .array(type: 7, [.bool(true), .bool(false)]))
        #expect(try logits(model) != byPeriod)
    }

    @Test(arguments: ["llama", "qwen2", "gemma3"], [2, 6, 18]) func headsOfAnyEvenSizeRun(
        _ architecture: String, _ headSize: Int
    ) throws {
        #expect(try logits(TinyModel(architecture, headSize: headSize)).allSatisfy(\.isFinite))
    }

    @Test(arguments: [("tiny-qwen2", "qwen2", "chatml"), ("tiny-gemma3", "gemma3", "gemma")])
    func aFileOfEachFamilyAnswersAsAWhole(_ file: String, _ architecture: String, _ template: String) async throws {
        let model = try LoadedModel(path: TestSupport.fixture("InferenceTests", "\(file).gguf").path)
        #expect(model.description.architecture == architecture)
        #expect(model.description.templateName == template)
        let prompt = Prompt(messages: [PromptMessage(role: .user, text: "on the stone")])
        let tokens = model.promptBuilder.build(prompt).tokens
        let (opening, closing) =
            template == "gemma" ? ("<start_of_turn>", "<end_of_turn>") : ("<|im_start|>", "<|im_end|>")
        let start = try #require(model.tokenizer.controlToken(opening))
        #expect(tokens.filter { $0 == start }.count >= 2)
        #expect(model.tokenizer.controlToken(closing).map(model.tokenizer.endOfGeneration.contains) == true)
        if template == "gemma" { #expect(tokens.prefix(2) == [2, start], "begins with BOS") }
        var options = GenerationOptions.greedy
        options.maximumTokens = 8
        var count = 0
        for await event in try InferenceEngine(model: model).generate(prompt, options: options).events {
            if case .token = event { count += 1 }
            if case .failed(let failure) = event { Issue.record("\(failure)") }
        }
        #expect(count > 0)
    }

    private func logits(_ model: TinyModel) throws -> [Float] {
        try model.builder().withFile { path in
            try allLogits(
                ModelRegistry.decoder(of: GGUFFile(path: path)),
                of: (0..<40).map { Int32($0 * 7 % TinyModel.vocabularySize) })
        }
    }

    /// Logits at every position, [T · V], from one pass.
    private func allLogits(_ decoder: any Decoder, of ids: [Int32]) throws -> [Float] {
        let (configuration, pool) = (decoder.configuration, ThreadPool(threadCount: 2))
        let cache = try KeyValueCache(configuration, slotCount: ids.count)
        let workspace = try DecoderWorkspace(
            configuration, maximumRows: ids.count, contextLength: ids.count, threadCount: pool.threadCount)
        decoder.embed(ids[...], into: workspace.hidden.pointer)
        let batch = DecoderBatch(sequence: CacheSequence(contiguous: ids.count), positions: 0..<ids.count)
        decoder.forward(batch, cache: cache, workspace: workspace, pool: pool)
        let out = try #require(FloatBuffer(count: ids.count * configuration.vocabularySize))
        decoder.logits(
            hidden: workspace.hidden.pointer, count: ids.count, into: out.pointer, workspace: workspace, pool: pool)
        return out.values(0..<out.count)
    }
}
