import ArgumentParser
import Foundation
import Generation
import Inference
import Tensor

/// `bench speed`: prefill and decoding rates of a model, as JSON.
struct SpeedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "speed",
        abstract: "Measure how fast a model loads, reads a prompt and answers.")

    @OptionGroup var model: ModelArguments

    @Option(help: ArgumentHelp("Tokens of the prompt that is read.", valueName: "n"))
    var prompt = 512

    @Option(help: ArgumentHelp("Tokens that are generated.", valueName: "n"))
    var generate = 128

    @Option(help: ArgumentHelp("Tokens that the cache holds before either is measured.", valueName: "n"))
    var depth = 0

    @Option(help: ArgumentHelp("Runs, of which the medians are printed.", valueName: "n"))
    var runs = 5

    func validate() throws {
        if prompt < 1 || generate < 1 || depth < 0 || runs < 1 {
            throw ValidationError("--prompt, --generate and --runs must be 1 or more, --depth 0 or more.")
        }
        if prompt > 1 << 20 || generate > 1 << 20 || depth > 1 << 20 || runs > 10_000 {
            throw ValidationError("--prompt, --generate and --depth must be at most 1048576, --runs at most 10000.")
        }
    }

    func run() async throws {
        let path = try model.path()
        let needed = depth + max(prompt, generate) + 1
        var options = model.options
        options.contextLength = options.contextLength ?? max(needed, LoadedModel.leastContextLength)
        if let context = options.contextLength, context < needed {
            throw CommandError.usage("--context \(context) holds no \(needed) tokens of depth, prompt and answer.")
        }
        var samples = [Sample]()
        var description: ModelDescription?
        for _ in 0..<runs {
            let (sample, model) = try measure(path, options)
            samples.append(sample)
            description = model
        }
        guard let description else { return }
        try StandardOutput.writeJSON(
            report(samples, description, threads: options.threadCount, path: path), isIndented: true)
    }

    private struct Sample {
        var loadSeconds = 0.0
        var firstTokenSeconds = 0.0
        var prefillRate = 0.0
        var decodeRate = 0.0
    }

    /// One run from the file on, so that loading is measured as often as the rest.
    private func measure(_ path: String, _ options: ModelOptions) throws(CommandError) -> (Sample, ModelDescription) {
        let clock = ContinuousClock()
        var sample = Sample()
        var now = clock.now
        func lap() -> Double {
            let then = now
            now = clock.now
            return (now - then).seconds
        }
        let session: DecoderSession
        let loaded: LoadedModel
        do {
            loaded = try LoadedModel(path: path, options: options)
            session = try DecoderSession(model: loaded)
        } catch { throw .failed(error.description) }
        sample.loadSeconds = lap()
        let vocabulary = loaded.decoder.configuration.vocabularySize
        // Any ids do: the work does not depend on them. A fixed walk keeps runs alike.
        func ids(_ count: Int, from start: Int) -> [Int32] {
            (0..<count).map { Int32(((start + $0) * 7919 + 13) % vocabulary) }
        }
        guard session.append(ids(depth, from: 0)[...]) else { throw .failed("cancelled") }
        _ = lap()
        guard session.append(ids(prompt, from: depth)[...]) else { throw .failed("cancelled") }
        var sampler = Sampler(options: .greedy, seed: 0)
        guard var choice = sampler.choose(session.logits) else {
            throw .failed("\(path): computes no valid probabilities.")
        }
        let prefill = lap()
        sample.prefillRate = Double(prompt) / prefill
        sample.firstTokenSeconds = sample.loadSeconds + prefill
        session.truncate(to: depth)
        _ = lap()
        for _ in 0..<generate {
            guard session.append([choice.token]), let next = sampler.choose(session.logits) else {
                throw .failed("\(path): computes no valid probabilities.")
            }
            choice = next
        }
        sample.decodeRate = Double(generate) / lap()
        return (sample, loaded.description)
    }

    private func report(
        _ samples: [Sample], _ model: ModelDescription, threads: Int?, path: String
    ) throws -> Content {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return Content(
            model: path, model_bytes: (attributes[.size] as? NSNumber)?.intValue ?? 0, weight_type: model.weightType,
            kernel: model.kernel, precision: model.precision, threads: threads ?? ThreadPool.availableProcessors,
            prompt: prompt, generate: generate, depth: depth, runs: runs,
            load_seconds: median(samples.map(\.loadSeconds)),
            first_token_seconds: median(samples.map(\.firstTokenSeconds)),
            prefill_tokens_per_second: median(samples.map(\.prefillRate)),
            decode_tokens_per_second: median(samples.map(\.decodeRate)),
            peak_rss_bytes: PeakMemory.residentBytes,
            samples: samples.map {
                Content.Sample(
                    load_seconds: $0.loadSeconds, first_token_seconds: $0.firstTokenSeconds,
                    prefill_tokens_per_second: $0.prefillRate, decode_tokens_per_second: $0.decodeRate)
            })
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Content: Encodable {
        let model: String
        let model_bytes: Int
        let weight_type: String
        let kernel: String
        let precision: String
        let threads: Int
        let prompt: Int
        let generate: Int
        let depth: Int
        let runs: Int
        let load_seconds: Double
        let first_token_seconds: Double
        let prefill_tokens_per_second: Double
        let decode_tokens_per_second: Double
        let peak_rss_bytes: Int
        let samples: [Sample]

        struct Sample: Encodable {
            let load_seconds: Double
            let first_token_seconds: Double
            let prefill_tokens_per_second: Double
            let decode_tokens_per_second: Double
        }
    }
}

/// The middle value, of an even number the mean of the two in the middle; 0 of none.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
