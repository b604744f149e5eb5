import Foundation
import Paths

/// A checkpoint as its makers publish it: the tensors of all its files by name, and the folders of its other files.
///
/// Layouts: a folder of Hugging Face with shards and an index or with one file, either under a variant's name such as
/// `model.bf16-00001-of-00002.safetensors`; a folder of diffusers, whose `multimodal_encoder` is taken; one file of
/// weights, safetensors or PyTorch.
package final class Checkpoint: Sendable {
    /// As it was given.
    package let path: String
    /// The files of weights, in the order of their names.
    package let files: [MappedFile]
    package let tensors: [String: CheckpointTensor]
    /// The tensors' names, file by file.
    package let tensorNames: [String]
    /// Where configuration and tokenizer are looked for, in this order.
    private let folders: [String]

    /// Longest index, configuration or list of tokens that is read.
    private static let longestJSON = 1 << 26

    /// Maps all files of weights and checks what they say; weights are not touched.
    ///
    /// `configurationFolders`: where else to look for `config.json` and the tokenizer, for weights that come alone.
    package init(path: String, configurationFolders: [String] = []) throws(ModelFileError) {
        self.path = path
        let names: [String]
        var folder = PathName.folder(of: path)
        var index: [String: String] = [:]
        if Checkpoint.isFolder(path) {
            folder = path
            let inner = "\(path)/multimodal_encoder"
            if Checkpoint.isFolder(inner) { folder = inner }
            guard let weights = try Checkpoint.weights(in: folder) else {
                throw .noWeights(path: folder, candidates: [])
            }
            switch weights {
            case .index(let name):
                index = try Checkpoint.readIndex("\(folder)/\(name)")
                names = Set(index.values).sorted().map { "\(folder)/\($0)" }
            case .file(let name): names = ["\(folder)/\(name)"]
            }
        } else {
            names = [path]
        }
        if folder.isEmpty { folder = "." }
        folders =
            [folder, "\(folder)/tokenizer", "\(folder)/../tokenizer"]
            + configurationFolders.flatMap { [$0, "\($0)/multimodal_encoder", "\($0)/tokenizer"] }

        var files = [MappedFile]()
        var tensors = [String: CheckpointTensor]()
        var tensorNames = [String]()
        for name in names {
            let shard = try Checkpoint.openShard(name)
            files.append(shard.mapping)
            for (name, tensor) in shard.tensors {
                guard tensors.updateValue(tensor, forKey: name) == nil else {
                    throw .duplicateTensor(path: shard.mapping.path, name: name)
                }
                tensorNames.append(name)
            }
        }
        for (tensor, shard) in index.sorted(by: { $0.key < $1.key }) where tensors[tensor] == nil {
            throw .missingTensor(path: "\(folder)/\(shard)", name: tensor)
        }
        self.files = files
        self.tensors = tensors
        self.tensorNames = tensorNames
    }

    /// Bytes of all files of weights.
    package var size: Int { files.reduce(0) { $0 + $1.bytes.count } }

    /// Whether a path is for this type: a folder, or a file that is safetensors or PyTorch.
    package static func isCheckpoint(_ path: String) -> Bool {
        if isFolder(path) { return true }
        guard let file = try? MappedFile(path: path) else { return false }
        return [.safetensors, .zipArchive, .pickle].contains(file.kind)
    }

    // MARK: The files beside the weights

    /// Folders of a drawing pipeline that lie beside the weights' own.
    package var pipelineFolders: [String] {
        ["unet", "vae", "safety_checker"].filter { Checkpoint.isFolder("\(path)/\($0)") }
    }

    /// The path of a file such as `tokenizer.model`, where the checkpoint has it.
    package func companion(_ name: String) -> String? {
        folders.lazy.map { "\($0)/\(name)" }.first { access($0, F_OK) == 0 }
    }

    /// What a JSON file beside the weights says; nil where there is none.
    package func decode<Content: Decodable>(_ type: Content.Type, from name: String) throws(ModelFileError) -> Content?
    {
        guard let path = companion(name) else { return nil }
        return try Checkpoint.decode(type, path: path)
    }

    /// The text of a file beside the weights, which must be there.
    package func text(_ name: String) throws(ModelFileError) -> String {
        try Checkpoint.text(path: companion(name) ?? "\(folders.first ?? ".")/\(name)")
    }

    /// The text of a file of configuration.
    package static func text(path: String) throws(ModelFileError) -> String {
        let file = try json(path)
        guard let text = String(validating: file.bytes, as: UTF8.self) else {
            throw .malformed(path: path, what: "the file", expected: "text in UTF-8", found: "something else")
        }
        return text
    }

    private static func json(_ path: String) throws(ModelFileError) -> MappedFile {
        let file = try MappedFile(path: path)
        guard file.bytes.count <= longestJSON else {
            throw .tooLarge(
                path: path, what: "the file's length", found: UInt64(file.bytes.count), limit: UInt64(longestJSON))
        }
        return file
    }

    private static func decode<Content: Decodable>(
        _ type: Content.Type, path: String
    ) throws(ModelFileError) -> Content {
        let file = try json(path)
        do {
            return try JSONDecoder().decode(type, from: Data(file.bytes))
        } catch let error as DecodingError {
            throw problem(error, path: path)
        } catch {
            throw .malformed(path: path, what: "the file", expected: "JSON", found: "something else")
        }
    }

    private static func problem(_ error: DecodingError, path: String) -> ModelFileError {
        func key(_ context: DecodingError.Context, _ last: String = "") -> String {
            let name = (context.codingPath.map(\.stringValue) + [last]).filter { !$0.isEmpty }.joined(separator: ".")
            return name.isEmpty ? "the file" : name
        }
        switch error {
        case .keyNotFound(let missing, let context):
            return .missingKey(path: path, key: key(context, missing.stringValue), expected: "a value")
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            return .wrongType(path: path, key: key(context), expected: "\(type)", found: "another type")
        case .dataCorrupted(let context):
            return .malformed(path: path, what: key(context), expected: "JSON", found: "something else")
        @unknown default:
            return .malformed(path: path, what: "the file", expected: "JSON", found: "something else")
        }
    }

    // MARK: The files of weights

    /// Which files of a folder hold its weights.
    private enum Weights {
        case index(String)
        case file(String)
    }

    /// Whether a path is a folder.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Safetensors before pickles, whole names before variants, an index before a single file.
    private static func weights(in folder: String) throws(ModelFileError) -> Weights? {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw .cannotOpen(path: folder, reason: "the folder cannot be listed")
        }
        func first(_ names: [String]) -> String? {
            names.min { one, other in
                let ranks = [one, other].map {
                    ($0.contains("safetensors") ? 0 : 1, $0.split(separator: ".").count, $0)
                }
                return ranks[0] < ranks[1]
            }
        }
        let indices = names.filter { $0.hasSuffix(".json") && $0.contains(".index.") }
        if let index = first(indices) { return .index(index) }
        let endings = [".safetensors", ".bin", ".pth", ".pt"]
        let files = names.filter { name in !name.hasPrefix(".") && endings.contains { name.hasSuffix($0) } }
        let usual = files.filter { name in
            ["model.", "pytorch_model.", "diffusion_pytorch_model."].contains(where: name.hasPrefix)
        }
        if let file = first(usual) { return .file(file) }
        guard files.count < 2 else { throw .noWeights(path: folder, candidates: files.sorted()) }
        return files.first.map { .file($0) }
    }

    private struct Index: Decodable {
        // The name is the format's.
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let weight_map: [String: String]
    }

    /// The shard of each tensor; shards lie beside the index and nowhere else.
    private static func readIndex(_ path: String) throws(ModelFileError) -> [String: String] {
        let index = try decode(Index.self, path: path).weight_map
        guard !index.isEmpty else { throw .missingKey(path: path, key: "weight_map", expected: "tensors") }
        for (tensor, shard) in index where shard.isEmpty || shard.contains("/") || shard.contains("\0") {
            throw .malformed(
                path: path, what: "weight_map.\(tensor)", expected: "the name of a file beside it", found: shard)
        }
        return index
    }

    private static func openShard(
        _ path: String
    ) throws(ModelFileError) -> (mapping: MappedFile, tensors: [(String, CheckpointTensor)]) {
        let kind = try MappedFile(path: path).kind
        switch kind {
        case .safetensors:
            let file = try SafetensorsFile(path: path)
            return (file.mapping, file.tensorNames.compactMap { name in file.tensors[name].map { (name, $0) } })
        case .zipArchive, .pickle:
            let file = try PyTorchFile(path: path)
            return (file.mapping, file.tensorNames.compactMap { name in file.tensors[name].map { (name, $0) } })
        default:
            throw .otherFormat(path: path, wanted: "safetensors or PyTorch", seems: kind)
        }
    }
}
