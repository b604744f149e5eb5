import Foundation
import Generation
import Pixels

/// What `ask --json` prints.
struct AskReport {
    let model: ModelDescription
    let loadSeconds: Double
    /// The picture that the places of the answer are of.
    var groundedPicture: (number: Int, image: PixelImage)?
    /// Pictures and clips of examples, which stand before those of the question and have no number.
    var exampleMedia = 0
    /// The answer's own pictures, where it was allowed some.
    var pictures: [AnswerPictureFiles.Picture]?
    private var start: GenerationStart?
    private var tokens: [GeneratedToken] = []
    private var summary: GenerationSummary?

    init(model: ModelDescription, loadSeconds: Double) {
        self.model = model
        self.loadSeconds = loadSeconds
    }

    mutating func record(_ event: GenerationEvent) {
        switch event {
        case .started(let start): self.start = start
        case .token(let token): tokens.append(token)
        case .finished(let summary): self.summary = summary
        case .progress, .provisional, .picture, .failed: break
        }
    }

    var finishReason: FinishReason? { summary?.finishReason }

    /// The boxes of an answer that was asked for them; nil for all others.
    private func boxes(_ text: String) -> [Content.Box]? {
        guard let groundedPicture else { return nil }
        let image = groundedPicture.image
        return GroundedAnswer(text).phrases.flatMap { phrase in
            phrase.boxes.map { box in
                let edges = box.pixels(width: image.width, height: image.height)
                return Content.Box(
                    phrase: phrase.phrase, image: groundedPicture.number, left: edges[0], top: edges[1],
                    right: edges[2], bottom: edges[3])
            }
        }
    }

    /// What becomes JSON with the keys that the command promises.
    func content(digest: String) -> some Encodable {
        let text = tokens.map(\.text).joined() + (summary?.remainingText ?? "")
        return Content(
            text: text, boxes: boxes(text),
            finish_reason: finishReason ?? .cancelled, model: model.path, model_sha256: digest,
            template: model.templateName, seed: start?.seed, prompt_ids: start?.promptTokens ?? [],
            tokens: tokens.map(\.id), logprobs: tokens.map(\.logProbability),
            prompt_tokens: start?.promptTokens.count ?? 0, reused_tokens: start?.reusedTokens ?? 0,
            generated_tokens: tokens.count,
            pictures: pictures?.map {
                Content.Picture(path: $0.path, problem: $0.problem, seed: $0.seed, text_offset: $0.textOffset)
            },
            unseen_images: (start?.unseenMedia ?? []).map { $0 - exampleMedia }.filter { $0 > 0 },
            seconds: Content.Seconds(
                load: loadSeconds, images: start?.imageSeconds ?? 0, prefill: start?.prefillSeconds ?? 0,
                first_token: summary?.firstTokenSeconds ?? 0, total: summary?.totalSeconds ?? 0,
                pictures: pictures.map { _ in summary?.pictureSeconds ?? 0 }),
            kernel: model.kernel, precision: model.precision)
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Content: Encodable {
        let text: String
        let boxes: [Box]?
        let finish_reason: FinishReason
        let model: String
        let model_sha256: String
        let template: String
        let seed: UInt64?
        let prompt_ids: [Int32]
        let tokens: [Int32]
        let logprobs: [Float]
        let prompt_tokens: Int
        let reused_tokens: Int
        let generated_tokens: Int
        let pictures: [Picture]?
        let unseen_images: [Int]
        let seconds: Seconds
        let kernel: String
        let precision: String

        /// Edges in pixels of the picture.
        struct Box: Encodable {
            let phrase: String
            let image: Int
            let left: Int
            let top: Int
            let right: Int
            let bottom: Int
        }

        /// A picture in the midst of the text.
        struct Picture: Encodable {
            let path: String?
            let problem: String?
            let seed: UInt64
            /// UTF-8 bytes of `text` before it.
            let text_offset: Int
        }

        struct Seconds: Encodable {
            let load: Double
            let images: Double
            let prefill: Double
            let first_token: Double
            let total: Double
            /// For predicting and drawing the answer's own pictures.
            let pictures: Double?
        }
    }
}
