// "High-Resolution Image Synthesis with Latent Diffusion Models", section 3.3; diffusers' `Transformer2DModel` and
// `BasicTransformerBlock`. Letters as in `FeatureMap.swift`; T tokens of the context, X its width.

import Tensor

/// What a picture is drawn from: the tokens of each picture of a batch, [B, T, X].
package struct DiffusionContext: Sendable {
    package let rows: [Float]
    package let count: Int
    package let tokens: Int
    package let width: Int

    /// `rows` holds `count` pictures' tokens of `width` features.
    package init(rows: [Float], count: Int, width: Int) {
        precondition(count > 0 && width > 0 && rows.count % (count * width) == 0, "whole rows for each picture")
        (self.rows, self.count, self.width) = (rows, count, width)
        tokens = rows.count / (count * width)
    }

    /// Each picture's mean over its tokens, [B][X].
    var means: [[Float]] {
        (0..<count).map { picture in
            var sums = [Float](repeating: 0, count: width)
            for token in 0..<tokens {
                for feature in 0..<width { sums[feature] += rows[(picture * tokens + token) * width + feature] }
            }
            return sums.map { $0 / Float(tokens) }
        }
    }
}

/// x + proj_out(blocks(proj_in(norm(x)))), where every position sees every position and the context.
struct SpatialTransformer: Sendable {
    /// norm: [C]
    private let norm: GroupNorm
    /// proj_in, proj_out: [C, C]
    private let input: Linear
    private let output: Linear
    /// transformer_blocks.0, transformer_blocks.1, …
    private let blocks: [SpatialTransformerBlock]

    init(
        _ source: TensorSource, _ name: String, channels: Int, heads: Int, contextWidth: Int, depth: Int, groups: Int
    ) throws(ModelError) {
        // 1e-6 and 1e-5 are constants of diffusers' layers, whatever the model's own epsilon.
        norm = try GroupNorm(source, "\(name).norm", channels: channels, groups: groups, epsilon: 1e-6)
        // A convolution of single positions is a projection, so that files may have either.
        input = try Linear(source, biased: "\(name).proj_in", outputs: channels, inputs: channels)
        var blocks = [SpatialTransformerBlock]()
        for index in 0..<depth {
            blocks.append(
                try SpatialTransformerBlock(
                    source, "\(name).transformer_blocks.\(index)", channels: channels, heads: heads,
                    contextWidth: contextWidth))
        }
        self.blocks = blocks
        output = try Linear(source, biased: "\(name).proj_out", outputs: channels, inputs: channels)
    }

    /// Multiplications and additions for one picture of so many positions.
    func operations(positions: Int, contextTokens: Int) -> Double {
        (input.operations(rows: positions) + output.operations(rows: positions))
            + blocks.reduce(0) { $0 + $1.operations(positions: positions, contextTokens: contextTokens) }
    }

    /// Adds to the map in place.
    func apply(_ map: FeatureMap, context: DiffusionContext, pool: ThreadPool) throws(ModelError) {
        let rows = map.count * map.positions
        let hidden = try norm.apply(map, pool: pool)
        let workspace = try SpatialWorkspace(map)
        input.applyInBlocks(hidden.pointer, count: rows, into: workspace.hidden.pointer, pool: pool)
        for block in blocks { try block.apply(workspace, context: context, pool: pool) }
        output.applyInBlocks(workspace.hidden.pointer, count: rows, into: hidden.pointer, pool: pool)
        map.add(hidden)
    }
}

/// Self-attention, attention to the context and a gated feed-forward, each behind its norm.
private struct SpatialTransformerBlock: Sendable {
    /// norm1, attn1
    private let selfNorm: LayerNorm
    private let selfAttention: SpatialAttention
    /// norm2, attn2
    private let contextNorm: LayerNorm
    private let contextAttention: SpatialAttention
    /// norm3, ff.net.0.proj: [2·4·C, C], ff.net.2: [C, 4·C]
    private let feedForwardNorm: LayerNorm
    private let up: Linear
    private let down: Linear

    init(
        _ source: TensorSource, _ name: String, channels: Int, heads: Int, contextWidth: Int
    ) throws(ModelError) {
        func norm(_ part: String) throws(ModelError) -> LayerNorm {
            try LayerNorm(source, "\(name).\(part)", features: channels, epsilon: 1e-5)
        }
        selfNorm = try norm("norm1")
        selfAttention = try SpatialAttention(
            source, "\(name).attn1", channels: channels, heads: heads, contextWidth: channels, hasBias: false)
        contextNorm = try norm("norm2")
        contextAttention = try SpatialAttention(
            source, "\(name).attn2", channels: channels, heads: heads, contextWidth: contextWidth, hasBias: false)
        feedForwardNorm = try norm("norm3")
        up = try Linear(
            source, biased: "\(name).ff.net.0.proj", outputs: 8 * channels, inputs: channels)
        down = try Linear(source, biased: "\(name).ff.net.2", outputs: channels, inputs: 4 * channels)
    }

    func operations(positions: Int, contextTokens: Int) -> Double {
        selfAttention.operations(positions: positions, seen: positions)
            + contextAttention.operations(positions: positions, seen: contextTokens)
            + up.operations(rows: positions) + down.operations(rows: positions)
    }

    func apply(_ workspace: SpatialWorkspace, context: DiffusionContext, pool: ThreadPool) throws(ModelError) {
        let (hidden, branch) = (workspace.hidden, workspace.branch)
        let rows = hidden.count * hidden.positions
        func normalize(_ norm: LayerNorm) {
            norm.apply(hidden.pointer, rows: rows, into: branch.pointer, pool: pool)
        }
        normalize(selfNorm)
        try selfAttention.apply(branch, context: nil, pool: pool)
        hidden.add(branch)
        normalize(contextNorm)
        try contextAttention.apply(branch, context: context, pool: pool)
        hidden.add(branch)
        normalize(feedForwardNorm)
        feedForward(branch.pointer, rows: rows, workspace, pool)
        hidden.add(branch)
    }

    /// x[rows, C] = down(up[0..<4·C] · gelu(up[4·C...])), some rows at a time.
    private func feedForward(
        _ x: UnsafeMutablePointer<Float>, rows: Int, _ workspace: SpatialWorkspace, _ pool: ThreadPool
    ) {
        let (channels, inner) = (down.weight.rows, down.weight.columns)
        for first in stride(from: 0, to: rows, by: SpatialWorkspace.feedForwardRows) {
            let count = min(SpatialWorkspace.feedForwardRows, rows - first)
            up.apply(x + first * channels, count: count, into: workspace.wide.pointer, pool: pool)
            Kernels.geluGate(
                workspace.wide.pointer, rows: count, columns: inner, into: workspace.gated.pointer, pool: pool)
            down.apply(workspace.gated.pointer, count: count, into: x + first * channels, pool: pool)
        }
    }
}

/// Attention of all positions to all positions, or to the context's tokens.
struct SpatialAttention: Sendable {
    /// to_q: [C, C]; to_k, to_v: [C, X]; to_out.0: [C, C]
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let output: Linear
    private let heads: Int

    init(
        _ source: TensorSource, _ name: String, channels: Int, heads: Int, contextWidth: Int, hasBias: Bool
    ) throws(ModelError) {
        func projection(_ part: String, _ inputs: Int, _ hasBias: Bool) throws(ModelError) -> Linear {
            if hasBias { return try Linear(source, biased: "\(name).\(part)", outputs: channels, inputs: inputs) }
            return try Linear(
                weight: try source.projection("\(name).\(part).weight", rows: channels, columns: inputs), bias: nil)
        }
        query = try projection("to_q", channels, hasBias)
        key = try projection("to_k", contextWidth, hasBias)
        value = try projection("to_v", contextWidth, hasBias)
        output = try projection("to_out.0", channels, true)
        self.heads = heads
    }

    /// Multiplications and additions for one picture whose positions see so many tokens.
    func operations(positions: Int, seen: Int) -> Double {
        query.operations(rows: positions) + key.operations(rows: seen) + value.operations(rows: seen)
            + output.operations(rows: positions) + 4 * Double(positions) * Double(seen) * Double(query.weight.rows)
    }

    /// x = Wo · attention(x), picture by picture.
    func apply(_ x: FeatureMap, context: DiffusionContext?, pool: ThreadPool) throws(ModelError) {
        let (positions, channels) = (x.positions, x.channels)
        let seen = context?.tokens ?? positions
        let queries = try FeatureMap(height: positions, width: 1, channels: channels)
        let keys = try FeatureMap(height: seen, width: 1, channels: channels)
        let values = try FeatureMap(height: seen, width: 1, channels: channels)
        for index in 0..<x.count {
            let picture = x.picture(index)
            query.applyInBlocks(picture, count: positions, into: queries.pointer, pool: pool)
            if let context {
                context.rows.withUnsafeBufferPointer { rows in
                    guard let base = rows.baseAddress else { return }
                    let own = base + index * context.tokens * context.width
                    Linear.apply([(key, keys.pointer), (value, values.pointer)], to: own, count: seen, pool: pool)
                }
            } else {
                key.applyInBlocks(picture, count: positions, into: keys.pointer, pool: pool)
                value.applyInBlocks(picture, count: positions, into: values.pointer, pool: pool)
            }
            // Queries are read before their places are written.
            guard
                Kernels.attendWhole(
                    queries: queries.pointer, count: positions, keys: keys.pointer, values: values.pointer,
                    keyCount: seen, heads: heads, headSize: channels / heads, into: queries.pointer, pool: pool)
            else { throw .outOfMemory(what: "attention", bytes: seen * channels * 2 * MemoryLayout<Float>.stride) }
            output.applyInBlocks(queries.pointer, count: positions, into: picture, pool: pool)
        }
    }
}

/// Memory of one transformer's pass.
private final class SpatialWorkspace {
    /// Rows whose wide activations are there at a time.
    static let feedForwardRows = 256

    /// [B, H, W, C]
    let hidden: FeatureMap
    let branch: FeatureMap
    /// [rows, 8·C], [rows, 4·C]
    let wide: FeatureMap
    let gated: FeatureMap

    init(_ map: FeatureMap) throws(ModelError) {
        hidden = try FeatureMap(count: map.count, height: map.height, width: map.width, channels: map.channels)
        branch = try FeatureMap(count: map.count, height: map.height, width: map.width, channels: map.channels)
        wide = try FeatureMap(height: Self.feedForwardRows, width: 1, channels: 8 * map.channels)
        gated = try FeatureMap(height: Self.feedForwardRows, width: 1, channels: 4 * map.channels)
    }
}

extension Linear {
    /// Multiplications and additions for so many rows.
    func operations(rows: Int) -> Double { 2 * Double(rows) * Double(weight.rows) * Double(weight.columns) }

    /// A projection whose bias must be there.
    init(_ source: TensorSource, biased name: String, outputs: Int, inputs: Int) throws(ModelError) {
        try self.init(
            weight: try source.projection("\(name).weight", rows: outputs, columns: inputs),
            bias: try source.vector("\(name).bias", count: outputs))
    }
}
