/// Turns generated ids into text as they come.
///
/// A UTF-8 sequence that is not complete yet waits for its next token. Bytes that can never become valid become U+FFFD,
/// one for each maximal part of a sequence (Unicode, section 3.9, "U+FFFD Substitution of Maximal Subparts").
package struct StreamingDecoder: Sendable {
    private let tokenizer: any Tokenizer
    /// The beginning of a UTF-8 sequence, at most 3 bytes.
    private var pending = [UInt8]()
    /// Whether the next text may begin with a space that only marks the start of a word.
    private var mayHavePrefix: Bool
    /// Whether special tokens are spelt out, one space around each; those that begin or end a text never are.
    private let spellsControls: Bool
    /// Whether a space is due before what comes next.
    private var needsSpace = false
    private var hasText = false

    /// `continuing` says that the answer goes on behind text, so that a leading space is part of it.
    package init(tokenizer: any Tokenizer, continuing: Bool = false, spellsControls: Bool = false) {
        self.tokenizer = tokenizer
        self.spellsControls = spellsControls
        mayHavePrefix = tokenizer.addsSpacePrefix && !continuing
    }

    /// The text that this token completed, perhaps none. Special tokens have none, unless they are spelt out.
    package mutating func append(_ id: Int32) -> String {
        guard !tokenizer.isSpecial(id) else { return spellsControls ? spelling(of: id) : "" }
        var piece = tokenizer.piece(of: id)[...]
        if mayHavePrefix, !piece.isEmpty {
            if piece.first == UInt8(ascii: " ") { piece = piece.dropFirst() }
            mayHavePrefix = false
        }
        pending += piece
        let complete = pending.count - incompleteTail(pending)
        var text = String(decoding: pending[..<complete], as: UTF8.self)
        pending.removeFirst(complete)
        if needsSpace, !text.isEmpty {
            text = " " + text
            needsSpace = false
        }
        hasText = hasText || !text.isEmpty
        return text
    }

    /// As transformers decodes without skipping special tokens: one space between these and whatever stands beside them.
    private mutating func spelling(of id: Int32) -> String {
        guard id != tokenizer.bosToken, !tokenizer.endOfGeneration.contains(id) else { return "" }
        let before = finish()
        let text =
            before + (hasText || !before.isEmpty ? " " : "") + String(decoding: tokenizer.piece(of: id), as: UTF8.self)
        (needsSpace, hasText, mayHavePrefix) = (true, true, tokenizer.addsSpacePrefix)
        return text
    }

    /// The text of what still waits; the decoder is empty afterwards.
    package mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }
}

/// How many bytes at the end begin a UTF-8 sequence that could still become valid: 0 to 3.
private func incompleteTail(_ bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
        let tail = bytes.suffix(length)
        guard let first = tail.first, first & 0xC0 != 0x80 else { continue }
        let needed =
            switch first {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 0
            }
        guard length < needed else { return 0 }
        // The second byte excludes overlong forms, surrogates and what lies above U+10FFFF.
        if let second = tail.dropFirst().first {
            let allowed: ClosedRange<UInt8> =
                switch first {
                case 0xE0: 0xA0...0xBF
                case 0xED: 0x80...0x9F
                case 0xF0: 0x90...0xBF
                case 0xF4: 0x80...0x8F
                default: 0x80...0xBF
                }
            guard allowed.contains(second) else { return 0 }
        }
        return length
    }
    return 0
}
