/// What became of a command that was entered, where only a later action tells: one that was not done is back where it
/// was typed, unless something was typed since.
enum CommandOutcome {
    case done
    case failed

    /// What an action says about the command that was entered last; nil when it says nothing about it.
    static func told(by action: Action, _ state: AppState) -> CommandOutcome? {
        switch (state.takenCommand?.name, action) {
        case ("example", .branchShown), ("examples", .branchShown), ("examples", .examplesTold): .done
        case ("example", .sessionFailed), ("examples", .sessionFailed): state.awaitsConversation ? .failed : nil
        // While a question's examples are looked for, it is the question's.
        case ("examples", .examplesFailed): state.comparing == nil ? .failed : nil
        case ("model", .modelLoaded): .done
        case ("model", .modelChangeFailed): .failed
        case ("open", .conversationOpened): .done
        case ("open", .sessionFailed): state.awaitsConversation ? .failed : nil
        case ("park", .contextParked): .done
        case ("park", .contextNotParked): .failed
        case ("save-options", .optionsSaved): .done
        case ("save-options", .optionsNotSaved): .failed
        case ("theme", .themeChanged), ("theme", .themesListed): .done
        case ("theme", .themeFailed): .failed
        default: nil
        }
    }

    /// Settles the command that was entered last.
    func settle(_ state: inout AppState) {
        guard let taken = state.takenCommand else { return }
        state.takenCommand = nil
        guard self == .failed, state.editor.elements == taken.after else { return }
        state.editor.setElements(taken.before)
        state.editor.move(to: taken.cursor)
    }
}
