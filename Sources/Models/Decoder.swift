import Tensor

/// A causal language model: embeddings in, hidden states and logits out.
///
/// Immutable after loading, so any number of caches can use one decoder.
package protocol Decoder: Sendable {
    var configuration: DecoderConfiguration { get }

    /// Number of weights.
    var parameterCount: Int { get }

    /// Writes the embedding of each token: out[N, width]. Ids must be in the vocabulary.
    func embed(_ tokens: ArraySlice<Int32>, into out: UnsafeMutablePointer<Float>)

    /// Runs rows through all layers, extending the cache: workspace.hidden[N, width] is read and replaced.
    ///
    /// Within `ThreadPool.cancellable` it can be stopped: hidden states and the rows' cache slots are then void.
    func forward(_ batch: DecoderBatch, cache: KeyValueCache, workspace: DecoderWorkspace, pool: ThreadPool)

    /// Final norm and head for `count` rows of hidden states: out[count, vocabularySize].
    func logits(
        hidden: UnsafePointer<Float>, count: Int, into out: UnsafeMutablePointer<Float>, workspace: DecoderWorkspace,
        pool: ThreadPool)
}

/// The sizes that callers of a decoder need.
package struct DecoderConfiguration: Sendable, Equatable {
    package let vocabularySize: Int
    /// Features of a hidden state.
    package let width: Int
    package let layerCount: Int
    package let attentionHeads: Int
    package let keyValueHeads: Int
    package let headSize: Int
    package let feedForwardWidth: Int
    /// Positions that the model was trained for.
    package let trainedContextLength: Int

    package init(
        vocabularySize: Int, width: Int, layerCount: Int, attentionHeads: Int, keyValueHeads: Int, headSize: Int,
        feedForwardWidth: Int, trainedContextLength: Int
    ) {
        self.vocabularySize = vocabularySize
        self.width = width
        self.layerCount = layerCount
        self.attentionHeads = attentionHeads
        self.keyValueHeads = keyValueHeads
        self.headSize = headSize
        self.feedForwardWidth = feedForwardWidth
        self.trainedContextLength = trainedContextLength
    }

    /// Features of all key (or value) heads together.
    package var keyValueWidth: Int { keyValueHeads * headSize }
}

/// Which positions a forward pass computes, and what each row sees.
package struct DecoderBatch {
    /// Position of each row in its sequence.
    package let positions: [Int]
    /// The sequence of each row; row i sees its sequence up to and including `positions[i]`.
    package let sequences: [CacheSequence]

    package init(positions: [Int], sequences: [CacheSequence]) {
        precondition(positions.count == sequences.count, "a sequence for each row")
        self.positions = positions
        self.sequences = sequences
    }

    /// Consecutive positions of one sequence.
    package init(sequence: CacheSequence, positions: Range<Int>) {
        self.init(positions: Array(positions), sequences: Array(repeating: sequence, count: positions.count))
    }

    package var count: Int { positions.count }
}

/// Scratch memory of forward passes of up to `maximumRows` rows.
package final class DecoderWorkspace {
    package let maximumRows: Int
    /// [maximumRows, width]
    package let hidden: FloatBuffer
    let normalized: FloatBuffer
    let projected: FloatBuffer
    /// [maximumRows, heads · headSize]
    let queries: FloatBuffer
    let attended: FloatBuffer
    /// [maximumRows, keyValueWidth]
    let keys: FloatBuffer
    let values: FloatBuffer
    /// [maximumRows, feedForwardWidth]
    let gate: FloatBuffer
    let up: FloatBuffer
    /// [threads, contextLength]
    let scores: FloatBuffer

    package init(
        _ configuration: DecoderConfiguration, maximumRows: Int, contextLength: Int, threadCount: Int
    ) throws(ModelError) {
        func reserve(_ columns: Int, _ rows: Int) throws(ModelError) -> FloatBuffer {
            let (count, overflow) = columns.multipliedReportingOverflow(by: rows)
            guard !overflow, let buffer = FloatBuffer(count: count) else {
                throw .outOfMemory(what: "activations", bytes: overflow ? Int.max : count * 4)
            }
            return buffer
        }
        self.maximumRows = maximumRows
        hidden = try reserve(configuration.width, maximumRows)
        normalized = try reserve(configuration.width, maximumRows)
        projected = try reserve(configuration.width, maximumRows)
        let queryWidth = configuration.attentionHeads * configuration.headSize
        queries = try reserve(queryWidth, maximumRows)
        attended = try reserve(queryWidth, maximumRows)
        keys = try reserve(configuration.keyValueWidth, maximumRows)
        values = try reserve(configuration.keyValueWidth, maximumRows)
        gate = try reserve(configuration.feedForwardWidth, maximumRows)
        up = try reserve(configuration.feedForwardWidth, maximumRows)
        scores = try reserve(contextLength, threadCount)
    }
}
