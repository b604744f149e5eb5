import Generation

/// The ids and pictures that a model generated for an answer with pictures of its own: one stretch of ids before each
/// picture, which ends with the token that opened it.
struct GeneratedElements {
    private(set) var stretches: [(ids: [Int32], picture: PredictedImage)] = []
    /// The ids behind the last picture.
    private(set) var rest: [Int32] = []
    /// In the place of `rest` where the ids say something else than the words, as behind a stop text.
    private(set) var restText = ""

    /// Takes the ids apart at the pictures; nil unless each stretch says what the text of its place says.
    init?(_ message: PromptMessage, opening: Int32, _ tokenizer: any Tokenizer) {
        guard var known = message.tokens.map({ $0[...] }) else { return nil }
        while let last = known.last, tokenizer.endOfGeneration.contains(last) { known.removeLast() }
        var words = ""
        for part in message.parts {
            switch part {
            case .text(let text): words += text
            case .predicted(let predicted):
                guard let end = known.firstIndex(of: opening) else { return nil }
                let stretch = Array(known[..<end])
                guard tokenizer.says(stretch, words) else { return nil }
                stretches.append((stretch + [opening], predicted))
                known = known[(end + 1)...]
                words = ""
            case .markup, .image, .video: return nil
            }
        }
        // One that was opened last and has come to nothing is no part of what is read again.
        if known.last == opening { known.removeLast() }
        if tokenizer.says(Array(known), words) { rest = Array(known) } else { restText = words }
    }
}

extension Tokenizer {
    /// Whether ids, none of which is special, say exactly this text, with or without the space that marks its first word.
    func says(_ ids: [Int32], _ words: String) -> Bool {
        guard ids.allSatisfy({ $0 >= 0 && $0 < vocabularySize && !isSpecial($0) }) else { return false }
        let decoded = String(decoding: ids.flatMap { piece(of: $0) }, as: UTF8.self)
        return decoded.hasSameScalars(as: words) || addsSpacePrefix && decoded.hasSameScalars(as: " " + words)
    }
}

extension String {
    /// Whether another text has the same scalars; `==` also holds for texts that are only canonically equivalent.
    func hasSameScalars(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
