// "Deep Residual Learning for Image Recognition" with GroupNorm and SiLU, as in "Denoising Diffusion Probabilistic
// Models". Letters as in `FeatureMap.swift`; E width of the time embedding.

import Tensor

/// x + conv2(silu(norm2(conv1(silu(norm1(x))) + time))), x projected where the number of channels changes.
struct ResidualBlock: Sendable {
    /// norm1: [C], conv1: [C', C, 3, 3]
    private let firstNorm: GroupNorm
    private let first: Convolution
    /// time_emb_proj: [C', E], absent in autoencoders.
    private let time: Linear?
    /// norm2: [C'], conv2: [C', C', 3, 3]
    private let secondNorm: GroupNorm
    private let second: Convolution
    /// conv_shortcut: [C', C, 1, 1]
    private let shortcut: Convolution?

    init(
        _ source: TensorSource, _ name: String, inputs: Int, outputs: Int, timeWidth: Int?, groups: Int, epsilon: Float
    ) throws(ModelError) {
        firstNorm = try GroupNorm(source, "\(name).norm1", channels: inputs, groups: groups, epsilon: epsilon)
        first = try Convolution(source, "\(name).conv1", inputs: inputs, outputs: outputs)
        if let timeWidth {
            time = try Linear(source, "\(name).time_emb_proj", outputs: outputs, inputs: timeWidth)
        } else {
            time = nil
        }
        secondNorm = try GroupNorm(source, "\(name).norm2", channels: outputs, groups: groups, epsilon: epsilon)
        second = try Convolution(source, "\(name).conv2", inputs: outputs, outputs: outputs)
        shortcut =
            inputs == outputs
            ? nil : try Convolution(source, "\(name).conv_shortcut", inputs: inputs, outputs: outputs, kernel: 1)
    }

    /// Multiplications and additions for a map of so many positions; what is done once for a picture is left out.
    func operations(positions: Int) -> Double {
        [first, second, shortcut].compactMap(\.self).reduce(0) { $0 + $1.operations(positions: positions) }
    }

    /// `time`: silu of each picture's time embedding, [B, E].
    func apply(_ map: FeatureMap, time embedding: [[Float]] = [], pool: ThreadPool) throws(ModelError) -> FeatureMap {
        let added = time.map { time in embedding.map { time.row($0, pool: pool) } }
        let hidden = try first.apply(map, after: firstNorm, adding: added, pool: pool)
        let result = try second.apply(hidden, after: secondNorm, pool: pool)
        result.add(try shortcut?.apply(map, pool: pool) ?? map)
        return result
    }
}

extension Linear {
    /// The projection of one row.
    func row(_ x: [Float], pool: ThreadPool) -> [Float] {
        precondition(x.count == weight.columns, "a row of another width")
        return [Float](unsafeUninitializedCapacity: weight.rows) { buffer, initialized in
            if let out = buffer.baseAddress {
                apply(x, count: 1, into: out, pool: pool)
                initialized = weight.rows
            }
        }
    }
}
