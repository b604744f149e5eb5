import Foundation
import Inference
import ModelFiles
import Models
import Tensor
import TestSupport
import Testing

/// The decoder against recorded results of an independent implementation, and against itself.
@Suite(.serialized) struct DecoderSessionTests {
    @Test(arguments: ["tiny-llama-f32", "tiny-llama-f16", "tiny-llama-q8_0", "tiny-llama-q4_1"])
    func tinyModelsAgreeWithTheReference(_ name: String) throws {
        let folder = TestSupport.fixture("InferenceTests", name)
        try expectAgreement(folder: folder, model: TestSupport.fixture("InferenceTests", "\(name).gguf"))
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func builtInModelAgreesWithTheReference() throws {
        let model = try #require(TestSupport.builtInModel)
        try expectAgreement(folder: TestSupport.fixture("InferenceTests", "smollm2"), model: model)
    }

    private func expectAgreement(folder: URL, model: URL) throws {
        let golden = try Golden(in: folder)
        let recorded = try SafetensorsFile(path: folder.appendingPathComponent("golden.safetensors").path)
        let session = try session(model.path)
        #expect(!golden.textCases.isEmpty)
        for item in golden.textCases {
            session.truncate(to: 0)
            #expect(session.append(item.inputIds[...]))
            if recorded.tensorNames.contains("\(item.name).last_logits") {
                let expected = try recorded.floats("\(item.name).last_logits")
                let difference = largestRelativeDifference(Array(session.logits), expected)
                #expect(difference < 1e-4, "\(item.name): \(difference)")
            }
            #expect(greedy(session, count: item.greedyIds.count) == item.greedyIds, "\(item.name)")
        }
    }

    @Test(arguments: ["tiny-llama-q4_1", "tiny-llama-yarn", "tiny-qwen2", "tiny-gemma3", "tiny-gemma3-capped"])
    func everyThreadCountPassSizeAndVariantGivesTheSameBits(_ name: String) throws {
        let path = TestSupport.fixture("InferenceTests", "\(name).gguf").path
        let prompt = (0..<90).map { Int32(($0 * 37 + 11) % 256) }
        var expected: [Float]?
        try Kernels.withEachVariant { variant in
            for threads in [1, 2, 3, 8] {
                for rows in [1, 2, 7, 64, 128] {
                    let session = try session(path, threads: threads)
                    #expect(session.append(prompt[...], passRows: rows))
                    let logits = Array(session.logits)
                    if let expected {
                        #expect(logits == expected, "\(variant), \(threads) threads, passes of \(rows)")
                    }
                    expected = expected ?? logits
                }
            }
        }
    }

    @Test func logitsOfWholePassesAreThoseOfSingleTokens() throws {
        let path = TestSupport.fixture("InferenceTests", "tiny-llama-q8_0.gguf").path
        // More than one pass, the last of them short.
        let prompt = (0..<150).map { Int32(($0 * 37 + 11) % 256) }
        let together = try session(path)
        #expect(together.append(prompt[..<10]))
        var found = [[Float]]()
        try together.append(prompt[10...]) { position, logits in
            #expect(position == 10 + found.count)
            found.append(Array(logits))
        }
        #expect(found.count == 140 && Array(together.logits) == found.last && together.tokens == prompt)
        let single = try session(path)
        #expect(single.append(prompt[..<10]))
        for (index, token) in prompt[10...].enumerated() {
            #expect(single.append([token]))
            #expect(Array(single.logits) == found[index], "token \(index)")
        }
    }

    @Test(arguments: ["tiny-llama-f16", "tiny-qwen2", "tiny-gemma3"])
    func reusedPrefixGivesTheSameBits(_ name: String) throws {
        let path = TestSupport.fixture("InferenceTests", "\(name).gguf").path
        let first = (0..<40).map { Int32($0 + 65) }
        let second = Array(first.prefix(25)) + [7, 8, 9, 10]
        let fresh = try session(path)
        #expect(fresh.append(second[...]))
        let reusing = try session(path)
        #expect(reusing.append(first[...]))
        #expect(reusing.reuse(for: second) == 25)
        #expect(reusing.append(second[25...]))
        #expect(Array(fresh.logits) == Array(reusing.logits))
        #expect(reusing.reuse(for: second) == second.count - 1, "the last token is computed again for its logits")
    }

    @Test func narrowCachesStayNearTheExactOneAndKeepItsInvariance() throws {
        let decoder = try ModelRegistry.decoder(
            of: GGUFFile(path: TestSupport.fixture("InferenceTests", "tiny-llama-f32.gguf").path))
        let prompt = (0..<80).map { Int32(($0 * 53 + 7) % 256) }
        func logits(_ type: GGMLType, rows: Int, threads: Int) throws -> [Float] {
            let session = try DecoderSession(
                decoder: decoder, contextLength: 128, cacheType: type, pool: ThreadPool(threadCount: threads))
            #expect(session.append(prompt[...], passRows: rows))
            return Array(session.logits)
        }
        let exact = try logits(.f32, rows: 128, threads: 1)
        let half = try logits(.f16, rows: 128, threads: 1)
        let difference = largestRelativeDifference(half, exact)
        #expect(difference > 0 && difference < 2e-3, "\(difference)")
        #expect(try logits(.f16, rows: 3, threads: 2) == half)
        // Its heads of 16 features are no whole block of Q8_0.
        #expect(throws: ModelError.self) { try logits(.q8_0, rows: 8, threads: 1) }
        #expect(throws: ModelError.self) { try logits(.q4_0, rows: 8, threads: 1) }
    }

    @Test(.enabled(if: TestSupport.builtInModel != nil, "the built-in model has not been fetched"))
    func anEightBitCacheStaysNearTheExactOne() throws {
        let decoder = try ModelRegistry.decoder(of: GGUFFile(path: #require(TestSupport.builtInModel).path))
        let prompt = (0..<48).map { Int32($0 * 71 + 300) }
        func logits(_ type: GGMLType) throws -> [Float] {
            let session = try DecoderSession(
                decoder: decoder, contextLength: 64, cacheType: type, pool: ThreadPool(threadCount: 2))
            #expect(session.append(prompt[...]))
            return Array(session.logits)
        }
        let difference = largestRelativeDifference(try logits(.q8_0), try logits(.f32))
        #expect(difference > 0 && difference < 0.02, "\(difference)")
    }

    @Test func cancelledPrefillKeepsCompletePasses() throws {
        let session = try session(TestSupport.fixture("InferenceTests", "tiny-llama-f32.gguf").path)
        var passes = 0
        let done = session.append(
            [1, 2, 3, 4, 5, 6][...], passRows: 2, isCancelled: { passes == 2 }, progress: { _ in passes += 1 })
        #expect(!done)
        #expect(session.tokens == [1, 2, 3, 4])
    }

    /// However large a model's layers are, stopping is looked for within them.
    @Test(arguments: [1, 2]) func cancelsWithinALayer(threads: Int) throws {
        let path = TestSupport.fixture("InferenceTests", "tiny-llama-f32.gguf").path
        let prompt: [Int32] = [1, 2, 3, 4, 5, 6, 7, 8]
        let whole = try session(path, threads: threads)
        var questions = 0
        let isWhole = whole.append(
            prompt[...],
            isCancelled: {
                questions += 1
                return false
            })
        #expect(isWhole)
        // Each layer has two norms, two products with several matrices, two with one, and the attention.
        #expect(questions > 6 * 2, "asked \(questions) times")
        let logits = Array(whole.logits)

        let stopped = try session(path, threads: threads)
        for last in stride(from: 1, through: 5, by: 1) {
            var left = last
            let isDone = stopped.append(
                prompt[...],
                isCancelled: {
                    left -= 1
                    return left <= 0
                })
            #expect(!isDone && stopped.count == 0, "stopped at question \(last)")
        }
        // What was left undone leaves nothing behind.
        #expect(stopped.append(prompt[...]))
        #expect(Array(stopped.logits) == logits)
    }

    private func session(_ path: String, threads: Int = 2) throws -> DecoderSession {
        let decoder = try ModelRegistry.decoder(of: GGUFFile(path: path))
        return try DecoderSession(decoder: decoder, contextLength: 1024, pool: ThreadPool(threadCount: threads))
    }

    private func greedy(_ session: DecoderSession, count: Int) -> [Int32] {
        var sampler = Sampler(options: .greedy, seed: 0)
        var ids = [Int32]()
        while ids.count < count, let choice = sampler.choose(session.logits) {
            ids.append(choice.token)
            guard session.append([choice.token]) else { break }
        }
        return ids
    }
}

/// What a `golden.json` recorded of a text model.
struct Golden: Decodable {
    struct Case: Decodable {
        let name: String
        let inputIds: [Int32]
        let greedyIds: [Int32]
    }
    let textCases: [Case]

    init(in folder: URL) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Self.self, from: Data(contentsOf: folder.appendingPathComponent("golden.json")))
    }
}

/// The largest difference, relative to the largest absolute value expected.
func largestRelativeDifference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    let scale = expected.map(abs).max() ?? 0
    return (zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity) / max(scale, .leastNormalMagnitude)
}
