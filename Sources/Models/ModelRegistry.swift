import ModelFiles

/// The model families that can be run, by the name their files give.
package enum ModelRegistry {
    private static let decoders: [String: @Sendable (GGUFFile) throws(ModelError) -> any Decoder] = [
        "gemma3": { (file) throws(ModelError) in try Gemma3Decoder(file: file) },
        "llama": { (file) throws(ModelError) in try LlamaDecoder(file: file) },
        "qwen2": { (file) throws(ModelError) in try Qwen2Decoder(file: file) },
    ]

    /// The architectures that can be run, sorted.
    package static var architectures: [String] { decoders.keys.sorted() }

    /// Loads the decoder of a GGUF file.
    package static func decoder(of file: GGUFFile) throws(ModelError) -> any Decoder {
        let name: String
        do { name = try file.string("general.architecture") } catch { throw .file(error) }
        guard let load = decoders[name] else {
            throw .unknownArchitecture(path: file.path, name: name, known: architectures)
        }
        return try load(file)
    }
}
