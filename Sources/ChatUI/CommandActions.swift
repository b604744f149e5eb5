import Generation
import Screen

enum SessionCommands {
    static func new(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        if let obstacle = BranchReducer.obstacle("new", state) { throw obstacle }
        _ = BranchReducer.stopEditing(&state)
        state.replaceConversation(
            OpenedConversation(name: nil, items: [], pictures: [], systemText: state.systemText))
        return [.startNewSession]
    }

    static func open(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        if let obstacle = BranchReducer.obstacle("open", state) { throw obstacle }
        guard !invocation.argument.isEmpty else { throw .noSessionGiven }
        guard let number = Int(invocation.argument) else { return [request(&state, invocation.argument)] }
        guard state.recentSessions.indices.contains(number - 1) else { throw .noSuchSession(invocation.argument) }
        return [request(&state, state.recentSessions[number - 1].name)]
    }

    static func park(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        if let obstacle = BranchReducer.obstacle("park", state) { throw obstacle }
        guard state.contextTokens != nil else { throw .nothingAsked(command: "park") }
        state.inputNote = "parking…"
        return [.parkContext]
    }

    /// Asks for a session; what is asked of the model before it has come waits.
    static func request(_ state: inout AppState, _ name: String) -> Effect {
        state.awaitsConversation = true
        return .openSession(name: name, draftPictures: state.editor.pictureNumbers)
    }

    static func quit(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        state.isLeaving = true
        return [.quit]
    }
}

enum SettingCommands {
    static func system(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        guard !invocation.argument.isEmpty else {
            let names = (state.loadedModel?.systemMessages ?? []).map { "/system \($0.name)" }
            let ways = (["/system TEXT"] + names).joined(separator: ", ")
            state.inputNote = state.systemText.map { "system: " + $0 } ?? "no system text; \(ways) sets one"
            return []
        }
        // What a model was trained with goes by a name.
        let known = state.loadedModel?.systemMessages?.first { $0.name == invocation.argument }
        state.systemText = invocation.argument == "none" ? nil : known?.text ?? invocation.argument
        state.appendItem(.system, state.systemText ?? "no system text from here on")
        return [.saveSettings(systemText: state.systemText, state.options)]
    }

    static func set(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        let name = String(invocation.argument.prefix { !$0.isWhitespace })
        guard !name.isEmpty else {
            state.showFromTop(state.appendItem(.program, table(state)))
            return []
        }
        guard let setting = SamplingSetting.named(name) else {
            throw .noSuchOption(name, nearest: CommandLine.nearest(to: name, among: SamplingSetting.all.map(\.name)))
        }
        let value = CommandLine.trimmed(invocation.argument.dropFirst(name.count))
        guard !value.isEmpty else { throw .noValue(option: name, range: setting.range) }
        guard setting.change(&state.options, value) else {
            throw .wrongValue(option: name, value: value, range: setting.range)
        }
        state.inputNote = "\(name) is now \(setting.show(state.options))"
        if name == "interleaved", state.options.pictures.areWanted,
            let obstacle = state.loadedModel?.interleavingObstacle
        {
            state.inputNote? += "; \(obstacle)"
        }
        return [.saveSettings(systemText: state.systemText, state.options)]
    }

    static func preset(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        let name = invocation.argument
        guard !name.isEmpty else {
            let rows = GenerationPreset.all.map { preset in
                let isChosen = preset.options == plain(state.options)
                return HelpCommand.row(preset.name, preset.summary + (isChosen ? " · chosen" : ""), at: 10, state.size)
            }
            state.showFromTop(
                state.appendItem(.program, (["/preset NAME chooses one of these:"] + rows).joined(separator: "\n")))
            return []
        }
        guard let preset = GenerationPreset.named(name) else { throw .noSuchPreset(name) }
        let before = state.options
        state.options = preset.options
        // Neither says how an answer is chosen, but which one and where it ends.
        (state.options.seed, state.options.stopStrings) = (before.seed, before.stopStrings)
        if preset.options.beamCount == 1 { state.options.pictures = before.pictures }
        state.inputNote = "\(name): \(preset.summary)"
        return [.saveSettings(systemText: state.systemText, state.options)]
    }

    /// The options that a preset can say.
    private static func plain(_ options: GenerationOptions) -> GenerationOptions {
        var options = options
        (options.seed, options.stopStrings, options.pictures) = (nil, [], .none)
        return options
    }

    static func saveOptions(
        _ invocation: CommandInvocation, _ state: inout AppState
    ) throws(CommandProblem) -> [Effect] {
        [.saveOptions(state.options)]
    }

    /// Every option with its value and meaning.
    private static func table(_ state: AppState) -> String {
        let rows = SamplingSetting.all.map { setting in
            let name = HelpCommand.padded(setting.name, to: 20)
            return HelpCommand.row(name + setting.show(state.options), setting.summary, at: 28, state.size)
        }
        return (["/set OPTION VALUE changes one of these:"] + rows).joined(separator: "\n")
    }
}

enum HelpCommand {
    static func run(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        show(&state)
        return []
    }

    static func show(_ state: inout AppState) {
        state.usedHints.insert(.help)
        state.showFromTop(state.appendItem(.program, text(state.size)))
    }

    /// The commands and the keys.
    private static func text(_ size: Size) -> String {
        let commands = Command.all.map { command in
            let usage = "/" + command.name + (command.arguments.isEmpty ? "" : " " + command.arguments)
            return row(usage, command.summary, at: 24, size)
        }
        let keys = KeyHelp.all.map { row($0.keys, $0.summary, at: 24, size) }
        return (commands + [""] + keys + ["", larger]).joined(separator: "\n")
    }

    private static let larger =
        "Another model, such as a larger one, is a GGUF file or the folder of a published checkpoint: /model FILE "
        + "here, `emuchat --model FILE` from the start. `emuchat model FILE` tells before whether the memory suffices."

    /// Two columns; one below the other where there is no room for both.
    static func row(_ left: String, _ right: String, at column: Int, _ size: Size) -> String {
        size.columns < 60 ? left + "\n  " + right : padded(left, to: column) + right
    }

    static func padded(_ text: String, to columns: Int) -> String {
        text + String(repeating: " ", count: max(1, columns - text.count))
    }
}

/// The keys that `/help` tells of.
struct KeyHelp: Sendable {
    let keys: String
    let summary: String

    static let all: [KeyHelp] = [
        KeyHelp(keys: "Enter", summary: "send"),
        KeyHelp(keys: "Alt-Enter, Ctrl-J", summary: "new line"),
        KeyHelp(keys: "Esc", summary: "stop the answer and keep what came"),
        KeyHelp(keys: "Alt-G", summary: "have the next answer say where in the picture things are"),
        KeyHelp(keys: "Alt-P, Alt-N", summary: "the branch before, the next one, such as 1/2 and 2/2"),
        KeyHelp(keys: "Ctrl-O", summary: "all conversations: search, open, rename, delete"),
        KeyHelp(keys: "PageUp, PageDown", summary: "scroll; Alt-< and Alt-> to either end"),
        KeyHelp(keys: "Up, Down", summary: "what was sent before; Ctrl-R looks for it"),
        KeyHelp(keys: "Tab", summary: "complete a command or a path"),
        KeyHelp(keys: "Ctrl-A, E, B, F, P, N", summary: "move; Alt-B and Alt-F by words"),
        KeyHelp(keys: "Ctrl-K, U, W, Y", summary: "cut to the end, the beginning, a word; put back"),
        KeyHelp(keys: "Alt-Y, Alt-D, Ctrl-T", summary: "put back what was cut before; cut a word; exchange"),
        KeyHelp(keys: "Alt-U, Alt-L, Alt-C", summary: "a word in large letters, in small ones, capitalised"),
        KeyHelp(keys: "Ctrl-_, Alt-_", summary: "undo, redo"),
        KeyHelp(keys: "Ctrl-X Ctrl-E", summary: "write in $VISUAL or $EDITOR"),
        KeyHelp(keys: "Alt-M", summary: "all of the errors and notes below the editor"),
        KeyHelp(keys: "Ctrl-L, Ctrl-Z", summary: "draw anew; suspend"),
        KeyHelp(keys: "Ctrl-C twice, Ctrl-D", summary: "leave"),
    ]
}
