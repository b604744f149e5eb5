import Screen

/// `/theme`: another theme for the time being.
enum ThemeCommand {
    static func run(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        let name = ShellWord.split(invocation.argument).map(\.text).joined(separator: " ")
        return name.isEmpty ? [.listThemes] : [.useTheme(name)]
    }
}

enum ThemeReducer {
    static func reduce(_ state: inout AppState, _ action: Action) {
        switch action {
        case .themeChanged(let name):
            state.inputErrors = []
            state.inputNote = "The theme is \(name). theme = \"\(name)\" in the configuration file keeps it."
        case .themeFailed(let message):
            state.inputErrors = ["/theme: " + message]
        case .themesListed(let names, let current):
            let marked = names.map { $0 == current ? "\($0) (now)" : $0 }
            state.inputNote = "/theme NAME takes one of: " + marked.joined(separator: ", ") + ", or a file's path."
        default: break
        }
    }
}
