import Foundation
import Tensor

/// Lays tensors out as a safetensors file, in F32 or F16.
package struct SafetensorsWriter {
    private let tensors: [(name: String, shape: [Int], values: [Float])]
    private let metadata: [String: String]
    private let halved: Set<String>

    /// `values` of each tensor are row-major and fill its shape; those named in `halved` are rounded to F16.
    package init(
        tensors: [(name: String, shape: [Int], values: [Float])], metadata: [String: String] = [:],
        halved: Set<String> = []
    ) {
        self.tensors = tensors
        self.metadata = metadata
        self.halved = halved
    }

    /// The whole file: header length, JSON header padded to 8 bytes, tensors one after another.
    package func data() throws -> Data {
        var header: [String: Entry] = metadata.isEmpty ? [:] : ["__metadata__": .metadata(metadata)]
        var offset = 0
        for tensor in tensors {
            let type = type(of: tensor.name)
            let end = offset + tensor.values.count * type.size
            header[tensor.name] = .tensor(
                Entry.Tensor(dtype: type.rawValue, shape: tensor.shape, data_offsets: [offset, end]))
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
            if type(of: tensor.name) == .f16 {
                file.append(contentsOf: Self.halves(tensor.values))
                continue
            }
            for value in tensor.values {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { file.append(contentsOf: $0) }
            }
        }
        return file
    }

    private func type(of name: String) -> ElementType { halved.contains(name) ? .f16 : .f32 }

    private static func halves(_ values: [Float]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: values.count * 2) { buffer, initialized in
            if let out = buffer.baseAddress, !values.isEmpty {
                Kernels.narrow(values, count: values.count, to: .f16, into: out)
            }
            initialized = values.count * 2
        }
    }

    private enum Entry: Encodable {
        case tensor(Tensor)
        case metadata([String: String])

        // The names are the format's.
        // swift-format-ignore: AlwaysUseLowerCamelCase
        struct Tensor: Encodable {
            let dtype: String
            let shape: [Int]
            let data_offsets: [Int]
        }

        func encode(to encoder: any Encoder) throws {
            switch self {
            case .tensor(let tensor): try tensor.encode(to: encoder)
            case .metadata(let texts): try texts.encode(to: encoder)
            }
        }
    }
}
