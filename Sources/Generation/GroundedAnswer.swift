/// An answer that says where things are, read as it comes: words for people, and phrases with their boxes.
///
/// Emu2 writes `<phrase> the dog </phrase> <object> <patch_index_0010> … </object>` with four numbers a box on a grid of
/// 224 by 224: left, top, right, bottom. Source: section 4.5 of its facts and the names of its tokens; models leave
/// marks out, so that everything that can be read is taken.
package struct GroundedAnswer: Sendable, Equatable {
    /// The answer without the marks, `[n]` behind the phrase of number n.
    package private(set) var text = ""
    /// The phrases with numbers behind them, valid or not, in order; the one that is being written is missing.
    package private(set) var phrases: [GroundedPhrase] = []

    private let isNumbered: Bool
    /// What may turn out to be the beginning of a mark.
    private var pending = ""
    private var phrase = ""
    /// Words since `<phrase>`; nil outside of one.
    private var phraseWords: String?
    private var numbers: [Int] = []
    /// White space that is not known yet to stand between words, and whether a mark stands in it.
    private var gap = ""
    private var hasMarkInGap = false

    /// An answer of which nothing has come yet.
    package init() { isNumbered = true }

    /// A whole answer.
    ///
    /// - Parameter numbered: whether `[n]` stands behind the phrases.
    package init(_ answer: String, numbered: Bool = true) {
        isNumbered = numbered
        append(answer)
        finish()
    }

    /// The boxes to draw, with the numbers of their phrases.
    package var boxes: [NumberedBox] {
        phrases.enumerated().flatMap { index, phrase in
            phrase.boxes.map { NumberedBox(number: index + 1, box: $0) }
        }
    }

    /// Takes the next piece of the answer, and returns what it adds to `text`.
    @discardableResult
    package mutating func append(_ piece: String) -> String {
        let before = text.utf8.count
        pending += piece
        read(isAtEnd: false)
        return String(text.utf8.dropFirst(before)) ?? ""
    }

    /// Takes what still waited as words, and returns what that adds to `text`.
    @discardableResult
    package mutating func finish() -> String {
        let before = text.utf8.count
        read(isAtEnd: true)
        endPhrase()
        return String(text.utf8.dropFirst(before)) ?? ""
    }

    /// Whether a text is one of the marks, as a token is spelt.
    package static func isMark(_ text: some StringProtocol) -> Bool {
        guard let mark = Mark(Substring(text)) else { return false }
        return mark.length == text.count
    }

    // MARK: Marks and words

    private enum Mark {
        case phrase, phraseEnd
        case number(Int)
        /// One that says nothing: what it closes or joins is known without it.
        case other(length: Int)

        private static let others = ["<object>", "</object>", "</delimiter_of_multi_objects/>", "<grounding>"]
        private static let patch = "<patch_index_"

        /// The mark that a text begins with; nil when it begins with none.
        init?(_ text: Substring) {
            if text.hasPrefix("<phrase>") {
                self = .phrase
            } else if text.hasPrefix("</phrase>") {
                self = .phraseEnd
            } else if let other = Self.others.first(where: text.hasPrefix) {
                self = .other(length: other.count)
            } else if text.hasPrefix(Self.patch) {
                let rest = text.dropFirst(Self.patch.count)
                let digits = rest.prefix(4)
                guard digits.utf8.count == 4, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                    rest.dropFirst(4).first == ">", let number = Int(digits)
                else { return nil }
                self = .number(number)
            } else {
                return nil
            }
        }

        var length: Int {
            switch self {
            case .phrase: 8
            case .phraseEnd: 9
            case .number: Self.patch.count + 5
            case .other(let length): length
            }
        }

        /// Whether a text that is no mark could become one when more follows.
        static func couldBegin(_ text: Substring) -> Bool {
            let whole = ["<phrase>", "</phrase>", patch] + others
            if whole.contains(where: { $0.hasPrefix(text) }) { return true }
            guard text.hasPrefix(patch) else { return false }
            let digits = text.dropFirst(patch.count)
            return digits.count <= 4 && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
    }

    private mutating func read(isAtEnd: Bool) {
        var rest = pending[...]
        while let start = rest.firstIndex(of: "<") {
            add(words: rest[..<start])
            rest = rest[start...]
            if let mark = Mark(rest) {
                take(mark)
                rest = rest.dropFirst(mark.length)
            } else if !isAtEnd, Mark.couldBegin(rest) {
                pending = String(rest)
                return
            } else {
                add(words: rest.prefix(1))
                rest = rest.dropFirst()
            }
        }
        add(words: rest)
        pending = ""
    }

    private mutating func take(_ mark: Mark) {
        hasMarkInGap = true
        switch mark {
        case .phrase:
            endPhrase()
            phraseWords = ""
        case .phraseEnd:
            endPhrase()
            phrase = phraseWords.map(Self.trimmed) ?? ""
            phraseWords = nil
        case .number(let number):
            numbers.append(number)
            if numbers.count == 4 { addNumber() }
        case .other:
            break
        }
    }

    private mutating func add(words: Substring) {
        for character in words {
            if character.isWhitespace {
                gap.append(character)
            } else {
                if !numbers.isEmpty { endPhrase() }
                text += separator(before: character)
                text.append(character)
                gap = ""
                hasMarkInGap = false
            }
            phraseWords?.append(character)
        }
    }

    /// White space as it came, but for what belongs to marks in it: of that a line end stays, and else one space where
    /// words would run together.
    private func separator(before character: Character) -> String {
        guard hasMarkInGap else { return text.isEmpty ? "" : gap }
        if text.isEmpty { return "" }
        if let lineEnd = gap.firstIndex(where: \.isNewline) { return String(gap[lineEnd...]) }
        return ".,;:!?)]}'’”%".contains(character) ? "" : " "
    }

    /// Puts the phrase's number behind it.
    private mutating func addNumber() {
        guard isNumbered else { return }
        text += (text.isEmpty ? "" : " ") + "[\(phrases.count + 1)]"
    }

    private mutating func endPhrase() {
        guard !numbers.isEmpty else { return }
        if numbers.count < 4 { addNumber() }
        phrases.append(GroundedPhrase(phrase: phrase, numbers: numbers))
        numbers = []
        phrase = ""
    }

    private static func trimmed(_ text: String) -> String {
        let start = text.drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}

/// A line of the list of places that stands below a grounded answer.
package struct GroundedLine: Sendable, Hashable {
    /// Of the phrase; nil for what is about none.
    package let number: Int?
    package let text: String
}

extension GroundedAnswer {
    /// The list of places: phrase, left, top, right and bottom in pixels of a picture of this size. Without a picture
    /// the numbers are the grid's.
    package func lines(pictureName: String?, width: Int, height: Int) -> [GroundedLine] {
        guard !phrases.isEmpty else { return [GroundedLine(number: nil, text: "no boxes: the answer places nothing")] }
        let scale =
            pictureName.map { "left, top, right, bottom in pixels of \($0)" }
            ?? "no picture to draw on; left, top, right, bottom on a grid of \(GroundedPhrase.grid)"
        var lines = [GroundedLine(number: nil, text: scale)]
        let size = pictureName == nil ? (GroundedPhrase.grid, GroundedPhrase.grid) : (width, height)
        for (index, phrase) in phrases.enumerated() {
            let name = phrase.phrase.isEmpty ? "(no phrase)" : phrase.phrase
            func line(_ text: String) -> GroundedLine { GroundedLine(number: index + 1, text: "\(name): \(text)") }
            lines += phrase.boxes.map { box in
                line(box.pixels(width: size.0, height: size.1).map(String.init).joined(separator: ", "))
            }
            lines += phrase.problems.map { line($0.description) }
        }
        return lines
    }
}

extension BoxProblem: CustomStringConvertible {
    package var description: String {
        func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ", ") }
        return switch self {
        case .incomplete(let numbers): "no box: \(list(numbers)) \(numbers.count == 1 ? "is" : "are") not four numbers"
        case .empty(let corners): "no box: \(list(corners)) on the model's grid encloses nothing"
        }
    }
}
