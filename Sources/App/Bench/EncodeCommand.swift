import ArgumentParser
import Digest
import Foundation
import Generation
import Inference
import Models
import Tensor

/// `bench encode`: how long a picture takes to be seen.
struct EncodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Measure how long a model's visual encoder takes for a picture.",
        discussion: """
            The picture is resampled and encoded --runs times, and nothing is kept between. Prints medians as JSON; the \
            digest is that of the features in fp32, the same for the same picture, model and precision.
            """)

    @OptionGroup var model: ModelArguments

    @Option(help: ArgumentHelp("The picture.", valueName: "file"))
    var image: String

    @Option(help: ArgumentHelp("How often it is encoded.", valueName: "n"))
    var runs = 1

    func validate() throws {
        if !(1...10_000).contains(runs) { throw ValidationError("--runs must be from 1 to 10000.") }
    }

    func run() async throws {
        let path = try model.path()
        let clock = ContinuousClock()
        let began = clock.now
        guard case .image(let picture) = try PromptMedia.image(argument: image) else { return }
        let read = clock.now
        let loaded: LoadedModel
        do { loaded = try LoadedModel(path: path, options: model.options) } catch {
            throw CommandError.failed(error.description)
        }
        guard let visual = loaded.visual else {
            throw CommandError.failed("\(path): cannot see pictures. Choose a model that can with --model.")
        }
        let ready = clock.now
        let threads = model.threads ?? ThreadPool.availableProcessors
        let pool = ThreadPool(threadCount: threads)
        let cancelled = CancellationFlag()
        let interruption = Interruption { cancelled.cancel() }
        defer { interruption.end() }
        var progress = ProgressLine()
        var (samples, features) = ([Double](), [Float]())
        for run in 0..<runs {
            let start = clock.now
            let result: [Float]?
            do throws(ModelError) {
                result = try visual.features(
                    of: picture, slots: visual.imageSlots, pool: pool, isCancelled: { cancelled.isCancelled },
                    progress: { layer in
                        let done = run * visual.encoderLayerCount + layer
                        progress.show(
                            GenerationProgress(
                                stage: .images, completed: done, total: runs * visual.encoderLayerCount))
                    })
            } catch {
                progress.clear()
                throw CommandError.failed(error.description)
            }
            guard let result else {
                progress.clear()
                throw CommandError.interrupted
            }
            features = result
            samples.append((clock.now - start).seconds)
        }
        progress.clear()
        let report = Report(
            model: path, image: image, image_width: picture.width, image_height: picture.height,
            seen_width: visual.seenSize.width, seen_height: visual.seenSize.height, tokens: visual.imageSlots,
            layers: visual.encoderLayerCount, precision: loaded.precision.rawValue,
            kernel: loaded.precision.kernelName, threads: threads, runs: runs, read_seconds: (read - began).seconds,
            load_seconds: (ready - read).seconds, encode_seconds: median(samples), samples: samples,
            workspace_bytes: visual.encoderWorkspaceBytes, peak_rss_bytes: PeakMemory.residentBytes,
            features_sha256: features.withUnsafeBytes { SHA256Digest(of: $0).hexadecimal })
        try StandardOutput.writeJSON(report, isIndented: true)
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Report: Encodable {
        let model: String
        let image: String
        let image_width: Int
        let image_height: Int
        let seen_width: Int
        let seen_height: Int
        let tokens: Int
        let layers: Int
        let precision: String
        let kernel: String
        let threads: Int
        let runs: Int
        let read_seconds: Double
        let load_seconds: Double
        let encode_seconds: Double
        let samples: [Double]
        let workspace_bytes: Int
        let peak_rss_bytes: Int
        let features_sha256: String
    }
}

/// The most memory that this process had at once.
enum PeakMemory {
    /// Bytes in memory, mapped files included; 0 where the system does not tell.
    ///
    /// What getrusage tells begins with what the parent process had before it started this one.
    static var residentBytes: Int {
        let value = SystemFile.field("VmHWM", of: "/proc/self/status", separator: ":")
        return (value?.split(separator: " ").first.flatMap { Int($0) } ?? 0) * 1024
    }
}
