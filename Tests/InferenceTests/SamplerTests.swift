import Foundation
import Generation
import Inference
import TestSupport
import Testing

/// The sampler against its definitions, written out in double precision and sorted in full.
@Suite struct SamplerTests {
    @Test func drawsHaveTheSoftmaxsFrequencies() {
        let logits: [Float] = [1, 0.5, 2, -1, 0, 1.5, -3, 0.25, 1, -0.5]
        for temperature in [0.5, 1, 3] {
            expectFrequencies(options { $0.temperature = temperature }, logits, draws: 200_000)
        }
    }

    @Test func filtersKeepWhatTheirDefinitionsKeep() {
        var random = SeededGenerator(seed: 3)
        // Quarters give ties, and cuts in their midst.
        let logits = (0..<300).map { _ in Float(Int.random(in: -16...16, using: &random)) / 4 }
        for temperature in [0.2, 1, 2] {
            for (topK, topP, minP) in [
                (0, 0.9, 0), (0, 0.3, 0), (1, 1, 0), (7, 1, 0), (40, 1, 0), (40, 0.8, 0), (0, 1, 0.1), (0, 1, 0.5),
                (25, 0.95, 0.05), (0, 0.99, 0.01), (299, 0.5, 0), (1000, 1, 0), (0, 1e-9, 0), (0, 1, 1),
            ] as [(Int, Double, Double)] {
                let options = options {
                    ($0.temperature, $0.topK, $0.topP, $0.minP) = (temperature, topK, topP, minP)
                }
                expectFrequencies(options, logits, draws: 4000)
            }
        }
    }

    @Test func aVocabularyOfEqualsIsCutByIds() {
        let logits = [Float](repeating: -2, count: 1000)
        let drawn = draw(options { $0.topK = 3 }, logits, count: 500)
        #expect(Set(drawn) == [0, 1, 2])
        #expect(Set(draw(options { $0.topP = 0.005 }, logits, count: 500)) == [0, 1, 2, 3, 4])
    }

    @Test func temperatureZeroTakesTheGreatestAndOfEqualsTheFirst() {
        #expect(draw(.greedy, [0, 3, 1, 3, -5], count: 3) == [1, 1, 1])
        #expect(draw(.greedy, [-.infinity, -4], count: 1) == [1])
        // So little that everything but the greatest vanishes, and no quotient overflows.
        #expect(Set(draw(options { $0.temperature = 1e-300 }, [0, 3, 1, 2.999], count: 20)) == [1])
    }

    @Test(
        arguments: [
            [.nan, 1, 2], [1, 2, .nan], [.infinity, 1], [-.infinity, -.infinity], [],
        ] as [[Float]])
    func logitsThatAreNoNumbersGiveNone(_ logits: [Float]) {
        for options in [GenerationOptions.greedy, options { _ in }, options { $0.repetitionPenalty = 1.5 }] {
            var sampler = Sampler(options: options, seed: 1)
            #expect(logits.withUnsafeBufferPointer { sampler.choose($0) } == nil)
        }
    }

    @Test func impossibleTokensAreNeverDrawn() {
        let logits: [Float] = [-.infinity, 0, -.infinity, 1]
        #expect(Set(draw(options { $0.temperature = 100 }, logits, count: 1000)) == [1, 3])
    }

    @Test func whatWasSaidIsPenalized() {
        var options = GenerationOptions.greedy
        options.repetitionPenalty = 2
        // 4 becomes 2, 3 becomes 1.5, then 2 twice: the first of them.
        #expect(draw(options, [1.75, 4, 3, 2], count: 4) == [1, 2, 1, 1])
        // Negative logits grow: -1 becomes -2.
        #expect(draw(options, [-1, -1.5, -3], count: 3) == [0, 1, 0])
        // The begin token counts from the start.
        #expect(draw(options, [1.75, 4, 3, 2], count: 2, begin: 1) == [2, 1])
        #expect(draw(options, [1, 2], count: 1, begin: 7) == [1], "a token outside the logits is no token")
        options.repetitionPenalty = 0.5
        #expect(draw(options, [1, 1.5, 2.5], count: 3, begin: 0) == [2, 2, 2])
        #expect(draw(options, [1.5, 1, 2.5], count: 1, begin: 0) == [0], "below 1 it favours")
    }

    @Test func logProbabilitiesIgnorePenaltyAndFilters() throws {
        let logits: [Float] = [1, 2, 3]
        let options = options { ($0.temperature, $0.topK, $0.repetitionPenalty) = (0.3, 1, 1.1) }
        var sampler = Sampler(options: options, seed: 1)
        let normalizer = log(logits.reduce(0.0) { $0 + exp(Double($1)) })
        for _ in 0..<3 {
            let choice = try #require(logits.withUnsafeBufferPointer { sampler.choose($0) })
            #expect(abs(Double(choice.logProbability) - (Double(logits[Int(choice.token)]) - normalizer)) < 1e-6)
        }
    }

    @Test func theRandomSourceIsTheOnePublished() {
        // xoshiro256**: the vector of the rand_xoshiro crate, made with its authors' program.
        var source = RandomSource(state: (1, 2, 3, 4))
        let expected: [UInt64] = [
            11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360, 607_988_272_756_665_600,
            16_172_922_978_634_559_625, 8_476_171_486_693_032_832, 10_595_114_339_597_558_777,
            2_904_607_092_377_533_576,
        ]
        #expect(expected.map { _ in source.next() } == expected)
        // SplitMix64 from 1234567: its first four numbers are the state.
        var seeded = RandomSource(seed: 1_234_567)
        var same = RandomSource(
            state: (
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431
            ))
        #expect((0..<5).map { _ in seeded.next() } == (0..<5).map { _ in same.next() })
    }

    @Test func unitIntervalsAreEvenAndBelowOne() {
        var source = RandomSource(seed: 5)
        var counts = [Double](repeating: 0, count: 100)
        for _ in 0..<100_000 {
            let number = source.unitInterval()
            #expect((0..<1).contains(number))
            counts[min(99, Int(number * 100))] += 1
        }
        #expect(chiSquare(counts, [Double](repeating: 0.01, count: 100)) < limit(degrees: 99))
    }

    // MARK: Definitions

    /// The probability of each token: softmax at the temperature, then the filters one after another.
    private func definition(_ options: GenerationOptions, _ logits: [Float]) -> [Double] {
        let order = logits.indices.sorted { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
        let greatest = Double(logits[order[0]])
        var kept = order.map { (token: $0, weight: exp((Double(logits[$0]) - greatest) / options.temperature)) }
        if options.topK > 0 { kept = Array(kept.prefix(options.topK)) }
        let total = kept.reduce(0) { $0 + $1.weight }
        var held = 0.0
        var count = kept.count
        for (index, candidate) in kept.enumerated() {
            held += candidate.weight
            // Sums of equals may round to either side of a share that they hit: no test has such a share.
            if options.topP < 1, held >= options.topP * total {
                count = index + 1
                break
            }
        }
        kept = kept.prefix(count).filter { $0.weight >= options.minP }
        let sum = kept.reduce(0) { $0 + $1.weight }
        var probabilities = [Double](repeating: 0, count: logits.count)
        for candidate in kept { probabilities[candidate.token] = candidate.weight / sum }
        return probabilities
    }

    private func expectFrequencies(_ options: GenerationOptions, _ logits: [Float], draws: Int) {
        let expected = definition(options, logits)
        var counts = [Double](repeating: 0, count: logits.count)
        for token in draw(options, logits, count: draws) { counts[Int(token)] += 1 }
        for (token, count) in counts.enumerated() where count > 0 {
            #expect(expected[token] > 0, "\(options): \(token) was to be filtered out")
        }
        // The usual condition of the test: rare tokens count as one.
        var (found, share) = ([0.0], [0.0])
        for (count, probability) in zip(counts, expected) where probability > 0 {
            if probability * Double(draws) < 10 {
                found[0] += count
                share[0] += probability
            } else {
                found.append(count)
                share.append(probability)
            }
        }
        if share[0] * Double(draws) < 5 { (found, share) = (Array(found.dropFirst()), Array(share.dropFirst())) }
        guard share.count > 1 else { return }
        #expect(chiSquare(found, share) < limit(degrees: share.count - 1), "\(options)")
    }

    private func chiSquare(_ counts: [Double], _ probabilities: [Double]) -> Double {
        let draws = counts.reduce(0, +)
        return zip(counts, probabilities).reduce(0) { sum, pair in
            let expected = pair.1 * draws
            return sum + (pair.0 - expected) * (pair.0 - expected) / expected
        }
    }

    /// What chi-square exceeds once in 10,000 times (Wilson and Hilferty's approximation).
    private func limit(degrees: Int) -> Double {
        let ninth = 2 / (9 * Double(degrees))
        return Double(degrees) * pow(1 - ninth + 3.72 * ninth.squareRoot(), 3)
    }

    private func draw(
        _ options: GenerationOptions, _ logits: [Float], count: Int, begin: Int32? = nil
    ) -> [Int32] {
        var sampler = Sampler(options: options, seed: 11, beginToken: begin)
        return logits.withUnsafeBufferPointer { buffer in
            (0..<count).compactMap { _ in sampler.choose(buffer)?.token }
        }
    }

    private func options(_ change: (inout GenerationOptions) -> Void) -> GenerationOptions {
        var options = GenerationOptions(temperature: 1, topP: 1)
        change(&options)
        return options
    }
}
