extension GenerationFailure: CustomStringConvertible {
    /// One line for people, with the remedy.
    package var description: String {
        switch self {
        case .contextOverflow(let needed, let available, let sufficient):
            "This turn needs \(needed) tokens; the context holds \(available). "
                + (sufficient.map { "Start with --context \($0), or shorten it." }
                    ?? "This model was not trained for so many: shorten it, or begin a new conversation.")
        case .invalidOption(let text), .backend(let text):
            text
        }
    }
}
