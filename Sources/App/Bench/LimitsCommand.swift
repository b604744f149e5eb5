import ArgumentParser
import Foundation
import Tensor

/// `bench limits`: what the machine can do at most, as JSON.
struct LimitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limits",
        abstract: "Measure the machine: products per second and memory read per second.")

    @Option(help: ArgumentHelp("Threads to measure with (all processors by default).", valueName: "n"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads must be 1 to 256.") }
    }

    func run() throws {
        let count = threads ?? ThreadPool.availableProcessors
        guard let limits = MachineLimits.measured(threadCount: count) else {
            throw CommandError.failed("Measuring takes 1 GiB of memory, which is not there.")
        }
        let content = Content(
            kernel: limits.kernelName, threads: count, int8_operations_per_second: limits.int8,
            bf16_operations_per_second: limits.bf16, fp32_operations_per_second: limits.fp32,
            memory_read_bytes_per_second: limits.memoryRead)
        try StandardOutput.writeJSON(content, isIndented: true)
    }

    // The names are the command's contract.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Content: Encodable {
        let kernel: String
        let threads: Int
        let int8_operations_per_second: Double
        let bf16_operations_per_second: Double
        let fp32_operations_per_second: Double
        let memory_read_bytes_per_second: Double
    }
}
