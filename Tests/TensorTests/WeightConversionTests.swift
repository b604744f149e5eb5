import Foundation
import Tensor
import TestSupport
import Testing

/// Weights stored as other types, against PyPI gguf: Q8_0 and Q4_0 bit for bit, Q4_K by its error.
@Suite(.serialized) struct WeightConversionTests {
    private struct Recorded: Decodable {
        struct Errors: Decodable {
            let values: Data
            let plain: Double
            let searched: Double
        }
        let values: Data
        let blocks: [String: Data]
        // The name is the type's.
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let q4_k: [String: Errors]
    }

    private static func recorded() throws -> Recorded {
        try JSONDecoder().decode(
            Recorded.self, from: Data(contentsOf: TestSupport.fixture("TensorTests", "quantize.json")))
    }

    private static func converted(_ data: Data, from: GGMLType = .f32, to type: GGMLType) throws -> [UInt8] {
        let count = data.count / from.blockBytes * from.blockSize
        var out = [UInt8](repeating: 0, count: try #require(type.rowBytes(columns: count)))
        let fits = data.withUnsafeBytes { source in
            out.withUnsafeMutableBytes { WeightConversion.convert(source, from: from, to: type, into: $0) }
        }
        try #require(fits)
        return out
    }

    private static func widened(_ bytes: [UInt8], _ type: GGMLType, count: Int) throws -> [Float] {
        try bytes.withUnsafeBytes { try #require(Kernels.widen(type: type, bytes: $0, count: count)) }
    }

    @Test func simpleBlocksAreThoseOfTheReference() throws {
        let recorded = try Self.recorded()
        try Kernels.withEachVariant { variant in
            for type in [GGMLType.q8_0, .q4_0] {
                let expected = Array(try #require(recorded.blocks[type.name]))
                let found = try Self.converted(recorded.values, to: type)
                let wrong = expected.indices.filter { found[$0] != expected[$0] }
                #expect(
                    wrong.isEmpty, "\(variant), \(type.name): \(wrong.count) bytes differ, first \(wrong.first ?? 0)")
            }
        }
    }

    @Test func superBlocksComeNearTheSearchedOnes() throws {
        let recorded = try Self.recorded()
        #expect(recorded.q4_k.count == 3)
        var first: [String: [UInt8]] = [:]
        try Kernels.withEachVariant { variant in
            for (name, item) in recorded.q4_k {
                let count = item.values.count / 4
                let blocks = try Self.converted(item.values, to: .q4_K)
                let original = try Self.widened(Array(item.values), .f32, count: count)
                let found = try Self.widened(blocks, .q4_K, count: count)
                let square = zip(found, original).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
                let error = (square / Double(count)).squareRoot()
                #expect(error < item.plain, "\(variant), \(name): \(error), evenly shared \(item.plain)")
                #expect(error < 1.05 * item.searched, "\(variant), \(name): \(error), searched \(item.searched)")
                #expect(first[name] ?? blocks == blocks, "\(variant), \(name): other bytes than the first variant")
                first[name] = blocks
            }
        }
    }

    @Test func plainTypesKeepWhatTheyCanHold() throws {
        let values: [Float] = [1, -0.0, 0x1p-24, 65504, 0x1.8p-25, -3.140625, 1e-30]
        let data = values.withUnsafeBytes { Data($0) }
        #expect(try Self.converted(data, to: .f32) == Array(data))
        let halves = try Self.widened(try Self.converted(data, to: .f16), .f16, count: values.count)
        #expect(halves.map(\.bitPattern) == values.map { Float(Float16($0)).bitPattern })
        let brains = Data([0x80, 0x3F, 0x49, 0xC0])
        #expect(try Self.widened(try Self.converted(brains, from: .bf16, to: .f32), .f32, count: 2) == [1, -3.140625])
    }

    /// The reciprocal of such a scale is infinite.
    @Test(arguments: [GGMLType.q8_0, .q4_0, .q4_K]) func blocksAsGoodAsZeroBecomeZero(type: GGMLType) throws {
        for value: Float in [0, 0x1p-136, -0x1p-146] {
            let values = [Float](repeating: value, count: 256)
            let blocks = try Self.converted(values.withUnsafeBytes { Data($0) }, to: type)
            #expect(try Self.widened(blocks, type, count: 256).allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: [GGMLType.f32, .f16, .q8_0, .q4_0, .q4_K])
    func numbersThatDoNotFitAreRefused(type: GGMLType) throws {
        var wrong: [Float] = [.nan, .infinity, -.infinity]
        if type != .f32 { wrong.append(1e30) }
        for value in wrong {
            var values = [Float](repeating: 0.5, count: 1024)
            values[700] = value
            let data = values.withUnsafeBytes { Data($0) }
            var out = [UInt8](repeating: 0, count: try #require(type.rowBytes(columns: values.count)))
            let fits = data.withUnsafeBytes { source in
                out.withUnsafeMutableBytes { WeightConversion.convert(source, from: .f32, to: type, into: $0) }
            }
            #expect(!fits, "\(value)")
        }
    }

    @Test func buffersOfOtherSizesAreRefused() {
        let values = [Float](repeating: 1, count: 64)
        var out = [UInt8](repeating: 0, count: 34)
        values.withUnsafeBytes { source in
            out.withUnsafeMutableBytes { target in
                #expect(!WeightConversion.convert(source, from: .f32, to: .q8_0, into: target))
                #expect(!WeightConversion.convert(source, from: .f32, to: .q6_K, into: target))
                let part = UnsafeRawBufferPointer(rebasing: source[..<127])
                #expect(!WeightConversion.convert(part, from: .f32, to: .q8_0, into: target))
                let half = UnsafeRawBufferPointer(rebasing: source[..<128])
                #expect(WeightConversion.convert(half, from: .f32, to: .q8_0, into: target))
            }
        }
    }
}
