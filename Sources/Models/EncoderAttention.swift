// Letters as in `PatchEmbedding.swift`; H heads, D head size, F feed-forward width.

import ModelFiles
import Tensor

/// Self-attention in which every token sees every token.
struct EncoderAttention: Sendable {
    /// [W, W] each
    let query: Linear
    let key: Linear
    let value: Linear
    /// [W], of sub-LN
    let innerNorm: LayerNorm?
    /// [W, W]
    let output: Linear
    private let heads: Int

    init(query: Linear, key: Linear, value: Linear, innerNorm: LayerNorm? = nil, output: Linear, heads: Int) {
        self.query = query
        self.key = key
        self.value = value
        self.innerNorm = innerNorm
        self.output = output
        self.heads = heads
    }

    /// workspace.branch[T, W] = Wo · attention(x), x: [T, W], which may be the branch; `angles` are the patches'.
    func apply(_ x: UnsafePointer<Float>, _ workspace: EncoderWorkspace, angles: RotaryAngles? = nil, pool: ThreadPool)
    {
        let (n, width, headSize) = (workspace.tokenCount, output.weight.rows, query.weight.rows / heads)
        let attended = workspace.attended.pointer
        let (q, k, v) = (workspace.queries.pointer, workspace.keys.pointer, workspace.values.pointer)
        Linear.apply([(query, q), (key, k), (value, v)], to: x, count: n, pool: pool)  // [T, H, D] each
        if let angles {
            // The class token has no place in the picture.
            for states in [q, k] {
                Kernels.rotate(
                    states + width, rows: n - 1, heads: heads, headSize: headSize, angles: angles, pool: pool)
            }
        }
        Kernels.attendWhole(
            queries: q, count: n, keys: k, values: v, keyCount: n, heads: heads, headSize: headSize,
            scratch: workspace.attention, into: attended, pool: pool)  // [T, H, D]
        innerNorm?.apply(attended, rows: n, into: attended, pool: pool)
        output.apply(attended, count: n, into: workspace.branch.pointer, pool: pool)  // [T, W]
    }
}

/// Memory of one pass through a vision transformer.
final class EncoderWorkspace {
    let tokenCount: Int
    /// [T, W]
    let hidden: FloatBuffer
    let branch: FloatBuffer
    let queries: FloatBuffer
    let keys: FloatBuffer
    let values: FloatBuffer
    let attended: FloatBuffer
    /// [T, F]
    let inner: FloatBuffer
    /// [T, F], of SwiGLU
    let gate: FloatBuffer?
    /// [P, 3·p·p]
    let patches: FloatBuffer
    /// What attention takes for itself.
    let attention: FloatBuffer

    init(
        _ grid: PictureGrid, width: Int, heads: Int, feedForwardWidth: Int, isGated: Bool = false
    ) throws(ModelError) {
        let tokens = grid.tokenCount
        func reserve(_ rows: Int, _ columns: Int) throws(ModelError) -> FloatBuffer {
            let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
            guard !overflow, let buffer = FloatBuffer(count: count) else {
                throw .outOfMemory(what: "a picture's activations", bytes: overflow ? Int.max : count * 4)
            }
            return buffer
        }
        tokenCount = tokens
        hidden = try reserve(tokens, width)
        branch = try reserve(tokens, width)
        queries = try reserve(tokens, width)
        keys = try reserve(tokens, width)
        values = try reserve(tokens, width)
        attended = try reserve(tokens, width)
        inner = try reserve(tokens, feedForwardWidth)
        gate = isGated ? try reserve(tokens, feedForwardWidth) : nil
        patches = try reserve(tokens - 1, grid.patchFeatures)
        attention = try reserve(
            1, Kernels.wholeAttentionScratch(keyCount: tokens, heads: heads, headSize: width / heads))
    }

    /// Bytes of one, as near as matters for planning.
    static func bytes(_ grid: PictureGrid, width: Int, feedForwardWidth: Int, isGated: Bool = false) -> Int {
        let columns = 8 * width + (isGated ? 2 : 1) * feedForwardWidth + grid.patchFeatures
        return grid.tokenCount * columns * MemoryLayout<Float>.stride
    }
}
