import Tensor

/// A metadata value to be written.
package enum GGUFMetadataValue: Sendable, Equatable {
    case unsigned(UInt32)
    case float(Float)
    case bool(Bool)
    case string(String)
    case strings([String])
    /// Texts as bytes one after another; text `i` ends at `ends[i]`.
    case texts(bytes: [UInt8], ends: [Int])
    case integers([Int32])
    case floats([Float])
}

/// Lays out the header of a GGUF file, version 3: everything before the weights.
///
/// Source: `docs/gguf.md` of ggml.
package struct GGUFHeaderWriter: Sendable {
    /// What tensor offsets are multiples of.
    package static let alignment = 32

    private let metadata: [(key: String, value: GGUFMetadataValue)]
    private let tensors: [(name: String, shape: [Int], type: GGMLType)]

    /// Shapes have the innermost dimension first, which must be whole blocks of the type.
    package init(
        metadata: [(key: String, value: GGUFMetadataValue)],
        tensors: [(name: String, shape: [Int], type: GGMLType)] = []
    ) {
        self.metadata = metadata
        self.tensors = tensors
    }

    /// The header, filled up to where the weights begin, and where in the file each tensor's weights lie; nil when a
    /// tensor's size cannot be counted or its rows are not whole blocks.
    package func layout() -> (header: [UInt8], places: [Range<Int>])? {
        var bytes = Array("GGUF".utf8)
        append(UInt32(3), to: &bytes)
        append(UInt64(tensors.count), to: &bytes)
        append(UInt64(metadata.count), to: &bytes)
        for (key, value) in metadata {
            append(Array(key.utf8), to: &bytes)
            append(value, to: &bytes)
        }
        var sizes = [Int]()
        var offset = 0
        for tensor in tensors {
            guard let size = Self.byteCount(tensor.shape, tensor.type),
                size < Int.max / 4 - offset
            else { return nil }
            append(Array(tensor.name.utf8), to: &bytes)
            append(UInt32(tensor.shape.count), to: &bytes)
            for length in tensor.shape { append(UInt64(length), to: &bytes) }
            append(tensor.type.rawValue, to: &bytes)
            append(UInt64(offset), to: &bytes)
            sizes.append(size)
            offset += Self.aligned(size)
        }
        bytes += [UInt8](repeating: 0, count: Self.aligned(bytes.count) - bytes.count)
        var start = bytes.count
        let places = sizes.map { size in
            defer { start += Self.aligned(size) }
            return start..<start + size
        }
        return (bytes, places)
    }

    /// Bytes that a tensor takes; nil when they cannot be counted or its rows are not whole blocks.
    package static func byteCount(_ shape: [Int], _ type: GGMLType) -> Int? {
        guard var count = type.rowBytes(columns: shape.first ?? 1) else { return nil }
        for length in shape.dropFirst() {
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            guard !overflow, length > 0 else { return nil }
            count = product
        }
        return count
    }

    /// A size with what fills it up to the alignment.
    package static func aligned(_ count: Int) -> Int {
        (count + alignment - 1) / alignment * alignment
    }

    // MARK: Encoding

    private func append<Number: FixedWidthInteger>(_ number: Number, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private func append(_ text: some Collection<UInt8>, to bytes: inout [UInt8]) {
        append(UInt64(text.count), to: &bytes)
        bytes.append(contentsOf: text)
    }

    private func append(_ type: GGUFValueType, to bytes: inout [UInt8]) {
        append(type.rawValue, to: &bytes)
    }

    private func appendArray(_ type: GGUFValueType, count: Int, to bytes: inout [UInt8]) {
        append(GGUFValueType.array, to: &bytes)
        append(type, to: &bytes)
        append(UInt64(count), to: &bytes)
    }

    private func append(_ value: GGUFMetadataValue, to bytes: inout [UInt8]) {
        switch value {
        case .unsigned(let number):
            append(GGUFValueType.uint32, to: &bytes)
            append(number, to: &bytes)
        case .float(let number):
            append(GGUFValueType.float32, to: &bytes)
            append(number.bitPattern, to: &bytes)
        case .bool(let flag):
            append(GGUFValueType.bool, to: &bytes)
            bytes.append(flag ? 1 : 0)
        case .string(let text):
            append(GGUFValueType.string, to: &bytes)
            append(Array(text.utf8), to: &bytes)
        case .strings(let texts):
            appendArray(.string, count: texts.count, to: &bytes)
            for text in texts { append(Array(text.utf8), to: &bytes) }
        case .texts(let joined, let ends):
            appendArray(.string, count: ends.count, to: &bytes)
            var start = 0
            for end in ends {
                append(joined[start..<end], to: &bytes)
                start = end
            }
        case .integers(let numbers):
            appendArray(.int32, count: numbers.count, to: &bytes)
            for number in numbers { append(number, to: &bytes) }
        case .floats(let numbers):
            appendArray(.float32, count: numbers.count, to: &bytes)
            for number in numbers { append(number.bitPattern, to: &bytes) }
        }
    }
}
