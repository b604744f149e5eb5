import ModelFiles
import Models
import Tensor

/// A model of a real one's size with random weights: what speed and memory can be measured with where the real weights
/// cannot be had.
package struct SyntheticModel: Sendable {
    /// A tensor to be made up; the shape has the innermost dimension first.
    struct Entry: Sendable {
        /// In a GGUF, and in a checkpoint.
        let name: String
        let publishedName: String
        let shape: [Int]
        let publishedShape: [Int]
    }

    package let name: String
    let metadata: [(key: String, value: GGUFMetadataValue)]
    let entries: [Entry]
    let vocabulary: SyntheticVocabulary
    /// What `config.json` of a checkpoint says; nil where only a GGUF is written.
    let emu2: Emu2Parameters?

    private struct LlamaSizes {
        let width, layers, heads, keyValueHeads, feedForward, vocabulary, context: Int
    }

    private static let llamas: [String: LlamaSizes] = [
        "llama-135m": LlamaSizes(
            width: 576, layers: 30, heads: 9, keyValueHeads: 3, feedForward: 1536, vocabulary: 32000, context: 2048),
        "llama-1.1b": LlamaSizes(
            width: 2048, layers: 22, heads: 32, keyValueHeads: 4, feedForward: 5632, vocabulary: 32000, context: 2048),
        "llama-7b": LlamaSizes(
            width: 4096, layers: 32, heads: 32, keyValueHeads: 32, feedForward: 11008, vocabulary: 32000, context: 2048),
        "llama-33b": LlamaSizes(
            width: 6656, layers: 60, heads: 52, keyValueHeads: 52, feedForward: 17920, vocabulary: 32000, context: 2048),
    ]

    /// The names of all shapes.
    package static let names: [String] = (checkpointNames + drawingNames + Array(llamas.keys)).sorted()

    /// Those that can be written as a checkpoint.
    package static let checkpointNames = ["emu2", "emu2-chat", "emu2-tiny"]

    /// Those that draw; the last one is what draws without the model that says what.
    private static let drawingNames = ["emu2-gen", "emu2-gen-tiny", "emu2-gen-decoder"]

    /// A model of a shape; `layers`, where given, is the number of layers of decoder and encoder alike.
    package init(shape: String, layers: Int? = nil) throws(ConversionError) {
        if let sizes = Self.llamas[shape] {
            self.init(llama: sizes, name: shape, layers: layers ?? sizes.layers)
            return
        }
        if shape == "emu2-gen-decoder" {
            self.init(drawing: .published, name: shape)
            return
        }
        guard var parameters = Self.emu2Parameters(shape) else {
            throw .unknownShape(name: shape, known: Self.names)
        }
        if let layers { (parameters.sizes.layers, parameters.sizes.visionLayers) = (layers, layers) }
        let sizes: DiffusionSizes? =
            switch shape {
            case "emu2-gen": .published
            case "emu2-gen-tiny": .tiny(contextWidth: parameters.sizes.visionWidth)
            default: nil
            }
        self.init(emu2: parameters, drawing: sizes, name: shape)
    }

    private static func emu2Parameters(_ shape: String) -> Emu2Parameters? {
        switch shape {
        case "emu2", "emu2-gen": return .published(vocabulary: Emu2Parameters.baseVocabulary)
        case "emu2-chat": return .published(vocabulary: Emu2Parameters.chatVocabulary)
        case "emu2-tiny", "emu2-gen-tiny":
            // What draws is the base model.
            let vocabulary = shape == "emu2-tiny" ? Emu2Parameters.chatVocabulary : Emu2Parameters.baseVocabulary
            var parameters = Emu2Parameters.published(vocabulary: vocabulary)
            parameters.sizes = Emu2Sizes(
                imageSize: 112, patchSize: 14, visionWidth: 96, visionLayers: 2, visionFeedForward: 192, width: 64,
                layers: 2, feedForward: 160, heads: 4, keyValueHeads: 4, vocabulary: vocabulary)
            (parameters.visionHeads, parameters.imageTokens, parameters.frameTokens) = (4, 16, 4)
            return parameters
        default: return nil
        }
    }

    /// Only what draws; no tokens, since nothing reads.
    private init(drawing sizes: DiffusionSizes, name: String) {
        self.name = name
        emu2 = nil
        vocabulary = SyntheticVocabulary(count: 0, added: [])
        metadata =
            [("general.architecture", .string("emu2")), ("general.name", .string("\(name), random weights"))]
            + sizes.metadata
        entries = Self.entries(sizes)
    }

    private static func entries(_ sizes: DiffusionSizes) -> [Entry] {
        sizes.tensors.map { tensor in
            Entry(
                name: tensor.name, publishedName: tensor.name, shape: tensor.shape,
                publishedShape: tensor.shape.reversed())
        }
    }

    private init(emu2 parameters: Emu2Parameters, drawing sizes: DiffusionSizes?, name: String) {
        self.name = name
        emu2 = sizes == nil ? parameters : nil
        vocabulary = SyntheticVocabulary(
            count: parameters.sizes.vocabulary,
            added: Array(Emu2Parameters.addedTokens.prefix(parameters.sizes.vocabulary - 32000)))
        metadata =
            parameters.metadata(name: "\(name), random weights") + (sizes?.metadata ?? []) + vocabulary.metadata
        let own = parameters.sizes.tensors.map { tensor in
            Entry(
                name: tensor.ownName, publishedName: "model." + tensor.name,
                shape: Emu2Sizes.ownShape(tensor.name, tensor.shape), publishedShape: tensor.shape)
        }
        entries = own + (sizes.map(Self.entries) ?? [])
    }

    private init(llama sizes: LlamaSizes, name: String, layers: Int) {
        self.name = name
        emu2 = nil
        vocabulary = SyntheticVocabulary(count: sizes.vocabulary, added: [])
        func number(_ value: Int) -> GGUFMetadataValue { .unsigned(UInt32(clamping: value)) }
        metadata =
            [
                ("general.architecture", .string("llama")), ("general.name", .string("\(name), random weights")),
                ("llama.block_count", number(layers)), ("llama.embedding_length", number(sizes.width)),
                ("llama.feed_forward_length", number(sizes.feedForward)),
                ("llama.context_length", number(sizes.context)), ("llama.vocab_size", number(sizes.vocabulary)),
                ("llama.attention.head_count", number(sizes.heads)),
                ("llama.attention.head_count_kv", number(sizes.keyValueHeads)),
                ("llama.attention.layer_norm_rms_epsilon", .float(1e-5)),
                ("llama.rope.dimension_count", number(sizes.width / sizes.heads)),
                ("llama.rope.freq_base", .float(10000)),
            ] + vocabulary.metadata
        let (width, inner) = (sizes.width, sizes.feedForward)
        let groupWidth = width / sizes.heads * sizes.keyValueHeads
        func entry(_ name: String, _ shape: [Int]) -> Entry {
            Entry(name: name, publishedName: name, shape: shape, publishedShape: shape.reversed())
        }
        var entries = [entry("token_embd.weight", [width, sizes.vocabulary])]
        for layer in 0..<layers {
            entries += [
                entry("blk.\(layer).attn_norm.weight", [width]), entry("blk.\(layer).ffn_norm.weight", [width]),
                entry("blk.\(layer).attn_q.weight", [width, width]),
                entry("blk.\(layer).attn_k.weight", [width, groupWidth]),
                entry("blk.\(layer).attn_v.weight", [width, groupWidth]),
                entry("blk.\(layer).attn_output.weight", [width, width]),
                entry("blk.\(layer).ffn_gate.weight", [width, inner]),
                entry("blk.\(layer).ffn_up.weight", [width, inner]),
                entry("blk.\(layer).ffn_down.weight", [inner, width]),
            ]
        }
        self.entries =
            entries + [
                entry("output_norm.weight", [width]), entry("output.weight", [width, sizes.vocabulary]),
            ]
    }

    /// Weights of all tensors.
    package var parameterCount: Int { entries.reduce(0) { $0 + $1.shape.reduce(1, *) } }
}
