import Foundation

/// Builds small GGUF files in memory, for tests of everything that reads one.
package struct GGUFBuilder: Sendable {
    /// A metadata value as it will be written.
    package indirect enum Value: Sendable {
        case uint8(UInt8)
        case uint32(UInt32)
        case int32(Int32)
        case uint64(UInt64)
        case int64(Int64)
        case float32(Float)
        case float64(Double)
        case bool(Bool)
        case string(String)
        case bytes([UInt8])
        case strings([String])
        case byteStrings([[UInt8]])
        case int32s([Int32])
        case float32s([Float])
        /// An array of arrays or of any one type; the type number is that of its elements.
        case array(type: UInt32, [Value])
    }

    package var version: UInt32 = 3
    package var alignment = 32
    package private(set) var metadata: [(key: String, value: Value)] = []
    /// `type` is the number of the storage type in the file; shapes have the innermost dimension first.
    package private(set) var tensors: [(name: String, shape: [Int], type: Int32, bytes: [UInt8])] = []

    package init(architecture: String? = nil) {
        if let architecture { set("general.architecture", .string(architecture)) }
    }

    /// Adds a key; adding one twice writes it twice.
    package mutating func set(_ key: String, _ value: Value) {
        metadata.append((key, value))
    }

    /// Adds a tensor of 32-bit floats.
    package mutating func add(_ name: String, shape: [Int], floats: [Float]) {
        add(name, shape: shape, type: 0, bytes: floats.flatMap { littleEndian($0.bitPattern) })
    }

    /// Adds a tensor of any storage type.
    package mutating func add(_ name: String, shape: [Int], type: Int32, bytes: [UInt8]) {
        tensors.append((name, shape, type, bytes))
    }

    /// The file's bytes.
    package func build() -> [UInt8] {
        var file = Array("GGUF".utf8)
        file += littleEndian(version)
        file += littleEndian(UInt64(tensors.count))
        file += littleEndian(UInt64(metadata.count))
        for (key, value) in metadata {
            file += text(Array(key.utf8))
            file += littleEndian(typeNumber(value))
            file += payload(value)
        }
        var offset = 0
        for tensor in tensors {
            file += text(Array(tensor.name.utf8))
            file += littleEndian(UInt32(tensor.shape.count))
            for length in tensor.shape { file += littleEndian(UInt64(length)) }
            file += littleEndian(tensor.type)
            file += littleEndian(UInt64(offset))
            offset += aligned(tensor.bytes.count)
        }
        guard !tensors.isEmpty else { return file }
        file += [UInt8](repeating: 0, count: aligned(file.count) - file.count)
        for tensor in tensors {
            file += tensor.bytes
            file += [UInt8](repeating: 0, count: aligned(tensor.bytes.count) - tensor.bytes.count)
        }
        return file
    }

    /// Writes the file into a fresh folder, hands its path to `body`, and removes the folder.
    package func withFile<Result>(_ body: (String) throws -> Result) throws -> Result {
        try TestSupport.withTemporaryFile(build(), name: "model.gguf", body)
    }

    private func aligned(_ count: Int) -> Int {
        (count + alignment - 1) / alignment * alignment
    }

    private func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    private func text(_ bytes: [UInt8]) -> [UInt8] {
        littleEndian(UInt64(bytes.count)) + bytes
    }

    private func typeNumber(_ value: Value) -> UInt32 {
        switch value {
        case .uint8: 0
        case .uint32: 4
        case .int32: 5
        case .float32: 6
        case .bool: 7
        case .string, .bytes: 8
        case .strings, .byteStrings, .int32s, .float32s, .array: 9
        case .uint64: 10
        case .int64: 11
        case .float64: 12
        }
    }

    private func payload(_ value: Value) -> [UInt8] {
        func array(_ type: UInt32, _ count: Int, _ elements: [UInt8]) -> [UInt8] {
            littleEndian(type) + littleEndian(UInt64(count)) + elements
        }
        switch value {
        case .uint8(let number): return [number]
        case .uint32(let number): return littleEndian(number)
        case .int32(let number): return littleEndian(number)
        case .uint64(let number): return littleEndian(number)
        case .int64(let number): return littleEndian(number)
        case .float32(let number): return littleEndian(number.bitPattern)
        case .float64(let number): return littleEndian(number.bitPattern)
        case .bool(let flag): return [flag ? 1 : 0]
        case .string(let string): return text(Array(string.utf8))
        case .bytes(let bytes): return text(bytes)
        case .strings(let strings): return array(8, strings.count, strings.flatMap { text(Array($0.utf8)) })
        case .byteStrings(let strings): return array(8, strings.count, strings.flatMap(text))
        case .int32s(let numbers): return array(5, numbers.count, numbers.flatMap(littleEndian))
        case .float32s(let numbers):
            return array(6, numbers.count, numbers.flatMap { littleEndian($0.bitPattern) })
        case .array(let type, let values): return array(type, values.count, values.flatMap(payload))
        }
    }
}

extension TestSupport {
    /// Writes bytes into a fresh folder, hands the file's path to `body`, and removes the folder.
    package static func withTemporaryFile<Result>(
        _ bytes: [UInt8], name: String, _ body: (String) throws -> Result
    ) throws -> Result {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent(name)
        try Data(bytes).write(to: file)
        return try body(file.path)
    }
}
