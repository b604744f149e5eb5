import Foundation

/// Cosines and sines by which heads are rotated at given positions.
///
/// Source: "RoFormer: Enhanced Transformer with Rotary Position Embedding", section 3.4.
package struct RotaryAngles: Sendable {
    /// Which features form a pair.
    package enum Layout: Sendable {
        /// 2i with 2i + 1: the original LLaMA, and GGUF files of architecture `llama`.
        case interleaved
        /// i with i + R/2: Hugging Face, and most other GGUF architectures.
        case halfSplit
    }

    package let layout: Layout
    /// R, the features of a head that are rotated.
    package let rotatedFeatures: Int
    /// [N, R/2] each.
    let cosine: [Float]
    let sine: [Float]

    /// Angles at `positions` for pair frequencies `inverseFrequencies[R/2]`, in radians per position.
    ///
    /// Rotated features are also multiplied by `magnitude`, as YaRN does.
    package init(positions: [Int], inverseFrequencies: [Double], layout: Layout, magnitude: Double = 1) {
        self.layout = layout
        rotatedFeatures = inverseFrequencies.count * 2
        var cosine = [Float]()
        var sine = [Float]()
        cosine.reserveCapacity(positions.count * inverseFrequencies.count)
        sine.reserveCapacity(positions.count * inverseFrequencies.count)
        for position in positions {
            for frequency in inverseFrequencies {
                let angle = Double(position) * frequency
                cosine.append(Float(magnitude * cos(angle)))
                sine.append(Float(magnitude * sin(angle)))
            }
        }
        self.cosine = cosine
        self.sine = sine
    }

    /// Angles of the cells of a square grid, row by row, `spacing` apart: the first half of the pairs turns with the row,
    /// the second with the column.
    package init(gridSide: Int, spacing: Double, inverseFrequencies: [Double], layout: Layout) {
        self.layout = layout
        rotatedFeatures = inverseFrequencies.count * 4
        var cosine = [Float]()
        var sine = [Float]()
        cosine.reserveCapacity(gridSide * gridSide * inverseFrequencies.count * 2)
        sine.reserveCapacity(gridSide * gridSide * inverseFrequencies.count * 2)
        for row in 0..<gridSide {
            for column in 0..<gridSide {
                for position in [row, column] {
                    for frequency in inverseFrequencies {
                        let angle = Double(position) * spacing * frequency
                        cosine.append(Float(cos(angle)))
                        sine.append(Float(sin(angle)))
                    }
                }
            }
        }
        self.cosine = cosine
        self.sine = sine
    }
}
