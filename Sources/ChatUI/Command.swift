import Generation

/// A command of the chat. `/help` and the dispatcher both read this list: there is no other one.
struct Command: Sendable {
    let name: String
    /// What follows the name, for people; empty when nothing does.
    let arguments: String
    let summary: String
    /// Whether the command may stand at the end of a draft, not only on a line of its own.
    var canEndDraft = false
    /// Does it. A problem leaves the command where it was typed, also one that an action tells later (`CommandOutcome`);
    /// success removes it unless `placesItself`.
    let run: @Sendable (CommandInvocation, inout AppState) throws(CommandProblem) -> [Effect]
    /// Whether `run` has put something in the command's place.
    var placesItself = false
    /// What Tab completes behind the name; nil is nothing.
    var completion: Completion?

    static let all: [Command] = [
        Command(
            name: "image", arguments: "PATH…", summary: "put pictures at this place of the message", canEndDraft: true,
            run: AttachCommand.run, placesItself: true, completion: .path),
        Command(
            name: "video", arguments: "PATH [--frames N]", summary: "put frames of a clip at this place",
            canEndDraft: true, run: AttachCommand.runVideo, placesItself: true, completion: .path),
        Command(
            name: "view", arguments: "[N]", summary: "fill the screen with picture N, or the last one",
            canEndDraft: true,
            run: PictureViewReducer.run),
        Command(
            name: "ground", arguments: "[N|off]",
            summary: "have the next answer say where things are, in picture N or the last one", canEndDraft: true,
            run: GroundingReducer.run),
        Command(
            name: "draw", arguments: "WORDS", summary: "draw a picture; [Image #N] among the words shows one",
            run: DrawReducer.run),
        Command(
            name: "box", arguments: "NAME [L T R B]",
            summary: "where the next drawing has a thing; arrow keys, or 448ths", canEndDraft: true,
            run: BoxCommand.run),
        Command(
            name: "example", arguments: "ANSWER", summary: "make an example of the draft, with this answer",
            canEndDraft: true, run: ExampleCommands.add),
        Command(
            name: "examples", arguments: "[use SET|…]",
            summary: "list the sets; use, nearest N, keep, show, remove one",
            run: ExampleCommands.manage,
            completion: .words { _ in ["use", "nearest", "keep", "show", "remove", "off"] }),
        Command(
            name: "regenerate", arguments: "", summary: "answer the last question once more, on a branch",
            run: BranchCommands.regenerate),
        Command(
            name: "continue", arguments: "", summary: "go on with an answer that was cut short",
            run: BranchCommands.resume),
        Command(
            name: "edit", arguments: "[N]", summary: "ask question N, or the last one, otherwise, on a branch",
            run: BranchCommands.edit),
        Command(
            name: "undo", arguments: "", summary: "take the last question back; it stays on its branch",
            run: BranchCommands.undo),
        Command(
            name: "branch", arguments: "[N]", summary: "show the next branch, or branch N, of an answer",
            run: BranchCommands.branch),
        Command(name: "new", arguments: "", summary: "begin an empty conversation", run: SessionCommands.new),
        Command(
            name: "open", arguments: "NUMBER|NAME", summary: "go on with an earlier conversation",
            run: SessionCommands.open, completion: .words { $0.recentSessions.map(\.name) }),
        Command(
            name: "park", arguments: "", summary: "keep what the model has read, for the next time",
            run: SessionCommands.park),
        Command(
            name: "model", arguments: "[FILE]", summary: "show the model, or answer with another one",
            run: ModelCommands.model, completion: .path),
        Command(
            name: "system", arguments: "TEXT|NAME",
            summary: "how the model should behave; `none` ends it",
            run: SettingCommands.system,
            completion: .words { ($0.loadedModel?.systemMessages ?? []).map(\.name) + ["none"] }),
        Command(
            name: "set", arguments: "[OPTION VALUE]", summary: "show or change how answers are sampled",
            run: SettingCommands.set, completion: .words { _ in SamplingSetting.all.map(\.name) }),
        Command(
            name: "preset", arguments: "[NAME]", summary: "choose options that belong together; alone, list them",
            run: SettingCommands.preset, completion: .words { _ in GenerationPreset.all.map(\.name) }),
        Command(
            name: "save-options", arguments: "", summary: "keep what /set has changed for later conversations",
            run: SettingCommands.saveOptions),
        Command(
            name: "theme", arguments: "[NAME|PATH]", summary: "change the colours; alone, list what there is",
            run: ThemeCommand.run, completion: .path),
        Command(
            name: "doctor", arguments: "", summary: "tell about the program's surroundings, to be pasted in reports",
            run: ModelCommands.doctor),
        Command(name: "help", arguments: "", summary: "show this", run: HelpCommand.run),
        Command(name: "quit", arguments: "", summary: "leave; everything is saved", run: SessionCommands.quit),
    ]

    /// What Tab completes.
    enum Completion: Sendable {
        case path
        case words(@Sendable (AppState) -> [String])
    }

    static func named(_ name: String) -> Command? {
        all.first { $0.name == name }
    }
}

/// Why a command was not done.
enum CommandProblem: Error, Equatable {
    case unknown(name: String, nearest: String?)
    /// A command that needs a path.
    case noPath(command: String)
    case wrongFrames(String, maximum: Int)
    case noPictures
    case noScreen(command: String)
    case noSuchPicture(String, numbers: [Int])
    case noPictureToGround(String, numbers: [Int])
    case modelGivesNoBoxes(model: String)
    case nothingToDraw
    case modelDrawsNothing(command: String, model: String)
    case noPictureToDraw(command: String, String, numbers: [Int])
    case noBox
    case wrongBox(String, hasScreen: Bool)
    case tooManyBoxes
    case wrongDrawingOption(String, value: String, range: String)
    case noSuchDrawingOption(String, nearest: String?)
    case drawingCannotGoOn
    case noExampleAnswer
    case noExampleQuestion
    case picturesAreLoading(command: String)
    case wrongExamplesCommand
    case wrongExamplesCount(String)
    case modelCannotCompare(model: String)
    case noSuchPreset(String)
    case noSuchOption(String, nearest: String?)
    case noValue(option: String, range: String)
    case wrongValue(option: String, value: String, range: String)
    case answerIsRunning(command: String)
    case modelIsNotReady(command: String)
    case nothingAsked(command: String)
    case answerIsComplete
    case answerFailed
    /// `count` is nil for what is no number.
    case noSuchQuestion(String, count: Int?)
    case noBranches
    case noSuchBranch(String, count: Int?)
    case noSuchSession(String)
    case noSessionGiven
}
