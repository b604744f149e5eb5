import Digest
import Tensor

/// A GGUF model file, versions 2 and 3, mapped into memory with its header checked.
///
/// Every count, length, offset and type is checked against the file before it is used; what this type hands out lies
/// inside the mapping. Source: `docs/gguf.md` of ggml.
package final class GGUFFile: Sendable {
    package let mapping: MappedFile
    package let version: UInt32
    /// Metadata by key.
    package let metadata: [String: GGUFValue]
    /// Tensors by name.
    package let tensors: [String: GGUFTensor]
    /// The tensors' names in file order.
    package let tensorNames: [String]
    /// What tensor offsets are multiples of.
    package let alignment: Int

    /// Maps the file and reads its header; weights are not touched.
    package convenience init(path: String) throws(ModelFileError) {
        try self.init(mapping: MappedFile(path: path))
    }

    /// Reads the header of a mapped file.
    package init(mapping: MappedFile) throws(ModelFileError) {
        var parser = GGUFHeaderParser(mapping)
        let header = try parser.parse()
        self.mapping = mapping
        version = header.version
        metadata = header.metadata
        tensors = header.tensors
        tensorNames = header.tensorNames
        alignment = header.alignment
    }

    package var path: String { mapping.path }

    /// The file's size in bytes.
    package var size: Int { mapping.bytes.count }

    /// SHA-256 of the whole file; slow on large files, since it reads all of it.
    package func digest() -> SHA256Digest {
        mapping.digest()
    }

    /// The tensor of this name.
    package func tensor(_ name: String) throws(ModelFileError) -> GGUFTensor {
        guard let tensor = tensors[name] else { throw .missingTensor(path: path, name: name) }
        return tensor
    }

    /// The tensor of this name, which must have this shape (innermost dimension first).
    package func tensor(_ name: String, shape: [Int]) throws(ModelFileError) -> GGUFTensor {
        let tensor = try tensor(name)
        guard tensor.shape == shape else {
            throw .wrongShape(path: path, name: name, expected: shape, found: tensor.shape)
        }
        return tensor
    }
}
