import Foundation
import Generation
import Inference
import ModelFiles
import Models
import Tensor

/// Times of a step of drawing and of the decoding of a picture, in one precision.
struct DrawMeasurement {
    let path: String
    let size: SizeArgument
    let runs: Int
    let precision: Precision
    let pool: ThreadPool
    let isCancelled: () -> Bool

    /// Embeddings of a picture in Emu2-Gen; their number hardly matters.
    private static let contextTokens = 64

    /// What was measured; nil when cancelled.
    func result(
        _ limits: MachineLimits, steps: Int, progress: (DrawingProgress) -> Void
    ) throws(CommandError) -> Result? {
        do {
            let began = ContinuousClock.now
            guard let (file, decoder) = try load() else {
                throw CommandError.failed(InferenceError.drawsNothing(path: path).description)
            }
            let loadSeconds = (ContinuousClock.now - began).seconds
            let (batch, condition, latents) = try inputs(of: decoder)
            // What touches weights and memory first is not counted.
            let total = 2 * (runs + 1)
            var done = 0
            func times(_ body: () throws(ModelError) -> Void) throws(ModelError) -> [Double]? {
                var samples = [Double]()
                for _ in 0...runs {
                    let start = ContinuousClock.now
                    guard try completes(body) else { return nil }
                    samples.append((ContinuousClock.now - start).seconds)
                    done += 1
                    progress(DrawingProgress(stage: .drawing, completed: done, total: total))
                }
                return Array(samples.dropFirst())
            }
            let stepSamples = try times { () throws(ModelError) in
                _ = try decoder.unet.predict(batch, timestep: 501, condition: condition, pool: pool)
            }
            guard let stepSamples else { return nil }
            let decodeSamples = try times { () throws(ModelError) in
                _ = try decoder.autoencoder.decode(latents, pool: pool)
            }
            guard let decodeSamples else { return nil }
            let stepOperations = decoder.unet.operations(
                height: latents.height, width: latents.width, contextTokens: Self.contextTokens)
            let part = { (samples: [Double], operations: Double, type: GGMLType?) in
                Part(samples, operations: operations, limit: self.limit(type, limits))
            }
            let step = part(stepSamples, Double(batch.count) * stepOperations, file.commonType(of: "unet."))
            let decoding = part(
                decodeSamples, decoder.autoencoder.decodingOperations(height: latents.height, width: latents.width),
                file.commonType(of: "vae."))
            return Result(
                precision: precision.rawValue, kernel: precision.kernelName, load_seconds: loadSeconds, step: step,
                decoding: decoding, picture_seconds: Double(steps) * step.seconds + decoding.seconds)
        } catch let error as CommandError {
            throw error
        } catch {
            throw .failed("\(error)")
        }
    }

    private func load() throws(ModelError) -> (GGUFFile, DiffusionDecoder)? {
        guard
            let file = try DiffusionCheckpoint.file(path: path, configurationFolders: [Folders.models.path])
        else { return nil }
        let packer = precision == .fast ? WeightPacker(pool: pool) { file.discard($0) } : nil
        let decoder = try DiffusionDecoder(file: file, loading: WeightLoading(packer: packer))
        guard decoder.allows(DiffusionDecoder.Request(width: size.width, height: size.height)) else {
            throw .invalidParameter(
                path: path, key: "--size", found: size.description,
                expected: "multiples of \(decoder.sizeStep) up to \(DiffusionDecoder.greatestSide)")
        }
        return (file, decoder)
    }

    /// Latents for both branches of guidance with their condition, and those of one picture.
    private func inputs(
        of decoder: DiffusionDecoder
    ) throws(ModelError) -> (batch: FeatureMap, condition: SDXLUNet.Condition, latents: FeatureMap) {
        let request = DiffusionDecoder.Request(width: size.width, height: size.height)
        let (shape, width) = (decoder.latentShape(request), decoder.unet.configuration.contextWidth)
        let context = DiffusionContext(rows: Self.values(2 * Self.contextTokens * width), count: 2, width: width)
        let sizes: [Float] = [1024, 1024, 0, 0, Float(size.height), Float(size.width)]
        func map(_ count: Int) throws(ModelError) -> FeatureMap {
            try FeatureMap(
                planes: Self.values(count * shape.height * shape.width * shape.channels), count: count,
                height: shape.height, width: shape.width, channels: shape.channels)
        }
        return (try map(2), SDXLUNet.Condition(context: context, sizes: sizes), try map(1))
    }

    /// Numbers from -1 to 1, the same ones each time.
    private static func values(_ count: Int) -> [Float] {
        (0..<count).map { Float(($0 &* 7919 &+ 13) % 2048) / 1024 - 1 }
    }

    /// False when cancelled.
    private func completes(_ body: () throws(ModelError) -> Void) throws(ModelError) -> Bool {
        var failure: ModelError?
        let isDone = pool.cancellable(isCancelled) {
            do throws(ModelError) { try body() } catch { failure = error }
        }
        if let failure { throw failure }
        return isDone
    }

    // MARK: Shares of what the machine can do

    /// The products that a type's weights are multiplied with.
    private func limit(_ type: GGMLType?, _ limits: MachineLimits) -> (name: String, perSecond: Double) {
        guard precision == .fast, let type, type != .f32 else { return ("fp32", limits.fp32) }
        return type.blockSize > 1 && !Kernels.widensFixedRows ? ("int8", limits.int8) : ("bf16", limits.bf16)
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    struct Result: Encodable {
        let precision: String
        let kernel: String
        let load_seconds: Double
        let step: Part
        let decoding: Part
        /// Of all steps and the decoding.
        let picture_seconds: Double
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    struct Part: Encodable {
        let seconds: Double
        let samples: [Double]
        /// Those of plain convolutions: Winograd's algorithm does with fewer, so that a share may be above one.
        let operations: Double
        /// The arithmetic whose limit is meant.
        let limit: String
        let share_of_limit: Double

        init(_ samples: [Double], operations: Double, limit: (name: String, perSecond: Double)) {
            (self.samples, self.operations) = (samples, operations)
            seconds = median(samples)
            self.limit = limit.name
            share_of_limit = seconds > 0 ? operations / seconds / limit.perSecond : 0
        }
    }
}
