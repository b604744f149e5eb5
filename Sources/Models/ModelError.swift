import ModelFiles

/// Why a well-formed file cannot become a model; the wording is in `ModelError+Description.swift`.
package enum ModelError: Error, Sendable, Equatable {
    case file(ModelFileError)
    case unknownArchitecture(path: String, name: String, known: [String])
    case unsupportedType(path: String, tensor: String, type: String)
    /// A hyper-parameter outside of what the architecture allows.
    case invalidParameter(path: String, key: String, found: String, expected: String)
    case unsupportedFeature(path: String, feature: String)
    /// Heads of this size cannot be kept in a cache of this type.
    case unsupportedCache(type: String, headSize: Int)
    case outOfMemory(what: String, bytes: Int)
}
