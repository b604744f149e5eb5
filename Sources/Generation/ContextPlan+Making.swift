extension ContextPlan {
    /// Counts a prompt and, when it does not fit, looks for ways out; nil when it fits.
    ///
    /// Counting takes time in proportion to what is counted. The whole prompt is counted once; how many turns can stay
    /// is searched from the newest one on, in steps that double and then halve, so that no count but the first goes far
    /// beyond the context's length and their number grows with the logarithm of it.
    /// - Parameters:
    ///   - maximumTokens: most tokens of the answer; nil means until the context is full.
    ///   - enlargement: the larger context that would hold so many tokens, if there is one.
    ///   - count: what a prompt takes, as `GenerationBackend.cost` says.
    package static func making(
        _ prompt: Prompt, contextLength: Int, maximumTokens: Int?,
        enlargement: (Int) -> ContextEnlargement? = { _ in nil },
        count: (Prompt) throws(GenerationFailure) -> PromptCost
    ) throws(GenerationFailure) -> ContextPlan? {
        let answerTokens = Self.answerTokens(contextLength: contextLength, maximumTokens: maximumTokens)
        let whole = try count(prompt)
        guard whole.totalTokens > contextLength - answerTokens else { return nil }
        let search = OmissionSearch(prompt: prompt, limit: contextLength - answerTokens, whole: whole)

        var remedies = [ContextRemedy]()
        var questionTokens: Int?
        let question = try search.tokens(PromptOmission(turns: search.turns.count), count)
        if question > search.limit {
            questionTokens = question + answerTokens
        } else {
            remedies = try search.remedies(count)
        }
        let usual = Self.answerTokens(contextLength: Int.max, maximumTokens: maximumTokens)
        // Where the model ends sooner, a shorter answer is better than none.
        if let larger = enlargement(whole.totalTokens + usual) ?? enlargement(whole.totalTokens + answerTokens) {
            remedies.append(.enlargeContext(length: larger.length, bytes: larger.bytes))
        }
        if whole.totalTokens < contextLength {
            remedies.append(.shortenAnswer(tokens: contextLength - whole.totalTokens))
        }
        return ContextPlan(
            promptTokens: whole.totalTokens, answerTokens: answerTokens, contextLength: contextLength,
            questionTokens: questionTokens, remedies: remedies)
    }
}

/// Finds what has to go so that a prompt has at most `limit` tokens.
private struct OmissionSearch {
    let prompt: Prompt
    let limit: Int
    let whole: PromptCost
    let turns: [Range<Int>]
    /// Tokens of the pictures and clips of each turn but the last.
    let mediaTokens: [Int]

    init(prompt: Prompt, limit: Int, whole: PromptCost) {
        self.prompt = prompt
        self.limit = limit
        self.whole = whole
        turns = prompt.turns
        var rest = whole.mediaTokens[...]
        // System messages have no pictures of their own in a session; where one has, its tokens belong to nobody.
        rest = rest.dropFirst(prompt.messages.prefix(turns.first?.lowerBound ?? 0).reduce(0) { $0 + $1.mediaCount })
        mediaTokens = turns.dropLast().map { range in
            let count = prompt.messages[range].reduce(0) { $0 + $1.mediaCount }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count).reduce(0, +)
        }
    }

    typealias Count = (Prompt) throws(GenerationFailure) -> PromptCost

    func tokens(_ omission: PromptOmission, _ count: Count) throws(GenerationFailure) -> Int {
        try count(prompt.omitting(omission, turns: turns)).totalTokens
    }

    /// What can be left out, given that the last turn alone fits.
    func remedies(_ count: Count) throws(GenerationFailure) -> [ContextRemedy] {
        var remedies = [ContextRemedy]()
        let dropped = try fewestTurns(withMedia: true, count)
        remedies.append(.dropTurns(dropped.turns, savedTokens: whole.totalTokens - dropped.tokens))
        guard let first = mediaTokens.firstIndex(where: { $0 > 0 }),
            let last = mediaTokens.lastIndex(where: { $0 > 0 })
        else { return remedies }
        if let pictures = try fewestPictures(from: first, to: last, count) {
            remedies.append(pictures)
        } else {
            let both = try fewestTurns(withMedia: false, count)
            let stillThere = mediaTokens.indices.filter { $0 >= both.turns && mediaTokens[$0] > 0 }
            if both.turns < dropped.turns, let first = stillThere.first {
                remedies.append(
                    .dropTurnsAndPictures(
                        both.turns, pictureTurns: first + 1...last + 1, savedTokens: whole.totalTokens - both.tokens))
            }
        }
        return remedies
    }

    /// The fewest of the oldest turns that have to go, and the tokens that are left then.
    private func fewestTurns(withMedia: Bool, _ count: Count) throws(GenerationFailure) -> (turns: Int, tokens: Int) {
        func tokens(keeping kept: Int) throws(GenerationFailure) -> Int {
            try self.tokens(
                PromptOmission(turns: turns.count - kept, turnsWithoutMedia: withMedia ? 0 : turns.count), count)
        }
        // `low` turns fit; `high` do not, or there are no more.
        var low = 1
        var left = try tokens(keeping: 1)
        var high = turns.count
        var step = 1
        while low + step < high {
            let tried = try tokens(keeping: low + step)
            guard tried <= limit else {
                high = low + step
                break
            }
            (low, left) = (low + step, tried)
            step *= 2
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2
            let tried = try tokens(keeping: middle)
            if tried <= limit { (low, left) = (middle, tried) } else { high = middle }
        }
        return (turns.count - low, left)
    }

    /// The pictures of the fewest of the oldest turns that have to go; nil when all of them would not do.
    private func fewestPictures(
        from first: Int, to last: Int, _ count: Count
    ) throws(GenerationFailure) -> ContextRemedy? {
        var saved = 0
        var tries = 0
        for turn in first...last where mediaTokens[turn] > 0 {
            saved += mediaTokens[turn]
            guard whole.totalTokens - saved <= limit else { continue }
            // The words around a picture may be cut otherwise once it is gone, so that the sum is only nearly right.
            let left = try tokens(PromptOmission(turnsWithoutMedia: turn + 1), count)
            if left <= limit {
                return .dropPictures(turns: first + 1...turn + 1, savedTokens: whole.totalTokens - left)
            }
            tries += 1
            if tries == 3 { return nil }
        }
        return nil
    }
}

extension PromptMessage {
    fileprivate var mediaCount: Int { parts.count(where: \.isMedium) }
}
