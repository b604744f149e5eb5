import Foundation
import Generation

/// What `ask --json` prints.
struct AskReport {
    let model: ModelDescription
    let loadSeconds: Double
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
        case .progress, .provisional, .failed: break
        }
    }

    var finishReason: FinishReason? { summary?.finishReason }

    /// One line of JSON with the keys that the command promises.
    func json(digest: String) throws -> Data {
        let content = Content(
            text: tokens.map(\.text).joined() + (summary?.remainingText ?? ""),
            finish_reason: finishReason ?? .cancelled, model: model.path, model_sha256: digest,
            template: model.templateName, seed: start?.seed, prompt_ids: start?.promptTokens ?? [],
            tokens: tokens.map(\.id), logprobs: tokens.map(\.logProbability),
            prompt_tokens: start?.promptTokens.count ?? 0, reused_tokens: start?.reusedTokens ?? 0,
            generated_tokens: tokens.count, unseen_images: start?.unseenMedia ?? [],
            seconds: Content.Seconds(
                load: loadSeconds, images: start?.imageSeconds ?? 0, prefill: start?.prefillSeconds ?? 0,
                first_token: summary?.firstTokenSeconds ?? 0, total: summary?.totalSeconds ?? 0),
            kernel: model.kernel, precision: model.precision)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(content) + Data("\n".utf8)
    }

    // The names are the contract's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Content: Encodable {
        let text: String
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
        let unseen_images: [Int]
        let seconds: Seconds
        let kernel: String
        let precision: String

        struct Seconds: Encodable {
            let load: Double
            let images: Double
            let prefill: Double
            let first_token: Double
            let total: Double
        }
    }
}
