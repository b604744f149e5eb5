import Digest
import Tensor

/// A GGUF model file, versions 2 and 3, mapped into memory with its header checked.
///
/// A checkpoint of another format can be presented as one, so that one loader reads both.
///
/// Every count, length, offset and type is checked against the file before it is used; what this type hands out lies
/// inside the mapping. Source: `docs/gguf.md` of ggml.
package final class GGUFFile: Sendable {
    package let mapping: MappedFile
    package let version: UInt32
    /// Metadata by key.
    package let metadata: [String: GGUFValue]
    /// Where in the file each key lies with its value.
    private let metadataRanges: [String: Range<Int>]
    /// Tensors by name.
    package let tensors: [String: GGUFTensor]
    /// The tensors' names in file order.
    package let tensorNames: [String]
    /// What tensor offsets are multiples of.
    package let alignment: Int
    /// The files that hold the weights, where they lie in others than this one.
    private let weightFiles: [MappedFile]

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
        metadataRanges = header.metadataRanges
        tensors = header.tensors
        tensorNames = header.tensorNames
        alignment = header.alignment
        weightFiles = []
    }

    /// A checkpoint presented as the file that conversion would make of it: a header with the same keys, and tensors of
    /// the same names that stay in the checkpoint's files.
    package convenience init(
        path: String, header: [UInt8], tensors: [GGUFTensor], files: [MappedFile]
    ) throws(ModelFileError) {
        try self.init(header: MappedFile(path: path, contents: header), tensors: tensors, files: files)
    }

    /// Several files presented as one that has some keys of each and the tensors of all; `path` is what errors name.
    package convenience init(
        path: String, parts: [(file: GGUFFile, keys: (String) -> Bool)]
    ) throws(ModelFileError) {
        var keys = [UInt8]()
        var count: UInt64 = 0
        for part in parts {
            for (key, range) in part.file.metadataRanges.sorted(by: { $0.key < $1.key }) where part.keys(key) {
                keys += part.file.mapping.bytes[range]
                count += 1
            }
        }
        func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: number.littleEndian) { Array($0) }
        }
        let header =
            Array("GGUF".utf8) + littleEndian(UInt32(3)) + littleEndian(UInt64(0)) + littleEndian(count) + keys
        try self.init(
            path: path, header: header,
            tensors: parts.flatMap { part in part.file.tensorNames.compactMap { part.file.tensors[$0] } },
            files: parts.map(\.file.mapping))
    }

    private init(header: MappedFile, tensors: [GGUFTensor], files: [MappedFile]) throws(ModelFileError) {
        mapping = header
        var parser = GGUFHeaderParser(mapping)
        let parsed = try parser.parse()
        version = parsed.version
        metadata = parsed.metadata
        metadataRanges = parsed.metadataRanges
        alignment = parsed.alignment
        var byName = [String: GGUFTensor]()
        for tensor in tensors where byName.updateValue(tensor, forKey: tensor.name) != nil {
            throw .duplicateTensor(path: header.path, name: tensor.name)
        }
        self.tensors = byName
        tensorNames = tensors.map(\.name)
        weightFiles = files
    }

    package var path: String { mapping.path }

    /// The file's size in bytes; of a checkpoint, that of all its files of weights.
    package var size: Int {
        weightFiles.isEmpty ? mapping.bytes.count : weightFiles.reduce(0) { $0 + $1.bytes.count }
    }

    /// SHA-256 of the whole file; of a checkpoint, that of its header's and its files' digests one after another. Slow on
    /// large files, since it reads all of them; without `keepsPages` what was read is given back at once.
    package func digest(keepsPages: Bool = true) -> SHA256Digest {
        guard !weightFiles.isEmpty else { return mapping.digest(keepsPages: keepsPages) }
        return SHA256Digest(of: ([mapping] + weightFiles).flatMap { $0.digest(keepsPages: keepsPages).bytes })
    }

    /// Equal as long as none of the files was written to or replaced, and then `digest` is the same.
    package var revision: SHA256Digest {
        let parts = ([mapping] + weightFiles).map { $0.revision ?? $0.digest().hexadecimal }
        return SHA256Digest(of: Array(parts.joined(separator: "\n").utf8))
    }

    /// Says that weights will not be read soon, so that they take no memory; they stay valid.
    package func discard(_ weights: UnsafeRawBufferPointer) {
        for file in [mapping] + weightFiles { file.discard(weights) }
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
