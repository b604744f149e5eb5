import Foundation
import Generation
import ModelFiles
import Models
import Tensor
import TestSupport
import Testing

/// The diffusion decoder against diffusers, on small pipelines of random weights and odd sizes.
@Suite struct DiffusionTests {
    private let pool = ThreadPool(threadCount: 2)
    private static let limit: Float = 1e-5

    @Test(arguments: DiffusionFixture.names) func thePredictionAgrees(_ name: String) throws {
        let fixture = try DiffusionFixture(name)
        let found = try prediction(fixture, pool)
        #expect(try fixture.difference(found, "predicted") < Self.limit)
    }

    /// One prediction for a batch of two.
    private func prediction(_ fixture: DiffusionFixture, _ pool: ThreadPool) throws -> [Float] {
        let batch = try fixture.map("batch")
        let context = try fixture.golden.tensor("context")
        let condition = SDXLUNet.Condition(
            context: DiffusionContext(
                rows: try fixture.golden.floats("context"), count: 2, width: context.shape[2]),
            sizes: [512, 384, 3, 5, Float(8 * batch.height), Float(8 * batch.width)])
        return try fixture.decoder().unet.predict(batch, timestep: 637, condition: condition, pool: pool).planes
    }

    @Test(arguments: [
        ("usual", 1, 1.0), ("usual", 7, 7.5), ("usual", 30, 7.5), ("other", 1, 7.5), ("other", 7, 1.0),
        ("other", 30, 7.5),
    ])
    func everyNumberOfStepsAgrees(_ name: String, _ steps: Int, _ guidance: Float) throws {
        let fixture = try DiffusionFixture(name)
        let decoder = try fixture.decoder()
        let suffix = "\(steps).\(Int(guidance * 10))"
        let schedule = decoder.scheduler.schedule(steps: steps)
        #expect(try fixture.difference(schedule.timesteps, "timesteps.\(suffix)") < 1e-5)
        #expect(try fixture.difference(schedule.sigmas, "sigmas.\(suffix)") < 1e-5)
        let noise = try fixture.map("noise")
        let context = try fixture.golden.floats("context")
        let request = DiffusionDecoder.Request(
            width: 8 * noise.width, height: 8 * noise.height, steps: steps, guidance: guidance, originalWidth: 384,
            originalHeight: 512, cropLeft: 5, cropTop: 3)
        var seen = [Int]()
        let latents = try #require(
            try decoder.latents(
                from: noise, condition: Array(context[..<(context.count / 2)]),
                unconditional: Array(context[(context.count / 2)...]), request, pool: pool,
                observe: { step, _, _ in seen.append(step) }))
        #expect(seen == Array(0..<steps))
        #expect(try fixture.difference(latents.planes, "latents.\(suffix)") < 2 * Self.limit)
    }

    /// What people say of boxes is what the pictures of them show.
    @Test func boxesHaveOneGrid() { #expect(DrawingBox.gridSide == LocationPicture.side) }

    /// Looking on changes nothing; without any noise left, what is shown is what comes out.
    @Test(arguments: [("usual", 6), ("other", 6)]) func sketchesEndInTheLatents(_ name: String, _ steps: Int) throws {
        let fixture = try DiffusionFixture(name)
        let decoder = try fixture.decoder()
        let noise = try fixture.map("noise")
        let context = try fixture.golden.floats("context")
        let half = context.count / 2
        let request = DiffusionDecoder.Request(width: 8 * noise.width, height: 8 * noise.height, steps: steps)
        func latents(_ sketch: ((FeatureMap) throws(ModelError) -> Void)?) throws -> [Float] {
            let found = try decoder.latents(
                from: noise, condition: Array(context[..<half]), unconditional: Array(context[half...]), request,
                pool: pool, sketch: sketch)
            return try #require(found).planes
        }
        var sketches = [[Float]]()
        let watched = try latents { sketches.append($0.planes) }
        #expect(sketches.count == steps / 2)
        #expect(try latents(nil).map(\.bitPattern) == watched.map(\.bitPattern))
        let last = try #require(sketches.last)
        let largest = watched.reduce(0) { max($0, abs($1)) }
        #expect(zip(last, watched).allSatisfy { abs($0 - $1) < 1e-5 * largest })
        #expect(zip(sketches[0], watched).contains { abs($0 - $1) > 0.01 * largest })
    }

    /// Where latents are a linear map of colours and of something else, the colours are told back.
    @Test func latentsHaveTheirColours() throws {
        var generator = SeededGenerator(seed: 3)
        func row(_ count: Int) -> [Double] { (0..<count).map { _ in Double.random(in: -1...1, using: &generator) } }
        let (mixing, offset) = ((0..<4).map { _ in row(4) }, row(4))
        let colors = (0..<100).map { _ in row(3) }
        let latents = colors.map { color in
            let told = color + row(1)
            return (0..<4).map { channel in offset[channel] + zip(mixing[channel], told).reduce(0) { $0 + $1.0 * $1.1 }
            }
        }
        let found = try #require(LatentColors(latents: latents, colors: colors.map { $0.map(Float.init) }))
        let map = try FeatureMap(height: 10, width: 10, channels: 4)
        for (index, value) in latents.joined().enumerated() { map.pointer[index] = Float(value) }
        let picture = try found.picture(of: map)
        for (index, value) in colors.joined().enumerated() {
            #expect(abs(picture.pointer[index] - Float(value / 2 + 0.5)) < 1e-3)
        }
        #expect(LatentColors(latents: [[.nan, 1]], colors: [[0, 0, 0]]) == nil)
    }

    @Test(arguments: DiffusionFixture.names) func everyAutoencoderHasColours(_ name: String) throws {
        let autoencoder = try DiffusionFixture(name).decoder().autoencoder
        let colors = try #require(try LatentColors(autoencoder, pool: pool))
        let latents = try FeatureMap(height: 3, width: 5, channels: autoencoder.configuration.latentChannels)
        let picture = try colors.picture(of: latents)
        #expect((picture.height, picture.width, picture.channels) == (3, 5, 3))
        #expect((0..<picture.valueCount).allSatisfy { (0...1).contains(picture.pointer[$0]) })
    }

    @Test(arguments: DiffusionFixture.names) func bothHalvesOfTheAutoencoderAgree(_ name: String) throws {
        let fixture = try DiffusionFixture(name)
        let autoencoder = try fixture.decoder().autoencoder
        var progress = [Double]()
        let decoded = try autoencoder.decode(fixture.map("noise"), pool: pool) { progress.append($0) }
        #expect(try fixture.difference(decoded.planes, "decoded") < Self.limit)
        #expect(progress == progress.sorted() && progress.last.map { abs($0 - 1) < 1e-9 } == true)
        let moments = try autoencoder.moments(of: fixture.map("picture"), pool: pool)
        #expect(try fixture.difference(moments.planes, "moments") < Self.limit)
    }

    @Test func anyNumberOfThreadsGivesTheSameBits() throws {
        let fixture = try DiffusionFixture("usual")
        let decoder = try fixture.decoder()
        var first: ([Float], [Float])?
        for threads in [1, 2, 3, 5] {
            let pool = ThreadPool(threadCount: threads)
            let found = (
                try prediction(fixture, pool),
                try decoder.autoencoder.decode(fixture.map("noise"), pool: pool).planes
            )
            let expected = first ?? found
            #expect(found.0 == expected.0 && found.1 == expected.1, "\(threads) threads")
            first = expected
        }
    }

    @Test func everyVariantGivesTheSameBits() throws {
        let fixture = try DiffusionFixture("other")
        var first: [Float]?
        try Kernels.withEachVariant { variant in
            let found = try prediction(fixture, pool)
            #expect(first == nil || first == found, "\(variant)")
            first = first ?? found
        }
        #expect(first != nil)
    }

    @Test func aDrawingEndsWhenCancelled() throws {
        let fixture = try DiffusionFixture("usual")
        let decoder = try fixture.decoder()
        let context = try fixture.golden.floats("context")
        var steps = 0
        let request = DiffusionDecoder.Request(width: 104, height: 72, steps: 30)
        let latents = try decoder.latents(
            from: fixture.map("noise"), condition: Array(context[..<(context.count / 2)]),
            unconditional: Array(context[(context.count / 2)...]), request, pool: pool,
            isCancelled: { steps == 3 }, observe: { _, _, _ in steps += 1 })
        #expect(latents == nil && steps == 3)
        let picture = try decoder.picture(of: fixture.map("noise"), pool: pool, isCancelled: { true })
        #expect(picture == nil)
        // What comes after is whole again.
        #expect(try fixture.difference(prediction(fixture, pool), "predicted") < Self.limit)
    }

    /// One file with all tensors, as Emu2-Gen's native checkpoint; its configurations lie elsewhere.
    @Test func theNativeLayoutIsTheSameModel() throws {
        let fixture = try DiffusionFixture("usual")
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        var tensors: [(name: String, shape: [Int], values: [Float])] = []
        for part in ["unet", "vae"] {
            let file = try SafetensorsFile(
                path: fixture.folder.appendingPathComponent("\(part)/diffusion_pytorch_model.safetensors").path)
            for name in file.tensorNames {
                tensors.append(("\(part).\(name)", try file.tensor(name).shape, try file.floats(name)))
            }
        }
        let path = folder.appendingPathComponent("native.safetensors")
        try SafetensorsWriter(tensors: tensors).data().write(to: path)
        let file = try #require(
            try DiffusionCheckpoint.file(path: path.path, configurationFolders: [fixture.folder.path]))
        let native = try DiffusionDecoder(file: file)
        let expected = try fixture.decoder()
        #expect(native.parameterCount == expected.parameterCount)
        let decoded = try native.autoencoder.decode(fixture.map("noise"), pool: pool).planes
        #expect(try decoded == expected.autoencoder.decode(fixture.map("noise"), pool: pool).planes)
        // Alone it is taken for a model of the published size, which it is not.
        let alone = try #require(try DiffusionCheckpoint.file(path: path.path))
        #expect(throws: ModelError.self) { try DiffusionDecoder(file: alone) }
    }
}
