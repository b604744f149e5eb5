import Pixels
import Testing

struct PixelImageTests {
    @Test func sizesMustFitTheBytes() {
        #expect(PixelImage(width: 1, height: 2, bytes: [1, 2, 3, 4, 5, 6]) != nil)
        for (width, height, count) in [(0, 1, 0), (1, 1, 2), (-1, -1, 3), (.max, 2, 6), (.max / 2, 2, 6)] {
            #expect(PixelImage(width: width, height: height, bytes: [UInt8](repeating: 0, count: count)) == nil)
        }
    }

    @Test func digestDependsOnShapeAndPixels() throws {
        let wide = try #require(PixelImage(width: 2, height: 1, bytes: [1, 2, 3, 4, 5, 6]))
        let tall = try #require(PixelImage(width: 1, height: 2, bytes: [1, 2, 3, 4, 5, 6]))
        let other = try #require(PixelImage(width: 2, height: 1, bytes: [1, 2, 3, 4, 5, 7]))
        let transparent = try #require(PixelImage(width: 2, height: 1, bytes: wide.bytes, onWhite: other.bytes))
        #expect(Set([wide, tall, other, transparent].map(\.digest)).count == 4)
        #expect(transparent.onWhite == other && wide.onWhite == wide)
        #expect(PixelImage(width: 2, height: 1, bytes: wide.bytes, onWhite: [1, 2, 3]) == nil)
        #expect(wide.digest.hexadecimal.count == 64)
    }

    @Test func quarterTurnsGoClockwise() throws {
        // a b c
        // d e f
        let names: [UInt8] = Array("abcdef".utf8)
        let image = try #require(PixelImage(width: 3, height: 2, bytes: names.flatMap { [$0, $0, $0] }))
        func text(_ image: PixelImage) -> String {
            (0..<image.height).map { row in
                String((0..<image.width).map { Character(Unicode.Scalar(image.bytes[(row * image.width + $0) * 3])) })
            }.joined(separator: " ")
        }
        #expect(text(image.turnedClockwise(quarterTurns: 1)) == "da eb fc")
        #expect(text(image.turnedClockwise(quarterTurns: 2)) == "fed cba")
        #expect(text(image.turnedClockwise(quarterTurns: -1)) == "cf be ad")
        #expect(image.turnedClockwise(quarterTurns: 4) == image)
    }
}
