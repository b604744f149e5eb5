import ArgumentParser
import Foundation
import Generation
import Inference
import ModelFiles
import Models
import Screen
import Tensor
import Tokenization

/// `emuchat model`: what a model file is, and what running it takes, without loading it.
struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Tell what a model file is, and what memory it needs against what there is.")

    @Argument(help: "A GGUF file, or a checkpoint: its folder or its file of weights.")
    var file: String

    @Option(help: ArgumentHelp("Tokens that the context is to hold.", valueName: "n"))
    var context: Int?

    @Option(help: "Arithmetic: fast (usual for quantised weights) or exact.")
    var precision: Precision?

    @Option(help: "How the context is to be kept: f32 (where exact), f16 (where fast) or q8_0.")
    var cache: ModelArguments.CacheType?

    @Option(
        help: ArgumentHelp("Beams that answers are to be searched with (the model's when not given).", valueName: "n"))
    var beams: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let context, context < LoadedModel.leastContextLength {
            throw ValidationError("--context must be \(LoadedModel.leastContextLength) or more.")
        }
        if let beams, !(1...64).contains(beams) { throw ValidationError("--beams must be from 1 to 64.") }
    }

    func run() async throws {
        let report: ModelReport
        do throws(ModelError) {
            let opened = try ModelRegistry.open(
                path: (file as NSString).expandingTildeInPath, configurationFolders: [Folders.models.path])
            let precision = precision ?? .usual(for: opened)
            report = ModelReport(
                opened, contextLength: context, cacheType: cache?.type ?? precision.usualCacheType,
                precision: precision, beamCount: beams)
        } catch { throw CommandError.failed(error.description) }
        if json {
            try StandardOutput.writeJSON(report.content)
        } else {
            try StandardOutput.write(report.text)
        }
    }
}

/// What is known of a model file; also of one that cannot be run, which says why.
struct ModelReport {
    let content: Content

    // The names are the command's contract.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    struct Content: Encodable {
        var path = ""
        var name = ""
        var architecture = ""
        var runs = false
        var problem: String?
        var parameters = 0
        var file_bytes = 0
        var types: [String: Int] = [:]
        var layers: Int?
        var width: Int?
        var attention_heads: Int?
        var key_value_heads: Int?
        var vocabulary: Int?
        var context_trained: Int?
        var context: Int?
        var tokenizer: String?
        var template: String?
        var licence: String?
        var licence_terms: String?
        var sees_images = false
        var image_tokens: Int?
        var draws_images = false
        var has_safety_checker = false
        var memory: Memory?
        var kernel: String
        var precision: String

        init(_ precision: Precision) {
            self.precision = precision.rawValue
            kernel = precision.kernelName
        }

        struct Memory: Encodable {
            let beams: Int
            let weights: Int
            let cache: Int
            let workspace: Int
            let total: Int
            let available: Int?
            let fits: Bool
            let longest_context: Int?
            /// What would fit where this does not, in words; what changes least first.
            let instead: [String]
        }
    }

    init(_ file: GGUFFile, contextLength: Int?, cacheType: GGMLType, precision: Precision, beamCount: Int?) {
        var content = Content(precision)
        content.path = file.path
        content.architecture = Self.text(file, "general.architecture") ?? "unknown"
        content.name = Self.text(file, "general.name") ?? (file.path as NSString).lastPathComponent
        content.file_bytes = file.size
        content.licence = Self.text(file, "general.license.name") ?? Self.text(file, "general.license")
        content.licence_terms = Self.text(file, "general.license.terms")
        content.tokenizer = [Self.text(file, "tokenizer.ggml.model"), Self.text(file, "tokenizer.ggml.pre")]
            .compactMap(\.self).joined(separator: " ")
        for tensor in file.tensors.values {
            content.types[tensor.type.name, default: 0] += tensor.elementCount
            content.parameters += tensor.elementCount
        }
        var template: ChatTemplate?
        do {
            template = try ChatTemplate.recognised(in: file)
            content.template = template?.name ?? "none"
        } catch {
            content.template = "unrecognised: name one with --template"
        }
        do throws(ModelError) {
            let network = try ModelRegistry.network(of: file, loading: .checking)
            content.runs = true
            content.sees_images = network.visual != nil
            content.image_tokens = network.visual?.imageSlots
            if network.visual is Emu2,
                let drawing = try? DiffusionCheckpoint.file(
                    path: file.path, configurationFolders: [Folders.models.path])
            {
                content.draws_images = true
                content.has_safety_checker = DiffusionCheckpoint.hasSafetyChecker(drawing)
            }
            let usual = LoadedModel.preset(of: network.visual, template)?.options ?? GenerationOptions()
            let use = MemoryPlan.Use(
                contextLength: contextLength ?? LoadedModel.defaultContextLength, cacheType: cacheType,
                beamCount: beamCount ?? usual.beamCount, answerTokens: usual.maximumTokens)
            Self.describe(network, file, use, precision, &content)
        } catch {
            content.problem = error.description
        }
        self.content = content
    }

    private static func describe(
        _ network: Network, _ file: GGUFFile, _ wanted: MemoryPlan.Use, _ precision: Precision,
        _ content: inout Content
    ) {
        let configuration = network.decoder.configuration
        let trained = configuration.trainedContextLength
        var use = wanted
        use.contextLength = min(wanted.contextLength, trained)
        content.layers = configuration.layerCount
        content.width = configuration.width
        content.attention_heads = configuration.attentionHeads
        content.key_value_heads = configuration.keyValueHeads
        content.vocabulary = configuration.vocabularySize
        content.context_trained = trained
        content.context = use.contextLength
        let plan = MemoryPlan(file, network, use: use, precision: precision)
        content.memory = Content.Memory(
            beams: use.beamCount, weights: plan.weights, cache: plan.cache, workspace: plan.workspace,
            total: plan.total,
            available: plan.available, fits: plan.fits, longest_context: plan.longestContextThatFits,
            instead: plan.remedies.map(\.description))
    }

    private static func text(_ file: GGUFFile, _ key: String) -> String? {
        guard let text = try? file.string(key, default: ""), !text.isEmpty else { return nil }
        return SanitizedText.clean(text, newlines: .joined)
    }

    /// Lines for people.
    var text: String {
        var rows: [(String, String)] = [
            ("file", "\(content.path), \(MemoryPlan.spelled(content.file_bytes))"), ("name", content.name),
            ("architecture", content.architecture), ("parameters", Self.count(content.parameters)),
            ("types", types),
        ]
        if let layers = content.layers, let width = content.width, let heads = content.attention_heads,
            let groups = content.key_value_heads
        {
            rows.append(("shape", "\(layers) layers, width \(width), \(heads) heads, \(groups) key-value heads"))
        }
        if let tokenizer = content.tokenizer, !tokenizer.isEmpty {
            rows.append(("tokenizer", tokenizer + (content.vocabulary.map { ", \($0) tokens" } ?? "")))
        }
        if let context = content.context, let trained = content.context_trained {
            rows.append(("context", "\(context) tokens (trained for \(trained))"))
        }
        rows.append(("template", content.template ?? "none"))
        rows.append(("licence", content.licence ?? "not stated in the file"))
        if let terms = content.licence_terms { rows.append(("terms", terms)) }
        let places = content.image_tokens.map { ", \($0) tokens each" } ?? ""
        let drawn =
            content.draws_images
            ? "; drawn by /draw and `emuchat draw`"
                + (content.has_safety_checker ? ", withheld where its safety checker says so" : "") : ""
        rows.append(("pictures", content.sees_images ? "seen\(places)\(drawn)" : "not seen: a text model"))
        if let memory = content.memory { rows += memoryRows(memory) }
        rows.append(("kernels", "\(content.kernel), \(content.precision) precision"))
        if let problem = content.problem { rows.append(("cannot run", problem)) }
        return rows.map { $0.0.padding(toLength: 14, withPad: " ", startingAt: 0) + $0.1 + "\n" }.joined()
    }

    private var types: String {
        let total = max(1, content.parameters)
        return content.types.sorted { ($0.value, $0.key) > ($1.value, $1.key) }
            .map { "\($0.key) \(String(format: "%.1f", 100 * Double($0.value) / Double(total)))%" }
            .joined(separator: ", ")
    }

    private func memoryRows(_ memory: Content.Memory) -> [(String, String)] {
        var rows = [
            (
                "memory",
                "\(MemoryPlan.spelled(memory.total)): weights \(MemoryPlan.spelled(memory.weights)), "
                    + "cache \(MemoryPlan.spelled(memory.cache))\(memory.beams > 1 ? " for \(memory.beams) beams" : ""), "
                    + "workspace \(MemoryPlan.spelled(memory.workspace))"
            )
        ]
        guard let available = memory.available else { return rows }
        if memory.fits {
            rows.append(("available", "\(MemoryPlan.spelled(available)): it fits"))
        } else {
            rows.append(("available", "\(MemoryPlan.spelled(available)): it does not fit"))
            let remedies = memory.instead.isEmpty ? ["nothing: choose a smaller model"] : memory.instead
            for (index, remedy) in remedies.enumerated() {
                rows.append((index == 0 ? "would fit" : "or", remedy))
            }
        }
        return rows
    }

    private static func count(_ parameters: Int) -> String {
        let millions = Double(parameters) / 1e6
        return millions < 1000
            ? String(format: "%.1f million", millions) : String(format: "%.2f billion", millions / 1000)
    }
}
