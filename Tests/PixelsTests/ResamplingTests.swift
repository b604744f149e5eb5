import Digest
import Foundation
import Pixels
import TestSupport
import Testing

/// `Reference/resample.py` records what Pillow makes of the same pictures.
struct ResamplingTests {
    private struct Recording: Decodable {
        let cases: [Case]
    }

    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        let seed: Int
        let size: [Int]
        // The name is the recording's.
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let new_size: [Int]
        let sha256: String
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let columns_first: Bool

        var testDescription: String { "\(size[0])x\(size[1]) to \(new_size[0])x\(new_size[1])" }
    }

    private static let cases: [Case] = {
        let file = TestSupport.fixture("PixelsTests", "bicubic.json")
        return (try? JSONDecoder().decode(Recording.self, from: Data(contentsOf: file)))?.cases ?? []
    }()

    /// The script's picture: noise over a ramp, with every fourth byte at an end of the range.
    private func picture(_ width: Int, _ height: Int, seed: Int) -> PixelImage? {
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
            for index in 0..<width * height * 3 {
                var mixed = (UInt32(index) &+ UInt32(seed)) &* 2_654_435_761
                mixed ^= mixed >> 15
                mixed &*= 2_246_822_519
                let noise = mixed >> 24
                let ramp = UInt32(index) / 97 & 255
                buffer[index] = noise & 3 == 0 ? (noise & 4 == 0 ? 0 : 255) : UInt8((noise + ramp) & 255)
            }
            count = width * height * 3
        }
        return PixelImage(width: width, height: height, bytes: bytes)
    }

    @Test func thirtySizesAreRecorded() {
        #expect(Self.cases.count >= 30)
        // Of both orders of the passes.
        #expect(Self.cases.count(where: \.columns_first) >= 5)
    }

    @Test(arguments: cases) func everyByteIsPillows(_ item: Case) throws {
        let source = try #require(picture(item.size[0], item.size[1], seed: item.seed))
        let resized = try #require(source.resampledBicubic(width: item.new_size[0], height: item.new_size[1]))
        #expect([resized.width, resized.height] == item.new_size)
        #expect(SHA256Digest(of: resized.bytes).hexadecimal == item.sha256)
    }

    @Test func impossibleSizesAreRefused() throws {
        let source = try #require(picture(2, 2, seed: 0))
        for (width, height) in [(0, 1), (1, 0), (-1, 4), (.max, 1), (1, .max)] {
            #expect(source.resampledBicubic(width: width, height: height) == nil)
        }
    }
}
