import ArgumentParser
import Foundation
import Generation
import Inference
import Media
import Models
import Screen

/// `emuchat draw`: pictures of what is asked for, as PNG files.
struct DrawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "draw",
        abstract: "Draw a picture with Emu2-Gen.",
        discussion: """
            Words alone are drawn; a picture with words is changed as they say; a picture alone is drawn again from what \
            the model sees in it. Pictures stand before the words; [Image #1] in them places one instead. Without PROMPT \
            and pictures, or with -, the prompt is read from standard input.

            --box says where a thing is to be, on a grid of 448 by 448: --box "the dog 40 60 200 300". [Image #1] in its \
            name shows the thing.

            Where the model has a safety checker, a picture that it takes for unsafe is not written; that is said, and \
            the status is 1.
            """)

    @OptionGroup var model: ModelArguments
    @OptionGroup var memory: MemoryArguments

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A picture, - for standard input; may be repeated.", valueName: "file"))
    var image: [String] = []

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A thing in a box; may be repeated.", valueName: "name left top right bottom"))
    var box: [DrawingBox] = []

    @Option(name: [.short, .long], help: ArgumentHelp("The PNG file to write.", valueName: "file"))
    var output: String

    @Option(help: ArgumentHelp("Pixels, one number for a square.", valueName: "width x height"))
    var size: SizeArgument = SizeArgument(width: 1024, height: 1024)

    @Option(help: ArgumentHelp("Steps from noise to the picture; more are finer.", valueName: "n"))
    var steps: Int = 50

    @Option(help: ArgumentHelp("How closely to follow the prompt; 1 means not to be led.", valueName: "x"))
    var guidance: Float = 3

    @Option(help: ArgumentHelp("The same seed gives the same picture.", valueName: "n"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("Pictures to draw, each with the next seed, in files FILE-1, FILE-2, …", valueName: "n"))
    var count: Int = 1

    @Flag(help: "Print one JSON object about what was drawn.")
    var json = false

    @Argument(help: "What to draw, - for standard input.")
    var prompt: String?

    func validate() throws {
        if output.isEmpty { throw ValidationError("--output must name a file.") }
        if !(1...EulerDiscreteScheduler.mostSteps).contains(steps) {
            throw ValidationError("--steps must be 1 to \(EulerDiscreteScheduler.mostSteps).")
        }
        if !(0...DrawingLimits.greatestGuidance).contains(guidance) {
            throw ValidationError("--guidance must be 0 to \(Int(DrawingLimits.greatestGuidance)).")
        }
        if !(1...DrawingLimits.mostPictures).contains(count) {
            throw ValidationError("--count must be 1 to \(DrawingLimits.mostPictures).")
        }
        if image.count > 1, box.isEmpty, prompt?.isEmpty ?? true {
            throw ValidationError(
                "Several pictures need words: say what is to become of them, or leave all but one out.")
        }
        if image.count(where: { $0 == "-" }) + (prompt == "-" ? 1 : 0) > 1 {
            throw ValidationError("Standard input can be used only once.")
        }
        for box in box {
            for number in box.mentioned where !(1...max(1, image.count)).contains(number) || image.isEmpty {
                throw ValidationError("--box \"\(box.name)\": there is no picture \(number) among --image.")
            }
        }
        if prompt == nil, image.isEmpty, box.isEmpty, StandardInput.isTerminal {
            throw ValidationError("There is nothing to draw: give a PROMPT, a picture with --image, or a --box.")
        }
    }

    func run() async throws {
        let target = (output as NSString).expandingTildeInPath
        let file = try DrawnFile(target)
        let text = try readText()
        let parts = try parts(text)
        let began = ContinuousClock.now
        let request = DiffusionDecoder.Request(
            width: size.width, height: size.height, steps: steps, guidance: guidance)
        let (loaded, drawer) = try load(request)
        guard drawer.allows(request) else {
            throw CommandError(
                status: ExitStatus.usage,
                message: "--size \(size.description): width and height must be multiples of \(drawer.sizeStep), from "
                    + "\(drawer.sizeStep) to \(DiffusionDecoder.greatestSide).")
        }
        guard steps <= drawer.mostSteps else {
            throw CommandError(
                status: ExitStatus.usage, message: "--steps: this model has \(drawer.mostSteps) at most.")
        }
        if let terms = LicenceNotice.first(for: loaded.description) { StandardError.write("emuchat: \(terms)\n") }
        let loadSeconds = (ContinuousClock.now - began).seconds
        let flag = CancellationFlag()
        let interruption = Interruption { flag.cancel() }
        defer { interruption.end() }
        var report = DrawReport(
            prompt: text, boxes: box.map(\.text), request: request, model: loaded.description,
            loadSeconds: loadSeconds)
        var line = DrawingLine()
        defer { line.clear() }
        do {
            let condition = try drawer.condition(
                for: parts, request, isCancelled: { flag.isCancelled }, progress: { line.show($0) })
            guard let condition else { throw CommandError.interrupted }
            report.conditionSeconds = (ContinuousClock.now - began).seconds - loadSeconds
            let first = seed ?? UInt64.random(in: 0..<1 << 53)
            for index in 0..<count {
                let start = ContinuousClock.now
                let own = first &+ UInt64(index)
                line.prefix = count > 1 ? DrawingProgress.Place(number: index + 1, of: count).text + ", " : ""
                let picture = try drawer.draw(
                    condition, request, seed: own, isCancelled: { flag.isCancelled }, progress: { line.show($0) })
                line.clear()
                let path = file.path(number: count > 1 ? index + 1 : nil)
                switch picture {
                case .picture(let image): try file.write(image, texts: report.texts(seed: own), to: path)
                case .withheld: break
                case nil: throw CommandError.interrupted
                }
                report.add(
                    path: path, seed: own, seconds: (ContinuousClock.now - start).seconds,
                    isWithheld: picture == .withheld)
                if !json { StandardError.write("emuchat: \(report.lastLine)\n") }
            }
        } catch let error as InferenceError { throw CommandError.failed(error.description) }
        if json { try StandardOutput.writeJSON(report.content(digest: loaded.hexadecimalDigest())) }
        // Not all that was asked for is there.
        if report.hasWithheld { throw CommandError(status: ExitStatus.failed, message: nil) }
    }

    // MARK: Input

    private func readText() throws(CommandError) -> String {
        if let prompt, prompt != "-" { return prompt }
        return prompt == "-" || image.isEmpty && box.isEmpty ? try StandardInput.readText() : ""
    }

    /// What the model is to read.
    private func parts(_ text: String) throws(CommandError) -> [PromptPart] {
        var media = [PromptPart]()
        for path in image { media.append(try PromptMedia.image(argument: path)) }
        let mentioned = Set(box.flatMap(\.mentioned))
        let others = media.indices.filter { !mentioned.contains($0 + 1) }.map { media[$0] }
        return DrawingPrompt.parts(PromptMedia.interleave(text: text, media: others), boxes: box, media: media)
    }

    private func load(_ request: DiffusionDecoder.Request) throws(CommandError) -> (LoadedModel, PictureDrawer) {
        let path = try model.path()
        var options = model.options
        options.memoryCheck = memory.ignoresMemory ? nil : MemoryCheck(beamCount: 1)
        do {
            try PictureDrawer.checkMemory(path: path, options: options, request)
            let loaded = try LoadedModel.showingProgress(path: path, options: options)
            let drawer = try PictureDrawer(model: loaded, store: Folders.pictureStore)
            return (loaded, drawer)
        } catch { throw .failed(error.description) }
    }
}

/// `WIDTHxHEIGHT`, or one number for a square.
struct SizeArgument: ExpressibleByArgument, Equatable {
    let width: Int
    let height: Int
    var description: String { "\(width)x\(height)" }
    var defaultValueDescription: String { description }

    init(width: Int, height: Int) {
        (self.width, self.height) = (width, height)
    }

    init?(argument: String) {
        guard let size = DrawingOptions.size(argument), size.width > 0, size.height > 0 else { return nil }
        self.init(width: size.width, height: size.height)
    }
}
