import ArgumentParser
import Conversion
import Foundation
import Generation
import ModelFiles
import Tensor

/// `bench synth`: a model of a real one's size with random weights.
struct SynthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synth",
        abstract: "Write a model of a real one's size with random weights.",
        discussion:
            "The same bytes for a seed, on any number of threads. Shapes: \(SyntheticModel.names.joined(separator: ", "))."
    )

    /// What is written.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case gguf
        /// A folder in Hugging Face's layout, as input of `emuchat convert`.
        case checkpoint
    }

    @Option(help: "Whose sizes the model has.")
    var shape: String

    @Option(help: "How weights are stored: f32, f16, q8_0, q4_0, q4_k; in a checkpoint f32, f16 or bf16.")
    var type = "q4_0"

    @Option(help: ArgumentHelp("Layers of decoder and encoder, instead of all.", valueName: "n"))
    var layers: Int?

    @Option(help: ArgumentHelp("What decides the weights.", valueName: "n"))
    var seed: UInt64 = 0

    @Option(help: "What to write: gguf, or checkpoint, a folder of shards.")
    var format: Format = .gguf

    @Option(help: ArgumentHelp("Threads to compute on; all processors when not given.", valueName: "n"))
    var threads: Int?

    @Option(name: [.short, .long], help: ArgumentHelp("The file or folder to write.", valueName: "path"))
    var output: String

    private var targetType: TargetType? { TargetType(rawValue: type.lowercased()) }

    private var elementType: ElementType? {
        ["f32": .f32, "f16": .f16, "bf16": .bf16][type.lowercased()]
    }

    func validate() throws {
        if let layers, !(1...1000).contains(layers) { throw ValidationError("--layers must be from 1 to 1000.") }
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads must be from 1 to 256.") }
        if output.isEmpty { throw ValidationError("--output must name a file or folder.") }
        guard SyntheticModel.names.contains(shape) else {
            throw ValidationError("--shape must be one of \(SyntheticModel.names.joined(separator: ", ")).")
        }
        switch format {
        case .gguf:
            guard targetType != nil else {
                throw ValidationError(
                    "--type must be one of \(TargetType.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
        case .checkpoint:
            guard elementType != nil else { throw ValidationError("--type of a checkpoint must be f32, f16 or bf16.") }
            guard SyntheticModel.checkpointNames.contains(shape) else {
                throw ValidationError(
                    "A checkpoint can have the shape \(SyntheticModel.checkpointNames.joined(separator: ", ")).")
            }
        }
    }

    func run() async throws {
        let target = (output as NSString).expandingTildeInPath
        let threadCount = threads ?? ThreadPool.availableProcessors
        var progress = TransferProgress("writing")
        let cancelled = CancellationFlag()
        let interruption = Interruption { cancelled.cancel() }
        defer { interruption.end() }
        let began = ContinuousClock.now
        var bytes = 0
        func show(_ written: Int, _ size: Int) {
            bytes = size
            progress.show(written, of: size)
        }
        let model: SyntheticModel
        do throws(ConversionError) {
            model = try SyntheticModel(shape: shape, layers: layers)
            switch (format, targetType, elementType) {
            case (.gguf, let type?, _):
                try model.write(
                    to: target, type: type, seed: seed, threadCount: threadCount,
                    isCancelled: { cancelled.isCancelled },
                    progress: show)
            case (.checkpoint, _, let type?):
                try model.writeCheckpoint(
                    to: target, type: type, seed: seed, threadCount: threadCount,
                    isCancelled: { cancelled.isCancelled },
                    progress: show)
            default: return
            }
        } catch {
            progress.clear()
            if case .cancelled = error {
                throw CommandError(status: ExitStatus.interrupted, message: error.description)
            }
            throw CommandError.failed(error.description)
        }
        progress.clear()
        let seconds = (ContinuousClock.now - began).seconds
        let report = Report(
            path: target, shape: shape, type: type.lowercased(), seed: seed, parameters: model.parameterCount,
            bytes: bytes, seconds: seconds)
        try StandardOutput.writeJSON(report)
    }

    private struct Report: Encodable {
        let path: String
        let shape: String
        let type: String
        let seed: UInt64
        let parameters: Int
        let bytes: Int
        let seconds: Double
    }
}
