import Tensor

/// What the header of a GGUF file says, all of it checked.
struct GGUFHeader {
    var version: UInt32
    var metadata: [String: GGUFValue]
    /// Where each key lies with its value.
    var metadataRanges: [String: Range<Int>]
    var tensors: [String: GGUFTensor]
    var tensorNames: [String]
    var alignment: Int
}

/// Reads the header of a GGUF file from front to back.
///
/// Layout: magic, version, tensor count, key count, the keys with their values, the tensors' descriptions, then at the
/// next multiple of the alignment the weights. Source: `docs/gguf.md` of ggml.
struct GGUFHeaderParser {
    /// Ceilings far above any real file, so that a damaged count is found before anything is allocated by it.
    enum Limit {
        static let keys: UInt64 = 1 << 14
        static let keyBytes: UInt64 = 65_535
        static let tensors: UInt64 = 1 << 16
        static let tensorNameBytes: UInt64 = 1_024
        static let dimensions: UInt32 = 4
        static let arrayDepth = 4
        static let alignment: UInt64 = 1 << 20
    }

    private let file: MappedFile
    private var cursor: ByteCursor

    init(_ file: MappedFile) {
        self.file = file
        cursor = ByteCursor(file)
    }

    mutating func parse() throws(ModelFileError) -> GGUFHeader {
        let version = try parseVersion()
        // A tensor's description takes at least 24 bytes, a key with its value at least 14.
        let tensorCount = try count("the number of tensors", limit: Limit.tensors, bytesEach: 24)
        let keyCount = try count("the number of keys", limit: Limit.keys, bytesEach: 14)
        let (metadata, ranges) = try parseMetadata(count: keyCount)
        let alignment = try alignment(of: metadata)
        let descriptions = try parseDescriptions(count: tensorCount)
        let (tensors, names) = try place(descriptions, alignment: alignment)
        return GGUFHeader(
            version: version, metadata: metadata, metadataRanges: ranges, tensors: tensors, tensorNames: names,
            alignment: alignment)
    }

    private mutating func parseVersion() throws(ModelFileError) -> UInt32 {
        guard file.kind == .gguf else { throw .otherFormat(path: file.path, wanted: "GGUF", seems: file.kind) }
        let magic = try cursor.take(4, "the magic number")
        let version = try cursor.read(UInt32.self, "the version")
        // Big-endian files carry the version, and in some writers the magic number, with swapped bytes.
        guard file.bytes[magic.lowerBound] == UInt8(ascii: "G"), version & 0xFFFF != 0 || version == 0 else {
            throw .bigEndian(path: file.path)
        }
        guard version == 2 || version == 3 else { throw .unsupportedVersion(path: file.path, found: version) }
        return version
    }

    /// Reads a 64-bit count of items that take at least `bytesEach` bytes of what is left.
    private mutating func count(
        _ what: @autoclosure () -> String, limit: UInt64, bytesEach: Int
    ) throws(ModelFileError) -> Int {
        let found = try cursor.read(UInt64.self, what())
        let possible = min(limit, UInt64(cursor.remaining / bytesEach))
        guard found <= possible else { throw .tooLarge(path: file.path, what: what(), found: found, limit: possible) }
        return Int(found)
    }

    // MARK: Metadata

    private mutating func parseMetadata(
        count: Int
    ) throws(ModelFileError) -> (values: [String: GGUFValue], ranges: [String: Range<Int>]) {
        var metadata = [String: GGUFValue]()
        var ranges = [String: Range<Int>]()
        for index in 0..<count {
            let start = cursor.offset
            let key = try name(limit: Limit.keyBytes, "key \(index + 1) of \(count)")
            let type = try valueType("the type of \(key)")
            let value = try parseValue(type, key)
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw .duplicateKey(path: file.path, key: key)
            }
            ranges[key] = start..<cursor.offset
        }
        return (metadata, ranges)
    }

    /// A name that is not empty and valid UTF-8.
    private mutating func name(
        limit: UInt64, _ what: @autoclosure () -> String
    ) throws(ModelFileError) -> String {
        let range = try cursor.takeString(limit: limit, what())
        guard !range.isEmpty, let name = String(validating: file.bytes[range], as: UTF8.self) else {
            throw .malformed(
                path: file.path, what: what(), expected: "a name in UTF-8",
                found: range.isEmpty ? "an empty one" : "other bytes")
        }
        return name
    }

    private mutating func valueType(_ what: @autoclosure () -> String) throws(ModelFileError) -> GGUFValueType {
        let number = try cursor.read(UInt32.self, what())
        guard let type = GGUFValueType(rawValue: number) else {
            throw .malformed(path: file.path, what: what(), expected: "a type from 0 to 12", found: "\(number)")
        }
        return type
    }

    private mutating func parseValue(_ type: GGUFValueType, _ key: String) throws(ModelFileError) -> GGUFValue {
        let what = "the value of "
        switch type {
        case .uint8: return .unsigned(UInt64(try cursor.read(UInt8.self, what + key)))
        case .uint16: return .unsigned(UInt64(try cursor.read(UInt16.self, what + key)))
        case .uint32: return .unsigned(UInt64(try cursor.read(UInt32.self, what + key)))
        case .uint64: return .unsigned(try cursor.read(UInt64.self, what + key))
        case .int8: return .signed(Int64(try cursor.read(Int8.self, what + key)))
        case .int16: return .signed(Int64(try cursor.read(Int16.self, what + key)))
        case .int32: return .signed(Int64(try cursor.read(Int32.self, what + key)))
        case .int64: return .signed(try cursor.read(Int64.self, what + key))
        case .float32: return .float(Double(Float(bitPattern: try cursor.read(UInt32.self, what + key))))
        case .float64: return .float(Double(bitPattern: try cursor.read(UInt64.self, what + key)))
        case .bool:
            let byte = try cursor.read(UInt8.self, what + key)
            guard byte < 2 else {
                throw .malformed(path: file.path, what: what + key, expected: "0 or 1", found: "\(byte)")
            }
            return .bool(byte == 1)
        case .string: return .string(try cursor.takeString(what + key))
        case .array: return .array(try parseArray(key, depth: 1))
        }
    }

    private mutating func parseArray(_ key: String, depth: Int) throws(ModelFileError) -> GGUFArray {
        guard depth <= Limit.arrayDepth else {
            throw .malformed(
                path: file.path, what: "the array \(key)", expected: "at most \(Limit.arrayDepth) levels", found: "more"
            )
        }
        let type = try valueType("the element type of \(key)")
        let count = try count("the element count of \(key)", limit: .max, bytesEach: type.minimumBytes)
        let start = cursor.offset
        if type.hasFixedSize {
            _ = try cursor.take(UInt64(count * type.minimumBytes), "the array \(key)")
        } else {
            for index in 0..<count {
                if type == .string {
                    _ = try cursor.takeString("\(key)[\(index)]")
                } else {
                    _ = try parseArray("\(key)[\(index)]", depth: depth + 1)
                }
            }
        }
        return GGUFArray(elementType: type, count: count, range: start..<cursor.offset)
    }

    private func alignment(of metadata: [String: GGUFValue]) throws(ModelFileError) -> Int {
        let key = "general.alignment"
        guard let value = metadata[key] else { return 32 }
        guard case .unsigned(let number) = value else {
            throw .wrongType(path: file.path, key: key, expected: "an unsigned integer", found: value.typeName)
        }
        guard number > 0, number <= Limit.alignment, number & (number - 1) == 0 else {
            throw .malformed(
                path: file.path, what: key, expected: "a power of two up to \(Limit.alignment)", found: "\(number)")
        }
        return Int(number)
    }

    // MARK: Tensors

    private struct Description {
        var name: String
        var shape: [Int]
        var type: GGMLType
        var offset: UInt64
        var byteCount: Int
    }

    private mutating func parseDescriptions(count: Int) throws(ModelFileError) -> [Description] {
        var descriptions = [Description]()
        descriptions.reserveCapacity(count)
        for index in 0..<count {
            let name = try name(limit: Limit.tensorNameBytes, "the name of tensor \(index + 1) of \(count)")
            let what = "the description of tensor \(name)"
            let dimensions = try cursor.read(UInt32.self, what)
            guard dimensions <= Limit.dimensions else {
                throw .tooLarge(
                    path: file.path, what: "the number of dimensions of tensor \(name)", found: UInt64(dimensions),
                    limit: UInt64(Limit.dimensions))
            }
            var shape = [Int]()
            for _ in 0..<dimensions {
                let length = try cursor.read(UInt64.self, what)
                guard length > 0, let length = Int(exactly: length) else {
                    throw .malformed(
                        path: file.path, what: "a dimension of tensor \(name)", expected: "at least 1",
                        found: "\(length)")
                }
                shape.append(length)
            }
            let number = try cursor.read(UInt32.self, what)
            guard let type = GGMLType(rawValue: Int32(truncatingIfNeeded: number)) else {
                throw .malformed(
                    path: file.path, what: "the type of tensor \(name)", expected: "a known storage type",
                    found: "\(number)")
            }
            let offset = try cursor.read(UInt64.self, what)
            let byteCount = try byteCount(of: shape, type, name)
            descriptions.append(
                Description(name: name, shape: shape, type: type, offset: offset, byteCount: byteCount))
        }
        return descriptions
    }

    private func byteCount(of shape: [Int], _ type: GGMLType, _ name: String) throws(ModelFileError) -> Int {
        guard var count = type.rowBytes(columns: shape.first ?? 1) else {
            throw .malformed(
                path: file.path, what: "the rows of tensor \(name)",
                expected: "whole blocks of \(type.blockSize) weights (\(type.name))", found: "\(shape.first ?? 1)")
        }
        for length in shape.dropFirst() {
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            guard !overflow else {
                throw .malformed(
                    path: file.path, what: "the shape of tensor \(name)", expected: "a size that can be counted",
                    found: "\(shape)")
            }
            count = product
        }
        return count
    }

    /// Finds each tensor's weights behind the header, and refuses what lies outside the file or shares bytes.
    private func place(
        _ descriptions: [Description], alignment: Int
    ) throws(ModelFileError) -> ([String: GGUFTensor], [String]) {
        guard !descriptions.isEmpty else { return ([:], []) }
        let size = file.bytes.count
        let dataStart = (cursor.offset + alignment - 1) & ~(alignment - 1)
        var tensors = [String: GGUFTensor]()
        for tensor in descriptions {
            guard tensor.offset % UInt64(alignment) == 0 else {
                throw .malformed(
                    path: file.path, what: "the offset of tensor \(tensor.name)",
                    expected: "a multiple of \(alignment)",
                    found: "\(tensor.offset)")
            }
            let available = max(0, size - dataStart)
            guard tensor.offset <= UInt64(available), tensor.byteCount <= available - Int(tensor.offset) else {
                throw .truncated(
                    path: file.path, what: "tensor \(tensor.name)",
                    offset: Int(clamping: tensor.offset).addingReportingOverflow(dataStart).partialValue,
                    needed: UInt64(tensor.byteCount), available: max(0, available - Int(clamping: tensor.offset)))
            }
            let start = dataStart + Int(tensor.offset)
            let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[start..<start + tensor.byteCount])
            let placed = GGUFTensor(
                name: tensor.name, shape: tensor.shape, type: tensor.type, bytes: bytes, mapping: file)
            guard tensors.updateValue(placed, forKey: tensor.name) == nil else {
                throw .duplicateTensor(path: file.path, name: tensor.name)
            }
        }
        try refuseOverlap(descriptions)
        return (tensors, descriptions.map(\.name))
    }

    private func refuseOverlap(_ descriptions: [Description]) throws(ModelFileError) {
        let sorted = descriptions.sorted { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
        for (first, second) in zip(sorted, sorted.dropFirst())
        where first.offset + UInt64(first.byteCount) > second.offset {
            throw .overlappingTensors(path: file.path, first: first.name, second: second.name)
        }
    }
}
