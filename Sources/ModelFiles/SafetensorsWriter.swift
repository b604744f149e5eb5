import Foundation

/// Lays fp32 tensors out as a safetensors file.
package struct SafetensorsWriter {
    private let tensors: [(name: String, shape: [Int], values: [Float])]

    /// `values` of each tensor are row-major and fill its shape.
    package init(tensors: [(name: String, shape: [Int], values: [Float])]) {
        self.tensors = tensors
    }

    /// The whole file: header length, JSON header padded to 8 bytes, tensors one after another.
    package func data() throws -> Data {
        var header: [String: Entry] = [:]
        var offset = 0
        for tensor in tensors {
            let end = offset + tensor.values.count * 4
            header[tensor.name] = Entry(shape: tensor.shape, data_offsets: [offset, end])
            offset = end
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var json = try encoder.encode(header)
        json.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
        var file = Data()
        file.reserveCapacity(8 + json.count + offset)
        withUnsafeBytes(of: UInt64(json.count).littleEndian) { file.append(contentsOf: $0) }
        file.append(json)
        for tensor in tensors {
            for value in tensor.values {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { file.append(contentsOf: $0) }
            }
        }
        return file
    }

    // The names are the format's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Entry: Encodable {
        var dtype = "F32"
        let shape: [Int]
        let data_offsets: [Int]
    }
}
