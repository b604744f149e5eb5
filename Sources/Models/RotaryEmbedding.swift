// Rotary position embeddings and the ways to stretch them to longer contexts.
//
// "RoFormer: Enhanced Transformer with Rotary Position Embedding", section 3.4; linear scaling: "Extending Context
// Window of Large Language Models via Position Interpolation"; YaRN: "YaRN: Efficient Context Window Extension of Large
// Language Models", section 3; the scaling of Llama 3: the reference code of Llama 3.1.
//
// Letters: R rotated features of a head, b frequency base, s scaling factor, L context length before scaling.

import Foundation
import Tensor

/// How fast each pair of a head's features turns with the position.
package struct RotaryEmbedding: Sendable {
    package let layout: RotaryAngles.Layout
    /// Radians per position: [R/2].
    package let inverseFrequencies: [Double]
    /// What rotated features are multiplied by.
    package let magnitude: Double

    /// The frequencies b^(-2i/R), divided by `factors[R/2]`, then scaled; `attentionFactor` multiplies the magnitude.
    package init(
        rotatedFeatures: Int, base: Double, factors: [Float]? = nil, scaling: RotaryScaling = .none,
        attentionFactor: Double = 1, layout: RotaryAngles.Layout
    ) {
        self.layout = layout
        inverseFrequencies = (0..<rotatedFeatures / 2).map { pair in
            var frequency = pow(base, -2 * Double(pair) / Double(rotatedFeatures))
            if let factors { frequency /= Double(factors[pair]) }
            return scaling.scaled(frequency, pair: pair, rotatedFeatures: rotatedFeatures, base: base)
        }
        magnitude = scaling.magnitude * attentionFactor
    }

    /// Cosines and sines at the positions of a batch.
    func angles(_ batch: DecoderBatch) -> RotaryAngles {
        RotaryAngles(
            positions: batch.positions, inverseFrequencies: inverseFrequencies, layout: layout, magnitude: magnitude)
    }
}

/// A way to stretch rotary embeddings over a longer context.
package enum RotaryScaling: Sendable, Equatable {
    case none
    /// All frequencies divided by s.
    case linear(factor: Double)
    /// Slow pairs divided by s, fast ones kept, a ramp over the pairs between `betaFast` and `betaSlow` turns in L.
    case yarn(factor: Double, originalContext: Int, betaFast: Double, betaSlow: Double)
    /// Slow frequencies divided by s, fast ones kept, blended where L is between `low` and `high` wavelengths.
    case llama3(factor: Double, originalContext: Int, low: Double, high: Double)

    /// The scaled frequency of a pair.
    func scaled(_ frequency: Double, pair: Int, rotatedFeatures: Int, base: Double) -> Double {
        switch self {
        case .none:
            return frequency
        case .linear(let factor):
            return frequency / factor
        case .yarn(let factor, let context, let betaFast, let betaSlow):
            // The pair that turns this often within the original context.
            func pairTurning(_ turns: Double) -> Double {
                Double(rotatedFeatures) * log(Double(context) / (turns * 2 * .pi)) / (2 * log(base))
            }
            let first = max(0, pairTurning(betaFast).rounded(.down))
            let last = min(Double(rotatedFeatures - 1), pairTurning(betaSlow).rounded(.up))
            let ramp = min(max((Double(pair) - first) / max(last - first, 0.001), 0), 1)
            return frequency * (1 - ramp) + frequency / factor * ramp
        case .llama3(let factor, let context, let low, let high):
            let wavelengths = Double(context) * frequency / (2 * .pi)
            let kept = min(max((wavelengths - low) / (high - low), 0), 1)
            return frequency * kept + frequency / factor * (1 - kept)
        }
    }

    /// YaRN's temperature, equation 22 of the paper; 1 for the others.
    var magnitude: Double {
        guard case .yarn(let factor, _, _, _) = self else { return 1 }
        return 0.1 * log(factor) + 1
    }
}

// MARK: Reading

extension ParameterReader {
    /// The rotary embedding that a file's `rope.*` keys describe, `rope_freqs.weight` included.
    func rotaryEmbedding(
        _ configuration: DecoderConfiguration, _ source: TensorSource, layout: RotaryAngles.Layout,
        defaultBase: Double = 10000
    ) throws(ModelError) -> RotaryEmbedding {
        let rotated = try rotatedFeatures(headSize: configuration.headSize)
        let factors = try frequencyFactors(source, pairs: rotated / 2)
        return RotaryEmbedding(
            rotatedFeatures: rotated, base: try frequencyBase("rope.freq_base", default: defaultBase),
            factors: factors, scaling: try rotaryScaling(configuration, hasFactors: factors != nil),
            attentionFactor: try number("rope.scaling.attn_factor", default: 1, in: 1e-3...1e3), layout: layout)
    }

    /// R: the head's features unless the file says fewer.
    func rotatedFeatures(headSize: Int) throws(ModelError) -> Int {
        let rotated = try positive("rope.dimension_count", default: headSize)
        // Without a key of its own the number is the head size, and that is to blame.
        let source = ["rope.dimension_count", "attention.key_length"].first(where: contains) ?? "embedding_length"
        try require(
            source, found: rotated, "an even number of rotated features in each head, up to \(headSize)"
        ) { rotated % 2 == 0 && rotated <= headSize }
        return rotated
    }

    /// b.
    func frequencyBase(_ name: String, default absent: Double) throws(ModelError) -> Double {
        // Below 2 the frequencies would hardly differ.
        try number(name, default: absent, in: 2...1e15)
    }

    /// Divisors of the frequencies, where the file has them: Llama 3's scaling worked out by the converter.
    private func frequencyFactors(_ source: TensorSource, pairs: Int) throws(ModelError) -> [Float]? {
        let name = "rope_freqs.weight"
        guard source.contains(name) else { return nil }
        let factors = try source.vector(name, count: pairs)
        if let wrong = factors.first(where: { !($0 >= 1e-6 && $0 <= 1e6) }) {
            throw .invalidParameter(path: file.path, key: name, found: "\(wrong)", expected: "factors from 1e-6 to 1e6")
        }
        return factors
    }

    private func rotaryScaling(
        _ configuration: DecoderConfiguration, hasFactors: Bool
    ) throws(ModelError) -> RotaryScaling {
        func factor() throws(ModelError) -> Double {
            // Old files have the second name.
            let name = contains("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear"
            return try number(name, default: 1, in: 1...1e6)
        }
        func originalContext() throws(ModelError) -> Int {
            try positive("rope.scaling.original_context_length", default: configuration.trainedContextLength)
        }
        // A file with a factor and no type means linear scaling.
        let kind = try string("rope.scaling.type", default: "linear")
        switch kind {
        case "none":
            return .none
        case "linear":
            let factor = try factor()
            return factor == 1 ? .none : .linear(factor: factor)
        case "yarn":
            for (name, neutral) in [("ext_factor", 1.0), ("log_multiplier", 0), ("attn_factor", 1)] {
                let found = try number("rope.scaling.yarn_\(name)", default: neutral)
                guard found == neutral else { throw refuse("\(prefix).rope.scaling.yarn_\(name) of \(found)") }
            }
            let fast = try number("rope.scaling.yarn_beta_fast", default: 32, in: 1e-3...1e6)
            let slow = try number("rope.scaling.yarn_beta_slow", default: 1, in: 1e-3...1e6)
            try require("rope.scaling.yarn_beta_fast", found: fast, "more than beta_slow, \(slow)") { fast > slow }
            return .yarn(
                factor: try factor(), originalContext: try originalContext(), betaFast: fast, betaSlow: slow)
        case "llama3":
            // The converter's factors are this scaling already.
            if hasFactors { return .none }
            let low = try number("rope.scaling.low_freq_factor", default: 1, in: 1e-3...1e6)
            let high = try number("rope.scaling.high_freq_factor", default: 4, in: 1e-3...1e6)
            try require("rope.scaling.high_freq_factor", found: high, "more than low_freq_factor, \(low)") {
                high > low
            }
            return .llama3(factor: try factor(), originalContext: try originalContext(), low: low, high: high)
        default:
            throw refuse("\(prefix).rope.scaling.type `\(kind)`")
        }
    }
}
