import Foundation
import ModelFiles

/// The parts of a published pipeline that draw, presented as what conversion makes of them: their configurations as they
/// were published, and their tensors.
///
/// Layouts: the folders `unet`, `vae` and `scheduler` of diffusers, each with a configuration, the first two with weights,
/// perhaps under a variant's name or in shards; or one file with the tensors `unet.*` and `vae.*`, whose configurations
/// lie in such folders elsewhere or are those that were published with Emu2-Gen. In either there may be a
/// `safety_checker`, with a `feature_extractor` that says how it sees.
package struct DiffusionCheckpoint: Sendable {
    /// What a GGUF's header says of them.
    package let metadata: [(key: String, value: GGUFMetadataValue)]
    /// A convolution's kernels lie as rows, so that they are stored like any matrix.
    package let tensors: [GGUFTensor]
    private let path: String
    private let files: [MappedFile]

    /// Keys under which the configurations stand, as JSON text.
    static let unetKey = "emu2.unet.config"
    static let autoencoderKey = "emu2.vae.config"
    static let schedulerKey = "emu2.scheduler.config"
    static let safetyCheckerKey = "emu2.safety_checker.config"
    static let featureExtractorKey = "emu2.feature_extractor.config"

    private static let parts = [("unet", unetKey), ("vae", autoencoderKey)]
    private static let schedulerFile = "scheduler/scheduler_config.json"
    private static let safetyCheckerFile = "safety_checker/config.json"
    private static let featureExtractorFile = "feature_extractor/preprocessor_config.json"

    /// Whether a tensor of a GGUF belongs to a part that draws.
    package static func isPart(_ name: String) -> Bool {
        parts.contains { name.hasPrefix("\($0.0).") } || name.hasPrefix(SafetyChecker.prefix)
    }

    /// Whether such a part as a file has a safety checker, by its own word.
    package static func hasSafetyChecker(_ file: GGUFFile) -> Bool { file.contains(safetyCheckerKey) }

    // MARK: Opening

    /// The drawing parts of a GGUF file, of a pipeline's folder or of a single file of weights; nil where it has none.
    package static func file(path: String, configurationFolders: [String] = []) throws(ModelError) -> GGUFFile? {
        do throws(ModelFileError) {
            guard Checkpoint.isCheckpoint(path) else {
                let file = try GGUFFile(path: path)
                return file.contains(unetKey) ? file : nil
            }
            var checkpoint = try DiffusionCheckpoint(folder: path)
            if checkpoint == nil, !Checkpoint.isFolder(path) {
                checkpoint = try DiffusionCheckpoint(
                    single: Checkpoint(path: path, configurationFolders: configurationFolders))
            }
            return try checkpoint?.file()
        } catch { throw .file(error) }
    }

    /// The drawing parts beside a checkpoint's weights or among them; nil where it has none.
    package init?(_ checkpoint: Checkpoint) throws(ModelError) {
        do throws(ModelFileError) {
            let found =
                if let parts = try DiffusionCheckpoint(folder: checkpoint.path) { parts } else {
                    try DiffusionCheckpoint(single: checkpoint)
                }
            guard let found else { return nil }
            self = found
        } catch { throw .file(error) }
    }

    /// The parts as a file that a loader takes.
    package func file() throws(ModelFileError) -> GGUFFile {
        guard let (header, _) = GGUFHeaderWriter(metadata: metadata).layout() else {
            throw .tooLarge(path: path, what: "the configurations", found: UInt64(Int.max), limit: 1 << 26)
        }
        return try GGUFFile(path: path, header: header, tensors: tensors, files: files)
    }

    // MARK: Layouts

    private init?(folder: String) throws(ModelFileError) {
        guard Self.parts.contains(where: { Checkpoint.isFolder("\(folder)/\($0.0)") }) else { return nil }
        var (files, tensors) = ([MappedFile](), [GGUFTensor]())
        var metadata: [(key: String, value: GGUFMetadataValue)] = []
        for (part, key) in Self.parts {
            let checkpoint = try Checkpoint(path: "\(folder)/\(part)")
            metadata.append((key, .string(try checkpoint.text("config.json"))))
            files += checkpoint.files
            for name in checkpoint.tensorNames {
                if let tensor = checkpoint.tensors[name] {
                    tensors.append(try Self.placed(tensor, name: name, as: "\(part).\(name)"))
                }
            }
        }
        metadata.append((Self.schedulerKey, .string(try Checkpoint.text(path: "\(folder)/\(Self.schedulerFile)"))))
        if Checkpoint.isFolder("\(folder)/safety_checker") {
            let checker = try Checkpoint(path: "\(folder)/safety_checker")
            metadata.append((Self.safetyCheckerKey, .string(try checker.text("config.json"))))
            let extractor = "\(folder)/\(Self.featureExtractorFile)"
            if FileManager.default.fileExists(atPath: extractor) {
                metadata.append((Self.featureExtractorKey, .string(try Checkpoint.text(path: extractor))))
            }
            files += checker.files
            tensors += try Self.safetyChecker(checker, checker.tensorNames.map { (name: $0, published: $0) })
        }
        (self.metadata, self.tensors, self.files, path) = (metadata, tensors, files, folder)
    }

    private init?(single checkpoint: Checkpoint) throws(ModelFileError) {
        let names = checkpoint.tensorNames.filter(Self.isPart)
        let checkerNames = names.filter { $0.hasPrefix(SafetyChecker.prefix) }
        guard names.count > checkerNames.count else { return nil }
        var tensors = [GGUFTensor]()
        for name in names where !name.hasPrefix(SafetyChecker.prefix) {
            if let tensor = checkpoint.tensors[name] { tensors.append(try Self.placed(tensor, name: name, as: name)) }
        }
        func configuration(_ file: String, _ published: String) throws(ModelFileError) -> GGUFMetadataValue {
            guard let found = checkpoint.companion(file) else { return .string(published) }
            return .string(try Checkpoint.text(path: found))
        }
        var metadata = [
            (key: Self.unetKey, value: try configuration("unet/config.json", Self.publishedUNet)),
            (Self.autoencoderKey, try configuration("vae/config.json", Self.publishedAutoencoder)),
            (Self.schedulerKey, try configuration(Self.schedulerFile, Self.publishedScheduler)),
        ]
        if !checkerNames.isEmpty {
            metadata.append(
                (Self.safetyCheckerKey, try configuration(Self.safetyCheckerFile, Self.publishedSafetyChecker)))
            // Without one the extractor is CLIP's usual one, as published.
            metadata.append((Self.featureExtractorKey, try configuration(Self.featureExtractorFile, "{}")))
            tensors += try Self.safetyChecker(
                checkpoint,
                checkerNames.map { (name: $0, published: String($0.dropFirst(SafetyChecker.prefix.count))) })
        }
        (self.metadata, self.tensors, files, path) = (metadata, tensors, checkpoint.files, checkpoint.path)
    }

    /// The checker's tensors under their own names; `published` are those that they have in a file of the checker alone.
    private static func safetyChecker(
        _ checkpoint: Checkpoint, _ names: [(name: String, published: String)]
    ) throws(ModelFileError) -> [GGUFTensor] {
        var (placed, seen) = ([GGUFTensor](), Set<String>())
        for (name, published) in names where !SafetyCheckerNames.isIgnored(published) {
            guard let tensor = checkpoint.tensors[name] else { continue }
            let own = SafetyChecker.prefix + SafetyCheckerNames.own(published)
            guard seen.insert(own).inserted else { throw .duplicateTensor(path: tensor.path, name: name) }
            placed.append(try Self.placed(tensor, name: name, as: own, shape: tensor.shape.reversed()))
        }
        return placed
    }

    private static func placed(
        _ tensor: CheckpointTensor, name: String, as own: String, shape: [Int]? = nil
    ) throws(ModelFileError) -> GGUFTensor {
        // [outputs, inputs, k, k]: a row for each output.
        let rows =
            tensor.shape.count == 4
            ? [tensor.shape.dropFirst().reduce(1, *), tensor.shape[0]] : tensor.shape.reversed()
        guard let placed = GGUFTensor(name: own, shape: shape ?? rows, of: tensor) else {
            throw .wrongTensorType(
                path: tensor.path, name: name, expected: "F32, F16 or BF16", found: tensor.type.rawValue)
        }
        return placed
    }

    /// What a GGUF's header says of parts with such configurations, and of the scheduler that was published.
    package static func metadata(
        unet: String, autoencoder: String
    ) -> [(key: String, value: GGUFMetadataValue)] {
        [
            (unetKey, .string(unet)), (autoencoderKey, .string(autoencoder)),
            (schedulerKey, .string(publishedScheduler)),
        ]
    }

    // MARK: What was published with Emu2-Gen

    private static let publishedUNet = """
        {"addition_embed_type": "text_time", "addition_time_embed_dim": 256, "attention_head_dim": [5, 10, 20],
        "block_out_channels": [320, 640, 1280], "cross_attention_dim": 1792,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"], "layers_per_block": 2,
        "transformer_layers_per_block": [1, 2, 10],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], "use_linear_projection": true}
        """
    private static let publishedAutoencoder = """
        {"block_out_channels": [128, 256, 512, 512],
        "down_block_types":
        ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
        "layers_per_block": 2, "scaling_factor": 0.13025,
        "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}
        """
    private static let publishedSafetyChecker = """
        {"projection_dim": 768, "vision_config": {"hidden_act": "quick_gelu", "hidden_size": 1024, "image_size": 224,
        "intermediate_size": 4096, "layer_norm_eps": 1e-05, "num_attention_heads": 16, "num_hidden_layers": 24,
        "patch_size": 14}}
        """
    private static let publishedScheduler = """
        {"beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "steps_offset": 1,
        "timestep_spacing": "leading"}
        """
}
