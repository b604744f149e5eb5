/// A word as a shell reads it: quotes taken off, `*`, `?` and `[…]` known from the same characters quoted.
struct ShellWord: Equatable {
    /// Without quotes and backslashes.
    private(set) var text = ""
    /// The word as glob(7) takes it, with what was quoted behind backslashes.
    private(set) var pattern = ""
    /// Whether it stands for the files whose names match it.
    private(set) var isPattern = false

    private static let special: Set<Character> = ["*", "?", "[", "]", "\\"]

    private mutating func append(_ character: Character, isQuoted: Bool) {
        text.append(character)
        if Self.special.contains(character) {
            if isQuoted || character == "\\" {
                pattern.append("\\")
            } else if character != "]" {
                isPattern = true
            }
        }
        pattern.append(character)
    }

    /// Splits text into words: quotes, and backslashes before any character. An unclosed quote ends with the text.
    static func split(_ argument: String) -> [ShellWord] {
        var words: [ShellWord] = []
        var word = ShellWord()
        var isInWord = false
        var quote: Character?
        var isEscaped = false
        for character in argument {
            if isEscaped {
                word.append(character, isQuoted: true)
                isEscaped = false
            } else if character == "\\" && quote != "'" {
                isEscaped = true
                isInWord = true
            } else if let open = quote {
                if character == open { quote = nil } else { word.append(character, isQuoted: true) }
            } else if character == "'" || character == "\"" {
                quote = character
                isInWord = true
            } else if character.isWhitespace {
                if isInWord { words.append(word) }
                word = ShellWord()
                isInWord = false
            } else {
                word.append(character, isQuoted: false)
                isInWord = true
            }
        }
        if isEscaped { word.append("\\", isQuoted: true) }
        if isInWord { words.append(word) }
        return words
    }

    /// Whether the next character would begin a word, as it does behind a space.
    static func endsBetweenWords(_ text: String) -> Bool {
        split(text).count < split(text + "x").count
    }

    /// The quote that is still open at a text's end.
    static func openQuote(_ text: String) -> Character? {
        var quote: Character?
        var isEscaped = false
        for character in text {
            if isEscaped {
                isEscaped = false
            } else if character == "\\" && quote != "'" {
                isEscaped = true
            } else if quote == character {
                quote = nil
            } else if quote == nil, character == "'" || character == "\"" {
                quote = character
            }
        }
        return quote
    }

    /// Text spelt so that `split` gives it back, behind an open quote where there is one.
    static func escaped(_ text: String, quote: Character?) -> String {
        switch quote {
        case "'": text.replacing("'", with: "'\\''")
        case "\"": text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        default:
            text.map { character in
                character.isWhitespace || "'\"\\*?[]".contains(character) ? "\\\(character)" : String(character)
            }.joined()
        }
    }

    /// The pattern with `~` replaced by the home folder, whose own characters stand for themselves.
    func expandedPattern(homeFolder: String) -> String {
        guard pattern.hasPrefix("~/") else { return pattern }
        var home = ShellWord()
        for character in homeFolder { home.append(character, isQuoted: true) }
        return home.pattern + pattern.dropFirst(1)
    }
}
