import Digest
import Foundation
import Generation
import Media
import ModelFiles
import Models
import Pixels

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
        let options: Options
        let greedyIDs: [Int32]?
        let greedyText: String?
        let beamIDs: [Int32]?
        let beamText: String?
    }

    /// A prompt behind which a picture's embeddings are predicted.
    struct DrawingInput {
        let name: String
        /// nil where a picture of it was not found.
        let parts: [PromptPart]?
        let inputIDs: [Int32]?
    }

    /// How a picture was drawn.
    struct DrawingCase {
        let name: String
        let request: DiffusionDecoder.Request
        let timesteps: [Float]
        let sigmas: [Float]
    }

    /// How the recorded beam search was run.
    struct Options {
        var beams = 1
        var maximumTokens = 0
        var lengthPenalty = 1.0
        var repetitionPenalty = 1.0
    }

    let folder: String
    /// The pictures that prompts and tensors refer to, in the file's order; nil for one that was not found.
    let pictures: [PixelImage?]
    let textCases: [TextCase]
    /// What pictures are predicted from, by name; a case of the same name draws one.
    let drawingInputs: [DrawingInput]
    let drawingCases: [DrawingCase]
    /// Pictures of boxes that drawing prompts refer to.
    let boxPictures: [PixelImage?]
    let tensors: SafetensorsFile
    private let modelName: String?
    private let modelDigest: String?

    /// Reads a folder's recordings; pictures are looked for in `images`, in the folder, and in `images/` of those above it.
    init(folder: String, images: String? = nil) throws(GoldenSetError) {
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
        let pictures = (content.images ?? []).map { Self.picture($0, folder: folder, images: images) }
        self.pictures = pictures
        textCases = ((content.text_cases ?? []) + (content.cases ?? [])).filter { $0.input_ids != nil }
            .map { $0.textCase(pictures: pictures, parsesSpecial: !pictures.isEmpty) }
        let boxPictures = (content.boxes ?? []).map { edges in
            edges.count == 4 && edges.allSatisfy { (0...LocationPicture.side).contains($0) }
                ? LocationPicture.picture(left: edges[0], top: edges[1], right: edges[2], bottom: edges[3]) : nil
        }
        self.boxPictures = boxPictures
        drawingInputs = (content.inputs ?? [:]).sorted { $0.key < $1.key }.map { name, elements in
            let parts = elements.map { $0.part(pictures: pictures, boxes: boxPictures, parsesSpecial: true) }
            return DrawingInput(
                name: name, parts: parts.contains { $0 == nil } ? nil : parts.compactMap(\.self),
                inputIDs: content.input_ids?[name])
        }
        drawingCases = (content.cases ?? []).compactMap(\.drawingCase)
        modelName = content.model
        modelDigest = content.model_sha256
    }

    private static func picture(_ name: String, folder: String, images: String?) -> PixelImage? {
        var places = [images, folder].compactMap(\.self).map { URL(fileURLWithPath: $0) }
        var ancestor = URL(fileURLWithPath: folder).standardizedFileURL
        while ancestor.path != "/" {
            ancestor.deleteLastPathComponent()
            places.append(ancestor.appendingPathComponent("images"))
        }
        let files = places.map { $0.appendingPathComponent((name as NSString).lastPathComponent).path }
        guard let file = files.first(where: FileManager.default.fileExists) else {
            StandardError.write("bench: \(name): not found; --images names the folder of the pictures.\n")
            return nil
        }
        do { return try StillDecoder().load(path: file).seenPixels } catch {
            StandardError.write("bench: \(error.description)\n")
            return nil
        }
    }

    /// The model that the results were recorded from: the folder itself where it is a checkpoint, one that lies in or
    /// beside the folder, or the built-in one.
    func modelPath() throws -> String? {
        let own = URL(fileURLWithPath: folder)
        if ["config.json", "multimodal_encoder"].contains(where: {
            FileManager.default.fileExists(atPath: own.appendingPathComponent($0).path)
        }) {
            return folder
        }
        guard let modelName, !modelName.contains("/") else { return nil }
        let base = URL(fileURLWithPath: folder)
        let places = [base, base.deletingLastPathComponent(), Folders.models]
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
        let images: [String]?
        let text_cases: [Case]?
        let cases: [Case]?
        let boxes: [[Int]]?
        let inputs: [String: [Element]]?
        let input_ids: [String: [Int32]]?
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct Case: Decodable {
        let name: String
        let chat: Bool?
        let roles: [Role]?
        let inputs: Inputs?
        let options: RecordedOptions?
        let input_ids: [Int32]?
        let greedy_ids: [Int32]?
        let greedy_text: String?
        let beam_ids: [Int32]?
        let beam_text: String?
        let steps: Int?
        let guidance_scale: Float?
        let height: Int?
        let width: Int?
        /// Height and width; top and left.
        let original_size: [Int]?
        let crop: [Int]?
        let timesteps: [Float]?
        let sigmas: [Float]?

        var drawingCase: DrawingCase? {
            guard let steps, let guidance_scale, let height, let width, let original_size, original_size.count == 2,
                let crop, crop.count == 2
            else { return nil }
            return DrawingCase(
                name: name,
                request: DiffusionDecoder.Request(
                    width: width, height: height, steps: steps, guidance: guidance_scale,
                    originalWidth: original_size[1], originalHeight: original_size[0], cropLeft: crop[1],
                    cropTop: crop[0]), timesteps: timesteps ?? [], sigmas: sigmas ?? [])
        }

        func textCase(pictures: [PixelImage?], parsesSpecial: Bool) -> TextCase {
            TextCase(
                name: name, prompt: prompt(pictures, parsesSpecial), inputIDs: input_ids,
                options: options?.recorded ?? GoldenSet.Options(), greedyIDs: greedy_ids, greedyText: greedy_text,
                beamIDs: beam_ids, beamText: beam_text)
        }

        private func prompt(_ pictures: [PixelImage?], _ parsesSpecial: Bool) -> Prompt? {
            guard let messages = inputs?.messages else { return nil }
            let isChat = chat ?? false
            var prompts = [PromptMessage]()
            for (index, elements) in messages.enumerated() {
                // Without roles users and the assistant take turns.
                let role =
                    roles.flatMap { $0.indices.contains(index) ? $0[index] : nil }
                    ?? (index % 2 == 0 ? .user : .assistant)
                var parts = [PromptPart]()
                for element in elements {
                    guard let part = element.part(pictures: pictures, boxes: [], parsesSpecial: parsesSpecial) else {
                        return nil
                    }
                    parts.append(part)
                }
                prompts.append(PromptMessage(role: role, parts: parts))
            }
            return Prompt(
                messages: prompts, layout: isChat ? .chat : .raw, asksForBoxes: options?.is_grounding ?? false)
        }
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct RecordedOptions: Decodable {
        let num_beams: Int?
        let max_new_tokens: Int?
        let length_penalty: Double?
        let repetition_penalty: Double?
        let is_grounding: Bool?

        var recorded: GoldenSet.Options {
            GoldenSet.Options(
                beams: num_beams ?? 1, maximumTokens: max_new_tokens ?? 0, lengthPenalty: length_penalty ?? 1,
                repetitionPenalty: repetition_penalty ?? 1)
        }
    }

    /// Messages of texts and pictures (a list of lists), or one flat list; nil messages when a part is neither.
    private struct Inputs: Decodable {
        let messages: [[Element]]?

        init(from decoder: any Swift.Decoder) throws {
            if let nested = try? [[Element]](from: decoder) {
                messages = nested
            } else {
                messages = (try? [Element](from: decoder)).map { [$0] }
            }
        }
    }

    private enum Element: Decodable {
        case text(String)
        /// An index into the set's pictures.
        case image(Int)
        /// An index into the set's boxes.
        case box(Int)

        private struct Reference: Decodable {
            let image: Int?
            let box: Int?
        }

        /// nil where a picture of it is not there.
        func part(pictures: [PixelImage?], boxes: [PixelImage?], parsesSpecial: Bool) -> PromptPart? {
            func picture(_ index: Int, in pictures: [PixelImage?]) -> PromptPart? {
                pictures.indices.contains(index) ? pictures[index].map { .image($0) } : nil
            }
            return switch self {
            case .text(let text): parsesSpecial ? .markup(text) : .text(text)
            case .image(let index): picture(index, in: pictures)
            case .box(let index): picture(index, in: boxes)
            }
        }

        init(from decoder: any Swift.Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                self = .text(text)
            } else {
                let reference = try Reference(from: decoder)
                self = if let box = reference.box { .box(box) } else { .image(reference.image ?? -1) }
            }
        }
    }
}
