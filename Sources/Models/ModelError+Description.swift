import ModelFiles

extension ModelError: CustomStringConvertible {
    /// One line for people: the file, what was expected, what was found, and the remedy.
    package var description: String {
        switch self {
        case .file(let error):
            error.description
        case .unknownArchitecture(let path, let name, let known):
            "\(shown(path)): a model of architecture `\(shown(name))`; this program runs \(known.joined(separator: ", ")). "
                + "Choose a model of one of these with --model."
        case .unsupportedType(let path, let tensor, let type):
            "\(shown(path)): \(shown(tensor)): stored as \(type), which cannot be computed with. "
                + "Get the model in Q4_1, Q8_0 or another common type."
        case .invalidParameter(let path, let key, let found, let expected):
            "\(shown(path)): \(shown(key)): expected \(expected), found \(shown(found)). "
                + "The file is damaged or converted wrongly: get it again."
        case .unsupportedFeature(let path, let feature):
            "\(shown(path)): needs \(shown(feature)), which this version cannot compute. Choose another model with --model."
        case .unsupportedCache(let type, let headSize):
            "A key-value cache of type \(type) cannot hold this model's heads of \(headSize) features. Use --cache f16 or f32."
        case .outOfMemory(let what, let bytes):
            "No memory for \(what): \(bytes / 1_048_576) MiB were refused. Use a smaller --context or a smaller model."
        }
    }
}
