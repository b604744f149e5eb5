import Foundation
import Generation
import Inference
import Models
import Tensor
import TestSupport
import Testing

/// Packed weights in whole models: near the exact ones, and as independent of threads, passes and caches.
@Suite struct FastPrecisionTests {
    private static let models = ["tiny-llama-q4_1", "tiny-llama-q8_0", "tiny-qwen2", "tiny-gemma3"]

    private func model(_ path: String, _ precision: Precision, threads: Int = 2) throws -> LoadedModel {
        try LoadedModel(path: path, options: ModelOptions(threadCount: threads, precision: precision))
    }

    private func path(_ name: String) -> String { TestSupport.fixture("InferenceTests", "\(name).gguf").path }

    private func cosine(_ a: [Float], _ b: [Float]) -> Double {
        var (product, first, second) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += Double(x) * Double(y)
            first += Double(x) * Double(x)
            second += Double(y) * Double(y)
        }
        return product / (first * second).squareRoot()
    }

    @Test(arguments: models, [Precision.exact, .fast])
    func loadingTellsHowFarItIs(_ name: String, _ precision: Precision) throws {
        var told: [(done: Int, total: Int)] = []
        let model = try LoadedModel(
            path: path(name), options: ModelOptions(threadCount: 1, precision: precision),
            progress: { told.append(($0, $1)) })
        let total = model.file.tensors.values.reduce(0) { $0 + $1.bytes.count }
        #expect(told.allSatisfy { $0.total == total })
        // Once before each tensor, and at the end.
        #expect(told.count == model.file.tensors.count + 1)
        #expect(told.first?.done == 0 && told.last?.done == total)
        #expect(zip(told, told.dropFirst()).allSatisfy { $0.done < $1.done })
    }

    private let prompt = (0..<90).map { Int32(($0 * 37 + 11) % 256) }

    @Test(arguments: models) func everyThreadCountAndPassSizeGivesTheSameBits(_ name: String) throws {
        var expected: [Float]?
        for threads in [1, 2, 3, 8] {
            let model = try model(path(name), .fast, threads: threads)
            for rows in [1, 2, 7, 64, 128] {
                let session = try DecoderSession(model: model)
                #expect(session.append(prompt[...], passRows: rows))
                let logits = Array(session.logits)
                #expect(expected == nil || logits == expected, "\(threads) threads, passes of \(rows)")
                expected = expected ?? logits
            }
        }
    }

    @Test(arguments: ["tiny-llama-q4_1", "tiny-llama-q8_0", "tiny-llama-f16"])
    func logitsAreNearTheExactOnes(_ name: String) throws {
        let exact = try DecoderSession(model: model(path(name), .exact))
        let fast = try DecoderSession(model: model(path(name), .fast))
        #expect(exact.append(prompt[...]) && fast.append(prompt[...]))
        #expect(Array(exact.logits) != Array(fast.logits), "nothing was packed")
        #expect(cosine(Array(exact.logits), Array(fast.logits)) > 0.9995)
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func theBuiltInModelsLogitsAreNearTheExactOnes() throws {
        let file = try #require(TestSupport.builtInModel).path
        let exact = try model(file, .exact)
        let fast = try model(file, .fast)
        let text = "In the beginning God created the heaven and the earth. And the earth was without form, and void."
        let tokens = exact.tokenizer.encode(text)
        let sessions = (try DecoderSession(model: exact), try DecoderSession(model: fast))
        var (sum, agreeing) = (0.0, 0)
        for token in tokens {
            #expect(sessions.0.append([token]) && sessions.1.append([token]))
            let (first, second) = (Array(sessions.0.logits), Array(sessions.1.logits))
            sum += cosine(first, second)
            if first.firstIndex(of: first.max() ?? 0) == second.firstIndex(of: second.max() ?? 0) { agreeing += 1 }
        }
        // Behind thirty layers, each of whose products is within 0.99999.
        #expect(sum / Double(tokens.count) > 0.997, "\(sum / Double(tokens.count))")
        #expect(agreeing * 10 >= tokens.count * 8, "\(agreeing) of \(tokens.count)")
    }

    @Test func aReusedBeginningChangesNothing() async throws {
        let file = path("tiny-llama-q4_1")
        func engine() throws -> InferenceEngine { try InferenceEngine(model: model(file, .fast)) }
        func raw(_ text: String) -> Prompt {
            Prompt(messages: [PromptMessage(role: .user, text: text)], layout: .raw)
        }
        let kept = try engine()
        var options = GenerationOptions.greedy
        options.maximumTokens = 12
        for beams in [1, 4] {
            options.beamCount = beams
            _ = await GenerationOutcome(of: kept.generate(raw("WHERE DOES IT"), options: options))
            let after = await GenerationOutcome(of: kept.generate(raw("WHERE DOES IT GO"), options: options))
            let fresh = await GenerationOutcome(of: try engine().generate(raw("WHERE DOES IT GO"), options: options))
            #expect(after.ids == fresh.ids)
            #expect(after.tokens.map(\.logProbability) == fresh.tokens.map(\.logProbability))
            #expect(after.start?.reusedTokens ?? 0 > 0)
        }
    }

    @Test func theDescriptionNamesTheArithmetic() throws {
        let fast = try model(path("tiny-llama-q4_1"), .fast).description
        #expect(fast.precision == "fast" && fast.kernel == Precision.fast.kernelName)
        #expect(try model(path("tiny-llama-q4_1"), .exact).description.precision == "exact")
    }
}
