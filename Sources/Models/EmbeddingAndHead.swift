import ModelFiles
import Tensor

/// What stands at both ends of a decoder: tokens to hidden states, and hidden states to logits.
///
/// Letters: N rows, W width, V vocabulary.
struct EmbeddingAndHead: Sendable {
    /// token_embd.weight: [V, W]
    let embedding: WeightMatrix
    /// output_norm: [W]
    let norm: RMSNorm
    /// output.weight: [V, W]; the embedding again where the file has none.
    let head: WeightMatrix
    /// The embedding in its file, where products read a packed copy of the weights.
    private let table: GGUFTensor?
    /// Tokens of a pass behind which the table's pages are given back.
    private static let manyTokens = 16

    init(_ source: TensorSource, _ configuration: DecoderConfiguration, epsilon: Float) throws(ModelError) {
        let (rows, width) = (configuration.vocabularySize, configuration.width)
        embedding = try source.matrix("token_embd.weight", rows: rows, columns: width)
        norm = try RMSNorm(source, "output_norm", features: width, epsilon: epsilon)
        head = try source.projection(
            source.contains("output.weight") ? "output.weight" : "token_embd.weight", rows: rows, columns: width)
        table = head.isPacked ? source.file.tensors["token_embd.weight"] : nil
    }

    /// out[N, W] = the tokens' rows of the embedding.
    func embed(_ tokens: ArraySlice<Int32>, into out: UnsafeMutablePointer<Float>) {
        for (row, token) in tokens.enumerated() {
            embedding.widenRow(Int(token), into: out + row * embedding.columns)
        }
        // The system maps what lies around every row as well: a long prompt would bring the whole table into memory.
        if let table, tokens.count > Self.manyTokens { table.discard(table.bytes) }
    }

    /// out[N, V] = head · norm(hidden[N, W]).
    func logits(
        hidden: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, workspace: DecoderWorkspace,
        pool: ThreadPool
    ) {
        precondition(count <= workspace.maximumRows, "more rows than the workspace holds")
        norm.apply(hidden, rows: count, into: workspace.normalized.pointer, pool: pool)
        head.multiply(workspace.normalized.pointer, count: count, into: out, pool: pool)
    }
}
