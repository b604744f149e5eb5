import Generation

enum ModelReducer {
    static func reduce(_ state: inout AppState, _ action: Action) -> [Effect] {
        switch action {
        case .modelLoadingProgressed(let share):
            let share = min(max(0, share), 1)
            if case .loading(var loading) = state.model {
                loading.share = share
                state.model = .loading(loading)
            } else {
                state.loadingModel?.share = share
            }
        case .modelLoaded(let model):
            if state.loadingModel != nil { state.inputNote = "answers come from \(model.name) from here on" }
            state.loadingModel = nil
            state.model = .ready(model)
            // Whoever has chosen nothing gets answers as the model's makers do it.
            if !state.hasChosenOptions, state.options == GenerationOptions(),
                let preset = model.presetName.flatMap(GenerationPreset.named)
            {
                state.options = preset.options
            }
            if let terms = model.termsToTell { state.appendItem(.program, terms) }
            return GenerationReducer.startNext(&state)
        case .modelChangeFailed(let message):
            state.loadingModel = nil
            state.inputErrors = [message]
            return GenerationReducer.startNext(&state)
        case .modelFailed(let message):
            state.model = .failed(message)
            // The start screen tells it by itself.
            if !state.items.isEmpty {
                state.appendItem(.program, parts: [], marks: [.failed(message)])
            }
        default:
            break
        }
        return []
    }
}
