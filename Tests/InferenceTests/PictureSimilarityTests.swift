import Foundation
import Generation
import Pixels
import TestSupport
import Testing

@testable import Inference

/// Pictures compared by what the encoder makes of them.
@Suite struct PictureSimilarityTests {
    @Test func theMeanOfTheSlotsCountsAndNotItsLength() {
        let one = PooledFeatures(features: [1, 0, 3, 0], slots: 2)
        #expect(abs(one.similarity(to: PooledFeatures(features: [7, 0], slots: 1)) - 1) < 1e-6)
        #expect(abs(one.similarity(to: PooledFeatures(features: [0, 5], slots: 1))) < 1e-6)
        #expect(abs(one.similarity(to: PooledFeatures(features: [-1, 0], slots: 1)) + 1) < 1e-6)
        let diagonal = PooledFeatures(features: [2, 2], slots: 1)
        #expect(abs(one.similarity(to: diagonal) - Float(0.5).squareRoot()) < 1e-6)
        for empty in [PooledFeatures(features: [0, 0], slots: 1), PooledFeatures(features: [], slots: 0)] {
            #expect(one.similarity(to: empty) == -1)
        }
    }

    @Test func theNearestStandsLast() {
        func features(_ degrees: Double) -> PooledFeatures {
            PooledFeatures(features: [Float(cos(degrees * .pi / 180)), Float(sin(degrees * .pi / 180))], slots: 1)
        }
        let others = [80, 10, -40, 10, 0].map(features)
        #expect(PooledFeatures.nearest(3, to: features(0), among: others) == [3, 1, 4])
        #expect(PooledFeatures.nearest(9, to: features(0), among: others) == [0, 2, 3, 1, 4])
        #expect(PooledFeatures.nearest(0, to: features(0), among: others).isEmpty)
    }

    @Test func anEngineEncodesEachPictureOnce() async throws {
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("emu2.gguf")
        try Data(TinyModel.emu2().builder().build()).write(to: file)
        let pictures = folder.appendingPathComponent("pictures")
        let engine = try InferenceEngine(
            model: LoadedModel(path: file.path), pictureStore: CacheStore(folder: pictures))
        let dark = try #require(PixelImage(width: 8, height: 8, bytes: (0..<192).map { UInt8($0 / 8) }))
        let bright = try #require(PixelImage(width: 8, height: 8, bytes: (0..<192).map { UInt8(255 - $0) }))
        let flag = CancellationFlag()
        let first = try #require(try await engine.pooledFeatures(of: dark, cancellation: flag))
        let second = try #require(try await engine.pooledFeatures(of: bright, cancellation: flag))
        #expect(try await engine.pooledFeatures(of: dark, cancellation: flag) == first)
        #expect(abs(first.similarity(to: first) - 1) < 1e-6 && first.similarity(to: second) < 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: pictures.path).count == 2)
        flag.cancel()
        let other = try #require(PixelImage(width: 1, height: 1, bytes: [1, 2, 3]))
        #expect(try await engine.pooledFeatures(of: other, cancellation: flag) == nil)
    }
}
