import Foundation
import Media
import TestSupport
import Testing

private let decoder = VideoDecoder()

struct VideoDecoderTests {
    @Test func framesAreTheMiddlesOfEqualParts() {
        #expect(VideoDecoder.sampledIndices(frameCount: 30, wanted: 4) == [3, 11, 18, 26])
        #expect(VideoDecoder.sampledIndices(frameCount: 9, wanted: 1) == [4])
        #expect(VideoDecoder.sampledIndices(frameCount: 3, wanted: 8) == [0, 1, 2])
        #expect(VideoDecoder.sampledIndices(frameCount: 0, wanted: 8) == [])
        #expect(VideoDecoder.sampledIndices(frameCount: .max, wanted: 2).count == 2)
    }

    @Test(arguments: [("steps.mp4", "MP4", "h264"), ("steps.webm", "Matroska", "vp8"), ("steps.avi", "AVI", "mpeg4")])
    func theRightFramesAreDecoded(_ name: String, _ container: String, _ codec: String) throws {
        for count in [1, 4, 7, 30, 99] {
            let clip = try decoder.sample(path: fixture(name), count: count)
            #expect(clip.frameCount == 30 && clip.width == 48 && clip.height == 32)
            #expect(clip.container == container && clip.codec == codec && clip.fileName == name)
            #expect(clip.frames.map(\.index) == VideoDecoder.sampledIndices(frameCount: 30, wanted: count))
            for frame in clip.frames {
                // Luma 16+6i in the lower right quarter, in the limited range: (Y - 16) * 255 / 219.
                let expected = frame.index * 6 * 255 / 219
                #expect(
                    isNear(frame.image.quarter(3), [expected, expected, expected], 4),
                    "\(frame.index): \(frame.image.quarter(3))")
                #expect(abs(frame.seconds - Double(frame.index) / 10) < 0.011, "\(frame.seconds)")
            }
            #expect(abs(clip.seconds - 3) < 0.15)
        }
    }

    @Test func clipsAreTurnedUpright() throws {
        let clip = try decoder.sample(path: fixture("turned.mp4"), count: 1)
        #expect(clip.width == 32 && clip.height == 48)
        // The bright quarter, stored top left, is shown top right after a quarter turn clockwise.
        let brightness = (0..<4).map { clip.frames[0].image.quarter($0)[0] }
        #expect(
            brightness[1] > 200 && brightness[0] < 100 && brightness[2] < 100 && brightness[3] < 100, "\(brightness)")
    }

    @Test func animationsAreClipsToo() throws {
        let clip = try decoder.sample(path: fixture("animated.gif"), count: 3)
        #expect(clip.frameCount == 3 && clip.container == "GIF")
        #expect(clip.frames[2].image.quarter(0) == [90, 90, 90])
    }

    @Test func otherFilesAreRefused() throws {
        #expect(throws: MediaError.notAVideo(path: fixture("quadrants.png"), found: "a PNG picture")) {
            try decoder.sample(path: fixture("quadrants.png"), count: 1)
        }
        #expect(throws: MediaError.invalidFrameCount(0)) { try decoder.sample(path: fixture("steps.mp4"), count: 0) }
        #expect(throws: MediaError.cancelled(path: fixture("steps.mp4"))) {
            try decoder.sample(path: fixture("steps.mp4"), count: 1) { true }
        }
        let small = VideoDecoder(limits: MediaLimits(pixels: 100))
        #expect(throws: MediaError.tooManyPixels(path: fixture("steps.mp4"), width: 48, height: 32, limit: 100)) {
            try small.sample(path: fixture("steps.mp4"), count: 1)
        }
        let short = VideoDecoder(limits: MediaLimits(videoFrames: 29))
        #expect(throws: MediaError.tooManyFrames(path: fixture("steps.mp4"), limit: 29)) {
            try short.sample(path: fixture("steps.mp4"), count: 1)
        }
    }

    @Test func mutatedClipsGiveFramesOrAnError() throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("clip")
        var state: UInt64 = 5
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % max(1, bound)
        }
        let small = VideoDecoder(limits: MediaLimits(pixels: 1_000_000, videoFrames: 10_000))
        var decoded = 0
        for name in ["steps.mp4", "steps.webm", "steps.avi", "steps.mpg", "turned.mp4"] {
            let original = try fixtureBytes(name)
            for _ in 0..<100 {
                var bytes = original
                for _ in 0...next(4) {
                    let place = next(bytes.count)
                    switch next(4) {
                    case 0: bytes.removeSubrange(place..<min(bytes.count, place + 1 + next(200)))
                    default: bytes[place] = UInt8(next(256))
                    }
                    if bytes.isEmpty { bytes = [0] }
                }
                try Data(bytes).write(to: file)
                if let clip = try? small.sample(path: file.path, count: 4) {
                    decoded += 1
                    #expect(!clip.frames.isEmpty && clip.frames.count <= 4)
                }
            }
        }
        #expect(decoded > 50)
    }

    @Test(.enabled(if: TestSupport.sharedImage("clip.mp4") != nil, "../shared/images/clip.mp4 is not there"))
    func aRealClipIsSampled() throws {
        let path = try #require(TestSupport.sharedImage("clip.mp4")).path
        let eight = try decoder.sample(path: path, count: 8)
        #expect(eight.frames.count == 8)
        #expect(eight.frames.map(\.index) == VideoDecoder.sampledIndices(frameCount: eight.frameCount, wanted: 8))
        #expect(eight.frames.map(\.seconds) == eight.frames.map(\.seconds).sorted())
    }
}
