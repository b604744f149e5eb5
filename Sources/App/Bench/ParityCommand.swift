import ArgumentParser
import Foundation
import Inference
import Models
import Tensor

/// `bench parity`: a model's results beside recorded ones of an independent implementation.
struct ParityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parity",
        abstract: "Compare a model's ids, logits and answers with recorded ones.",
        discussion: "One line per item: case, item, largest relative difference, limit, ok or FAIL.")

    @Argument(help: "The folder with golden.json and golden.safetensors.")
    var folder: String

    @OptionGroup var model: ModelArguments

    @Option(help: ArgumentHelp("Where to look for pictures first.", valueName: "folder"))
    var images: String?

    @Option(help: ArgumentHelp("Write what was computed to OUT.safetensors and OUT.json.", valueName: "out"))
    var dump: String?

    func run() async throws {
        let golden: GoldenSet
        do { golden = try GoldenSet(folder: folder, images: images) } catch {
            throw CommandError(status: ExitStatus.usage, message: error.description)
        }
        var comparison = ParityComparison()
        do {
            guard let path = try model.model ?? golden.modelPath() else {
                throw InferenceError.file(.cannotOpen(path: folder, reason: "no model of a known kind in or beside it"))
            }
            // What is compared are the weights' exact values, unless the fast precision itself is asked about.
            var options = model.options
            options.precision = options.precision ?? .exact
            options.configurationFolders = [folder]
            let loaded = try LoadedModel(path: path, options: options)
            let pool = ThreadPool(threadCount: options.threadCount ?? ThreadPool.availableProcessors)
            if let emu2 = loaded.visual as? Emu2 {
                try VisionParity(model: emu2, golden: golden, pool: pool).compare(&comparison)
                try DrawingParity(model: loaded, emu2: emu2, golden: golden, pool: pool).compare(&comparison)
            }
            try TextParity(model: loaded, golden: golden, pool: pool).compare(&comparison)
        } catch let error as InferenceError {
            // Nothing can be computed, so every recorded item is told as failed.
            StandardError.write("bench: \(error.description)\n")
        }
        comparison.failRemaining(of: golden)
        for line in comparison.lines { try StandardOutput.write(line + "\n") }
        if let dump {
            do { try comparison.dump(to: dump) } catch {
                throw CommandError.failed("\(dump): cannot be written: \(error)")
            }
        }
        guard comparison.comparedCount > 0 else { throw CommandError.failed("\(folder): nothing was compared.") }
        guard comparison.failedCount == 0 else {
            throw CommandError.failed(
                "\(comparison.failedCount) of \(comparison.lines.count) items differ or were not computed.")
        }
    }
}
