extension GenerationFailure: CustomStringConvertible {
    /// One line for people, with the remedy.
    package var description: String {
        switch self {
        case .contextOverflow(let needed, let available):
            "This turn needs \(needed) tokens; the context holds \(available). "
                + "Shorten it, begin a new session, or start with a larger --context."
        case .invalidOption(let text), .backend(let text):
            text
        }
    }
}
