import Synchronization

/// Something that answers prompts: the engine in this process, or one elsewhere.
package protocol GenerationBackend: Sendable {
    /// What answers.
    var model: ModelDescription { get }

    /// What a prompt will take from the context, counted without waiting for a running generation.
    func cost(of prompt: Prompt) throws(GenerationFailure) -> PromptCost

    /// Starts an answer. Generations of one backend run one after another.
    func generate(_ prompt: Prompt, options: GenerationOptions) -> GenerationRun

    /// SHA-256 of the weights as 64 hexadecimal digits; slow the first time on large files.
    func modelDigest() async throws -> String
}

/// A running generation: its events, and the way to stop it.
package struct GenerationRun: Sendable {
    package let events: AsyncStream<GenerationEvent>
    private let cancellation: CancellationFlag

    package init(events: AsyncStream<GenerationEvent>, cancellation: CancellationFlag) {
        self.events = events
        self.cancellation = cancellation
    }

    /// Asks the generation to end; `finished` with `.cancelled` follows within a token.
    package func cancel() {
        cancellation.cancel()
    }
}

/// A flag that a long computation polls.
///
/// An atomic, not a message to the actor: a message would queue behind the work that it should stop.
package final class CancellationFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    package init() {}

    package var isCancelled: Bool { flag.load(ordering: .relaxed) }

    package func cancel() {
        flag.store(true, ordering: .relaxed)
    }
}

/// What a loaded model is.
package struct ModelDescription: Sendable, Equatable, Codable {
    /// The name to show, such as `SmolLM2 135M`.
    package var name: String
    /// Absolute path of the file.
    package var path: String
    package var architecture: String
    package var parameterCount: Int
    /// The type that most weights have, such as `Q4_1`.
    package var weightType: String
    /// The chat template's name, such as `chatml`.
    package var templateName: String
    /// Tokens that fit into the context as it was loaded.
    package var contextLength: Int
    /// Whether pictures and clips reach the model.
    package var seesImages: Bool
    /// What pictures and clips take from the context.
    package var mediaCost: MediaCost
    /// The kernel variant in use, such as `avx2`.
    package var kernel: String
    /// `exact` or `fast`.
    package var precision: String
    /// How keys and values are kept: `f32`, `f16` or `q8_0`.
    package var cacheType: String
    /// The size at which a picture reaches the model; nil for one that cannot see.
    package var sight: PictureSight?
    /// What would make it see, in words; nil where nothing would, or where it does.
    package var sightRemedy: String?
    /// What it is called where people might expect more of it, such as `small built-in model`.
    package var epithet: String?
    /// The preset by whose options its makers let it answer; nil where they say nothing.
    package var presetName: String?
    /// System messages that it was trained with; the first is what it is told where the user says nothing.
    package var systemMessages: [SystemMessage]?
    /// Whether it can say where in a picture things are; nil where that is unknown, as it is of most.
    package var givesBoxes: Bool?
    /// Whether it can open pictures of its own in the midst of an answer; nil for one that cannot, as most.
    package var opensPictures: Bool?
    /// What can be asked of it to draw; nil for one that draws nothing.
    package var drawing: DrawingLimits?
    /// Under whose terms it may be used, where its file says so.
    package var licenceTerms: String?
    /// What is to be told of these terms now: they are told when a model is first loaded, and not every time.
    package var termsToTell: String?

    package init(
        name: String, path: String, architecture: String, parameterCount: Int, weightType: String,
        templateName: String, contextLength: Int, seesImages: Bool, kernel: String, precision: String,
        cacheType: String = "f32", mediaCost: MediaCost = .nothing
    ) {
        self.name = name
        self.path = path
        self.architecture = architecture
        self.parameterCount = parameterCount
        self.weightType = weightType
        self.templateName = templateName
        self.contextLength = contextLength
        self.seesImages = seesImages
        self.kernel = kernel
        self.precision = precision
        self.cacheType = cacheType
        self.mediaCost = mediaCost
    }
}

/// Tokens that pictures and clips take from a model's context, with what the model has around them.
package struct MediaCost: Sendable, Equatable, Codable {
    package var image: Int
    /// A clip, but for its frames.
    package var clip: Int
    package var frame: Int

    package init(image: Int, clip: Int, frame: Int) {
        self.image = image
        self.clip = clip
        self.frame = frame
    }

    /// Of a model that cannot see.
    package static let nothing = MediaCost(image: 0, clip: 0, frame: 0)
}

/// The size in pixels to which a model brings every picture.
package struct PictureSight: Sendable, Equatable, Codable {
    package let width: Int
    package let height: Int

    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

/// A system message under a name to choose it by.
package struct SystemMessage: Sendable, Equatable, Codable {
    package let name: String
    package let text: String

    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// What a prompt takes from the context.
package struct PromptCost: Sendable, Equatable {
    /// Tokens of the whole prompt, template included.
    package let totalTokens: Int
    /// Tokens of each picture or clip in reading order; 0 for one that the model cannot see.
    package let mediaTokens: [Int]

    package init(totalTokens: Int, mediaTokens: [Int]) {
        self.totalTokens = totalTokens
        self.mediaTokens = mediaTokens
    }
}

extension ModelDescription {
    /// Why there are no pictures among the words of its answers, or none that are drawn, in words; nil where there may be.
    package var interleavingObstacle: String? {
        if opensPictures != true { return "\(name) opens no pictures of its own, as the base Emu2 does" }
        guard drawing == nil else { return nil }
        return
            "\(name) has nothing to draw with, so that its pictures only keep their places; the folder of Emu2-Gen with "
            + "`unet` and `vae` has"
    }
}
