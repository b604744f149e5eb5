import Foundation
import Tensor
import TestSupport
import Testing

/// Weights of every type against what PyPI gguf makes of the same bytes, bit for bit.
@Suite(.serialized) struct DequantizationTests {
    private struct Recorded: Decodable {
        let blocks: Data
        let values: Data
    }

    private static let types: [GGMLType] = [.f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K]

    @Test func valuesAreThoseOfTheReference() throws {
        let recorded = try JSONDecoder().decode(
            [String: Recorded].self, from: Data(contentsOf: TestSupport.fixture("TensorTests", "dequantize.json")))
        #expect(Set(recorded.keys) == Set(Self.types.map(\.name)))
        try Kernels.withEachVariant { variant in
            for type in Self.types {
                let item = try #require(recorded[type.name])
                let expected = item.values.withUnsafeBytes { raw in
                    (0..<raw.count / 4).map {
                        UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
                    }
                }
                let found = try item.blocks.withUnsafeBytes { raw in
                    try #require(Kernels.widen(type: type, bytes: raw, count: expected.count))
                }
                let wrong = expected.indices.filter { found[$0].bitPattern != expected[$0] }
                #expect(
                    wrong.isEmpty, "\(variant), \(type.name): \(wrong.count) values differ, first \(wrong.first ?? 0)")
            }
        }
    }
}
