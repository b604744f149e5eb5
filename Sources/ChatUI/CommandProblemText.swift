extension CommandProblem: CustomStringConvertible {
    /// One line for people: what was typed, what was expected, what to do.
    var description: String {
        switch self {
        case .unknown(let name, let nearest?): "/\(name): no such command. Did you mean /\(nearest)?"
        case .unknown(let name, nil): "/\(name): no such command. /help shows all"
        case .noPath: "/image: which file? Type its path, as in /image ~/Pictures/dog.jpg"
        case .noSuchOption(let name, let nearest?): "/set \(name): no such option. Did you mean \(nearest)?"
        case .noSuchOption(let name, nil): "/set \(name): no such option. /set alone shows all"
        case .noValue(let option, let range): "/set \(option): which value? It takes \(range)"
        case .wrongValue(let option, let value, let range): "/set \(option) \(value): \(option) takes \(range)"
        case .answerIsRunning(let command): "/\(command): an answer is running. Esc stops it"
        case .noSuchSession(let name): "/open \(name): no such number. /open 1 is the latest conversation"
        case .noSessionGiven: "/open: which conversation? Type its number or its name"
        }
    }
}
