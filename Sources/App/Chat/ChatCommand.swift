import ArgumentParser
import Chat
import ChatUI
import Configuration
import Foundation
import Generation
import Inference
import Media
import Screen
import Terminal

/// `emuchat`: the chat screen.
struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talk with the model on the chat screen (what emuchat does without a subcommand).")

    @OptionGroup var model: ModelArguments
    @OptionGroup var sampling: SamplingArguments
    @OptionGroup var memory: MemoryArguments
    @OptionGroup var folders: SessionArguments
    @OptionGroup var appearance: AppearanceArguments

    @Option(
        help: ArgumentHelp(
            "The conversation to go on with; a new one is begun under a name that is free.", valueName: "name"))
    var session: String?

    @Flag(name: .customLong("new"), help: "Begin an empty conversation (as without --session).")
    var startsNew = false

    @Flag(help: "Lines of text instead of the screen, for screen readers and pipes.")
    var plain = false

    func validate() throws {
        if startsNew && session != nil { throw ValidationError("--session and --new exclude each other.") }
    }

    func run() async throws {
        // What can be told in one line is told before the screen is taken over.
        let configuration = try appearance.configuration()
        if plain || configuration.isPlain == true {
            return try await runPlain(model.path(), configuration)
        }
        let look = try appearance.appearance(configuration)
        let store = folders.store
        if let session, store.writer(of: session) != nil, (try? store.load(session)) != nil {
            return try SessionFollower(store: store, name: session).run(look)
        }
        let modelPath = try model.path()
        let keeper = try ConversationKeeper(store: store, opening: session)
        let screen = try ChatScreen(look)

        var state = state(size: screen.size, modelPath, configuration)
        let effects = ChatEffects(
            keeper: keeper, store: store, shelf: PictureShelf(store: store, colors: screen.previewColors),
            mailbox: screen.mailbox, configurationPath: appearance.configurationPath,
            drafts: DraftPlace(folder: Folders.data.path))
        await effects.start(modelPath: modelPath, options: modelOptions(configuration))
        screen.run(&state) { effects.perform($0) }
        let draftProblem = effects.keepDraft(state.draft)
        await effects.finish(unanswered: state.unansweredQuestions, systemText: state.systemText)
        screen.stop()
        await park(keeper, configuration)
        if let draftProblem { StandardError.write("emuchat: what was not sent is lost: \(draftProblem)\n") }
        if let name = await keeper.savedName { print(savedNote(name)) }
    }

    private func state(size: Size, _ modelPath: String, _ configuration: Configuration) -> AppState {
        let now = Date().timeIntervalSince1970
        var state = AppState(
            setting: .current, size: size, now: now,
            model: .loading(ModelLoading(name: (modelPath as NSString).lastPathComponent, since: now)),
            options: sampling.options(over: configuration.options))
        state.hasChosenOptions = choosesOptions(configuration)
        return state
    }

    private func modelOptions(_ configuration: Configuration) -> ModelOptions {
        var options = model.options
        options.memoryCheck = memory.check(
            sampling, over: choosesOptions(configuration) ? configuration.options : nil)
        return options
    }

    /// Whether the user says how answers are chosen; otherwise the model's makers do.
    private func choosesOptions(_ configuration: Configuration) -> Bool {
        sampling.areGiven || configuration.options != GenerationOptions()
    }

    private func park(_ keeper: ConversationKeeper, _ configuration: Configuration) async {
        guard configuration.parksOnLeaving else { return }
        let isSlow = Task {
            guard (try? await Task.sleep(for: .milliseconds(500))) != nil else { return }
            StandardError.write("Keeping what the model has read…\n")
        }
        let problem = await keeper.parkOnLeaving()
        isSlow.cancel()
        if let problem { StandardError.write(problem + "\n") }
    }

    private func savedNote(_ name: String) -> String {
        "Conversation saved as \(name). Go on with it: emuchat --session \(name)"
    }

    /// The chat as lines of text.
    private func runPlain(_ modelPath: String, _ configuration: Configuration) async throws {
        let store = folders.store
        let keeper = try ConversationKeeper(store: store, opening: session)
        let chat = PlainChat()
        let effects = ChatEffects(
            keeper: keeper, store: store, shelf: PictureShelf(store: store, colors: .none), mailbox: chat.mailbox,
            configurationPath: appearance.configurationPath)
        await effects.start(modelPath: modelPath, options: modelOptions(configuration))
        var state = state(size: PlainChat.size, modelPath, configuration)
        state.setting.hasScreen = false
        let end = await chat.run(&state) { effects.perform($0) }
        await effects.finish(unanswered: state.unansweredQuestions, systemText: state.systemText)
        await park(keeper, configuration)
        if let name = await keeper.savedName { StandardError.write(savedNote(name) + "\n") }
        switch end {
        case .left: break
        case .interrupted: throw CommandError.interrupted
        case .failed: throw CommandError(status: ExitStatus.failed, message: nil)
        }
    }
}

/// Where sessions lie.
struct SessionArguments: ParsableArguments {
    @Option(name: .customLong("sessions"), help: ArgumentHelp("The folder of the conversations.", valueName: "folder"))
    var sessions: String?

    var store: SessionStore {
        SessionStore(folder: sessions.map { ($0 as NSString).expandingTildeInPath } ?? SessionStore.defaultFolder())
    }
}

extension AppState.Setting {
    /// This process's version, home folder and time zone.
    static var current: AppState.Setting {
        AppState.Setting(
            version: emuchatVersion, homeFolder: NSHomeDirectory(),
            secondsFromGMT: TimeZone.current.secondsFromGMT())
    }
}
