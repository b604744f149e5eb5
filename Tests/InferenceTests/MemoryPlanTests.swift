import Inference
import Models
import Tensor
import TestSupport
import Testing

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
        headSize: Int = 128
    ) -> MemoryPlan {
        MemoryPlan(
            fileSize: weights, parameterCount: Self.parameters, configuration: configuration(headSize: headSize),
            contextLength: context, cacheType: cache, threadCount: 1, available: available)
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
            plan(available: room(1100 * Self.mebibyte)).remedies == [.cacheType(.f16), .contextLength(1024)])
        #expect(plan(available: room(600 * Self.mebibyte)).remedies == [.cacheType(.q8_0), .contextLength(512)])
        #expect(
            plan(available: room(600 * Self.mebibyte), cache: .f16).remedies
                == [.cacheType(.q8_0), .contextLength(1024)])
    }

    @Test func aCacheThatIsSmallestAlreadyLeavesAShorterContext() {
        let remedies = plan(available: room(300 * Self.mebibyte), cache: .q8_0).remedies
        #expect(remedies == [.contextLength(1024)])
    }

    @Test func aHeadOfNoWholeBlocksIsNotOfferedInBlocks() {
        let remedies = plan(available: room(600 * Self.mebibyte), headSize: 16).remedies
        #expect(remedies == [.contextLength(512), .cacheTypeAndContextLength(.f16, 1024)])
    }

    @Test func bothAreOfferedWhereOneIsNotEnough() {
        let remedies = plan(available: room(300 * Self.mebibyte)).remedies
        #expect(remedies == [.contextLength(256), .cacheTypeAndContextLength(.q8_0, 1024)])
    }

    @Test func weightsThatAreTooLargeAskForASmallerType() {
        let large = 4000 * Self.mebibyte
        let inFloat16 = plan(available: 3000 * Self.mebibyte, weights: large).remedies
        guard case .weightType(.f16, let bytes, let context)? = inFloat16.first else {
            Issue.record("\(inFloat16)")
            return
        }
        #expect(bytes == 2 * Self.parameters)
        #expect(context >= 256 && context <= 2048)
        let small = plan(available: 1000 * Self.mebibyte, weights: large).remedies
        guard case .weightType(.q4_0, _, _)? = small.first else {
            Issue.record("\(small)")
            return
        }
        #expect(plan(available: 100 * Self.mebibyte, weights: large).remedies == [])
    }

    @Test func everyRemedyFits() {
        for megabytes in stride(from: 100, through: 5000, by: 37) {
            let available = megabytes * Self.mebibyte
            for remedy in plan(available: available).remedies {
                switch remedy {
                case .cacheType(let type): #expect(plan(available: available, cache: type).fits)
                case .contextLength(let length): #expect(plan(available: available, context: length).fits)
                case .cacheTypeAndContextLength(let type, let length):
                    #expect(plan(available: available, context: length, cache: type).fits)
                case .weightType(_, let bytes, let length):
                    #expect(plan(available: available, context: length, weights: bytes).fits)
                }
            }
        }
    }

    @Test func sizesBeyondCountingAreToldNotTrapped() {
        let shape = DecoderConfiguration(
            vocabularySize: 1000, width: 1024, layerCount: 128, attentionHeads: 8, keyValueHeads: 8, headSize: 128,
            feedForwardWidth: 4096, trainedContextLength: Int.max)
        let plan = MemoryPlan(
            fileSize: Int.max - 1, parameterCount: Int.max, configuration: shape, contextLength: Int.max / 2,
            available: 1 << 30)
        #expect(plan.total == Int.max)
        #expect(plan.remedies == [])
    }
}
