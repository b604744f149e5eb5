import ArgumentParser
import Foundation
import Generation
import Inference
import Screen
import Synchronization

/// `emuchat selftest`: what the published weights are said to answer, on the user's own copy of them.
struct SelfTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "selftest",
        abstract: "Run the examples of Emu2's README on a checkpoint, and print what came beside what is shown there.",
        discussion: """
            For owners of the published weights. The pictures are those of the official repository, at \
            \(SelfTestExample.address): blue_black_1_top_left.jpg, red_white_3_bottom_left.jpg, \
            yellow_white_2_top_right.jpg, green_black_4_bottom_right.jpg and, for Emu2-Chat, squirrel.jpeg. The README \
            prints no answers, so that people have to judge them; the status tells whether all examples ran: 0 all, \
            1 not all.
            """)

    @OptionGroup var model: ModelArguments
    @OptionGroup var memory: MemoryArguments

    @Option(help: ArgumentHelp("The folder of the pictures (the current one).", valueName: "folder"))
    var images = "."

    @Option(help: ArgumentHelp("A clip for the example about one; left out without this.", valueName: "file"))
    var video: String?

    @Option(
        name: .customLong("max-tokens"),
        help: ArgumentHelp("Longest answers, where the README's are longer (up to 1024).", valueName: "n"))
    var maximumTokens: Int?

    @Flag(help: "Print one JSON object instead of the text.")
    var json = false

    func validate() throws {
        if model.model == nil { throw ValidationError("--model names the checkpoint of Emu2 to look at.") }
        if let maximumTokens, maximumTokens < 1 { throw ValidationError("--max-tokens must be 1 or more.") }
    }

    func run() async throws {
        // The examples of Emu2-Chat ask for most.
        let largest = SelfTestExample.chat[0].options
        let check = MemoryCheck(
            beamCount: largest.beamCount,
            answerTokens: min(largest.maximumTokens ?? Int.max, maximumTokens ?? Int.max))
        let engine = try model.loadEngine(checking: memory.ignoresMemory ? nil : check)
        guard engine.model.architecture == "emu2", engine.model.seesImages else {
            throw CommandError.failed(
                "\(engine.model.name) is no Emu2 that sees: its architecture is \(engine.model.architecture). The "
                    + "examples are those of Emu2 and Emu2-Chat.")
        }
        if let terms = LicenceNotice.first(for: engine.model) { StandardError.write("emuchat: \(terms)\n") }
        let isChat = engine.model.templateName != "none"
        let examples = (isChat ? SelfTestExample.chat : SelfTestExample.base).filter { video != nil || !$0.needsVideo }
        let cancellation = CancellationFlag()
        let running = Mutex<GenerationRun?>(nil)
        let interruption = Interruption {
            cancellation.cancel()
            running.withLock { $0?.cancel() }
        }
        defer { interruption.end() }
        var rows = [Row]()
        for example in examples where !cancellation.isCancelled {
            let row = await run(example, engine) { run in
                running.withLock { $0 = run }
                if cancellation.isCancelled { run.cancel() }
            }
            if cancellation.isCancelled { break }
            rows.append(row)
            if !json { try StandardOutput.write(row.text) }
        }
        if cancellation.isCancelled { throw CommandError.interrupted }
        let failed = rows.count { $0.error != nil }
        if json {
            try StandardOutput.writeJSON(
                Report(
                    model: engine.model.path, model_sha256: await engine.modelDigest(), examples: rows,
                    ran: rows.count - failed, failed: failed))
        } else {
            try StandardOutput.write(
                "\(rows.count - failed) of \(counted(rows.count, "example")) ran on "
                    + "\(SanitizedText.clean(engine.model.name, newlines: .joined))\n")
        }
        if failed > 0 { throw CommandError(status: ExitStatus.failed, message: nil) }
    }

    private func run(
        _ example: SelfTestExample, _ engine: InferenceEngine, onRun: (GenerationRun) -> Void
    ) async -> Row {
        var row = Row(example)
        let prompt: Prompt
        do throws(CommandError) { prompt = try self.prompt(example) } catch {
            row.error = error.message
            return row
        }
        var options = example.options
        options.maximumTokens = min(options.maximumTokens ?? Int.max, maximumTokens ?? Int.max)
        let run = engine.generate(prompt, options: options)
        onRun(run)
        var progress = ProgressLine()
        var answer = ""
        for await event in run.events {
            switch event {
            case .progress(let now): progress.show(now)
            case .started, .provisional, .picture: progress.clear()
            case .token(let token):
                answer += token.text
            case .finished(let summary):
                answer += summary.remainingText
                row.tokens = summary.generatedTokens
                row.seconds = summary.totalSeconds
            case .failed(let failure): row.error = failure.description
            }
        }
        progress.clear()
        row.answer = answer
        if example.asksForBoxes {
            let picture = prompt.groundedPicture
            row.places = GroundedAnswer(answer).lines(
                pictureName: example.images.last, width: picture?.image.width ?? 0, height: picture?.image.height ?? 0
            ).map(\.text)
        }
        row.agrees = row.error != nil ? nil : example.expected.map(answer.contains)
        return row
    }

    private func prompt(_ example: SelfTestExample) throws(CommandError) -> Prompt {
        var parts = [PromptPart]()
        for part in example.parts {
            switch part {
            case .text(let text): parts.append(.text(text))
            case .image(let name):
                let path = ((images as NSString).expandingTildeInPath as NSString).appendingPathComponent(name)
                guard FileManager.default.fileExists(atPath: path) else {
                    throw .failed(
                        "\(path) is missing: fetch \(SelfTestExample.address)\(name), and name its folder with --images"
                    )
                }
                parts.append(try PromptMedia.image(argument: path))
            case .video:
                if let video {
                    parts.append(try PromptMedia.video(path: video, frames: PromptMedia.defaultFrameCount))
                }
            }
        }
        return Prompt(
            messages: [PromptMessage(role: .user, parts: parts)], layout: example.isChat ? .chat : .raw,
            asksForBoxes: example.asksForBoxes)
    }

    // The names are the output's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Report: Encodable {
        let model: String
        let model_sha256: String
        let examples: [Row]
        let ran: Int
        let failed: Int
    }

    /// What came of one example.
    private struct Row: Encodable {
        let name: String
        let prompt: String
        let images: [String]
        let shown: String
        var answer: String?
        var agrees: Bool?
        var places: [String]?
        var tokens: Int?
        var seconds: Double?
        var error: String?

        init(_ example: SelfTestExample) {
            name = example.name
            prompt = example.prompt
            images = example.images
            shown = example.shown
        }

        var text: String {
            var lines = [name, "  prompt  \(prompt)", "  README  \(shown)"]
            if let error {
                lines.append("  failed  \(error)")
            } else {
                let words = answer ?? ""
                lines.append("  here    \(words.isEmpty ? "(nothing)" : words)")
                lines += (places ?? []).map { "          \($0)" }
                if let agrees { lines.append("          \(agrees ? "as expected" : "not as expected")") }
                if let tokens, let seconds {
                    lines.append("          \(counted(tokens, "token")) in \((seconds * 10).rounded() / 10) s")
                }
            }
            return lines.map { SanitizedText.clean($0, newlines: .joined) }.joined(separator: "\n") + "\n\n"
        }
    }
}
