import Foundation

/// Damages files in ways that parsers stumble over.
package enum Mutation {
    /// How many mutants a test tries: `EMUCHAT_MUTANTS`, or what is quick enough for every run.
    package static func count(default quick: Int) -> Int {
        ProcessInfo.processInfo.environment["EMUCHAT_MUTANTS"].flatMap { Int($0) } ?? quick
    }

    /// A damaged copy: one to three bits, bytes, numbers, stretches or ends changed.
    package static func mutate(_ original: [UInt8], with random: inout SeededGenerator) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            guard !bytes.isEmpty else { break }
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2, 3: bytes[at] = UInt8.random(in: .min ... .max, using: &random)
            case 4: write(interesting.randomElement(using: &random) ?? 0, width: 8, at: at, into: &bytes)
            case 5: write(interesting.randomElement(using: &random) ?? 0, width: 4, at: at, into: &bytes)
            case 6: write(UInt64.random(in: 0..<300, using: &random), width: 4, at: at, into: &bytes)
            case 7:
                let count = Int.random(in: 1...16, using: &random)
                bytes.removeSubrange(at..<min(bytes.count, at + count))
            case 8:
                let count = Int.random(in: 1...16, using: &random)
                bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + count)], at: at)
            default:
                // Truncation ends most files early, so it is rare.
                if Int.random(in: 0..<4, using: &random) == 0 { bytes.removeSubrange(at...) } else { bytes[at] &+= 1 }
            }
        }
        return bytes
    }

    /// A file that is whole, but one to three of whose values, keys or tensors are changed: most get past the header.
    package static func mutate(_ original: GGUFBuilder, with random: inout SeededGenerator) -> GGUFBuilder {
        var builder = original
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let index = Int.random(in: 0..<builder.metadata.count, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0: builder.metadata.remove(at: index)
            case 1: builder.metadata[index].value = .uint32(UInt32(truncatingIfNeeded: number(&random)))
            case 2: builder.metadata[index].value = .string("odd")
            case 3 where !builder.tensors.isEmpty:
                let tensor = Int.random(in: 0..<builder.tensors.count, using: &random)
                builder.tensors[tensor].type = Int32.random(in: -1...40, using: &random)
            case 4 where !builder.tensors.isEmpty:
                let tensor = Int.random(in: 0..<builder.tensors.count, using: &random)
                builder.tensors[tensor].shape[0] = Int(truncatingIfNeeded: number(&random))
            default: builder.metadata[index].value = changed(builder.metadata[index].value, &random)
            }
            if builder.metadata.isEmpty { break }
        }
        return builder
    }

    private static func number(_ random: inout SeededGenerator) -> UInt64 {
        Bool.random(using: &random)
            ? interesting.randomElement(using: &random) ?? 0 : UInt64.random(in: 0..<300, using: &random)
    }

    private static func changed(_ value: GGUFBuilder.Value, _ random: inout SeededGenerator) -> GGUFBuilder.Value {
        switch value {
        case .uint32: return .uint32(UInt32(truncatingIfNeeded: number(&random)))
        case .int32: return .int32(Int32(truncatingIfNeeded: number(&random)))
        case .uint64: return .uint64(number(&random))
        case .int64: return .int64(Int64(truncatingIfNeeded: number(&random)))
        case .float32: return .float32(Float(bitPattern: UInt32(truncatingIfNeeded: number(&random))))
        case .float64: return .float64(Double(bitPattern: number(&random)))
        case .uint8: return .uint8(UInt8(truncatingIfNeeded: number(&random)))
        case .bool(let flag): return .bool(!flag)
        case .string(let text): return .bytes(mutate(Array(text.utf8), with: &random))
        case .bytes(let bytes): return .bytes(mutate(bytes, with: &random))
        case .strings(let texts): return changed(.byteStrings(texts.map { Array($0.utf8) }), &random)
        case .byteStrings(var texts):
            guard !texts.isEmpty else { return .byteStrings([[0xFF]]) }
            let index = Int.random(in: 0..<texts.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: texts.remove(at: index)
            case 1: texts.append(texts[index])
            case 2: texts.swapAt(index, Int.random(in: 0..<texts.count, using: &random))
            default: texts[index] = mutate(texts[index], with: &random)
            }
            return .byteStrings(texts)
        case .int32s(var numbers):
            guard let index = numbers.indices.randomElement(using: &random) else { return .int32s([1]) }
            numbers[index] =
                Bool.random(using: &random)
                ? Int32.random(in: 0...6, using: &random) : Int32(truncatingIfNeeded: number(&random))
            return .int32s(numbers)
        case .float32s(var numbers):
            guard let index = numbers.indices.randomElement(using: &random) else { return .float32s([1]) }
            numbers[index] = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            return .float32s(numbers)
        case .array(let type, let values):
            return .array(type: Bool.random(using: &random) ? type : UInt32.random(in: 0...13, using: &random), values)
        }
    }

    private static let interesting: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF,
        0x8000_0000_0000_0000, .max, .max - 7, 1 << 40,
    ]

    private static func write(_ value: UInt64, width: Int, at offset: Int, into bytes: inout [UInt8]) {
        for index in 0..<width where offset + index < bytes.count {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
        }
    }
}
