/// Typed access to metadata. Each getter throws `missingKey` or `wrongType`; the variants with a default throw only the
/// latter, so that a damaged value is never taken for an absent one.
extension GGUFFile {
    /// Whether the file has this key.
    package func contains(_ key: String) -> Bool {
        metadata[key] != nil
    }

    /// Text; must be valid UTF-8.
    package func string(_ key: String) throws(ModelFileError) -> String {
        let value = try value(key, "text")
        guard case .string(let range) = value else { throw wrong(key, "text", value.typeName) }
        guard let text = String(validating: mapping.bytes[range], as: UTF8.self) else {
            throw wrong(key, "text", "bytes that are not UTF-8")
        }
        return text
    }

    /// Text, or the default when the key is absent.
    package func string(_ key: String, default absent: String) throws(ModelFileError) -> String {
        contains(key) ? try string(key) : absent
    }

    /// An integer of any type that is not negative.
    package func unsigned(_ key: String) throws(ModelFileError) -> Int {
        let expected = "an integer from 0"
        let value = try value(key, expected)
        switch value {
        case .unsigned(let number):
            guard let result = Int(exactly: number) else { throw wrong(key, expected, "\(number)") }
            return result
        case .signed(let number):
            guard let result = Int(exactly: number), result >= 0 else { throw wrong(key, expected, "\(number)") }
            return result
        default:
            throw wrong(key, expected, value.typeName)
        }
    }

    /// An integer that is not negative, or the default when the key is absent.
    package func unsigned(_ key: String, default absent: Int) throws(ModelFileError) -> Int {
        contains(key) ? try unsigned(key) : absent
    }

    /// A finite number of either floating-point type.
    package func float(_ key: String) throws(ModelFileError) -> Double {
        let value = try value(key, "a finite number")
        guard case .float(let number) = value else { throw wrong(key, "a finite number", value.typeName) }
        guard number.isFinite else { throw wrong(key, "a finite number", "\(number)") }
        return number
    }

    /// A finite number, or the default when the key is absent.
    package func float(_ key: String, default absent: Double) throws(ModelFileError) -> Double {
        contains(key) ? try float(key) : absent
    }

    /// True or false.
    package func bool(_ key: String) throws(ModelFileError) -> Bool {
        let value = try value(key, "true or false")
        guard case .bool(let result) = value else { throw wrong(key, "true or false", value.typeName) }
        return result
    }

    /// True or false, or the default when the key is absent.
    package func bool(_ key: String, default absent: Bool) throws(ModelFileError) -> Bool {
        contains(key) ? try bool(key) : absent
    }

    /// An array of texts; each must be valid UTF-8.
    package func strings(_ key: String) throws(ModelFileError) -> [String] {
        let list = try stringList(key)
        var texts = [String]()
        texts.reserveCapacity(min(list.count, size / 16))
        for index in 0..<list.count {
            guard let text = String(validating: list.bytes(at: index), as: UTF8.self) else {
                throw wrong("\(key)[\(index)]", "text", "bytes that are not UTF-8")
            }
            texts.append(text)
        }
        return texts
    }

    /// An array of texts as raw bytes in place, for large vocabularies.
    package func stringList(_ key: String) throws(ModelFileError) -> GGUFStringList {
        let array = try array(key, "an array of texts")
        guard array.elementType == .string else { throw wrong(key, "an array of texts", array) }
        return GGUFStringList(mapping: mapping, array: array)
    }

    /// An array of integers of any type, each of which fits 32 bits.
    package func int32s(_ key: String) throws(ModelFileError) -> [Int32] {
        let array = try array(key, "an array of 32-bit integers")
        switch array.elementType {
        case .int32: return elements(array, Int32.self) { $0 }
        case .uint32: return try narrowed(key, array, UInt32.self)
        case .int16: return elements(array, Int16.self) { Int32($0) }
        case .uint16: return elements(array, UInt16.self) { Int32($0) }
        case .int8: return elements(array, Int8.self) { Int32($0) }
        case .uint8, .bool: return elements(array, UInt8.self) { Int32($0) }
        case .int64: return try narrowed(key, array, Int64.self)
        case .uint64: return try narrowed(key, array, UInt64.self)
        case .float32, .float64, .string, .array: throw wrong(key, "an array of 32-bit integers", array)
        }
    }

    /// An array of floating-point numbers; infinities and NaN are passed on.
    package func floats(_ key: String) throws(ModelFileError) -> [Float] {
        let array = try array(key, "an array of numbers")
        switch array.elementType {
        case .float32: return elements(array, UInt32.self) { Float(bitPattern: $0) }
        case .float64: return elements(array, UInt64.self) { Float(Double(bitPattern: $0)) }
        default: throw wrong(key, "an array of numbers", array)
        }
    }

    private func value(_ key: String, _ expected: String) throws(ModelFileError) -> GGUFValue {
        guard let value = metadata[key] else { throw .missingKey(path: path, key: key, expected: expected) }
        return value
    }

    private func array(_ key: String, _ expected: String) throws(ModelFileError) -> GGUFArray {
        let value = try value(key, expected)
        guard case .array(let array) = value else { throw wrong(key, expected, value.typeName) }
        return array
    }

    private func wrong(_ key: String, _ expected: String, _ found: String) -> ModelFileError {
        .wrongType(path: path, key: key, expected: expected, found: found)
    }

    private func wrong(_ key: String, _ expected: String, _ found: GGUFArray) -> ModelFileError {
        wrong(key, expected, GGUFValue.array(found).typeName)
    }

    /// The array's elements; `Stored` has the size of its element type, so all reads lie in its checked range.
    private func elements<Stored: FixedWidthInteger, Element>(
        _ array: GGUFArray, _ type: Stored.Type, _ convert: (Stored) -> Element
    ) -> [Element] {
        let start = array.range.lowerBound
        return (0..<array.count).map { index in
            let offset = start + index * MemoryLayout<Stored>.size
            return convert(Stored(littleEndian: mapping.bytes.loadUnaligned(fromByteOffset: offset, as: Stored.self)))
        }
    }

    private func narrowed<Stored: FixedWidthInteger>(
        _ key: String, _ array: GGUFArray, _ type: Stored.Type
    ) throws(ModelFileError) -> [Int32] {
        let wide = elements(array, type) { $0 }
        var result = [Int32]()
        result.reserveCapacity(wide.count)
        for (index, number) in wide.enumerated() {
            guard let narrow = Int32(exactly: number) else {
                throw wrong("\(key)[\(index)]", "a 32-bit integer", "\(number)")
            }
            result.append(narrow)
        }
        return result
    }
}

/// The texts of an array as they lie in the file.
package struct GGUFStringList: Sendable {
    private let mapping: MappedFile
    /// Where each text's length stands.
    private let offsets: [Int]

    init(mapping: MappedFile, array: GGUFArray) {
        self.mapping = mapping
        var offsets = [Int]()
        offsets.reserveCapacity(array.count)
        var offset = array.range.lowerBound
        for _ in 0..<array.count {
            offsets.append(offset)
            offset += 8 + GGUFStringList.length(mapping, at: offset)
        }
        self.offsets = offsets
    }

    package var count: Int { offsets.count }

    /// The bytes of one text, perhaps not valid UTF-8; valid while this value or its file lives.
    package func bytes(at index: Int) -> UnsafeRawBufferPointer {
        let offset = offsets[index]
        let start = offset + 8
        return UnsafeRawBufferPointer(
            rebasing: mapping.bytes[start..<start + GGUFStringList.length(mapping, at: offset)])
    }

    /// Copies all texts into one buffer; text `index` is `bytes[ends[index - 1]..<ends[index]]`, the first from 0.
    package func joined() -> (bytes: [UInt8], ends: [Int]) {
        var ends = [Int]()
        ends.reserveCapacity(count)
        var total = 0
        for offset in offsets {
            total += GGUFStringList.length(mapping, at: offset)
            ends.append(total)
        }
        let joined = [UInt8](unsafeUninitializedCapacity: total) { buffer, initialized in
            var start = 0
            for (index, end) in ends.enumerated() {
                UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[start..<end])
                    .copyMemory(from: bytes(at: index))
                start = end
            }
            initialized = total
        }
        return (joined, ends)
    }

    /// The length was checked to be inside the file when the header was parsed.
    private static func length(_ mapping: MappedFile, at offset: Int) -> Int {
        Int(truncatingIfNeeded: mapping.bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian)
    }
}
