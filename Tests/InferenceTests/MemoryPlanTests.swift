import Foundation
import ModelFiles
import Models
import Tensor
import TestSupport
import Testing

@testable import Inference

/// What running a model is said to take, and what is offered where that is not there.
@Suite struct MemoryPlanTests {
    private static let mebibyte = 1 << 20
    private static let parameters = 1_000_000_000

    /// A billion weights: in F32 a position of this shape takes 1 MiB of cache.
    private func configuration(headSize: Int = 128) -> DecoderConfiguration {
        DecoderConfiguration(
            vocabularySize: 1000, width: 1024, layerCount: 128, attentionHeads: 8, keyValueHeads: 1024 / headSize,
            headSize: headSize, feedForwardWidth: 4096, trainedContextLength: 4096)
    }

    private func plan(
        available: Int?, context: Int = 2048, cache: GGMLType = .f32, weights: Int = 2000 * mebibyte,
        headSize: Int = 128, beams: Int = 1, answer: Int? = nil
    ) -> MemoryPlan {
        MemoryPlan(
            weights: weights, parameterCount: Self.parameters, configuration: configuration(headSize: headSize),
            use: MemoryPlan.Use(
                contextLength: context, cacheType: cache, beamCount: beams, answerTokens: answer, threadCount: 1),
            available: available)
    }

    /// Free memory that leaves this much for the cache.
    private func room(_ bytes: Int, weights: Int = 2000 * mebibyte) -> Int {
        weights + plan(available: nil).workspace + bytes
    }

    @Test func theCacheIsWhatTheContextTakes() {
        #expect(plan(available: nil).cache == 2048 * Self.mebibyte)
        #expect(plan(available: nil, cache: .f16).cache == 1024 * Self.mebibyte)
        #expect(plan(available: nil).fits, "nothing is known of the memory")
        #expect(plan(available: nil).remedies == [])
    }

    @Test func whatFitsNeedsNothingInstead() {
        let exactly = plan(available: room(2048 * Self.mebibyte))
        #expect(exactly.fits && exactly.remedies == [])
        #expect(!plan(available: room(2048 * Self.mebibyte) - 1).fits)
    }

    @Test func aSmallerCacheIsTheFirstRemedy() {
        #expect(
            plan(available: room(1100 * Self.mebibyte)).remedies
                == [MemoryRemedy(cacheType: .f16), MemoryRemedy(contextLength: 1024)])
        #expect(
            plan(available: room(600 * Self.mebibyte)).remedies == [
                MemoryRemedy(cacheType: .q8_0), MemoryRemedy(contextLength: 512),
            ])
        #expect(
            plan(available: room(600 * Self.mebibyte), cache: .f16).remedies
                == [MemoryRemedy(cacheType: .q8_0), MemoryRemedy(contextLength: 1024)])
    }

    @Test func aCacheThatIsSmallestAlreadyLeavesAShorterContext() {
        let remedies = plan(available: room(300 * Self.mebibyte), cache: .q8_0).remedies
        #expect(remedies == [MemoryRemedy(contextLength: 1024)])
    }

    @Test func aHeadOfNoWholeBlocksIsNotOfferedInBlocks() {
        let remedies = plan(available: room(600 * Self.mebibyte), headSize: 16).remedies
        #expect(remedies == [MemoryRemedy(contextLength: 512), MemoryRemedy(cacheType: .f16, contextLength: 1024)])
    }

    @Test func bothAreOfferedWhereOneIsNotEnough() {
        let remedies = plan(available: room(300 * Self.mebibyte)).remedies
        #expect(remedies == [MemoryRemedy(contextLength: 256), MemoryRemedy(cacheType: .q8_0, contextLength: 1024)])
    }

    @Test func weightsThatAreTooLargeAskForASmallerType() {
        let large = 4000 * Self.mebibyte
        let halves = plan(available: 3000 * Self.mebibyte, weights: large).remedies
        #expect(halves.map(\.weightType) == [.f16] && halves.map(\.weightBytes) == [2 * Self.parameters])
        let context = halves.first?.contextLength ?? 0
        #expect(context >= 256 && context < 2048)
        // Where the whole context fits beside them it stays.
        #expect(plan(available: 3900 * Self.mebibyte, weights: large).remedies.first?.contextLength == 1792)
        #expect(plan(available: 3999 * Self.mebibyte, weights: large).remedies.first?.contextLength == nil)
        #expect(plan(available: 1000 * Self.mebibyte, weights: large).remedies.map(\.weightType) == [.q4_0])
        // Beside the smallest there is no room for a context as it was asked for, but for one in a smaller type.
        let tight = plan(available: 690 * Self.mebibyte, weights: large, beams: 4).remedies
        #expect(tight.map(\.weightType) == [.q4_0] && tight.map(\.cacheType) == [.q8_0])
        #expect(plan(available: 100 * Self.mebibyte, weights: large).remedies == [])
    }

    @Test(arguments: [1, 5]) func everyRemedyFits(beams: Int) {
        for megabytes in stride(from: 100, through: 12000, by: 37) {
            let (available, weights) = (megabytes * Self.mebibyte, 2000 * Self.mebibyte)
            for remedy in plan(available: available, beams: beams).remedies {
                let better = plan(
                    available: available, context: remedy.contextLength ?? 2048, cache: remedy.cacheType ?? .f32,
                    weights: remedy.weightType == nil ? weights : remedy.weightBytes,
                    beams: remedy.beamCount ?? beams)
                #expect(better.fits, "\(megabytes): \(remedy)")
            }
        }
    }

    // MARK: Beams

    @Test func beamsKeepAnAnswerEachBehindOnePrompt() {
        // Half the context, then five answers and the best one that has ended.
        #expect(plan(available: nil, beams: 5, answer: 512).cache == (1024 + 6 * 512) * Self.mebibyte)
        #expect(plan(available: nil, beams: 5).cache == (1024 + 6 * 1024) * Self.mebibyte)
        // Short ones fit behind the prompt as it is.
        #expect(plan(available: nil, beams: 5, answer: 10).cache == 2048 * Self.mebibyte)
        let (one, five) = (plan(available: nil), plan(available: nil, beams: 5))
        #expect(five.workspace - one.workspace == 4 * 4 * 1000)
    }

    @Test func fewerBeamsAreARemedy() {
        let whole = plan(available: nil, beams: 5)
        let three = plan(available: nil, beams: 3)
        let remedies = plan(available: three.total, beams: 5).remedies
        #expect(remedies.first == MemoryRemedy(cacheType: .f16))
        #expect(remedies.contains(MemoryRemedy(beamCount: 3)))
        #expect(plan(available: whole.total, beams: 5).fits && !plan(available: whole.total - 1, beams: 5).fits)
    }

    // MARK: What is counted

    @Test func fastPrecisionCountsWhatIsPacked() throws {
        var builder = GGUFBuilder(architecture: "llama")
        builder.add("token_embd.weight", shape: [64, 10], floats: [Float](repeating: 0, count: 640))
        builder.add("output.weight", shape: [64, 16], type: 8, bytes: [UInt8](repeating: 0, count: 16 * 2 * 34))
        builder.add("output_norm.weight", shape: [64], floats: [Float](repeating: 0, count: 64))
        try builder.withFile { path in
            let file = try GGUFFile(path: path)
            #expect(MemoryPlan.weightBytes(of: file, precision: .exact) == file.size)
            let packed = try #require(WeightPacker.packedBytes(.q8_0, [64, 16]))
            #expect(packed >= 16 * 2 * 34)
            // The table of rows and the norm stay; of the matrix both copies are there for a moment.
            #expect(
                MemoryPlan.weightBytes(of: file, precision: .fast) == 4 * 640 + 4 * 64 + packed + 16 * 2 * 34)
        }
    }

    /// What draws is opened by itself.
    @Test func whatDrawsIsNotCounted() throws {
        var builder = GGUFBuilder(architecture: "emu2")
        builder.add("output.weight", shape: [64, 16], type: 8, bytes: [UInt8](repeating: 0, count: 16 * 2 * 34))
        let alone = try builder.withFile { try MemoryPlan.weightBytes(of: GGUFFile(path: $0), precision: .fast) }
        builder.add("unet.a.weight", shape: [64, 64], type: 8, bytes: [UInt8](repeating: 0, count: 64 * 2 * 34))
        builder.add("vae.a.bias", shape: [64], floats: [Float](repeating: 0, count: 64))
        try builder.withFile { path in
            let file = try GGUFFile(path: path)
            #expect(MemoryPlan.weightBytes(of: file, precision: .exact) == file.size - 64 * 2 * 34 - 4 * 64)
            #expect(MemoryPlan.weightBytes(of: file, precision: .fast) == alone)
        }
    }

    @Test func aModelThatDoesNotFitIsNotLoaded() throws {
        try TinyModel.emu2().builder().withFile { path in
            var options = ModelOptions(threadCount: 1)
            options.memoryCheck = MemoryCheck(assumedAvailable: 1 << 30)
            let model = try LoadedModel(path: path, options: options)
            options.memoryCheck = MemoryCheck(assumedAvailable: 1000)
            let error = #expect(throws: InferenceError.self) { try LoadedModel(path: path, options: options) }
            guard case .notEnoughMemory(path, let plan)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            // The model's makers ask for five beams of 512 tokens; here a context of 512 is all there is.
            #expect(plan.use.beamCount == 5 && plan.use.answerTokens == 512)
            #expect(plan.use.contextLength == model.description.contextLength)
            let text = error?.description ?? ""
            for part in [path, "needs", "are free", "--ignore-memory"] { #expect(text.contains(part), "\(text)") }
            // With what was asked for instead, less is enough.
            options.memoryCheck = MemoryCheck(beamCount: 1, assumedAvailable: plan.total - 1)
            _ = try LoadedModel(path: path, options: options)
            options.memoryCheck = nil
            _ = try LoadedModel(path: path, options: options)
        }
    }

    @Test func everyRemedyNamesItsOptions() {
        let remedy = MemoryRemedy(cacheType: .q8_0, contextLength: 512, beamCount: 1)
        for part in ["--context 512", "--cache q8_0", "--beams 1"] { #expect(remedy.description.contains(part)) }
        let file = MemoryRemedy(contextLength: 256, weightType: .q4_0, weightBytes: 3 << 30)
        #expect(file.description.contains("Q4_0, about 3.0 GiB"))
    }

    @Test func sizesBeyondCountingAreToldNotTrapped() {
        let shape = DecoderConfiguration(
            vocabularySize: 1000, width: 1024, layerCount: 128, attentionHeads: 8, keyValueHeads: 8, headSize: 128,
            feedForwardWidth: 4096, trainedContextLength: Int.max)
        let plan = MemoryPlan(
            weights: Int.max - 1, parameterCount: Int.max, configuration: shape,
            use: MemoryPlan.Use(contextLength: Int.max / 2, beamCount: 5), available: 1 << 30)
        #expect(plan.total == Int.max)
        #expect(plan.remedies == [])
    }
}
