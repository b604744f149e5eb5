/// A checkpoint as `torch.save` writes it, mapped into memory, with everything that it says checked.
///
/// A ZIP archive of one pickle, `NAME/data.pkl`, and one entry for each storage, `NAME/data/KEY`; tensors are views of
/// storages. Source: `torch/serialization.py` of PyTorch 2.
package final class PyTorchFile: Sendable {
    package let mapping: MappedFile
    /// Tensors by name; those that are not stored row by row are copied into order.
    package let tensors: [String: CheckpointTensor]
    /// The tensors' names in the order of the pickle.
    package let tensorNames: [String]

    /// Keys under which training programs wrap the weights.
    private static let wrappers = ["module", "state_dict", "model"]

    /// Maps the file and reads its pickle; tensors are not touched.
    package init(path: String) throws(ModelFileError) {
        let mapping = try MappedFile(path: path)
        self.mapping = mapping
        switch mapping.kind {
        case .zipArchive: (tensors, tensorNames) = try PyTorchFile.readArchive(mapping)
        case .pickle: (tensors, tensorNames) = try PyTorchFile.readLegacy(mapping)
        default: throw .otherFormat(path: path, wanted: "PyTorch", seems: mapping.kind)
        }
    }

    private static func readArchive(
        _ mapping: MappedFile
    ) throws(ModelFileError) -> ([String: CheckpointTensor], [String]) {
        let archive = try ZipArchive(mapping)
        let suffix = "/data.pkl"
        guard
            let entry = archive.entries.first(where: {
                $0.key.hasSuffix(suffix) && !$0.key.dropLast(suffix.utf8.count).contains("/")
            })
        else {
            throw .malformed(
                path: mapping.path, what: "the archive", expected: "an entry NAME/data.pkl, as PyTorch writes",
                found: "none")
        }
        let prefix = entry.key.dropLast("data.pkl".utf8.count)
        if let order = archive.entries[prefix + "byteorder"], !mapping.bytes[order].elementsEqual("little".utf8) {
            throw .malformed(
                path: mapping.path, what: "\(prefix)byteorder", expected: "little", found: "another order")
        }
        var interpreter = try PickleInterpreter(mapping, range: entry.value)
        let root = try interpreter.run()
        var storages = [Range<Int>]()
        for storage in interpreter.storages {
            let name = "\(prefix)data/\(storage.key)"
            guard let range = archive.entries[name] else {
                throw .malformed(
                    path: mapping.path, what: "the archive", expected: "the entry \(name)", found: "none")
            }
            let (bytes, overflow) = storage.count.multipliedReportingOverflow(by: storage.type.size)
            guard !overflow, bytes == range.count else {
                throw .malformed(
                    path: mapping.path, what: "the archive's entry \(name)",
                    expected: "\(storage.count) elements of \(storage.type.rawValue)", found: "\(range.count) bytes")
            }
            storages.append(range)
        }
        return try collect(root, interpreter, mapping, storages: storages)
    }

    /// The tensors of the dictionary that holds them, which may be wrapped in others.
    static func collect(
        _ root: PickleValue, _ interpreter: PickleInterpreter, _ mapping: MappedFile, storages: [Range<Int>]
    ) throws(ModelFileError) -> ([String: CheckpointTensor], [String]) {
        var tensors = [String: CheckpointTensor]()
        var names = [String]()
        for (key, value) in try stateDictionary(root, interpreter) {
            guard case .tensor(let number) = value else { continue }
            let name = try interpreter.name(key)
            let tensor = interpreter.tensors[number]
            let placed = try place(
                tensor, name: name, type: interpreter.storages[tensor.storage].type, mapping,
                storage: storages[tensor.storage])
            guard tensors.updateValue(placed, forKey: name) == nil else {
                throw .duplicateTensor(path: mapping.path, name: name)
            }
            names.append(name)
        }
        guard !names.isEmpty else {
            throw .malformed(
                path: mapping.path, what: "the pickle", expected: "a dictionary of tensors", found: root.kindName)
        }
        return (tensors, names)
    }

    private static func stateDictionary(
        _ root: PickleValue, _ interpreter: PickleInterpreter
    ) throws(ModelFileError) -> [(key: PickleValue, value: PickleValue)] {
        var value = root
        // A dictionary may hold itself, so the depth is bounded.
        for _ in 0..<4 {
            guard case .dictionary(let number) = value else { break }
            let entries = interpreter.dictionaries[number]
            var inner: PickleValue?
            for entry in entries {
                guard case .dictionary = entry.value, case .text = entry.key else { continue }
                if wrappers.contains(try interpreter.name(entry.key)) {
                    inner = entry.value
                    break
                }
            }
            guard let inner else { return entries }
            value = inner
        }
        return []
    }

    private static func place(
        _ tensor: PickleTensor, name: String, type: ElementType, _ mapping: MappedFile, storage: Range<Int>
    ) throws(ModelFileError) -> CheckpointTensor {
        // The interpreter found the tensor inside its storage, and the storage inside the file, so nothing overflows.
        guard !tensor.isRowMajor else {
            let start = storage.lowerBound + tensor.offset * type.size
            let bytes = UnsafeRawBufferPointer(rebasing: mapping.bytes[start..<start + tensor.count * type.size])
            return CheckpointTensor(type: type, shape: tensor.shape, bytes: bytes, mapping: mapping)
        }
        guard tensor.count <= storage.count / type.size else {
            throw .malformed(
                path: mapping.path, what: "the tensor \(name)", expected: "no more elements than its storage has",
                found: "shape \(tensor.shape) by repetition")
        }
        let gathered = MappedFile(
            path: mapping.path,
            contents: tensor.gathered(
                from: UnsafeRawBufferPointer(rebasing: mapping.bytes[storage]), elementSize: type.size))
        return CheckpointTensor(type: type, shape: tensor.shape, bytes: gathered.bytes, mapping: gathered)
    }
}

extension PickleTensor {
    /// Whether the elements lie row by row without gaps.
    var isRowMajor: Bool {
        var expected = 1
        for (size, stride) in zip(shape, strides).reversed() where size != 1 {
            guard stride == expected || count == 0 else { return false }
            expected *= size
        }
        return true
    }

    /// The elements copied into row-major order.
    func gathered(from storage: UnsafeRawBufferPointer, elementSize: Int) -> [UInt8] {
        var result = [UInt8]()
        result.reserveCapacity(count * elementSize)
        var index = [Int](repeating: 0, count: shape.count)
        for _ in 0..<count {
            let element = zip(index, strides).reduce(offset) { $0 + $1.0 * $1.1 }
            result.append(contentsOf: storage[element * elementSize..<(element + 1) * elementSize])
            for dimension in index.indices.reversed() {
                index[dimension] += 1
                if index[dimension] < shape[dimension] { break }
                index[dimension] = 0
            }
        }
        return result
    }
}
