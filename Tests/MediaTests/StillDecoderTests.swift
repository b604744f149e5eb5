import Foundation
import Media
import Pixels
import TestSupport
import Testing

private let decoder = StillDecoder()

func fixture(_ name: String) -> String { TestSupport.fixture("MediaTests", name).path }

func fixtureBytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: TestSupport.fixture("MediaTests", name)))
}

extension PixelImage {
    /// The colour in the middle of a quarter: 0 top left, 1 top right, 2 bottom left, 3 bottom right.
    func quarter(_ index: Int) -> [Int] {
        let offset = ((height * (index / 2 * 2 + 1) / 4) * width + width * (index % 2 * 2 + 1) / 4) * 3
        return bytes[offset..<offset + 3].map { Int($0) }
    }
}

func isNear(_ a: [Int], _ b: [Int], _ tolerance: Int) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
}

private let quarters = [[220, 30, 30], [30, 200, 30], [30, 30, 220], [240, 240, 240]]

struct StillDecoderTests {
    @Test(arguments: [
        ("quadrants.png", StillFormat.png, 0), ("quadrants.webp", .webp, 0), ("quadrants.tiff", .tiff, 0),
        ("quadrants.jpg", .jpeg, 3), ("quadrants.heic", .heic, 6), ("quadrants.avif", .avif, 6),
        ("animated.gif", .gif, 6), ("pages.tiff", .tiff, 0), ("display-p3.png", .png, 2),
    ])
    func everyFormatIsRead(_ name: String, _ format: StillFormat, _ tolerance: Int) throws {
        let image = try decoder.load(path: fixture(name))
        #expect(image.format == format && image.fileName == name)
        #expect(image.pixels.width == 40 && image.pixels.height == 30)
        #expect(image.fileBytes == (try fixtureBytes(name)))
        for (index, colour) in quarters.enumerated() {
            #expect(isNear(image.pixels.quarter(index), colour, tolerance), "\(image.pixels.quarter(index))")
        }
    }

    @Test func framesAndPagesAreTold() throws {
        #expect(try decoder.load(path: fixture("animated.gif")).note == "the first of 3 frames")
        #expect(try decoder.load(path: fixture("pages.tiff")).note == "the first of 3 pages")
        #expect(try decoder.load(path: fixture("quadrants.png")).note == nil)
    }

    @Test func orientationIsApplied() throws {
        let pixels = try decoder.load(path: fixture("turned.jpg")).pixels
        #expect(pixels.width == 30 && pixels.height == 40)
        for (index, source) in [2, 0, 3, 1].enumerated() {
            #expect(isNear(pixels.quarter(index), quarters[source], 3), "\(index): \(pixels.quarter(index))")
        }
    }

    @Test func transparencyIsCompositedOnWhite() throws {
        let pixels = try decoder.load(path: fixture("alpha16.png")).pixels
        #expect(pixels.quarter(0) == quarters[0] && pixels.quarter(2) == quarters[2])
        #expect(isNear(pixels.quarter(1), [142, 227, 142], 1), "\(pixels.quarter(1))")
        #expect(pixels.quarter(3) == [255, 255, 255])
    }

    /// Models see what lies under transparency, as Pillow's conversion to RGB tells it; people see it on white.
    @Test func modelsSeeHiddenColours() throws {
        let loaded = try decoder.load(path: fixture("hidden-colours.png"))
        let hidden: [[UInt8]] = [
            [255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 200, 30], [255, 255, 255], [0, 0, 0], [120, 60, 30], [1, 2, 3],
        ]
        #expect(loaded.seenPixels.width == 4 && loaded.seenPixels.height == 2)
        #expect(loaded.seenPixels.bytes == hidden.flatMap(\.self))
        #expect(loaded.pixels.bytes[9..<12] == [255, 255, 255] && loaded.pixels.bytes[0..<3] == [255, 0, 0])
        #expect(loaded.seenPixels.onWhite == loaded.pixels)
        // Whoever sees it on white sees something else than where the colours are bare.
        let bare = try #require(PixelImage(width: 4, height: 2, bytes: loaded.seenPixels.bytes))
        #expect(loaded.seenPixels.digest != bare.digest)
        // Without transparency both are one.
        let opaque = try decoder.load(path: fixture("quadrants.png"))
        #expect(opaque.seenPixels == opaque.pixels)
    }

    @Test func printColoursAreConverted() throws {
        // CMYK cannot hold the screen's strongest colours: their kind must be right.
        let pixels = try decoder.load(path: fixture("cmyk.jpg")).pixels
        #expect(pixels.quarter(0).firstIndex(of: pixels.quarter(0).max() ?? 0) == 0)
        #expect(pixels.quarter(1).firstIndex(of: pixels.quarter(1).max() ?? 0) == 1)
        #expect(pixels.quarter(2).firstIndex(of: pixels.quarter(2).max() ?? 0) == 2)
        #expect(isNear(pixels.quarter(3), quarters[3], 8))
    }

    @Test func greyBecomesThreeChannels() throws {
        let pixels = try decoder.load(path: fixture("grey.png")).pixels
        #expect(pixels.quarter(0) == [220, 220, 220] && pixels.quarter(1) == [30, 30, 30])
    }

    @Test func contentDecidesNotTheName() throws {
        let bytes = try fixtureBytes("quadrants.webp")
        #expect(try decoder.load(bytes: bytes, name: "a.jpg").format == .webp)
        #expect(try MediaKind.detect(path: fixture("steps.webm")) == .video("Matroska"))
    }

    @Test func bitmapsAndDrawingsAreRead() throws {
        // 2 by 2 pixels of 24 bits, bottom row first, rows padded to 4 bytes: red, green above blue, white.
        var bitmap: [UInt8] = Array("BM".utf8) + [70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0]
        bitmap += [2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0] + [UInt8](repeating: 0, count: 24)
        bitmap += [255, 0, 0, 255, 255, 255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0]
        let picture = try decoder.load(bytes: bitmap, name: "b")
        #expect(picture.format == .bmp)
        #expect(picture.pixels.bytes == [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])

        let drawing = """
            <?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="20" height="10">
            <rect width="10" height="10" fill="#ff0000"/><image href="file:///etc/hostname" width="5" height="5"/></svg>
            """
        let svg = try decoder.load(bytes: Array(drawing.utf8), name: "d")
        #expect(svg.format == .svg && svg.pixels.width == 20)
        #expect(svg.pixels.quarter(0) == [255, 0, 0] && svg.pixels.quarter(1) == [255, 255, 255])
    }

    @Test func previewsAreSmallAndUpright() throws {
        let bytes = try fixtureBytes("turned.jpg")
        let preview = try decoder.preview(bytes: bytes, name: "t", maximumWidth: 15, maximumHeight: 100)
        #expect(preview.width == 15 && preview.height == 20)
        #expect(isNear(preview.quarter(1), quarters[0], 8))
    }

    @Test func picturesSurviveBeingStored() throws {
        let pixels = try decoder.load(path: fixture("quadrants.jpg")).pixels
        let png = try StillEncoder.png(pixels)
        #expect(try decoder.load(bytes: png, name: "p").pixels == pixels)
        let dot = try #require(PixelImage(width: 1, height: 1, bytes: [1, 2, 3]))
        #expect(try decoder.load(bytes: try StillEncoder.png(dot), name: "p").pixels == dot)
    }

    @Test func sizesAreCheckedBeforeDecoding() throws {
        let small = StillDecoder(limits: MediaLimits(fileBytes: 100, pixels: 1199))
        #expect(throws: MediaError.fileTooLarge(path: fixture("quadrants.tiff"), bytes: 444, limit: 100)) {
            try small.load(path: fixture("quadrants.tiff"))
        }
        let narrow = StillDecoder(limits: MediaLimits(pixels: 1199))
        #expect(throws: MediaError.tooManyPixels(path: fixture("quadrants.png"), width: 40, height: 30, limit: 1199)) {
            try narrow.load(path: fixture("quadrants.png"))
        }
        // A header that claims far more than is there.
        var bomb = try fixtureBytes("quadrants.png")
        bomb.replaceSubrange(16..<24, with: [0x00, 0x0F, 0x42, 0x40, 0x00, 0x0F, 0x42, 0x40])
        #expect(throws: MediaError.self) { try decoder.load(bytes: bomb, name: "bomb") }
        let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"30000\" height=\"30000\"/>"
        #expect(throws: MediaError.tooManyPixels(path: "s", width: 30000, height: 30000, limit: 200_000_000)) {
            try decoder.load(bytes: Array(drawing.utf8), name: "s")
        }
    }

    @Test func largePicturesAreRead() throws {
        let bytes = [UInt8](repeating: 77, count: 8000 * 6000 * 3)
        let large = try #require(PixelImage(width: 8000, height: 6000, bytes: bytes))
        let loaded = try decoder.load(bytes: try StillEncoder.png(large), name: "l")
        #expect(
            loaded.pixels.width == 8000 && loaded.pixels.height == 6000 && loaded.pixels.quarter(3) == [77, 77, 77])
    }

    @Test(arguments: [
        "quadrants.png", "quadrants.webp", "quadrants.tiff", "quadrants.jpg", "quadrants.heic", "quadrants.avif",
    ])
    func truncatedFilesAreNoPictures(_ name: String) throws {
        let bytes = try fixtureBytes(name)
        for length in [0, 1, 3, 16, bytes.count / 2] {
            #expect(throws: MediaError.self, "\(length)") {
                try decoder.load(bytes: Array(bytes.prefix(length)), name: "t")
            }
        }
    }

    @Test func mutatedFilesGiveAPictureOrAnError() throws {
        var state: UInt64 = 3
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % max(1, bound)
        }
        // Small limits, so that no lucky header costs time.
        let decoder = StillDecoder(limits: MediaLimits(pixels: 1_000_000))
        let names = [
            "quadrants.png", "quadrants.webp", "quadrants.tiff", "quadrants.jpg", "animated.gif", "turned.jpg",
            "display-p3.png", "cmyk.jpg", "alpha16.png", "pages.tiff", "quadrants.heic", "quadrants.avif",
        ]
        var pictures = 0
        for name in names {
            let original = try fixtureBytes(name)
            for _ in 0..<(name.hasSuffix("c") || name.hasSuffix("avif") ? 60 : 250) {
                var bytes = original
                for _ in 0...next(4) {
                    let place = next(bytes.count)
                    switch next(4) {
                    case 0: bytes.removeSubrange(place..<min(bytes.count, place + 1 + next(20)))
                    case 1: bytes.insert(contentsOf: [255, 255, 255, 255], at: place)
                    default: bytes[place] = UInt8(next(256))
                    }
                    if bytes.isEmpty { bytes = [0] }
                }
                do throws(MediaError) {
                    let image = try decoder.load(bytes: bytes, name: name)
                    pictures += 1
                    #expect(image.pixels.bytes.count == image.pixels.width * image.pixels.height * 3)
                } catch {
                    #expect(error.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
                }
            }
        }
        #expect(pictures > 50)
    }

    @Test(.enabled(if: TestSupport.shared != nil, "../shared is not there"))
    func sharedPicturesAreRead() throws {
        let folder = try #require(TestSupport.shared).appendingPathComponent("images")
        var count = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where !name.hasSuffix(".mp4") {
            let image = try decoder.load(path: folder.appendingPathComponent(name).path)
            #expect(image.pixels.width > 10, "\(name)")
            count += 1
        }
        #expect(count > 10)
    }
}

struct MediaErrorTests {
    @Test func whatIsNoPictureIsSaid() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
        for (name, content, found) in [
            ("notes.jpg", Array("Dear diary,\n".utf8), "a text file"), ("empty.png", [], "an empty file"),
            ("paper.png", Array("%PDF-1.7".utf8), "a PDF document"), ("page.gif", Array("<html>".utf8), "a web page"),
            ("noise.png", [0, 1, 2, 3, 254], "data of an unknown kind"),
        ] {
            try Data(content).write(to: URL(fileURLWithPath: path(name)))
            #expect(throws: MediaError.notAPicture(path: path(name), found: found)) {
                try decoder.load(path: path(name))
            }
        }
        #expect(throws: MediaError.notAPicture(path: fixture("steps.mp4"), found: "a video (MP4)")) {
            try decoder.load(path: fixture("steps.mp4"))
        }
        #expect(throws: MediaError.noSuchFile(path: path("ntoes.jpg"), suggestion: path("notes.jpg"))) {
            try decoder.load(path: path("ntoes.jpg"))
        }
        #expect(throws: MediaError.noSuchFile(path: path("zebra.tiff"), suggestion: nil)) {
            try decoder.load(path: path("zebra.tiff"))
        }
        #expect(throws: MediaError.isFolder(path: folder.path)) { try decoder.load(path: folder.path) }
        #expect(throws: MediaError.notARegularFile(path: "/dev/zero")) { try decoder.load(path: "/dev/zero") }
        mkfifo(path("pipe"), 0o600)
        #expect(throws: MediaError.notARegularFile(path: path("pipe"))) { try decoder.load(path: path("pipe")) }
    }

    @Test(arguments: [
        MediaError.noSuchFile(path: "/\u{1B}[2J", suggestion: "/b"), .noSuchFile(path: "/a", suggestion: nil),
        .isFolder(path: "/a"), .notARegularFile(path: "/a"), .permissionDenied(path: "/a"),
        .unreadable(path: "/a", reason: "broken"), .notAPicture(path: "/a", found: "a text file"),
        .notAVideo(path: "/a", found: "a text file"), .fileTooLarge(path: "/a", bytes: 300 << 20, limit: 256 << 20),
        .tooManyPixels(path: "/a", width: 9, height: 9, limit: 80), .tooManyFrames(path: "/a", limit: 5),
        .sampleTooLarge(path: "/a", frames: 9, width: 4, height: 3, most: 2),
        .damaged(path: "/a", format: "PNG", detail: "x\ny"), .noVideoStream(path: "/a", format: "MP4"),
        .unsupportedCodec(path: "/a", codec: "x"), .invalidFrameCount(0), .cancelled(path: "/a"),
        .encodingFailed(detail: "x"),
    ])
    func everyErrorIsOnePrintableLine(_ error: MediaError) {
        #expect(error.description.count > 9)
        #expect(error.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
    }
}
