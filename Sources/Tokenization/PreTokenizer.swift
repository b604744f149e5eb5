/// How text is cut into words before byte pairs are merged; no merge crosses a cut.
///
/// Each kind is a published regular expression, written as a scanner: quicker, and exact about what `\s`, `\p{L}` and
/// `\p{N}` mean. The names are those that llama.cpp writes into `tokenizer.ggml.pre`.
enum PreTokenizer: Sendable, CaseIterable {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2
    /// Every `\p{N}` on its own; what lies between as `gpt2` does.
    case smollm
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    case llama3
    /// As `llama3`, every `\p{N}` on its own.
    case qwen2

    /// The names of this kind in files, its own first.
    private var fileNames: [String] {
        switch self {
        case .gpt2: ["gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat", "mellum"]
        case .smollm: ["smollm"]
        case .llama3: ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"]
        case .qwen2: ["qwen2", "deepseek-r1-qwen"]
        }
    }

    /// All names that files may use.
    static var names: [String] { allCases.flatMap(\.fileNames) }

    /// The kind that a file names; nil for an unknown name.
    init?(name: String) {
        guard let kind = PreTokenizer.allCases.first(where: { $0.fileNames.contains(name) }) else { return nil }
        self = kind
    }

    /// Whether a word that is a token as a whole is taken as it is, whatever its merges would give.
    var takesWholeWords: Bool { self == .llama3 }

    /// Whether the BOS token comes first where the file does not say.
    var addsBOS: Bool { self == .llama3 }

    /// Calls `body` with the words of valid UTF-8 in order; together they are the whole text.
    func forEachWord(_ text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        switch self {
        case .gpt2: PreTokenizer.gpt2Words(text, body)
        case .smollm: PreTokenizer.smollmWords(text, body)
        case .llama3: PreTokenizer.llama3Words(text, digits: 3, body)
        case .qwen2: PreTokenizer.llama3Words(text, digits: 1, body)
        }
    }

    private static func smollmWords(_ text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        let scanner = ScalarScanner(bytes: text)
        var start = 0
        var offset = 0
        while offset < text.count {
            let (kind, end) = scanner.scalar(at: offset)
            if kind == .number {
                if start < offset { gpt2Words(UnsafeBufferPointer(rebasing: text[start..<offset]), body) }
                body(UnsafeBufferPointer(rebasing: text[offset..<end]))
                start = end
            }
            offset = end
        }
        if start < offset { gpt2Words(UnsafeBufferPointer(rebasing: text[start..<offset]), body) }
    }

    private static func gpt2Words(_ text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        let scanner = ScalarScanner(bytes: text)
        var offset = 0
        while offset < text.count {
            let end = gpt2WordEnd(scanner, offset)
            body(UnsafeBufferPointer(rebasing: text[offset..<end]))
            offset = end
        }
    }

    private static func gpt2WordEnd(_ scanner: ScalarScanner, _ start: Int) -> Int {
        if let end = contraction(scanner, start, ignoringCase: false) { return end }
        let (first, firstEnd) = scanner.scalar(at: start)
        if !first.isWhitespace { return scanner.run(of: first, from: start) }
        // ` ?` before a run takes the space along.
        if scanner.isByte(" ", at: start), let next = scanner.classAt(firstEnd), !next.isWhitespace {
            return scanner.run(of: next, from: firstEnd)
        }
        return whitespaceEnd(scanner, start)
    }

    private static func llama3Words(
        _ text: UnsafeBufferPointer<UInt8>, digits: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        let scanner = ScalarScanner(bytes: text)
        var offset = 0
        while offset < text.count {
            let end = llama3WordEnd(scanner, offset, digits: digits)
            body(UnsafeBufferPointer(rebasing: text[offset..<end]))
            offset = end
        }
    }

    private static func llama3WordEnd(_ scanner: ScalarScanner, _ start: Int, digits: Int) -> Int {
        if let end = contraction(scanner, start, ignoringCase: true) { return end }
        let (first, firstEnd) = scanner.scalar(at: start)
        if first == .letter { return scanner.run(of: .letter, from: start) }
        // `[^\r\n\p{L}\p{N}]?` takes any one space or sign along.
        if first == .space || first == .other, scanner.classAt(firstEnd) == .letter {
            return scanner.run(of: .letter, from: firstEnd)
        }
        if first == .number { return scanner.run(of: .number, from: start, limit: digits) }
        let signs = scanner.isByte(" ", at: start) ? firstEnd : start
        if scanner.classAt(signs) == .other {
            return scanner.run(of: .newline, from: scanner.run(of: .other, from: signs))
        }
        // `\s*[\r\n]+`: up to the last line break of the white space.
        var offset = start
        var lastBreak: Int?
        while offset < scanner.bytes.count {
            let (kind, end) = scanner.scalar(at: offset)
            guard kind.isWhitespace else { break }
            if kind == .newline { lastBreak = end }
            offset = end
        }
        return lastBreak ?? whitespaceEnd(scanner, start)
    }

    /// `\s+(?!\S)|\s+`: white space, but its last scalar is left to the word behind it unless it is the only one.
    private static func whitespaceEnd(_ scanner: ScalarScanner, _ start: Int) -> Int {
        var offset = start
        var last = start
        while offset < scanner.bytes.count {
            let (kind, end) = scanner.scalar(at: offset)
            guard kind.isWhitespace else { return last > start ? last : offset }
            last = offset
            offset = end
        }
        return offset
    }

    /// The end of an English contraction such as `'re` at this offset.
    private static func contraction(_ scanner: ScalarScanner, _ start: Int, ignoringCase: Bool) -> Int? {
        guard scanner.isByte("'", at: start), start + 1 < scanner.bytes.count else { return nil }
        func lower(_ offset: Int) -> UInt8 {
            guard offset < scanner.bytes.count else { return 0 }
            let byte = scanner.bytes[offset]
            return ignoringCase && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
        }
        let first = lower(start + 1)
        let second = lower(start + 2)
        switch (first, second) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        // Unicode folds the long s to s.
        case (0xC5, 0xBF) where ignoringCase: return start + 3
        default: return nil
        }
    }
}
