import ArgumentParser
import Foundation
import Generation
import Inference
import Tensor

/// Options that choose and load a model.
package struct ModelArguments: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A GGUF file, or the folder of a published checkpoint, instead of the built-in model.", valueName: "path"))
    var model: String?

    @Option(help: ArgumentHelp("Tokens that the context holds.", valueName: "n"))
    var context: Int?

    @Option(help: ArgumentHelp("Threads to compute on (all processors by default).", valueName: "n"))
    var threads: Int?

    @Option(help: "Arithmetic: fast (usual for quantised weights), or exact: fp32 over the weights' exact values.")
    var precision: Precision?

    @Option(help: "How the context is kept: f32 (where exact), f16 (where fast) or q8_0; the smaller, the more fits.")
    var cache: CacheType?

    @Option(help: ArgumentHelp("The chat template instead of the one that the file asks for.", valueName: "name"))
    var template: String?

    enum CacheType: String, ExpressibleByArgument, CaseIterable {
        case f32, f16
        // The name is the format's.
        // swift-format-ignore: AlwaysUseLowerCamelCase
        case q8_0

        var type: GGMLType {
            switch self {
            case .f32: .f32
            case .f16: .f16
            case .q8_0: .q8_0
            }
        }
    }

    package init() {}

    package func validate() throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads must be 1 to 256.") }
        if let context, context < 16 { throw ValidationError("--context must be 16 or more.") }
    }

    /// The file to load: the one named, or the built-in one.
    func path() throws(CommandError) -> String {
        if let model { return (model as NSString).expandingTildeInPath }
        let path = Folders.builtInModel.path
        guard FileManager.default.fileExists(atPath: path) else {
            throw .failed(
                "The built-in model is not there (\(path)). Fetch it with `make run` in the project's folder, "
                    + "or name a GGUF file with --model.")
        }
        return path
    }

    var options: ModelOptions {
        ModelOptions(
            contextLength: context, threadCount: threads, cacheType: cache?.type, precision: precision,
            templateName: template, configurationFolders: [Folders.models.path],
            sightRemedy: model == nil ? Folders.smallModelProblem : nil)
    }

    /// Maps the model and starts the engine.
    func loadEngine(checking memory: MemoryCheck?) throws(CommandError) -> InferenceEngine {
        let path = try path()
        var options = options
        options.memoryCheck = memory
        do {
            return try InferenceEngine(
                model: .showingProgress(path: path, options: options), pictureStore: Folders.pictureStore,
                contextStore: Folders.contextStore)
        } catch { throw .failed(error.description) }
    }
}

/// What to do about a model that is larger than the memory.
struct MemoryArguments: ParsableArguments {
    @Flag(name: .customLong("ignore-memory"), help: "Load the model even where the memory does not suffice for it.")
    var ignoresMemory = false

    /// What to look for before a model is loaded; options that are not given are those of `base`, or else the model's.
    func check(_ sampling: SamplingArguments, over base: GenerationOptions? = nil) -> MemoryCheck? {
        guard !ignoresMemory else { return nil }
        if let base {
            let options = sampling.options(over: base)
            return MemoryCheck(beamCount: options.beamCount, answerTokens: options.maximumTokens)
        }
        let preset = sampling.preset?.options
        return MemoryCheck(
            beamCount: sampling.beams ?? (sampling.temperature == nil ? preset?.beamCount : 1),
            answerTokens: sampling.maxTokens ?? preset?.maximumTokens)
    }
}

extension LoadedModel {
    /// Loads a model; on a terminal, standard error tells how far that is when it takes long.
    static func showingProgress(path: String, options: ModelOptions) throws(InferenceError) -> LoadedModel {
        var progress = TransferProgress("loading")
        defer { progress.clear() }
        return try LoadedModel(path: path, options: options) { progress.show($0, of: $1) }
    }
}

extension Precision: ExpressibleByArgument {}

/// Options that choose an answer's tokens.
package struct SamplingArguments: ParsableArguments {
    @Option(help: ArgumentHelp(Preset.help, valueName: "name"))
    var preset: Preset?

    @Option(help: ArgumentHelp("0 takes the most probable token, more is more varied.", valueName: "x"))
    var temperature: Double?

    @Option(
        name: .customLong("top-k"), help: ArgumentHelp("Sample among the n most probable; 0 means all.", valueName: "n")
    )
    var topK: Int?

    @Option(name: .customLong("top-p"), help: ArgumentHelp("Sample among those that hold this share.", valueName: "x"))
    var topP: Double?

    @Option(name: .customLong("min-p"), help: ArgumentHelp("Drop tokens below this share of the best.", valueName: "x"))
    var minP: Double?

    @Option(
        name: .customLong("repetition-penalty"),
        help: ArgumentHelp("Above 1 makes words of the answer less likely again.", valueName: "x"))
    var repetitionPenalty: Double?

    @Option(help: ArgumentHelp("Beams of beam search; 1 means none.", valueName: "n"))
    var beams: Int?

    // Takes a value that begins with a minus: short answers are preferred by -1.
    @Option(
        name: .customLong("length-penalty"), parsing: .unconditional,
        help: ArgumentHelp("Exponent of the length in a beam's score.", valueName: "x"))
    var lengthPenalty: Double?

    @Option(help: ArgumentHelp("The same seed gives the same answer.", valueName: "n"))
    var seed: UInt64?

    @Option(name: .customLong("max-tokens"), help: ArgumentHelp("Longest answer.", valueName: "n"))
    var maxTokens: Int?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("End the answer before this text; may be repeated.", valueName: "text"))
    var stop: [String] = []

    enum Preset: String, ExpressibleByArgument, CaseIterable {
        case long, short, greedy, interleaved

        static var help: String {
            let presets = GenerationPreset.all.map { "\($0.name): \($0.summary)" }
            return "Options that belong together, changed by those beside it. \(presets.joined(separator: ". "))."
        }

        var options: GenerationOptions {
            switch self {
            case .long: GenerationPreset.long.options
            case .short: GenerationPreset.short.options
            case .greedy: .greedy
            case .interleaved: GenerationPreset.interleaved.options
            }
        }
    }

    package init() {}

    package func validate() throws {
        do { try options().validate() } catch { throw ValidationError(error.description) }
    }

    /// Whether any option is given here.
    var areGiven: Bool {
        preset != nil || !stop.isEmpty || seed != nil
            || [temperature, topP, minP, repetitionPenalty, lengthPenalty].contains { $0 != nil }
            || [topK, beams, maxTokens].contains { $0 != nil }
    }

    /// The options given here, in place of those of the preset, or of a configuration or a model.
    func options(over base: GenerationOptions = GenerationOptions()) -> GenerationOptions {
        var options = preset?.options ?? base
        // Beams take no chances, so they need no --temperature 0 beside them, and a temperature means no beams.
        if let beams, beams > 1 { options.temperature = 0 }
        if temperature != nil, beams == nil { options.beamCount = 1 }
        if let temperature { options.temperature = temperature }
        if let topK { options.topK = topK }
        if let topP { options.topP = topP }
        if let minP { options.minP = minP }
        if let repetitionPenalty { options.repetitionPenalty = repetitionPenalty }
        if let beams { options.beamCount = beams }
        if let lengthPenalty { options.lengthPenalty = lengthPenalty }
        if let seed { options.seed = seed }
        if let maxTokens { options.maximumTokens = maxTokens }
        if !stop.isEmpty { options.stopStrings = stop }
        return options
    }
}
