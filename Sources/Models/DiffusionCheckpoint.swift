import ModelFiles

/// The parts of a published pipeline that draw, presented as one file of weights with their configurations.
///
/// Layout: the folders `unet`, `vae` and `scheduler` of diffusers, each with a configuration, the first two with weights,
/// perhaps under a variant's name or in shards.
package enum DiffusionCheckpoint {
    /// Keys under which the configurations stand, as JSON text like published.
    static let unetKey = "emu2.unet.config"
    static let autoencoderKey = "emu2.vae.config"
    static let schedulerKey = "emu2.scheduler.config"

    /// Opens the drawing parts of a pipeline's folder; nil where it has none.
    package static func file(path: String) throws(ModelError) -> GGUFFile? {
        do throws(ModelFileError) {
            let parts = ["unet", "vae"]
            guard Checkpoint.isCheckpoint(path), parts.contains(where: { Checkpoint.isCheckpoint("\(path)/\($0)") })
            else { return nil }
            var (files, tensors) = ([MappedFile](), [GGUFTensor]())
            var metadata: [(key: String, value: GGUFMetadataValue)] = []
            for (part, key) in [("unet", unetKey), ("vae", autoencoderKey)] {
                let checkpoint = try Checkpoint(path: "\(path)/\(part)")
                metadata.append((key, .string(try checkpoint.text("config.json"))))
                files += checkpoint.files
                for name in checkpoint.tensorNames {
                    guard let tensor = checkpoint.tensors[name] else { continue }
                    guard let own = GGUFTensor(name: "\(part).\(name)", shape: tensor.shape.reversed(), of: tensor)
                    else {
                        throw .wrongTensorType(
                            path: tensor.path, name: name, expected: "F32, F16 or BF16", found: tensor.type.rawValue)
                    }
                    tensors.append(own)
                }
            }
            let scheduler = try Checkpoint.text(path: "\(path)/scheduler/scheduler_config.json")
            metadata.append((schedulerKey, .string(scheduler)))
            guard let (header, _) = GGUFHeaderWriter(metadata: metadata).layout() else {
                throw .tooLarge(path: path, what: "the configurations", found: UInt64(Int.max), limit: 1 << 26)
            }
            return try GGUFFile(path: path, header: header, tensors: tensors, files: files)
        } catch { throw .file(error) }
    }
}
