import Digest
import Foundation
import Generation
import ModelFiles

/// Why a folder of recorded results cannot be read.
struct GoldenSetError: Error, CustomStringConvertible {
    let description: String
}

/// Recorded results: `golden.json` with cases, `golden.safetensors` with tensors named `CASE.ITEM`.
struct GoldenSet {
    /// A case that asks for text.
    struct TextCase {
        let name: String
        /// nil where the recorded inputs are of a kind that cannot be laid out here, such as pictures.
        let prompt: Prompt?
        let inputIDs: [Int32]?
        let greedyIDs: [Int32]?
        let greedyText: String?
        let beamIDs: [Int32]?
        let beamText: String?
    }

    let folder: String
    let textCases: [TextCase]
    let tensors: SafetensorsFile
    private let modelName: String?
    private let modelDigest: String?

    init(folder: String) throws(GoldenSetError) {
        self.folder = folder
        let base = URL(fileURLWithPath: folder)
        let path = base.appendingPathComponent("golden.json").path
        let content: Content
        do {
            content = try JSONDecoder().decode(Content.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw GoldenSetError(
                description: "\(path): cannot be read as recorded results: \(error.localizedDescription)")
        }
        do { tensors = try SafetensorsFile(path: base.appendingPathComponent("golden.safetensors").path) } catch {
            throw GoldenSetError(description: error.description)
        }
        textCases = ((content.text_cases ?? []) + (content.cases ?? [])).filter { $0.input_ids != nil }.map(\.textCase)
        modelName = content.model
        modelDigest = content.model_sha256
    }

    /// The model that the results were recorded from, where it lies in or beside the folder or is the built-in one.
    func modelPath() throws -> String? {
        guard let modelName, !modelName.contains("/") else { return nil }
        let base = URL(fileURLWithPath: folder)
        let places = [base, base.deletingLastPathComponent(), Folders.builtInModel.deletingLastPathComponent()]
        for place in places {
            let path = place.appendingPathComponent(modelName).path
            guard FileManager.default.fileExists(atPath: path) else { continue }
            let found = try MappedFile(path: path).digest().hexadecimal
            if let modelDigest, found != modelDigest {
                StandardError.write(
                    "bench: \(path): SHA-256 is \(found), the results were recorded from \(modelDigest).\n")
            }
            return path
        }
        return nil
    }

    // The names are the file's.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Content: Decodable {
        let model: String?
        let model_sha256: String?
        let text_cases: [Case]?
        let cases: [Case]?
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Case: Decodable {
        let name: String
        let chat: Bool?
        let roles: [Role]?
        let inputs: Inputs?
        let input_ids: [Int32]?
        let greedy_ids: [Int32]?
        let greedy_text: String?
        let beam_ids: [Int32]?
        let beam_text: String?

        var textCase: TextCase {
            TextCase(
                name: name, prompt: prompt, inputIDs: input_ids, greedyIDs: greedy_ids, greedyText: greedy_text,
                beamIDs: beam_ids, beamText: beam_text)
        }

        private var prompt: Prompt? {
            guard let messages = inputs?.messages else { return nil }
            let isChat = chat ?? false
            let prompts = messages.enumerated().map { index, texts in
                // Without roles users and the assistant take turns.
                let role =
                    roles.flatMap { $0.indices.contains(index) ? $0[index] : nil }
                    ?? (index % 2 == 0 ? .user : .assistant)
                return PromptMessage(role: role, parts: texts.map(PromptPart.text))
            }
            return Prompt(messages: prompts, layout: isChat ? .chat : .raw)
        }
    }

    /// Texts of messages (a list of lists), or one flat list; nil messages when a part is no text.
    private struct Inputs: Decodable {
        let messages: [[String]]?

        init(from decoder: any Decoder) throws {
            if let nested = try? [[String]](from: decoder) {
                messages = nested
            } else {
                messages = (try? [String](from: decoder)).map { [$0] }
            }
        }
    }
}
