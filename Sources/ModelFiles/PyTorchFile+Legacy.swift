extension PyTorchFile {
    /// The number that the first pickle of an old file holds, in little-endian bytes.
    private static let legacyMagic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

    /// The format before PyTorch 1.6: pickles of a magic number, a version, the machine, the weights' description and the
    /// storages' keys, then for each key the number of elements in 8 bytes and the elements.
    static func readLegacy(_ mapping: MappedFile) throws(ModelFileError) -> ([String: CheckpointTensor], [String]) {
        var offset = 0
        func next() throws(ModelFileError) -> (PickleValue, PickleInterpreter) {
            let end = min(mapping.bytes.count, offset + PickleInterpreter.Limit.bytes)
            var interpreter = try PickleInterpreter(mapping, range: offset..<end)
            let value = try interpreter.run()
            offset = interpreter.end
            return (value, interpreter)
        }
        guard case .long(let magic) = try next().0, mapping.bytes[magic].elementsEqual(legacyMagic),
            case .integer(1001) = try next().0
        else {
            throw .malformed(
                path: mapping.path, what: "the pickle", expected: "a checkpoint of PyTorch", found: "another object")
        }
        _ = try next()
        let (root, interpreter) = try next()
        let (keys, keyInterpreter) = try next()
        guard case .list(let list) = keys else {
            throw .malformed(
                path: mapping.path, what: "the storages' keys", expected: "a list", found: keys.kindName)
        }
        let numbers = Dictionary(
            interpreter.storages.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
        var cursor = ByteCursor(mapping, range: offset..<mapping.bytes.count)
        var ranges = [Range<Int>?](repeating: nil, count: interpreter.storages.count)
        for key in keyInterpreter.lists[list] {
            let name = try keyInterpreter.name(key)
            let what = "the storage \(name)"
            guard let number = numbers[name], ranges[number] == nil else {
                throw .malformed(
                    path: mapping.path, what: what, expected: "a storage that a tensor uses, once", found: "another")
            }
            let storage = interpreter.storages[number]
            let count = try cursor.read(UInt64.self, what)
            guard count == UInt64(storage.count) else {
                throw .malformed(
                    path: mapping.path, what: what, expected: "\(storage.count) elements", found: "\(count)")
            }
            let (bytes, overflow) = count.multipliedReportingOverflow(by: UInt64(storage.type.size))
            ranges[number] = try cursor.take(overflow ? .max : bytes, what)
        }
        var storages = [Range<Int>]()
        for (number, range) in ranges.enumerated() {
            guard let range else {
                throw .malformed(
                    path: mapping.path, what: "the storage \(interpreter.storages[number].key)",
                    expected: "its elements", found: "none")
            }
            storages.append(range)
        }
        return try collect(root, interpreter, mapping, storages: storages)
    }
}
