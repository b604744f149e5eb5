import Chat
import Foundation
import Generation
import Inference
import Media
import Pixels
import Tensor

/// Generates the answers of a session again, each from its own inputs, options and seed, and compares their tokens.
actor AnswerVerifier {
    /// What came of one answer.
    enum Outcome: Sendable, Equatable {
        case agrees
        case differs(Difference)
        /// The picture of this number, from 1, of those that an answer drew; in words.
        case drawsAnother(picture: Int, String)
        /// What is needed is missing or other than it was.
        case cannotVerify(String)
        case interrupted
    }

    /// Is given what stops a generation.
    typealias StopReceiver = @Sendable (@escaping @Sendable () -> Void) -> Void

    /// The first place where tokens differ.
    struct Difference: Sendable, Equatable {
        /// From 1.
        let token: Int
        /// Nil where the recorded answer has ended.
        let recorded: Int32?
        /// Nil where the new one has ended.
        let generated: Int32?
        let recordedText: String
        let generatedText: String
    }

    /// What a model has to be loaded with for an answer.
    private struct Setting: Hashable {
        let path: String
        let template: String
        let contextLength: Int?
        let cacheType: String
        let precision: Precision
    }

    private let session: Session
    private let store: SessionStore
    /// A file to use instead of the recorded ones, if it is the same model.
    private let modelPath: String?
    private let threadCount: Int?
    private var engines: [Setting: InferenceEngine] = [:]
    private let decoder = StillDecoder()

    init(session: Session, store: SessionStore, modelPath: String?, threadCount: Int?) {
        self.session = session
        self.store = store
        self.modelPath = modelPath
        self.threadCount = threadCount
    }

    /// Messages whose answers have tokens or drawn pictures to compare, in the order of creation, on all branches.
    nonisolated static func answers(of session: Session) -> [Message] {
        session.messages.filter { message in
            message.answer.map { answer in
                answer.finishReason != nil
                    && (answer.tokenIDs.count > answer.continuedTokens || !Self.wholePictures(message).isEmpty
                        || answer.drawing?.withheld.isEmpty == false)
            } ?? false
        }
    }

    /// - Parameter onRun: gets what stops the generation.
    func verify(_ message: Message, onRun: StopReceiver) async -> Outcome {
        guard let answer = message.answer else { return .agrees }
        if answer.options.beamCount > 1, answer.finishReason == .cancelled {
            return .cannotVerify("a beam search was stopped, which cannot be repeated at the same moment")
        }
        do {
            let engine = try await engine(for: answer)
            if let reason = await obstacle(engine, answer) { return .cannotVerify(reason) }
            if let drawing = answer.drawing { return try await draw(message, answer.seed, drawing, engine, onRun) }
            return try await compare(message, answer, engine, prompt: try prompt(message, answer), onRun)
        } catch let error as SessionError {
            return .cannotVerify(error.description)
        } catch let error as InferenceError {
            return .cannotVerify(error.description)
        } catch {
            return .cannotVerify("\(error)")
        }
    }

    /// The engine as it was for an answer; only the last ones are kept, since each holds a context.
    private func engine(for answer: Answer) async throws -> InferenceEngine {
        let setting = Setting(
            path: modelPath ?? Self.file(of: answer.model), template: answer.template,
            contextLength: answer.contextLength,
            // Version 1 of the format did not say; this is what was usual.
            cacheType: answer.cacheType ?? "f32", precision: Precision(rawValue: answer.precision) ?? .exact)
        if let engine = engines[setting] { return engine }
        guard FileManager.default.fileExists(atPath: setting.path) else {
            throw SessionError.fileSystem(
                path: setting.path.isEmpty ? answer.model.name : setting.path,
                reason: "the model is not there; name its file with --model")
        }
        guard let cache = ModelArguments.CacheType(rawValue: setting.cacheType) else {
            throw SessionError.fileSystem(
                path: setting.path, reason: "the context was kept as \(setting.cacheType), which this version cannot")
        }
        if engines.count >= 2 { engines = [:] }
        let engine = try InferenceEngine(
            model: .showingProgress(
                path: setting.path,
                options: ModelOptions(
                    contextLength: setting.contextLength, threadCount: threadCount, cacheType: cache.type,
                    precision: setting.precision,
                    templateName: setting.template == "none" ? nil : setting.template,
                    configurationFolders: [Folders.models.path])))
        engines[setting] = engine
        return engine
    }

    /// The recorded file or, where that is not there, the built-in one of its name, which is the same on every machine;
    /// without one of its name the built-in model.
    private static func file(of model: Answer.Model) -> String {
        let name = String(model.path.split(separator: "/").last ?? "")
        let places = [model.path, Folders.models.appendingPathComponent(name).path, Folders.builtInModel.path]
        return places.first { !name.isEmpty && FileManager.default.fileExists(atPath: $0) } ?? model.path
    }

    /// What is other than it was, so that other tokens would say nothing.
    private func obstacle(_ engine: InferenceEngine, _ answer: Answer) async -> String? {
        guard let recorded = answer.model.sha256 else { return "the session does not say which weights answered" }
        let digest = await engine.modelDigest()
        if digest != recorded {
            return "\(engine.model.path) is another model: its SHA-256 is \(digest.prefix(12))…, the answer's "
                + "\(recorded.prefix(12))…"
        }
        for (what, now, then) in [
            ("kernel", engine.model.kernel, answer.kernel), ("precision", engine.model.precision, answer.precision),
            ("template", engine.model.templateName, answer.template),
        ] where now != then {
            let remedy = what == "kernel" ? Kernels.level(ofVariant: then).map { "; EMUCHAT_KERNEL=\($0) has it" } : nil
            return "the \(what) is \(now) here and was \(then)\(remedy ?? "")"
        }
        return nil
    }

    private func prompt(_ message: Message, _ answer: Answer) throws -> Prompt {
        let asked = try session.branchPrompt(to: message.parent, dropping: answer.dropped) { file throws in
            try pixels(of: file)
        }
        let wished = answer.grounding == nil ? asked : asked.askingForBoxes()
        guard answer.continuedTokens > 0, let beginning = AnswerBeginning(message, tokens: answer.continuedTokens)
        else {
            return wished.prompt
        }
        return try wished.continuing(beginning) { file throws in try pixels(of: file) }.prompt
    }

    private func compare(
        _ message: Message, _ answer: Answer, _ engine: InferenceEngine, prompt: Prompt,
        _ onRun: StopReceiver
    ) async throws -> Outcome {
        let expected = Array(answer.tokenIDs.dropFirst(answer.continuedTokens))
        let pieces = Answer.pieces(of: message.text, lengths: answer.tokenTextLengths)?.pieces ?? []
        var options = answer.options
        options.seed = answer.seed
        // A stopped answer would have gone on.
        if answer.finishReason == .cancelled { options.maximumTokens = expected.count }
        let pictures = message.predictedPictures.filter { $0.token >= answer.continuedTokens }
        let run = engine.generate(prompt, options: options)
        onRun { run.cancel() }
        var count = 0
        func difference(_ generated: GeneratedToken?) -> Outcome {
            let place = answer.continuedTokens + count
            return .differs(
                Difference(
                    token: place + 1, recorded: count < expected.count ? expected[count] : nil,
                    generated: generated?.id,
                    recordedText: count < expected.count && pieces.indices.contains(place) ? pieces[place] : "",
                    generatedText: generated?.text ?? ""))
        }
        for await event in run.events {
            switch event {
            case .token(let token):
                guard count < expected.count, token.id == expected[count] else {
                    run.cancel()
                    return difference(token)
                }
                count += 1
            case .finished(let summary):
                if summary.finishReason == .cancelled { return .interrupted }
                return count == expected.count ? .agrees : difference(nil)
            case .failed(let failure):
                return .cannotVerify(failure.description)
            case .picture(let number, let event):
                guard let outcome = try compare(event, number, pictures) else { continue }
                run.cancel()
                return outcome
            case .progress, .started, .provisional:
                break
            }
        }
        return .interrupted
    }

    /// Compares what is told of a picture among an answer's words with what was recorded; nil while nothing differs.
    private func compare(_ event: PictureEvent, _ number: Int, _ recorded: [PredictedPicture]) throws -> Outcome? {
        guard recorded.indices.contains(number) else { return nil }
        let picture = recorded[number]
        switch event {
        case .predicted(let context):
            // One that was stopped would have gone on.
            guard let expected = picture.context, expected != context else { return nil }
            return .drawsAnother(picture: number + 1, "predicted from something else than what was recorded")
        case .drawn(let image):
            guard picture.isWhole, let stored = picture.image else { return nil }
            return Self.difference(image, try pixels(of: stored.file)).map { .drawsAnother(picture: number + 1, $0) }
        case .notDrawn(let problem):
            guard picture.isWhole else { return nil }
            return .drawsAnother(picture: number + 1, "not drawn now: \(problem)")
        case .opened, .progress, .preview: return nil
        }
    }

    // MARK: Drawings

    /// The pictures that an answer drew to their end.
    private static func wholePictures(_ message: Message) -> [StoredImage] {
        guard let drawing = message.answer?.drawing else { return [] }
        let pictures = message.parts.compactMap { part in
            if case .image(let image) = part.content { image } else { nil }
        }
        return drawing.endsInPreview ? pictures.dropLast() : pictures
    }

    /// Draws an answer's pictures again and compares their pixels.
    private func draw(
        _ message: Message, _ seed: UInt64, _ drawing: Answer.Drawing, _ engine: InferenceEngine,
        _ onRun: StopReceiver
    ) async throws -> Outcome {
        var expected = Self.wholePictures(message)[...]
        let withheld = drawing.withheld
        let parts = try message.parent.flatMap(session.message)?.promptParts { file throws in try pixels(of: file) }
        var options = drawing.options(seed: seed)
        // A stopped drawing would have gone on.
        options.count = max(expected.count + withheld.count, withheld.last ?? 0)
        let run = engine.draw(
            DrawingPrompt.parts(ofQuestion: parts ?? [], boxes: drawing.boxes), options: options)
        onRun { run.cancel() }
        for await event in run.events {
            switch event {
            case .drawn(let number, let image, _):
                let difference: String?
                if withheld.contains(number + 1) {
                    difference = "the safety checker lets it pass, recorded as withheld"
                } else {
                    // One that could not be kept is not there to be compared.
                    guard let recorded = expected.popFirst() else { continue }
                    difference = Self.difference(image, try pixels(of: recorded.file))
                }
                if let difference {
                    run.cancel()
                    return .drawsAnother(picture: number + 1, difference)
                }
            case .withheld(let number, _):
                guard !withheld.contains(number + 1) else { continue }
                run.cancel()
                return .drawsAnother(picture: number + 1, "withheld by the safety checker, recorded as a picture")
            case .finished(let reason, _): return reason == .cancelled ? .interrupted : .agrees
            case .failed(let failure): return .cannotVerify(failure.description)
            case .progress, .preview: break
            }
        }
        return .interrupted
    }

    private func pixels(of file: StoredFile) throws -> PixelImage {
        try decoder.load(bytes: store.loadMedia(file), name: file.relativePath).seenPixels
    }

    /// How far two pictures are apart, in words; nil when they are the same.
    private static func difference(_ drawn: PixelImage, _ recorded: PixelImage) -> String? {
        guard (drawn.width, drawn.height) == (recorded.width, recorded.height) else {
            return "\(drawn.width)x\(drawn.height) pixels, recorded \(recorded.width)x\(recorded.height)"
        }
        let distances = zip(drawn.bytes, recorded.bytes).map { abs(Int($0) - Int($1)) }
        guard let largest = distances.max(), largest > 0 else { return nil }
        return "\(distances.count { $0 > 0 }) of \(distances.count) values are others, by \(largest) of 255 at most"
    }
}
