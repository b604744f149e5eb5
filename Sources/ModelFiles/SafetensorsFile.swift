import Digest

/// A safetensors file, mapped into memory with its header checked.
///
/// Layout: the header's length in 8 bytes, the header as JSON, then the tensors without gaps.
/// Source: the format section of the safetensors README.
package final class SafetensorsFile: Sendable {
    package let mapping: MappedFile
    package let tensors: [String: CheckpointTensor]
    /// The tensors' names in the order of the header.
    package let tensorNames: [String]
    /// The free-form `__metadata__` of the header.
    package let metadata: [String: String]

    /// Longest header that the format allows.
    static let longestHeader: UInt64 = 100_000_000

    /// Maps the file and reads its header; tensors are not touched.
    package init(path: String) throws(ModelFileError) {
        let mapping = try MappedFile(path: path)
        let kind = mapping.kind
        guard mapping.bytes.count > 9, mapping.bytes[8] == UInt8(ascii: "{") else {
            throw .otherFormat(path: path, wanted: "safetensors", seems: kind == .safetensors ? .unknown : kind)
        }
        var cursor = ByteCursor(mapping)
        let length = try cursor.read(UInt64.self, "the header's length")
        guard length <= SafetensorsFile.longestHeader else {
            throw .tooLarge(
                path: path, what: "the header's length", found: length, limit: SafetensorsFile.longestHeader)
        }
        let header = try cursor.take(length, "the header")
        var parser = SafetensorsHeaderParser(path: path, bytes: UnsafeRawBufferPointer(rebasing: mapping.bytes[header]))
        let parsed = try parser.parse()
        let data = UnsafeRawBufferPointer(rebasing: mapping.bytes[header.upperBound...])
        var tensors = [String: CheckpointTensor]()
        for entry in parsed.entries {
            let tensor = try SafetensorsFile.place(entry, data: data, mapping: mapping)
            guard tensors.updateValue(tensor, forKey: entry.name) == nil else {
                throw .duplicateTensor(path: path, name: entry.name)
            }
        }
        self.mapping = mapping
        self.tensors = tensors
        tensorNames = parsed.entries.map(\.name)
        metadata = parsed.metadata
    }

    package var path: String { mapping.path }

    /// SHA-256 of the whole file; slow on large files, since it reads all of it.
    package func digest() -> SHA256Digest {
        mapping.digest()
    }

    /// The tensor of this name.
    package func tensor(_ name: String) throws(ModelFileError) -> CheckpointTensor {
        guard let tensor = tensors[name] else { throw .missingTensor(path: path, name: name) }
        return tensor
    }

    /// The tensor's elements as 32-bit floats: F32 as it is, F16 and BF16 widened exactly, F64 rounded.
    package func floats(_ name: String) throws(ModelFileError) -> [Float] {
        let tensor = try tensor(name)
        switch tensor.type {
        case .f32: return elements(tensor, UInt32.self) { Float(bitPattern: $0) }
        case .bf16: return elements(tensor, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .f16: return elements(tensor, UInt16.self) { floatFromHalf($0) }
        case .f64: return elements(tensor, UInt64.self) { Float(Double(bitPattern: $0)) }
        default:
            throw .wrongTensorType(
                path: path, name: name, expected: "F32, F16, BF16 or F64", found: tensor.type.rawValue)
        }
    }

    /// The tensor's elements as integers: I64, I32, I16, I8, U8 and BOOL.
    package func integers(_ name: String) throws(ModelFileError) -> [Int] {
        let tensor = try tensor(name)
        switch tensor.type {
        case .i64: return elements(tensor, Int64.self) { Int($0) }
        case .i32: return elements(tensor, Int32.self) { Int($0) }
        case .i16: return elements(tensor, Int16.self) { Int($0) }
        case .i8: return elements(tensor, Int8.self) { Int($0) }
        case .u8, .bool: return elements(tensor, UInt8.self) { Int($0) }
        default:
            throw .wrongTensorType(
                path: path, name: name, expected: "I64, I32, I16, I8, U8 or BOOL", found: tensor.type.rawValue)
        }
    }

    private func elements<Stored: FixedWidthInteger, Element>(
        _ tensor: CheckpointTensor, _ type: Stored.Type, _ convert: (Stored) -> Element
    ) -> [Element] {
        let size = MemoryLayout<Stored>.size
        return (0..<tensor.bytes.count / size).map { index in
            convert(Stored(littleEndian: tensor.bytes.loadUnaligned(fromByteOffset: index * size, as: Stored.self)))
        }
    }

    private static func place(
        _ entry: SafetensorsHeaderParser.Entry, data: UnsafeRawBufferPointer, mapping: MappedFile
    ) throws(ModelFileError) -> CheckpointTensor {
        let path = mapping.path
        guard let type = ElementType(rawValue: entry.type) else {
            throw .malformed(
                path: path, what: "the type of tensor \(entry.name)",
                expected: ElementType.allCases.map(\.rawValue).joined(separator: ", "), found: entry.type)
        }
        var count = type.size
        for length in entry.shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            guard !overflow else {
                throw .malformed(
                    path: path, what: "the shape of tensor \(entry.name)", expected: "a size that can be counted",
                    found: "\(entry.shape)")
            }
            count = product
        }
        guard entry.start <= entry.end, entry.end - entry.start == count else {
            throw .malformed(
                path: path, what: "the offsets of tensor \(entry.name)", expected: "\(count) bytes",
                found: "\(entry.start) to \(entry.end)")
        }
        guard entry.end <= data.count else {
            throw .truncated(
                path: path, what: "tensor \(entry.name)", offset: entry.start, needed: UInt64(count),
                available: max(0, data.count - entry.start))
        }
        return CheckpointTensor(
            type: type, shape: entry.shape, bytes: UnsafeRawBufferPointer(rebasing: data[entry.start..<entry.end]),
            mapping: mapping)
    }
}

/// An IEEE 754 half-precision number widened exactly.
func floatFromHalf(_ bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 0x1F
    let fraction = UInt32(bits & 0x3FF)
    switch exponent {
    case 0:
        // Subnormal: a multiple of 2^-24, which a Float holds exactly.
        let magnitude = Float(fraction) * Float(bitPattern: 0x3380_0000)
        return Float(bitPattern: magnitude.bitPattern | sign)
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
}
