import Tensor

/// A tensor of a GGUF file: its description, and its weights where they lie in the mapping.
package struct GGUFTensor: Sendable {
    package let name: String
    /// Dimensions in the file's order, innermost (columns) first; none for a scalar.
    package let shape: [Int]
    package let type: GGMLType
    /// `type.rowBytes(columns: shape[0])` bytes per row; valid while this value or its file lives.
    package nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
    /// Keeps `bytes` valid.
    private let mapping: MappedFile

    init(name: String, shape: [Int], type: GGMLType, bytes: UnsafeRawBufferPointer, mapping: MappedFile) {
        self.name = name
        self.shape = shape
        self.type = type
        self.bytes = bytes
        self.mapping = mapping
    }

    /// A tensor of a checkpoint under another name; nil when GGUF has no such type.
    ///
    /// `shape` has the innermost dimension first and as many elements as the tensor.
    package init?(name: String, shape: [Int], of tensor: CheckpointTensor) {
        guard let type = tensor.type.storageType, shape.reduce(1, *) == tensor.shape.reduce(1, *) else { return nil }
        self.init(name: name, shape: shape, type: type, bytes: tensor.bytes, mapping: tensor.mapping)
    }

    /// Gives back the memory of a part of `bytes` that will not be read again soon.
    package func discard(_ part: UnsafeRawBufferPointer) {
        mapping.discard(part)
    }

    /// Number of weights.
    package var elementCount: Int { shape.reduce(1, *) }
}
