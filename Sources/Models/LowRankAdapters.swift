// "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1: y = W x + (α / r) B A x.

import ModelFiles
import Tensor

/// What is added to some of a decoder's matrices: `NAME.lora_a` [r, inputs] and `NAME.lora_b` [outputs, r] to
/// `NAME.weight`.
///
/// The sums are made once, so that they cost no more per token than other weights: in fast precision stored as Q8_0,
/// whose rounding is at most 1/254 of the greatest weight of 32; storing them as narrow as the weights were would round
/// away much of what was added. Two small products for each matrix and token, the other way, would take memory for the
/// adapters alone, but more than a hundred loops in which all threads meet.
package struct LowRankAdapters {
    private struct Pair {
        /// [r, inputs]
        let a: [Float]
        /// [outputs, r]
        let b: [Float]
    }

    private let rank: Int
    private let pairs: [String: Pair]
    private let pool = ThreadPool(threadCount: ThreadPool.availableProcessors)

    /// The projections of a block that may have adapters.
    private static let parts = [
        "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down",
    ]

    /// Takes every adapter of a file; a matrix has both factors or none.
    init(_ source: TensorSource, _ reader: ParameterReader, _ configuration: DecoderConfiguration) throws(ModelError) {
        let rank = try reader.positive("adapter.rank")
        try reader.require("adapter.rank", found: rank, "1 to 1024") { rank <= 1024 }
        let alpha = try reader.number("adapter.alpha", default: Double(rank), in: 0...1e6)
        let factor = Float(alpha / Double(rank))
        let (width, inner) = (configuration.width, configuration.feedForwardWidth)
        let queryWidth = configuration.attentionHeads * configuration.headSize
        var pairs: [String: Pair] = [:]
        for layer in 0..<configuration.layerCount {
            for part in Self.parts {
                let name = "blk.\(layer).\(part)"
                guard source.contains("\(name).lora_a") || source.contains("\(name).lora_b") else { continue }
                let (outputs, inputs) =
                    switch part {
                    case "attn_q": (queryWidth, width)
                    case "attn_k", "attn_v": (configuration.keyValueWidth, width)
                    case "attn_output": (width, queryWidth)
                    case "ffn_down": (width, inner)
                    default: (inner, width)
                    }
                let a = try source.finiteValues("\(name).lora_a", shape: [inputs, rank])
                let b = try source.finiteValues("\(name).lora_b", shape: [rank, outputs])
                pairs["\(name).weight"] = Pair(a: a, b: b.map { $0 * factor })
            }
        }
        self.rank = rank
        self.pairs = pairs
    }

    /// A matrix with what is added to it, in memory of its own; nil where nothing is.
    func sum(of matrix: WeightMatrix, _ name: String, in precision: Precision) throws(ModelError) -> WeightMatrix? {
        guard let pair = pairs[name] else { return nil }
        let (rows, columns) = (matrix.rows, matrix.columns)
        // A's columns as rows of weights, so that B's rows times them give what is added.
        guard let turned = FloatBuffer(count: rank * columns), let sum = FloatBuffer(count: rows * columns),
            let row = FloatBuffer(count: columns)
        else { throw .outOfMemory(what: "the weights of \(name)", bytes: rows * columns * 4) }
        for index in 0..<rank {
            for column in 0..<columns { turned.pointer[column * rank + index] = pair.a[index * columns + column] }
        }
        let weights = WeightMatrix(
            rows: columns, columns: rank, type: .f32,
            bytes: UnsafeRawBufferPointer(start: turned.pointer, count: rank * columns * 4), owner: turned)
        pair.b.withUnsafeBufferPointer { b in
            if let base = b.baseAddress { weights?.multiply(base, count: rows, into: sum.pointer, pool: pool) }
        }
        for index in 0..<rows {
            matrix.widenRow(index, into: row.pointer)
            Kernels.add(sum.pointer + index * columns, row.pointer, count: columns)
        }
        let result = precision == .exact ? Self.plain(sum, rows, columns) : Self.narrowed(sum, rows, columns)
        guard let result else { throw .outOfMemory(what: "the weights of \(name)", bytes: rows * columns * 2) }
        return result
    }

    private static func plain(_ sum: FloatBuffer, _ rows: Int, _ columns: Int) -> WeightMatrix? {
        WeightMatrix(
            rows: rows, columns: columns, type: .f32,
            bytes: UnsafeRawBufferPointer(start: sum.pointer, count: rows * columns * 4), owner: sum)
    }

    /// As Q8_0 where rows are whole blocks.
    private static func narrowed(_ sum: FloatBuffer, _ rows: Int, _ columns: Int) -> WeightMatrix? {
        guard let rowBytes = GGMLType.q8_0.rowBytes(columns: columns) else { return plain(sum, rows, columns) }
        guard let narrow = FloatBuffer(count: (rows * rowBytes + 3) / 4) else { return nil }
        Kernels.narrow(sum.pointer, count: rows * columns, to: .q8_0, into: narrow.pointer)
        return WeightMatrix(
            rows: rows, columns: columns, type: .q8_0,
            bytes: UnsafeRawBufferPointer(start: narrow.pointer, count: rows * rowBytes), owner: narrow)
    }

    /// Bytes that the sums of a file's adapters take, as near as matters for planning.
    package static func bytes(of file: GGUFFile, _ precision: Precision) -> Int {
        file.tensors.keys.filter { $0.hasSuffix(".lora_b") }.reduce(0) { sum, name in
            let weight = file.tensors[name.dropLast(".lora_b".count) + ".weight"]
            // Narrowed, and packed from that.
            return sum + (weight?.elementCount ?? 0) * (precision == .exact ? 8 : 4) / 2
        }
    }
}
