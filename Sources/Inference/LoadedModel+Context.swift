import Generation
import Models

extension LoadedModel {
    /// A context length that holds a prompt with its answer; nil when the model was not trained for one.
    package func sufficientContext(promptTokens: Int, maximumTokens: Int?) -> Int? {
        let room = ContextPlan.answerTokens(contextLength: Int.max, maximumTokens: maximumTokens)
        return [promptTokens + room, promptTokens + 1].lazy.compactMap { self.sufficientContext(holding: $0) }.first
    }

    /// The larger context that holds so many tokens, when the model was trained for it and the memory suffices.
    package func enlargement(toHold tokens: Int) -> ContextEnlargement? {
        guard let length = sufficientContext(holding: tokens) else { return nil }
        let bytes = KeyValueCache.bytesPerPosition(decoder.configuration, type: cacheType)
        let (extra, overflow) = bytes.multipliedReportingOverflow(by: length - contextLength)
        // The mapped weights are there already; what counts is the new cache, beside which the old one may still stand.
        let available = AvailableMemory().bytes ?? Int.max
        guard !overflow, bytes <= available / length else { return nil }
        return ContextEnlargement(length: length, bytes: extra)
    }

    private func sufficientContext(holding tokens: Int) -> Int? {
        ContextPlan.sufficientLength(
            for: tokens, present: contextLength, trained: decoder.configuration.trainedContextLength)
    }
}

extension ContextPlan {
    /// What to do about a prompt that does not fit into an engine's context; nil when it fits.
    package static func making(
        _ prompt: Prompt, for engine: InferenceEngine, options: GenerationOptions
    ) throws(GenerationFailure) -> ContextPlan? {
        try making(
            prompt, contextLength: engine.model.contextLength, maximumTokens: options.maximumTokens,
            enlargement: engine.loadedModel.enlargement(toHold:),
            count: { (prompt) throws(GenerationFailure) in try engine.cost(of: prompt) })
    }
}
