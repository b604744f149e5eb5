import Generation
import Screen

enum ModelCommands {
    /// Asks for another model; the present one stays until that has been loaded.
    static func model(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        guard let word = ShellWord.split(invocation.argument).first else {
            state.inputNote = description(state)
            return []
        }
        if let obstacle = BranchReducer.obstacle("model", state) { throw obstacle }
        if case .loading = state.model { throw .modelIsNotReady(command: "model") }
        let path = CommandLine.path(word.text, homeFolder: state.setting.homeFolder)
        let name = path.split(separator: "/").last.map(String.init) ?? path
        state.loadingModel = ModelLoading(name: name, since: state.now)
        return [.changeModel(path: path)]
    }

    private static func description(_ state: AppState) -> String {
        switch state.model {
        case .loading(let loading): "\(loading.name) is being loaded"
        case .failed(let message): message
        case .absent: "no model"
        case .ready(let model):
            "\(model.name) · \(model.weightType) · \(FigureText.parameters(model.parameterCount)) parameters · context "
                + "\(FigureText.grouped(model.contextLength)) · \(model.path)"
        }
    }

    static func doctor(_ invocation: CommandInvocation, _ state: inout AppState) throws(CommandProblem) -> [Effect] {
        [.diagnose(screen: state.screenSize)]
    }
}
