import ArgumentParser
import Chat
import Foundation
import Generation
import Inference
import Screen
import Synchronization

/// `emuchat ask`: one question, one answer, for pipes and scripts.
struct AskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask",
        abstract: "Answer one question and end.",
        discussion: """
            Pictures come first, then the clip, then the prompt; [Image #1] in the prompt places a picture instead. \
            Without PROMPT, or with -, the prompt is read from standard input.

            With --interleaved the path of each picture that the answer draws stands on a line of its own where the \
            picture belongs, or why there is none; the words behind it follow when it is written.
            """)

    @OptionGroup var model: ModelArguments
    @OptionGroup var sampling: SamplingArguments
    @OptionGroup var memory: MemoryArguments
    @OptionGroup var interleaving: InterleavedArguments

    @Option(help: ArgumentHelp("What the model is told about its role.", valueName: "text"))
    var system: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A picture, - for standard input; may be repeated.", valueName: "file"))
    var image: [String] = []

    @Option(help: ArgumentHelp("A clip.", valueName: "file"))
    var video: String?

    @Option(help: ArgumentHelp("Frames to take from the clip.", valueName: "n"))
    var frames: Int = PromptMedia.defaultFrameCount

    @Option(help: ArgumentHelp("A whole conversation as JSON, - for standard input.", valueName: "file"))
    var messages: String?

    @Option(
        help: ArgumentHelp(
            "A set of examples that stand before the question (emuchat examples --help).", valueName: "set"))
    var examples: String?

    @Option(
        help: ArgumentHelp(
            """
            Of --examples only the n whose pictures are most like the question's last one, the nearest last. They are \
            compared by the mean of the visual encoder's features, which is our own choice: the paper that picks \
            examples so ("RICES") names none.
            """, valueName: "n"))
    var rices: Int?

    @Flag(help: "Ask where in the picture things are: the answer names boxes, from models that can.")
    var grounding = false

    @Flag(help: "Print one JSON object instead of the text.")
    var json = false

    @Argument(help: "The question, - for standard input.")
    var prompt: String?

    func validate() throws {
        if interleaving.interleaved, let beams = sampling.beams, beams > 1 {
            throw ValidationError("--interleaved takes no beams: each would draw pictures of its own.")
        }
        if !(1...10_000).contains(frames) { throw ValidationError("--frames must be 1 to 10000.") }
        if messages != nil, prompt != nil || system != nil || !image.isEmpty || video != nil {
            throw ValidationError(
                "--messages holds the whole conversation: leave out PROMPT, --system, --image and --video.")
        }
        if rices != nil, examples == nil {
            throw ValidationError("--rices chooses among --examples SET: name the set.")
        }
        if let rices, rices < 1 { throw ValidationError("--rices must be 1 or more.") }
        let uses = [prompt, messages].count { $0 == "-" } + image.count { $0 == "-" }
        if uses > 1 { throw ValidationError("Standard input can be used only once.") }
        if messages == nil, prompt == nil, image.contains("-") {
            throw ValidationError("Standard input is the picture, so PROMPT must be given.")
        }
        if messages == nil, prompt == nil, StandardInput.isTerminal {
            throw ValidationError("There is nothing to ask: give a PROMPT, or - and the prompt on standard input.")
        }
    }

    func run() async throws {
        // What can be wrong with the input is told before a model is loaded.
        let prompt = try readPrompt()
        try AnswerPictureFiles.check(interleaving.wanted, output: interleaving.expandedOutput)
        if let examples {
            let set = try withExampleErrors { () throws(ExampleError) in try ExampleSets.users.load(examples) }
            if set.isEmpty { throw CommandError.failed(ExampleError.isEmpty(examples).description) }
            if rices != nil, prompt.lastPicture == nil {
                throw CommandError.failed(
                    "--rices compares pictures, and the question has none. Give one with --image.")
            }
        }
        let began = ContinuousClock.now
        let engine = try model.loadEngine(checking: memory.check(sampling))
        let loadSeconds = (ContinuousClock.now - began).seconds
        if let terms = LicenceNotice.first(for: engine.model) { StandardError.write("emuchat: \(terms)\n") }

        let asked = prompt.showing(try await exampleMessages(for: prompt, engine))
        let exampleMedia = asked.media.count - prompt.media.count
        let run = engine.generate(asked, options: options(engine))
        let interruption = Interruption { run.cancel() }
        defer { interruption.end() }
        var report = AskReport(model: engine.model, loadSeconds: loadSeconds)
        report.groundedPicture = prompt.groundedPicture
        report.exampleMedia = exampleMedia
        var progress = ProgressLine()
        var drawing = DrawingLine()
        var pictures = AnswerPictureFiles(
            interleaving.wanted, output: interleaving.expandedOutput, prompt: prompt.lastWords, model: engine.model.name
        )
        if interleaving.interleaved, let obstacle = engine.model.interleavingObstacle {
            StandardError.write("emuchat: \(SanitizedText.clean(obstacle, newlines: .joined)).\n")
        }
        var places = grounding && engine.model.givesBoxes == true ? GroundedAnswer() : nil
        if grounding && places == nil { StandardError.write(noBoxesNote(engine.model)) }
        for await event in run.events {
            report.record(event)
            switch event {
            case .progress(let now):
                progress.show(now)
            case .started(let start):
                progress.clear()
                let unseen = start.unseenMedia.map { $0 - exampleMedia }.filter { $0 > 0 }
                if !unseen.isEmpty { StandardError.write(unseenNote(unseen, of: prompt.media, engine.model)) }
            case .provisional:
                break
            case .token(let token):
                drawing.clear()
                let text = pictures.append(places?.append(token.text) ?? token.text)
                if !json { try StandardOutput.write(text) }
            case .picture(let number, let event):
                if case .progress(let now) = event {
                    drawing.prefix = "picture \(number + 1): "
                    drawing.show(now)
                    continue
                }
                drawing.clear()
                let text = pictures.take(number, event)
                if !json { try StandardOutput.write(text) }
            case .finished(let summary):
                progress.clear()
                let rest = places.map { _ in places?.append(summary.remainingText) ?? "" } ?? summary.remainingText
                let end = places?.finish() ?? ""
                let text = pictures.append(rest + end)
                if !json { try StandardOutput.write(text + pictures.end()) }
            case .failed(let failure):
                progress.clear()
                throw CommandError.failed(failure.description)
            }
        }
        report.pictures = interleaving.interleaved ? pictures.pictures : nil
        if let places, !json { StandardError.write(placesNote(places, prompt)) }
        if json { try StandardOutput.writeJSON(report.content(digest: await engine.modelDigest())) }
        if report.finishReason == .cancelled { throw CommandError.interrupted }
        // Of a model that has nothing to draw with it was told before.
        if engine.model.drawing != nil, !pictures.failed.isEmpty { throw CommandError.failed(failedPictures(pictures)) }
    }

    private func options(_ engine: InferenceEngine) -> GenerationOptions {
        let opensPictures = interleaving.interleaved && engine.model.opensPictures == true
        var options = sampling.options(
            over: opensPictures ? GenerationPreset.interleaved.options : engine.loadedModel.defaultOptions)
        if opensPictures { options.pictures = interleaving.wanted }
        return options
    }

    private func failedPictures(_ pictures: AnswerPictureFiles) -> String {
        let numbers = pictures.failed.map { "\($0)" }.joined(separator: ", ")
        return "not drawn: \(pictures.failed.count == 1 ? "picture" : "pictures") \(numbers) of "
            + "\(pictures.pictures.count)"
    }

    private func readPrompt() throws(CommandError) -> Prompt {
        if let messages {
            var prompt = try MessagesFile(argument: messages).prompt()
            prompt.asksForBoxes = grounding
            return prompt
        }
        let text: String
        if let prompt, prompt != "-" {
            text = prompt
        } else {
            text = try StandardInput.readText()
        }
        var media = [PromptPart]()
        for path in image { media.append(try PromptMedia.image(argument: path)) }
        if let video { media.append(try PromptMedia.video(path: video, frames: frames)) }
        var messages = [PromptMessage]()
        if let system { messages.append(PromptMessage(role: .system, text: system)) }
        messages.append(PromptMessage(role: .user, parts: PromptMedia.interleave(text: text, media: media)))
        return Prompt(messages: messages, asksForBoxes: grounding)
    }

    /// The examples that stand before the question.
    private func exampleMessages(for prompt: Prompt, _ engine: InferenceEngine) async throws -> [PromptMessage] {
        guard let examples else { return [] }
        let sets = ExampleSets.users
        do {
            guard let rices, let picture = prompt.lastPicture else {
                return try ExamplePictures.promptMessages(sets.load(examples), in: sets.store)
            }
            let cancellation = CancellationFlag()
            let interruption = Interruption { cancellation.cancel() }
            defer { interruption.end() }
            let progress = Mutex(ProgressLine())
            let nearest = try await NearestExamples(sets: sets, engine: engine).choose(
                rices, from: examples, for: picture, cancellation: cancellation
            ) { completed, total in
                progress.withLock { $0.show(GenerationProgress(stage: .images, completed: completed, total: total)) }
            }
            progress.withLock { $0.clear() }
            guard let nearest else { throw CommandError.interrupted }
            return try ExamplePictures.promptMessages(nearest, in: sets.store)
        } catch let error as CommandError {
            throw error
        } catch { throw CommandError.failed("\(error)") }
    }

    private func noBoxesNote(_ model: ModelDescription) -> String {
        "emuchat: \(SanitizedText.clean(model.name, newlines: .joined)) cannot say where things are: it answers in "
            + "words alone.\n"
    }

    private func placesNote(_ places: GroundedAnswer, _ prompt: Prompt) -> String {
        let picture = prompt.groundedPicture
        return places.lines(
            pictureName: picture.map { "[Image #\($0.number)]" }, width: picture?.image.width ?? 0,
            height: picture?.image.height ?? 0
        ).map { line in
            let number = line.number.map { "\($0) " } ?? ""
            return "emuchat: \(number)\(SanitizedText.clean(line.text, newlines: .joined))\n"
        }.joined()
    }

    private func unseenNote(_ numbers: [Int], of media: [PromptPart], _ model: ModelDescription) -> String {
        let unseen = numbers.map { number -> String in
            if media.indices.contains(number - 1), case .video = media[number - 1] { return "the clip" }
            // Media are numbered together, pictures are named by themselves.
            let clips = media.prefix(number - 1).count { if case .video = $0 { true } else { false } }
            return "[Image #\(number - clips)]"
        }
        let name = SanitizedText.clean(model.name, newlines: .joined)
        let remedy = model.sightRemedy.map { " (\($0))" } ?? ""
        return "emuchat: \(name) cannot see pictures\(remedy): it answers without \(unseen.joined(separator: ", ")).\n"
    }
}
