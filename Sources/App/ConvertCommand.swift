import ArgumentParser
import Conversion
import Foundation
import Generation
import ModelFiles
import Models
import Screen
import Tensor

/// `emuchat convert`: a published checkpoint, or a visual encoder in ONNX, to one GGUF file.
struct ConvertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Turn a published checkpoint of Emu2, or CLIP's visual encoder in ONNX, into one GGUF file.",
        discussion: """
            An encoder in ONNX has weights of 8 bits, which stay as they are, so that it takes no --type. Weights are streamed, so memory does not limit the checkpoint's size. A conversion that was stopped goes on \
            where it was when the same command is given again.
            """)

    /// The types by the names that the option takes.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    enum WeightType: String, ExpressibleByArgument, CaseIterable {
        case f32, f16, q8_0, q4_0, q4_k

        var target: TargetType {
            switch self {
            case .f32: .f32
            case .f16: .f16
            case .q8_0: .q8_0
            case .q4_0: .q4_0
            case .q4_k: .q4_k
            }
        }
    }

    @Argument(help: "The checkpoint: its folder, or its file of weights; or the encoder's ONNX file.")
    var source: String

    @Option(help: "How a checkpoint's weights are to be stored: f32, f16, q8_0, q4_0 or q4_k.")
    var type: WeightType?

    @Option(name: [.short, .long], help: ArgumentHelp("The file to write.", valueName: "file"))
    var output: String

    @Option(
        help: ArgumentHelp(
            "Where config.json and the tokenizer lie, when not beside the weights.", valueName: "folder"))
    var configuration: String?

    @Option(help: ArgumentHelp("Threads to compute on; all processors when not given.", valueName: "n"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads must be from 1 to 256.") }
        if output.isEmpty { throw ValidationError("--output must name a file.") }
    }

    func run() async throws {
        let path = (source as NSString).expandingTildeInPath
        let target = (output as NSString).expandingTildeInPath
        if (try? MappedFile(path: path))?.kind == .onnx {
            guard type == nil else {
                throw CommandError.usage("--type is for checkpoints: the weights of an ONNX file stay as they are.")
            }
            let converter = try encoder(path)
            try write(converter.write, to: target)
            return try StandardOutput.write(
                Self.table([
                    ("written", "\(target), \(ByteCount.text(converter.size))"),
                    ("types", "Q8_0 and F32: whole numbers and factors as they were"),
                ]))
        }
        guard let type else {
            throw CommandError.usage(
                "--type is missing: choose one of \(WeightType.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        let converter = try plan(path, type)
        StandardError.write(Emu2Licence.terms + "\n")
        try write(
            { (path, threads, isCancelled, progress) throws(ConversionError) in
                try converter.write(to: path, threadCount: threads, isCancelled: isCancelled, progress: progress)
            }, to: target)
        try StandardOutput.write(report(converter, target))
    }

    /// Writes a file, given its path, threads, whether to stop, and whom to tell the bytes written and of all.
    private typealias Writing = (String, Int, () -> Bool, (Int, Int) -> Void) throws(ConversionError) -> Void

    private func write(_ writing: Writing, to target: String) throws(CommandError) {
        var progress = TransferProgress("converting")
        let cancelled = CancellationFlag()
        let interruption = Interruption { cancelled.cancel() }
        defer { interruption.end() }
        do throws(ConversionError) {
            try writing(
                target, threads ?? ThreadPool.availableProcessors, { cancelled.isCancelled },
                { progress.show($0, of: $1) })
        } catch {
            progress.clear()
            if case .cancelled = error {
                throw CommandError(status: ExitStatus.interrupted, message: error.description)
            }
            throw CommandError.failed(error.description)
        }
        progress.clear()
    }

    private func encoder(_ path: String) throws(CommandError) -> CLIPConverter {
        do { return try CLIPConverter(CLIPGraph(ONNXFile(path: path))) } catch { throw .failed("\(error)") }
    }

    private func plan(_ path: String, _ type: WeightType) throws(CommandError) -> Converter {
        let folders = configuration.map { [($0 as NSString).expandingTildeInPath] } ?? []
        do {
            if let file = try? MappedFile(path: path), file.kind == .gguf {
                throw CommandError.failed(
                    "\(source): is a GGUF file already; expected a checkpoint's folder or its file of weights. "
                        + "Use the file as it is, or name the checkpoint that it was made from.")
            }
            let checkpoint = try Checkpoint(path: path, configurationFolders: folders)
            let model = try Emu2Checkpoint(checkpoint)
            let drawing = try model.drawing()
            // Whether all its tensors are there is told now, not when it is to draw.
            if let drawing { _ = try DiffusionDecoder(file: drawing.file()) }
            return try Converter(model, drawing: drawing, type: type.target)
        } catch let error as CommandError {
            throw error
        } catch {
            throw .failed("\(error)")
        }
    }

    private func report(_ converter: Converter, _ target: String) -> String {
        let total = max(1, converter.counts.values.reduce(0, +))
        let types = converter.counts.sorted { ($0.value, $0.key.rawValue) > ($1.value, $1.key.rawValue) }
            .map { "\($0.key.name) \(String(format: "%.1f", 100 * Double($0.value) / Double(total)))%" }
        var rows = [
            ("written", "\(target), \(ByteCount.text(converter.size))"),
            ("types", types.joined(separator: ", ")),
        ]
        if converter.keepsEncoder { rows.append(("as F16", "v.*: the visual encoder, where rounding would show most")) }
        if converter.keepsAutoencoder {
            rows.append(("as F16", "vae.*: the autoencoder that turns latents into pixels"))
        }
        if converter.keepsSafetyChecker {
            rows.append(("as F16", "safety_checker.*: what looks at drawn pictures, by scores near thresholds"))
        }
        for (pattern, group) in Self.grouped(converter.fallbacks) {
            let count = group.count == 1 ? "" : ", \(group.count) tensors"
            rows.append(("as F16", "\(pattern): rows of \(group[0].columns) are no whole blocks\(count)"))
        }
        let left = converter.checkpoint.otherParts.filter { !converter.draws || !DiffusionCheckpoint.isPart("\($0).") }
        if !left.isEmpty { rows.append(("left out", left.joined(separator: ", "))) }
        rows.append(("licence", Emu2Licence.name))
        return Self.table(rows)
    }

    private static func table(_ rows: [(String, String)]) -> String {
        rows.map { $0.0.padding(toLength: 10, withPad: " ", startingAt: 0) + $0.1 + "\n" }.joined()
    }

    /// Tensors that differ in their blocks' numbers alone, together.
    private static func grouped(_ fallbacks: [Converter.Fallback]) -> [(String, [Converter.Fallback])] {
        var order = [String]()
        var groups: [String: [Converter.Fallback]] = [:]
        for fallback in fallbacks {
            let pattern = fallback.name.split(separator: ".")
                .map { $0.allSatisfy(\.isNumber) ? "*" : String($0) }.joined(separator: ".")
            if groups[pattern] == nil { order.append(pattern) }
            groups[pattern, default: []].append(fallback)
        }
        return order.compactMap { pattern in
            groups[pattern].map { ($0.count == 1 ? $0[0].name : pattern, $0) }
        }
    }
}
