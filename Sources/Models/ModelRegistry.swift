import ModelFiles
import Tensor

/// The parts of a model that can be run.
package struct Network: Sendable {
    package let decoder: any Decoder
    /// What turns pictures into rows for the decoder; nil for a model of text.
    package let visual: (any VisualModel)?

    /// Number of weights of all parts.
    package var parameterCount: Int { visual?.parameterCount ?? decoder.parameterCount }

    init(_ decoder: any Decoder) {
        self.decoder = decoder
        visual = nil
    }

    init(_ model: any VisualModel) {
        decoder = model.decoder
        visual = model
    }
}

/// The model families that can be run, by the name their files give.
package enum ModelRegistry {
    private static let families: [String: @Sendable (GGUFFile, WeightLoading) throws(ModelError) -> Network] = [
        "emu2": { (file, loading) throws(ModelError) in Network(try Emu2(file: file, loading: loading)) },
        "emuchat-nano": { (file, loading) throws(ModelError) in Network(try EmuchatNano(file: file, loading: loading))
        },
        "gemma3": { (file, loading) throws(ModelError) in Network(try Gemma3Decoder(file: file, loading: loading)) },
        "llama": { (file, loading) throws(ModelError) in Network(try LlamaDecoder(file: file, loading: loading)) },
        "qwen2": { (file, loading) throws(ModelError) in Network(try Qwen2Decoder(file: file, loading: loading)) },
    ]

    /// The architectures that can be run, sorted.
    package static var architectures: [String] { families.keys.sorted() }

    /// Loads the model of a GGUF file.
    package static func network(
        of file: GGUFFile, loading: WeightLoading = WeightLoading()
    ) throws(ModelError) -> Network {
        let name: String
        do { name = try file.string("general.architecture") } catch { throw .file(error) }
        guard let load = families[name] else {
            throw .unknownArchitecture(path: file.path, name: name, known: architectures)
        }
        return try load(file, loading)
    }

    /// Loads the decoder of a GGUF file.
    package static func decoder(of file: GGUFFile) throws(ModelError) -> any Decoder {
        try network(of: file).decoder
    }
}
