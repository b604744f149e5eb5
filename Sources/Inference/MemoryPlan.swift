import Generation
import ModelFiles
import Models
import Tensor

/// What running a model takes from memory, against what there is.
package struct MemoryPlan: Sendable, Equatable {
    /// What a plan counts beside the model's sizes.
    package struct Use: Sendable, Equatable {
        package var contextLength: Int
        package var cacheType: GGMLType
        /// Answers that beam search keeps at once; 1 without it.
        package var beamCount: Int
        /// Most tokens of an answer; nil for as many as there is room for.
        package var answerTokens: Int?
        package var threadCount: Int

        package init(
            contextLength: Int, cacheType: GGMLType = .f32, beamCount: Int = 1, answerTokens: Int? = nil,
            threadCount: Int = ThreadPool.availableProcessors
        ) {
            self.contextLength = contextLength
            self.cacheType = cacheType
            self.beamCount = beamCount
            self.answerTokens = answerTokens
            self.threadCount = threadCount
        }
    }

    /// Bytes of the weights, in one copy: the mapped file, or in fast precision what was packed from it.
    package let weights: Int
    /// Bytes of the key-value cache when the context is full, with what beams add to it.
    package let cache: Int
    /// Bytes of activations, logits and attention scores, and of an encoder's while it looks at a picture.
    package let workspace: Int
    /// Bytes that this process may still take; nil when the system does not tell.
    package let available: Int?
    package let use: Use
    let parameterCount: Int
    let configuration: DecoderConfiguration
    private let encoderWorkspace: Int

    /// The plan for a decoder's configuration, beside an encoder that takes so many bytes while it looks at a picture.
    package init(
        weights: Int, parameterCount: Int, configuration: DecoderConfiguration, use: Use, encoderWorkspace: Int = 0,
        available: Int? = AvailableMemory().bytes
    ) {
        self.weights = weights
        self.use = use
        self.available = available
        self.parameterCount = parameterCount
        self.configuration = configuration
        self.encoderWorkspace = encoderWorkspace
        cache = Self.cacheBytes(use, configuration)
        let rows = min(DecoderSession.prefillRows(configuration), use.contextLength)
        let perRow =
            3 * configuration.width + 2 * configuration.attentionHeads * configuration.headSize
            + 2 * configuration.keyValueWidth + 2 * configuration.feedForwardWidth
        let fixed = rows * perRow + Self.product(configuration.vocabularySize, use.beamCount)
        let decoding = Self.product(4, Self.sum(fixed, Self.product(use.contextLength, use.threadCount)))
        workspace = Self.sum(decoding, encoderWorkspace)
    }

    /// The plan for a file's model.
    package init(
        _ file: GGUFFile, _ network: Network, use: Use, precision: Precision,
        available: Int? = AvailableMemory().bytes
    ) {
        self.init(
            weights: Self.weightBytes(of: file, precision: precision), parameterCount: network.parameterCount,
            configuration: network.decoder.configuration, use: use,
            encoderWorkspace: network.visual?.encoderWorkspaceBytes ?? 0, available: available)
    }

    /// Everything together.
    package var total: Int { Self.sum(weights, Self.sum(cache, workspace)) }

    /// Whether it all fits at once; true when nothing is known of the memory.
    package var fits: Bool { available.map { total <= $0 } ?? true }

    /// The same model, used otherwise.
    func with(_ use: Use, weights: Int) -> MemoryPlan {
        MemoryPlan(
            weights: weights, parameterCount: parameterCount, configuration: configuration, use: use,
            encoderWorkspace: encoderWorkspace, available: available)
    }

    // MARK: Parts

    /// Beams share the prompt and keep an answer each, and the best one that has ended is kept beside; counted behind a
    /// prompt of half the context.
    private static func cacheBytes(_ use: Use, _ configuration: DecoderConfiguration) -> Int {
        var slots = use.contextLength
        if use.beamCount > 1 {
            let prompt = use.contextLength / 2
            let answer = min(use.answerTokens ?? Int.max, use.contextLength - prompt)
            slots = max(slots, sum(prompt, product(use.beamCount + 1, answer)))
        }
        return product(KeyValueCache.bytesPerPosition(configuration, type: use.cacheType), slots)
    }

    /// In fast precision every matrix that is multiplied with is packed, and what it was packed from given back; while
    /// it is, both copies of the largest are there.
    static func weightBytes(of file: GGUFFile, precision: Precision) -> Int {
        let sums = LowRankAdapters.bytes(of: file, precision)
        // What draws is opened by itself, when there is something to draw.
        let others = file.tensors.values.reduce(0) { $0 + (DiffusionCheckpoint.isPart($1.name) ? $1.bytes.count : 0) }
        guard precision == .fast else { return sum(max(0, file.size - others), sums) }
        var (total, largest) = (0, 0)
        for tensor in file.tensors.values where !DiffusionCheckpoint.isPart(tensor.name) {
            let packed = isMultiplied(tensor, in: file) ? WeightPacker.packedBytes(tensor.type, tensor.shape) : nil
            total = sum(total, packed ?? tensor.bytes.count)
            if packed != nil { largest = max(largest, tensor.bytes.count) }
        }
        return sum(sum(total, largest), sums)
    }

    /// Whether a matrix is more than a table of rows.
    private static func isMultiplied(_ tensor: GGUFTensor, in file: GGUFFile) -> Bool {
        if tensor.name == "token_embd.weight" { return file.tensors["output.weight"] == nil }
        return tensor.shape.count > 1 && !tensor.name.hasSuffix("position_embd.weight")
    }

    static func product(_ a: Int, _ b: Int) -> Int {
        let (value, overflow) = a.multipliedReportingOverflow(by: b)
        return overflow ? Int.max : value
    }

    static func sum(_ a: Int, _ b: Int) -> Int {
        let (value, overflow) = a.addingReportingOverflow(b)
        return overflow ? Int.max : value
    }
}
