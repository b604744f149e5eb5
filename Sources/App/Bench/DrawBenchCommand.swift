import ArgumentParser
import Foundation
import Generation
import Inference
import ModelFiles
import Models
import Tensor

/// `bench draw`: how long the parts take that turn a picture's embeddings into the picture.
struct DrawBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "draw",
        abstract: "Measure a step of drawing, and the decoding of a picture.",
        discussion: """
            A step predicts the noise twice, as guidance needs it, in one batch. The weights' values do not matter, so a \
            model of `bench synth --shape emu2-gen-decoder` will do. Prints medians as JSON, and what share they are of \
            what the machine can do: in exact precision of its products in fp32, in fast precision of those that weights \
            of their type are multiplied with.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp("A GGUF file, or the folder of a pipeline; only what draws is loaded.", valueName: "path"))
    var model: String

    @Option(help: ArgumentHelp("Pixels, one number for a square.", valueName: "width x height"))
    var size = SizeArgument(width: 512, height: 512)

    @Option(help: "Only this precision: fast or exact.")
    var precision: Precision?

    @Option(help: ArgumentHelp("Steps that a whole picture is reckoned with.", valueName: "n"))
    var steps = 50

    @Option(help: ArgumentHelp("How often each part is measured.", valueName: "n"))
    var runs = 3

    @Option(help: ArgumentHelp("Threads to compute on (all processors by default).", valueName: "n"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads must be 1 to 256.") }
        if !(1...10_000).contains(runs) { throw ValidationError("--runs must be from 1 to 10000.") }
        if !(1...EulerDiscreteScheduler.mostSteps).contains(steps) {
            throw ValidationError("--steps must be 1 to \(EulerDiscreteScheduler.mostSteps).")
        }
    }

    func run() throws {
        let threadCount = threads ?? ThreadPool.availableProcessors
        guard let limits = MachineLimits.measured(threadCount: threadCount) else {
            throw CommandError.failed("Measuring takes 1 GiB of memory, which is not there.")
        }
        let flag = CancellationFlag()
        let interruption = Interruption { flag.cancel() }
        defer { interruption.end() }
        let path = (model as NSString).expandingTildeInPath
        let pool = ThreadPool(threadCount: threadCount)
        var line = DrawingLine()
        defer { line.clear() }
        var results = [DrawMeasurement.Result]()
        for precision in precision.map({ [$0] }) ?? [.fast, .exact] {
            line.prefix = "\(precision.rawValue): "
            let measurement = DrawMeasurement(
                path: path, size: size, runs: runs, precision: precision, pool: pool,
                isCancelled: { flag.isCancelled })
            guard let result = try measurement.result(limits, steps: steps, progress: { line.show($0) }) else {
                throw CommandError.interrupted
            }
            results.append(result)
        }
        line.clear()
        let report = Report(
            model: path, width: size.width, height: size.height, steps: steps, threads: threadCount, runs: runs,
            results: results, peak_rss_bytes: PeakMemory.residentBytes)
        try StandardOutput.writeJSON(report, isIndented: true)
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Report: Encodable {
        let model: String
        let width: Int
        let height: Int
        let steps: Int
        let threads: Int
        let runs: Int
        let results: [DrawMeasurement.Result]
        let peak_rss_bytes: Int
    }
}
