import Foundation
import TestSupport

/// What an independent implementation computed for a small model (see Tests/InferenceTests/Reference).
struct RecordedAnswer: Decodable {
    let name: String
    let prompt: String
    let inputIDs: [Int32]
    let greedyIDs: [Int32]
    let greedyText: String

    enum CodingKeys: String, CodingKey {
        case name, prompt
        case inputIDs = "input_ids"
        case greedyIDs = "greedy_ids"
        case greedyText = "greedy_text"
    }

    private struct File: Decodable {
        let textCases: [RecordedAnswer]

        enum CodingKeys: String, CodingKey {
            case textCases = "text_cases"
        }
    }

    static func named(_ name: String, of folder: String = "tiny-llama-q4_1") throws -> RecordedAnswer {
        let file = TestSupport.fixture("InferenceTests", "\(folder)/golden.json")
        let cases = try JSONDecoder().decode(File.self, from: Data(contentsOf: file)).textCases
        guard let found = cases.first(where: { $0.name == name }) else {
            throw ProgramRunnerError(description: "\(file.path) has no case \(name)")
        }
        return found
    }
}

/// What `ask --json` prints, with the types that the contract names.
struct AskAnswer: Decodable {
    struct Seconds: Decodable {
        let load: Double
        let images: Double
        let prefill: Double
        let firstToken: Double
        let total: Double

        enum CodingKeys: String, CodingKey {
            case load, images, prefill, total
            case firstToken = "first_token"
        }
    }

    let text: String
    let finishReason: String
    let model: String
    let modelDigest: String
    let template: String
    let seed: UInt64
    let promptIDs: [Int32]
    let tokens: [Int32]
    let logprobs: [Double]
    let promptTokens: Int
    let reusedTokens: Int
    let generatedTokens: Int
    let unseenImages: [Int]
    let seconds: Seconds
    let kernel: String
    let precision: String

    enum CodingKeys: String, CodingKey, CaseIterable {
        case text, model, template, seed, tokens, logprobs, seconds, kernel, precision
        case finishReason = "finish_reason"
        case modelDigest = "model_sha256"
        case promptIDs = "prompt_ids"
        case promptTokens = "prompt_tokens"
        case reusedTokens = "reused_tokens"
        case generatedTokens = "generated_tokens"
        case unseenImages = "unseen_images"
    }

}

extension ProgramResult {
    /// Standard output as the answer of `ask --json`.
    func answer() throws -> AskAnswer { try JSONDecoder().decode(AskAnswer.self, from: output) }
}
