import Generation

/// An example that Emu2's README runs.
///
/// Source: `Emu2/README.md` of github.com/baaivision/Emu, its native and its Hugging Face part. It prints no answers; the
/// one to the interleaved example follows from the pattern and the picture's name.
struct SelfTestExample: Sendable {
    enum Part: Sendable {
        case image(String)
        case text(String)
        /// Frames of a clip of the user's own: the README names none.
        case video
    }

    let name: String
    let parts: [Part]
    let isChat: Bool
    var asksForBoxes = false
    let options: GenerationOptions
    /// What the README says of the answer, or lets expect.
    let shown: String
    /// Words that the answer holds when it is what the README lets expect; nil where it says nothing.
    var expected: String?

    /// Where the README's pictures lie.
    static let address = "https://github.com/baaivision/Emu/blob/main/Emu2/examples/"

    /// The files that it needs.
    var images: [String] { parts.compactMap { if case .image(let name) = $0 { name } else { nil } } }

    var needsVideo: Bool { parts.contains { if case .video = $0 { true } else { false } } }

    /// The prompt for people, pictures by their names.
    var prompt: String {
        parts.map { part in
            switch part {
            case .image(let name): "[\(name)]"
            case .text(let text): text
            case .video: "[the frames of --video]"
            }
        }.joined(separator: " ")
    }

    private static let unsaid = "no answer"

    /// As the README calls Emu2-Chat.
    private static let chatOptions: GenerationOptions = {
        var options = GenerationPreset.long.options
        options.maximumTokens = 1024
        return options
    }()

    private static func shortOptions(_ tokens: Int) -> GenerationOptions {
        var options = GenerationPreset.short.options
        options.maximumTokens = tokens
        return options
    }

    private static let interleaved = SelfTestExample(
        name: "interleaved",
        parts: [
            .image("red_white_3_bottom_left.jpg"), .text("[red, white, 3, bottom left]."),
            .image("yellow_white_2_top_right.jpg"), .text("[yellow, white, 2, top left]."),
            .image("green_black_4_bottom_right.jpg"), .text("[green, black, 4, bottom right]."),
            .image("blue_black_1_top_left.jpg"),
        ],
        isChat: false, options: shortOptions(15),
        shown: "no answer; by the pattern and the picture's name: [blue, black, 1, top left].",
        expected: "[blue, black, 1, top left]")

    /// Those for Emu2-Chat.
    static let chat = [
        SelfTestExample(
            name: "caption", parts: [.image("blue_black_1_top_left.jpg"), .text("describe the image in details:")],
            isChat: true, options: chatOptions, shown: unsaid),
        SelfTestExample(
            name: "video", parts: [.video, .text("What happened in the video?")], isChat: true, options: chatOptions,
            shown: unsaid),
        SelfTestExample(
            name: "grounding", parts: [.image("squirrel.jpeg"), .text("Where is the squirrel?")], isChat: true,
            asksForBoxes: true, options: chatOptions,
            shown: "no answer; that its coordinates go from 0 to \(GroundedPhrase.grid)"),
        interleaved,
    ]

    /// Those for the base model.
    static let base = [
        SelfTestExample(
            name: "caption", parts: [.image("blue_black_1_top_left.jpg"), .text("Describe the image in details:")],
            isChat: false, options: shortOptions(64), shown: unsaid),
        interleaved,
    ]
}
