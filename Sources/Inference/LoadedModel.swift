import Digest
import Generation
import ModelFiles
import Models
import Synchronization
import Tensor
import Tokenization

/// How a model is to be loaded.
package struct ModelOptions: Sendable, Equatable {
    /// Tokens of the context; nil takes `LoadedModel.defaultContextLength` or what the model allows.
    package var contextLength: Int?
    /// Threads to compute on; nil takes all processors.
    package var threadCount: Int?
    /// How keys and values are kept: F32, F16 or Q8_0; nil as is usual in the precision.
    package var cacheType: GGMLType?
    /// How it is computed; nil as is usual for the weights.
    package var precision: Precision?
    /// Name of the chat template; nil recognises the file's.
    package var templateName: String?
    /// Where else to look for the configuration and tokenizer of a checkpoint that is one file of weights, and for the
    /// files that a model names.
    package var configurationFolders: [String]
    /// What would make a model that cannot see one that can, in words; nil where nothing would.
    package var sightRemedy: String?
    /// What memory is looked for before a model is loaded; nil loads it whatever there is.
    package var memoryCheck: MemoryCheck?

    package init(
        contextLength: Int? = nil, threadCount: Int? = nil, cacheType: GGMLType? = .f32, precision: Precision? = .exact,
        templateName: String? = nil, configurationFolders: [String] = [], sightRemedy: String? = nil,
        memoryCheck: MemoryCheck? = nil
    ) {
        self.contextLength = contextLength
        self.threadCount = threadCount
        self.cacheType = cacheType
        self.precision = precision
        self.templateName = templateName
        self.configurationFolders = configurationFolders
        self.sightRemedy = sightRemedy
        self.memoryCheck = memoryCheck
    }
}

/// Refuses a model for which the memory does not suffice.
package struct MemoryCheck: Sendable, Equatable {
    /// Beams and longest answers that will be asked for; nil for those of the model's makers.
    package var beamCount: Int?
    package var answerTokens: Int?
    /// What this process may take; nil asks the system when the model is loaded.
    package var assumedAvailable: Int?

    package init(beamCount: Int? = nil, answerTokens: Int? = nil, assumedAvailable: Int? = nil) {
        self.beamCount = beamCount
        self.answerTokens = answerTokens
        self.assumedAvailable = assumedAvailable
    }
}

/// Weights, tokenizer and template of one file: immutable, shared by everything that uses the model.
package final class LoadedModel: Sendable {
    /// Long enough for an evening's talk with a small model; memory is taken only as it fills.
    package static let defaultContextLength = 4096
    /// Contexts below this hold no turn of any template.
    package static let leastContextLength = 16

    package let file: GGUFFile
    package let decoder: any Decoder
    /// What computes contexts with pictures; nil where it is the same.
    package let pictureDecoder: (any Decoder)?
    /// What sees pictures; nil for a model of text.
    package let visual: (any VisualModel)?
    package let tokenizer: any Tokenizer
    package let promptBuilder: PromptBuilder
    package let description: ModelDescription
    let contextLength: Int
    let threadCount: Int
    let cacheType: GGMLType
    package let precision: Precision
    /// Where else to look for configurations, as `ModelOptions` has them.
    package let configurationFolders: [String]
    /// The memory of the weights; nothing can be computed while they are released.
    package let weights: ModelWeights
    /// What was asked to be looked for; nil where nothing is to be refused for its size.
    let memoryCheck: MemoryCheck?
    private let digest = Mutex<String?>(nil)
    private let knownEncoderDigest = Mutex<SHA256Digest?>(nil)

    /// Maps and checks the file.
    ///
    /// In exact precision weights stay where they are, so this takes milliseconds whatever their size; in fast precision
    /// all of them are read and packed. `progress` is told the bytes of weights that are done, and of all.
    package init(
        path: String, options: ModelOptions = ModelOptions(),
        progress: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(InferenceError) {
        do {
            file = try ModelRegistry.open(path: path, configurationFolders: options.configurationFolders)
        } catch {
            if case .file(let problem) = error { throw .file(problem) }
            throw .model(error)
        }
        threadCount = options.threadCount ?? ThreadPool.availableProcessors
        configurationFolders = options.configurationFolders
        precision = options.precision ?? .usual(for: file)
        // Weights stay where they lie until everything else is known to be well.
        var network: Network
        do {
            let loading = precision == .exact ? WeightLoading(progress: progress) : .checking
            network = try ModelRegistry.network(of: file, loading: loading)
        } catch { throw .model(error) }
        do { tokenizer = try makeTokenizer(from: file) } catch { throw .tokenizer(error) }
        let configuration = network.decoder.configuration
        guard tokenizer.vocabularySize <= configuration.vocabularySize else {
            throw .vocabularyMismatch(
                path: path, tokens: tokenizer.vocabularySize, rows: configuration.vocabularySize)
        }
        let trained = configuration.trainedContextLength
        contextLength = options.contextLength ?? min(Self.defaultContextLength, trained)
        guard contextLength >= Self.leastContextLength, contextLength <= trained else {
            throw .invalidContext(asked: contextLength, trained: trained)
        }
        cacheType = options.cacheType ?? precision.usualCacheType
        let template: ChatTemplate?
        do {
            template =
                if let name = options.templateName {
                    try ChatTemplate.named(name, for: file)
                } else {
                    try ChatTemplate.recognised(in: file)
                }
        } catch { throw .tokenizer(error) }
        let visualTokens = try Self.visualTokens(of: network.visual, tokenizer, path: path)
        let preset = Self.preset(of: network.visual, template)
        if let check = options.memoryCheck {
            let usual = preset?.options ?? GenerationOptions()
            let plan = MemoryPlan(
                file, network,
                use: MemoryPlan.Use(
                    contextLength: contextLength, cacheType: cacheType, beamCount: check.beamCount ?? usual.beamCount,
                    answerTokens: check.answerTokens ?? usual.maximumTokens, threadCount: threadCount),
                precision: precision, available: check.assumedAvailable ?? AvailableMemory().bytes)
            guard plan.fits else { throw .notEnoughMemory(path: path, plan: plan) }
        }
        memoryCheck = options.memoryCheck
        var packed: PackedWeightMemory?
        if precision == .fast {
            let file = file
            let packer = WeightPacker(pool: ThreadPool(threadCount: threadCount)) { file.discard($0) }
            let loading = WeightLoading(packer: packer, progress: progress)
            do { network = try ModelRegistry.network(of: file, loading: loading) } catch { throw .model(error) }
            packed = packer.takeMemory()
        }
        weights = ModelWeights(file: file, packed: packed)
        visual = network.visual
        decoder = network.visual?.textDecoder ?? network.decoder
        pictureDecoder = network.visual?.textDecoder == nil ? nil : network.decoder
        promptBuilder = PromptBuilder(tokenizer: tokenizer, template: template, visualTokens: visualTokens)
        var description = ModelDescription(
            name: Self.displayName(file), path: path, architecture: Self.architecture(file),
            parameterCount: network.parameterCount, weightType: file.commonType()?.name ?? "none",
            templateName: template?.name ?? "none",
            contextLength: contextLength, seesImages: visual != nil, kernel: precision.kernelName,
            precision: precision.rawValue, cacheType: cacheType.name.lowercased(),
            mediaCost: visualTokens?.cost ?? .nothing)
        description.sight = visual.map { model in
            PictureSight(width: model.seenSize.width, height: model.seenSize.height)
        }
        description.presetName = preset?.name
        description.sightRemedy = visual == nil ? options.sightRemedy : nil
        if visual is EmuchatNano { description.epithet = "small built-in model" }
        description.systemMessages = template?.systemMessages.map { SystemMessage(name: $0.name, text: $0.text) }
        description.opensPictures = visualTokens?.arePredicted == true ? true : nil
        description.drawing = visual is Emu2 ? Self.drawingLimits(path, options) : nil
        description.givesBoxes = visual != nil && template?.givesBoxes == true
        let terms = (try? file.string("general.license.terms", default: "")) ?? ""
        description.licenceTerms = terms.isEmpty ? nil : terms
        self.description = description
    }

    /// The same model with a context of another length; the file stays mapped and nothing is read anew.
    package init(_ other: LoadedModel, contextLength: Int) throws(InferenceError) {
        let trained = other.decoder.configuration.trainedContextLength
        guard contextLength >= Self.leastContextLength, contextLength <= trained else {
            throw .invalidContext(asked: contextLength, trained: trained)
        }
        (file, decoder, pictureDecoder) = (other.file, other.decoder, other.pictureDecoder)
        (visual, tokenizer) = (other.visual, other.tokenizer)
        promptBuilder = other.promptBuilder
        (threadCount, cacheType, precision) = (other.threadCount, other.cacheType, other.precision)
        configurationFolders = other.configurationFolders
        (weights, memoryCheck) = (other.weights, other.memoryCheck)
        self.contextLength = contextLength
        var description = other.description
        description.contextLength = contextLength
        self.description = description
        let known = other.digest.withLock { $0 }
        digest.withLock { $0 = known }
        let knownEncoder = other.knownEncoderDigest.withLock { $0 }
        knownEncoderDigest.withLock { $0 = knownEncoder }
    }

    /// SHA-256 of the names, shapes, types and weights of all that a picture's features depend on, computed once; nil when
    /// cancelled. Slow the first time, since it reads all these weights: `progress` is told the bytes done, and of all.
    package func encoderDigest(
        isCancelled: () -> Bool = { false }, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) -> SHA256Digest? {
        knownEncoderDigest.withLock { known in
            if let known { return known }
            let prefix = visual?.encoderPrefix ?? ""
            var parts = [UInt8]()
            let tensors = file.tensors.values.filter { $0.name.hasPrefix(prefix) }.sorted { $0.name < $1.name }
            let total = tensors.reduce(0) { $0 + $1.bytes.count }
            var done = 0
            for tensor in tensors {
                if isCancelled() { return nil }
                parts += Array("\(tensor.name) \(tensor.shape) \(tensor.type.name)\n".utf8)
                parts += SHA256Digest(of: tensor.bytes).bytes
                if precision == .fast { file.discard(tensor.bytes) }
                done += tensor.bytes.count
                progress(done, total)
            }
            // Sizes that no shape shows, such as the number of heads and the norms' epsilon.
            let keyPrefix = visual?.encoderKeyPrefix ?? ""
            for key in file.metadata.keys.filter({ $0.hasPrefix(keyPrefix) }).sorted() {
                parts += Array("\(key) \(String(describing: file.metadata[key]))\n".utf8)
            }
            let computed = SHA256Digest(of: parts)
            known = computed
            return computed
        }
    }

    private static func visualTokens(
        of model: (any VisualModel)?, _ tokenizer: any Tokenizer, path: String
    ) throws(InferenceError) -> VisualTokens? {
        guard let model else { return nil }
        let tokens: VisualTokens? =
            switch model.marking {
            case .emu2:
                VisualTokens.emu2(
                    imageSlots: model.imageSlots, frameSlots: model.frameSlots, tokenizer: tokenizer)
            case .bare(let placeholder):
                tokenizer.controlToken(placeholder).map {
                    VisualTokens(
                        imageSlots: model.imageSlots, frameSlots: model.frameSlots, imageToken: $0, frameToken: $0)
                }
            }
        guard let tokens else { throw .missingPictureTokens(path: path) }
        return tokens
    }

    /// How answers are chosen where the user says nothing: as the model's makers do it.
    package var defaultOptions: GenerationOptions {
        description.presetName.flatMap(GenerationPreset.named)?.options ?? GenerationOptions()
    }

    /// The preset of a model's makers, where they have one.
    package static func preset(of model: (any VisualModel)?, _ template: ChatTemplate?) -> GenerationPreset? {
        // Trained to answer in few words, of which the most probable are the best.
        if model is EmuchatNano { return .greedy }
        guard model is Emu2 else { return nil }
        // The base model goes on for as long as it may; its makers let it say a few words.
        return template == nil ? .short : .long
    }

    /// SHA-256 of the file, computed once; where there is a store, once for each revision of the file.
    package func hexadecimalDigest(rememberedIn store: CacheStore? = nil) -> String {
        digest.withLock { known in
            known = known ?? remembered(in: store)
            if let known { return known }
            // What was packed is not read from the file again, and must not stand in memory beside it.
            let computed = file.digest(keepsPages: precision == .exact)
            known = computed.hexadecimal
            // Where it cannot be written it is computed again.
            computed.bytes.withUnsafeBytes { try? store?.write([$0], as: revisionName) }
            return computed.hexadecimal
        }
    }

    /// SHA-256 of the file if that takes no time; else nil.
    package func knownDigest(rememberedIn store: CacheStore?) -> String? {
        digest.withLock { known in
            known = known ?? remembered(in: store)
            return known
        }
    }

    private func remembered(in store: CacheStore?) -> String? {
        store?.withEntry(revisionName) { SHA256Digest(bytes: Array($0)) }?.hexadecimal
    }

    /// The name under which this revision's digest is remembered.
    private var revisionName: String {
        SHA256Digest(of: Array("digest of \(file.revision.hexadecimal)".utf8)).hexadecimal
    }

    /// What the parts that draw allow; nil where there are none. What is wrong with them is told when they are to draw.
    private static func drawingLimits(_ path: String, _ options: ModelOptions) -> DrawingLimits? {
        do throws(ModelError) {
            guard
                let file = try DiffusionCheckpoint.file(
                    path: path, configurationFolders: options.configurationFolders)
            else { return nil }
            let limits = try DiffusionDecoder.limits(of: file)
            return DrawingLimits(
                sizeStep: limits.sizeStep, greatestSide: DiffusionDecoder.greatestSide, mostSteps: limits.mostSteps)
        } catch {
            return DrawingLimits(
                sizeStep: 1, greatestSide: DiffusionDecoder.greatestSide, mostSteps: EulerDiscreteScheduler.mostSteps)
        }
    }

    private static func architecture(_ file: GGUFFile) -> String {
        (try? file.string("general.architecture")) ?? "unknown"
    }

    /// A short name: base name and size where the file tells them, else the file's name.
    private static func displayName(_ file: GGUFFile) -> String {
        let base = (try? file.string("general.basename", default: "")) ?? ""
        let size = (try? file.string("general.size_label", default: "")) ?? ""
        if !base.isEmpty { return size.isEmpty ? base : "\(base) \(size)" }
        let name = (try? file.string("general.name", default: "")) ?? ""
        if !name.isEmpty { return name }
        return file.path.split(separator: "/").last.map(String.init) ?? file.path
    }
}

extension DecoderSession {
    /// An empty sequence of a model's whole context, on threads of its own unless `pool` has some.
    package convenience init(model: LoadedModel, pool: ThreadPool? = nil) throws(InferenceError) {
        do {
            try self.init(
                decoder: model.decoder, pictureDecoder: model.pictureDecoder, contextLength: model.contextLength,
                cacheType: model.cacheType,
                pool: pool ?? ThreadPool(threadCount: model.threadCount))
        } catch { throw .model(error) }
    }
}
