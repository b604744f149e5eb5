import ModelFiles

/// A published Emu2 checkpoint presented as the GGUF that its conversion gives: the same keys, the same names, weights
/// where they lie.
package struct Emu2Checkpoint: Sendable {
    package let parameters: Emu2Parameters
    /// Everything that a GGUF's header says besides its tensors.
    package let metadata: [(key: String, value: GGUFMetadataValue)]
    /// The model's tensors under their own names, in the order of `Emu2Sizes.forEachTensor`.
    package let tensors: [GGUFTensor]
    /// The parts of a pipeline that draw pictures, such as `unet`; their tensors are not among `tensors`.
    package let otherParts: [String]
    private let checkpoint: Checkpoint

    /// The parts of a drawing pipeline's single file beside the multimodal model.
    private static let pipelineParts = ["unet", "vae", "safety_checker"]

    /// Reads configuration and tokenizer, and finds every tensor: one that is missing, of another shape or unexpected is
    /// named.
    package init(_ checkpoint: Checkpoint) throws(ModelError) {
        self.checkpoint = checkpoint
        var byOwnName = [String: (published: String, tensor: CheckpointTensor)]()
        var unexpected = [String]()
        var others = Set(checkpoint.pipelineFolders)
        for name in checkpoint.tensorNames {
            if let part = Self.pipelineParts.first(where: { name.hasPrefix("\($0).") }) {
                others.insert(part)
            } else if let own = Emu2TensorNames.own(name), let tensor = checkpoint.tensors[name] {
                guard byOwnName.updateValue((name, tensor), forKey: own) == nil else {
                    throw .file(.duplicateTensor(path: checkpoint.path, name: name))
                }
            } else if !Emu2TensorNames.isIgnored(name) {
                unexpected.append(name)
            }
        }
        guard let embedding = byOwnName["token_embd.weight"] else {
            throw .notEmu2(path: checkpoint.path, example: checkpoint.tensorNames.first ?? "nothing")
        }
        let rows = embedding.tensor.shape.first ?? 0
        let parameters = try Self.parameters(
            of: checkpoint, vocabulary: rows, hasFinalNorm: byOwnName["v.post_ln.weight"] != nil)
        var tensors = [GGUFTensor]()
        try parameters.sizes.forEachTensor { (name, shape) throws(ModelError) in
            guard let own = Emu2TensorNames.own(name), let (published, tensor) = byOwnName.removeValue(forKey: own)
            else {
                throw .missingWeights(path: checkpoint.path, tensor: name, shape: shape)
            }
            guard tensor.shape == shape else {
                throw .misshapenWeights(
                    path: tensor.path, tensor: published, expected: shape, found: tensor.shape)
            }
            guard let placed = GGUFTensor(name: own, shape: Emu2Sizes.ownShape(name, shape), of: tensor) else {
                throw .unsupportedType(path: tensor.path, tensor: published, type: tensor.type.rawValue)
            }
            tensors.append(placed)
        }
        unexpected += byOwnName.values.map(\.published)
        if let name = unexpected.min() {
            throw .unexpectedWeights(path: checkpoint.path, tensor: name, count: unexpected.count)
        }
        self.parameters = parameters
        self.tensors = tensors
        otherParts = others.sorted()
        metadata =
            parameters.metadata(name: parameters.isChat ? "Emu2-Chat" : "Emu2")
            + (try Self.tokenizer(of: checkpoint, vocabulary: rows))
    }

    /// The parts that draw, where the checkpoint has them; their shapes are checked when they are loaded.
    package func drawing() throws(ModelError) -> DiffusionCheckpoint? { try DiffusionCheckpoint(checkpoint) }

    /// The paths of the files that hold the weights.
    package var files: [String] { checkpoint.files.map(\.path) }

    /// As it was given.
    package var path: String { checkpoint.path }

    /// The checkpoint as a file that every loader takes.
    package func file() throws(ModelError) -> GGUFFile {
        guard let (header, _) = GGUFHeaderWriter(metadata: metadata).layout() else {
            throw .outOfMemory(what: "the header", bytes: 0)
        }
        do {
            return try GGUFFile(path: checkpoint.path, header: header, tensors: tensors, files: checkpoint.files)
        } catch { throw .file(error) }
    }

    private static func parameters(
        of checkpoint: Checkpoint, vocabulary: Int, hasFinalNorm: Bool
    ) throws(ModelError) -> Emu2Parameters {
        let name = "config.json"
        let file: Emu2ConfigurationFile?
        do { file = try checkpoint.decode(Emu2ConfigurationFile.self, from: name) } catch { throw .file(error) }
        guard let file else { return .published(vocabulary: vocabulary) }
        return try Emu2Parameters(
            file, path: checkpoint.companion(name) ?? checkpoint.path, vocabulary: vocabulary,
            hasFinalNorm: hasFinalNorm)
    }

    /// `tokenizer.ggml.*`: the SentencePiece model with the added tokens behind it.
    private static func tokenizer(
        of checkpoint: Checkpoint, vocabulary: Int
    ) throws(ModelError) -> [(key: String, value: GGUFMetadataValue)] {
        guard let path = checkpoint.companion("tokenizer.model") else {
            throw .missingTokenizer(path: checkpoint.path)
        }
        do throws(ModelFileError) {
            var model = try SentencePieceModel(path: path)
            if let added = try checkpoint.decode([String: Int].self, from: "added_tokens.json") {
                try model.add(added)
            } else {
                let room = max(0, vocabulary - model.count)
                let tokens = Emu2Parameters.addedTokens.prefix(room).enumerated().map { ($1, model.count + $0) }
                try model.add(Dictionary(tokens, uniquingKeysWith: { first, _ in first }))
            }
            var metadata: [(key: String, value: GGUFMetadataValue)] = [
                ("tokenizer.ggml.model", .string("llama")),
                ("tokenizer.ggml.tokens", .texts(bytes: model.bytes, ends: model.ends)),
                ("tokenizer.ggml.scores", .floats(model.scores)),
                ("tokenizer.ggml.token_type", .integers(model.types)),
                ("tokenizer.ggml.add_bos_token", .bool(true)),
                ("tokenizer.ggml.add_space_prefix", .bool(model.addsSpacePrefix)),
            ]
            for (name, id) in [
                ("unknown", model.unknownToken), ("bos", model.beginToken), ("eos", model.endToken),
            ] {
                if let id { metadata.append(("tokenizer.ggml.\(name)_token_id", .unsigned(UInt32(clamping: id)))) }
            }
            return metadata
        } catch { throw .file(error) }
    }
}

extension ModelRegistry {
    /// Opens a GGUF file, one that names others together with these, or a checkpoint as one: a folder, or a single file of
    /// weights.
    ///
    /// `configurationFolders`: where else to look for the configuration and tokenizer of weights that come alone, and for
    /// the files that a GGUF names.
    package static func open(path: String, configurationFolders: [String] = []) throws(ModelError) -> GGUFFile {
        guard Checkpoint.isCheckpoint(path) else {
            let file: GGUFFile
            do { file = try GGUFFile(path: path) } catch { throw .file(error) }
            return try EmuchatNano.whole(file, folders: configurationFolders)
        }
        let checkpoint: Checkpoint
        do { checkpoint = try Checkpoint(path: path, configurationFolders: configurationFolders) } catch {
            throw .file(error)
        }
        return try Emu2Checkpoint(checkpoint).file()
    }
}
