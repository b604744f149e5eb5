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
    private let shape: AttentionShape
    private let precision: Precision

    init(
        query: Linear, key: Linear, value: Linear, innerNorm: LayerNorm? = nil, output: Linear, heads: Int,
        precision: Precision
    ) {
        self.query = query
        self.key = key
        self.value = value
        self.innerNorm = innerNorm
        self.output = output
        shape = AttentionShape(heads: heads, keyValueHeads: heads, headSize: query.weight.rows / heads)
        self.precision = precision
    }

    /// workspace.branch[T, W] = Wo · attention(x), x: [T, W], which may be the branch; `angles` are the patches'.
    func apply(_ x: UnsafePointer<Float>, _ workspace: EncoderWorkspace, angles: RotaryAngles? = nil, pool: ThreadPool)
    {
        let (n, width, attended) = (workspace.tokenCount, output.weight.rows, workspace.attended.pointer)
        let (q, k, v) = (workspace.queries.pointer, workspace.keys.pointer, workspace.values.pointer)
        Linear.apply([(query, q), (key, k), (value, v)], to: x, count: n, pool: pool)  // [T, H, D] each
        if let angles {
            // The class token has no place in the picture.
            for heads in [q, k] {
                Kernels.rotate(
                    heads + width, rows: n - 1, heads: shape.heads, headSize: shape.headSize, angles: angles,
                    pool: pool)
            }
        }
        shape.attend(
            queries: q, keys: UnsafeRawPointer(k), values: UnsafeRawPointer(v), cacheType: .f32,
            headBytes: shape.headSize * MemoryLayout<Float>.stride, slots: workspace.slots, lengths: workspace.lengths,
            scratch: workspace.scores, into: attended, precision: precision, pool: pool)  // [T, H, D]
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
    /// [threads, T]
    let scores: FloatBuffer
    /// Every token sees every token.
    let slots: [UnsafePointer<Int32>?]
    let lengths: [Int32]
    private let order: UnsafeMutableBufferPointer<Int32>

    init(
        _ grid: PictureGrid, width: Int, feedForwardWidth: Int, isGated: Bool = false, threadCount: Int
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
        scores = try reserve(threadCount, tokens)
        order = .allocate(capacity: tokens)
        for token in 0..<tokens { order.initializeElement(at: token, to: Int32(token)) }
        slots = Array(repeating: order.baseAddress.map { UnsafePointer($0) }, count: tokens)
        lengths = Array(repeating: Int32(tokens), count: tokens)
    }

    deinit { order.deallocate() }

    /// Bytes of one, as near as matters for planning.
    static func bytes(_ grid: PictureGrid, width: Int, feedForwardWidth: Int, isGated: Bool = false) -> Int {
        let columns = 6 * width + (isGated ? 2 : 1) * feedForwardWidth + grid.patchFeatures
        return grid.tokenCount * columns * MemoryLayout<Float>.stride
    }
}
