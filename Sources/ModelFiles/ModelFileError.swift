/// Why a model file cannot be used. Every case names the file; the wording is in `ModelFileError+Description.swift`.
package enum ModelFileError: Error, Sendable, Equatable {
    /// The system refused to open or map it; `reason` is the system's word.
    case cannotOpen(path: String, reason: String)
    case isFolder(path: String)
    case isEmpty(path: String)
    /// A folder without a checkpoint, or with files of which none is the obvious one.
    case noWeights(path: String, candidates: [String])
    /// The file is of another format than the one wanted.
    case otherFormat(path: String, wanted: String, seems: ModelFileKind)
    case bigEndian(path: String)
    case unsupportedVersion(path: String, found: UInt32)
    /// `what` needs `needed` bytes from `offset`, and the file has `available` left there.
    case truncated(path: String, what: String, offset: Int, needed: UInt64, available: Int)
    /// A count or length above what any sane file has.
    case tooLarge(path: String, what: String, found: UInt64, limit: UInt64)
    /// A value that the format does not allow.
    case malformed(path: String, what: String, expected: String, found: String)
    /// A pickle asks for something that could be anything, such as a call of a Python function.
    case refusedPickle(path: String, what: String)
    case duplicateKey(path: String, key: String)
    case duplicateTensor(path: String, name: String)
    /// Two tensors claim the same bytes.
    case overlappingTensors(path: String, first: String, second: String)
    case missingKey(path: String, key: String, expected: String)
    case wrongType(path: String, key: String, expected: String, found: String)
    case missingTensor(path: String, name: String)
    /// Shapes are in the file's own order of dimensions.
    case wrongShape(path: String, name: String, expected: [Int], found: [Int])
    /// The tensor's type cannot be read as asked.
    case wrongTensorType(path: String, name: String, expected: String, found: String)
}

/// What a file that is not the wanted one seems to be.
package enum ModelFileKind: String, Sendable, Equatable, CaseIterable {
    case gguf
    /// GGML files from before GGUF.
    case legacyGGML
    case safetensors
    case onnx
    /// A ZIP archive, as PyTorch writes checkpoints.
    case zipArchive
    /// A bare Python pickle, as old PyTorch wrote checkpoints.
    case pickle
    case compressed
    /// The pointer that Git LFS leaves where the file should be.
    case gitLFSPointer
    case webPage
    case json
    case text
    /// Nothing but zero bytes at the beginning.
    case zeros
    case unknown
}
