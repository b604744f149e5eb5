// emuchat-nano: our own small model, built after Emu2's plan ("Generative Multimodal Models are In-Context Learners",
// section 2). CLIP's visual encoder, the class token and averages over squares of patches, a norm and one projection
// into a decoder whose weights have low-rank additions while it sees a picture; beside the projection the class token
// looks up what it is called.
//
// Letters: Q rows of a picture, W width of the encoder, E the decoder's width.

import ModelFiles
import Paths
import Pixels
import Tensor

/// The small built-in model.
package struct EmuchatNano: VisualModel {
    /// With the adapters' weights.
    package let decoder: any Decoder
    /// As it was before, so that pictures cost conversations without any nothing.
    package let textDecoder: (any Decoder)?
    package let parameterCount: Int
    private let encoder: CLIPPictureEncoder
    /// mm.norm: [W]
    private let norm: LayerNorm
    /// mm.up: [E, W]
    private let projectUp: Linear
    /// mm.memory
    private let names: NameMemory

    package var imageSlots: Int { encoder.slots }
    package var frameSlots: Int { encoder.slots }
    package var seenSize: (width: Int, height: Int) {
        (encoder.transformer.preprocessing.side, encoder.transformer.preprocessing.side)
    }
    package var preprocessingName: String { encoder.name }
    package var encoderPrefix: String { "v." }
    package var encoderKeyPrefix: String { "clip." }
    package var marking: PictureMarking { .bare(placeholder: "<empty_output>") }
    package var encoderLayerCount: Int { encoder.transformer.configuration.layerCount }
    package var encoderWorkspaceBytes: Int { encoder.transformer.workspaceBytes }

    // MARK: Seeing

    package func features(
        of image: PixelImage, slots: Int, pool: ThreadPool, isCancelled: () -> Bool, progress: (Int) -> Void
    ) throws(ModelError) -> [Float]? {
        try encoder.features(of: image, pool: pool, isCancelled: isCancelled, progress: progress)
    }

    /// A picture's features [Q, W] as the decoder takes them: [Q, E].
    package func embeddings(features: [Float], pool: ThreadPool) -> [Float] {
        let (width, outer) = (norm.weight.count, projectUp.weight.rows)
        let count = features.count / width
        var rows = features
        rows.withUnsafeMutableBufferPointer { rows in
            if let base = rows.baseAddress { norm.apply(base, rows: count, into: base, pool: pool) }
        }
        var embeddings = [Float](unsafeUninitializedCapacity: count * outer) { buffer, initialized in
            rows.withUnsafeBufferPointer { rows in
                if let from = rows.baseAddress, let to = buffer.baseAddress {
                    projectUp.apply(from, count: count, into: to, pool: pool)
                    initialized = count * outer
                }
            }
        }
        if count > 0 {
            let name = names.name(of: Array(rows.prefix(width)), pool: pool)
            for (index, part) in name.enumerated() { embeddings[index] += part }
        }
        return embeddings
    }

    // MARK: Loading

    /// Takes the weights from the model's files presented as one; every shape is checked.
    package init(file: GGUFFile, loading: WeightLoading = WeightLoading()) throws(ModelError) {
        let reader = ParameterReader(file: file, prefix: "llama")
        let own = ParameterReader(file: file, prefix: Self.architecture)
        let source = TensorSource(file: file, loading: loading)
        let contract = try own.positive("contract")
        try own.require("contract", found: contract, "\(Self.contract)") { contract == Self.contract }
        let configuration = try reader.decoderConfiguration()
        let epsilon = try reader.normEpsilon(default: 1e-5)
        let rotary = try reader.rotaryEmbedding(configuration, source, layout: .interleaved)
        let plain = try LlamaDecoder(source, configuration, epsilon: epsilon, rotary: rotary)
        let encoder = try CLIPPictureEncoder(source)
        let slots = try own.positive("picture_tokens")
        try own.require("picture_tokens", found: slots, "\(encoder.slots)") { slots == encoder.slots }
        let width = encoder.transformer.configuration.width
        norm = try LayerNorm(
            source, "mm.norm", features: width,
            epsilon: Float(try own.number("norm_epsilon", default: 1e-5, in: 0...1)))
        try source.require("mm.up.bias")
        projectUp = try Linear(source, "mm.up", outputs: configuration.width, inputs: width)
        names = try NameMemory(source, own, width: width, outer: configuration.width)
        self.encoder = encoder
        let adapters = try LowRankAdapters(source, own, configuration)
        parameterCount = try source.finish()
        for (name, tensor) in file.tensors.sorted(by: { $0.key < $1.key }) where name.hasPrefix("mm.") {
            _ = try source.finiteValues(name, shape: tensor.shape)
        }
        source.adapters = loading.derives ? adapters : nil
        decoder = try LlamaDecoder(source, configuration, epsilon: epsilon, rotary: rotary)
        textDecoder = plain
    }

    // MARK: Files

    /// What the file of the model's own weights says that it is.
    package static let architecture = "emuchat-nano"
    /// The version of what the weights and this code agree on.
    private static let contract = 2

    /// A file of this model's own weights together with the files that it stands on, which it names; any other file as it
    /// is. They are looked for beside it, then in the folders.
    static func whole(_ file: GGUFFile, folders: [String]) throws(ModelError) -> GGUFFile {
        do throws(ModelFileError) {
            guard try file.string("general.architecture", default: "") == architecture else { return file }
            // A file that has everything in it stands on no other.
            guard file.contains("\(architecture).decoder.file") else { return file }
        } catch { throw .file(error) }
        let beside = PathName.folder(of: file.path)
        let around = [beside.isEmpty ? "." : beside] + folders
        let decoder = try part("decoder", of: file, around)
        let vision = try part("vision", of: file, around)
        do {
            return try GGUFFile(
                path: file.path,
                parts: [
                    (file, { _ in true }), (decoder, { $0.hasPrefix("llama.") || $0.hasPrefix("tokenizer.") }),
                    (vision, { $0.hasPrefix("\(CLIPVisionTransformer.architecture).") }),
                ])
        } catch { throw .file(error) }
    }

    /// The file that `NAME.file` names, from the first of the folders that has it.
    private static func part(
        _ name: String, of file: GGUFFile, _ folders: [String]
    ) throws(ModelError) -> GGUFFile {
        let reader = ParameterReader(file: file, prefix: architecture)
        let wanted: String
        do { wanted = try file.string("\(architecture).\(name).file") } catch { throw .file(error) }
        // A file that names another may come from anywhere; it does not choose what is opened.
        try reader.require("\(name).file", found: wanted, "a file's name without a folder, ending in .gguf") {
            wanted.hasSuffix(".gguf") && !wanted.contains("/") && !wanted.contains("\0") && wanted.utf8.count < 256
        }
        for folder in folders {
            do throws(ModelFileError) {
                return try GGUFFile(path: "\(folder)/\(wanted)")
            } catch {
                if case .cannotOpen = error { continue }
                throw .file(error)
            }
        }
        throw .missingPart(path: file.path, part: wanted, folders: folders)
    }
}
