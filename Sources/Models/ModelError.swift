import ModelFiles

/// Why a well-formed file cannot become a model; the wording is in `ModelError+Description.swift`.
package enum ModelError: Error, Sendable, Equatable {
    case file(ModelFileError)
    case unknownArchitecture(path: String, name: String, known: [String])
    /// A checkpoint of another model; `example` is one of its tensors.
    case notEmu2(path: String, example: String)
    /// Shapes of checkpoints have the outermost dimension first.
    case missingWeights(path: String, tensor: String, shape: [Int])
    case misshapenWeights(path: String, tensor: String, expected: [Int], found: [Int])
    /// The first of `count` tensors that no part of the model has.
    case unexpectedWeights(path: String, tensor: String, count: Int)
    case missingTokenizer(path: String)
    /// A file that a model consists of lies in none of the folders where it is looked for.
    case missingPart(path: String, part: String, folders: [String])
    case unsupportedType(path: String, tensor: String, type: String)
    /// A hyper-parameter outside of what the architecture allows.
    case invalidParameter(path: String, key: String, found: String, expected: String)
    case unsupportedFeature(path: String, feature: String)
    /// A safety checker whose scores are no numbers.
    case noVerdict(path: String)
    /// Heads of this size cannot be kept in a cache of this type.
    case unsupportedCache(type: String, headSize: Int)
    case outOfMemory(what: String, bytes: Int)
}
