import Foundation

/// The encoder of Emu2 written as its equations stand in section 2.1 of the paper and in `eva_vit.py`: fp64, one loop per
/// sum, nothing shared with the engine.
struct PlainEva {
    private let tensors: [String: [Double]]
    private let width = 24
    private let heads = 3
    private let tokens = 17
    private let grid = 4
    private let patch = 2
    private let side = 8
    private let epsilon = Double(Float(1e-3))

    init(_ model: TinyModel) {
        tensors = model.tensors.mapValues { $0.values.map(Double.init) }
    }

    /// [3, 8, 8] to [17, 24].
    func hiddenStates(_ pixels: [Double]) -> [Double] {
        var x = weights("v.class_embd")
        for row in 0..<grid {
            for column in 0..<grid {
                for feature in 0..<width {
                    var sum = weights("v.patch_embd.bias")[feature]
                    for channel in 0..<3 {
                        for line in 0..<patch {
                            for index in 0..<patch {
                                let weight = ((feature * 3 + channel) * patch + line) * patch + index
                                let pixel = (channel * side + row * patch + line) * side + column * patch + index
                                sum += weights("v.patch_embd.weight")[weight] * pixels[pixel]
                            }
                        }
                    }
                    x.append(sum)
                }
            }
        }
        x = zip(x, weights("v.position_embd.weight")).map(+)
        for layer in 0..<2 {
            let block = "v.blk.\(layer)"
            // The norm stands behind the branch; the branch takes the bare stream.
            x = zip(x, norm(attention(x, block), "\(block).ln1")).map(+)
            let inner = product(x, "\(block).ffn_up", width, 20).map { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }
            x = zip(x, norm(product(inner, "\(block).ffn_down", 20, width), "\(block).ln2")).map(+)
        }
        return x
    }

    private func weights(_ name: String) -> [Double] { tensors[name] ?? [] }

    /// x[N, inputs] · weightᵀ + bias.
    private func product(_ x: [Double], _ name: String, _ inputs: Int, _ outputs: Int) -> [Double] {
        let (matrix, bias) = (weights("\(name).weight"), weights("\(name).bias"))
        return (0..<x.count / inputs).flatMap { row in
            (0..<outputs).map { output in
                (0..<inputs).reduce(bias[output]) { $0 + x[row * inputs + $1] * matrix[output * inputs + $1] }
            }
        }
    }

    private func norm(_ x: [Double], _ name: String) -> [Double] {
        let (weight, bias) = (weights("\(name).weight"), weights("\(name).bias"))
        return stride(from: 0, to: x.count, by: width).flatMap { start in
            let row = x[start..<start + width]
            let mean = row.reduce(0, +) / Double(width)
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
            return row.enumerated().map { ($1 - mean) / (variance + epsilon).squareRoot() * weight[$0] + bias[$0] }
        }
    }

    private func attention(_ x: [Double], _ block: String) -> [Double] {
        let fused = weights("\(block).attn_qkv.weight")
        // Queries first, then keys, which have no bias, then values.
        let biases = [
            weights("\(block).attn_q.bias"), [Double](repeating: 0, count: width), weights("\(block).attn_v.bias"),
        ]
        func part(_ index: Int, _ token: Int, _ feature: Int) -> Double {
            let row = index * width + feature
            return (0..<width).reduce(biases[index][feature]) { $0 + x[token * width + $1] * fused[row * width + $1] }
        }
        let size = width / heads
        let parts = (0..<3).map { index in
            (0..<tokens).map { token in (0..<width).map { part(index, token, $0) } }
        }
        var attended = [Double](repeating: 0, count: tokens * width)
        for head in 0..<heads {
            let features = head * size..<(head + 1) * size
            for token in 0..<tokens {
                let scores = (0..<tokens).map { other in
                    exp(
                        features.reduce(0) { $0 + parts[0][token][$1] * parts[1][other][$1] }
                            / Double(size).squareRoot())
                }
                let total = scores.reduce(0, +)
                for feature in features {
                    attended[token * width + feature] = (0..<tokens).reduce(0) {
                        $0 + scores[$1] / total * parts[2][$1][feature]
                    }
                }
            }
        }
        return product(attended, "\(block).attn_out", width, width)
    }
}
