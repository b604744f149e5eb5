import ModelFiles

/// SentencePiece's byte-pair encoding with byte fallback, as Llama 2 and Gemma have it.
///
/// Spaces become `▁`; characters are merged where the join is a token, best score first; what is no token falls back to
/// bytes. Source: `bpe_model.cc` and `normalizer.cc` of SentencePiece; for the white space around control tokens
/// `tokenization_utils.py` of transformers 4.31.
struct SentencePieceTokenizer: Tokenizer {
    let addsBOS: Bool
    let addsSpacePrefix: Bool
    /// Whether white space that touches a control token is taken off, as transformers' Python tokenizers did it when Emu2
    /// was trained.
    private let stripsAroundControls: Bool
    private let vocabulary: Vocabulary
    /// Tokens found in a template's own words.
    private let controls: SpecialTokens
    /// Tokens found in any text, spelt with `▁` for spaces.
    private let userDefined: SpecialTokens
    /// Tokens that merging may make: neither control, unknown nor byte tokens.
    private let mergeable: ByteTable
    /// Priority of each token in merging: ascending where scores descend.
    private let priorities: [UInt32]
    /// The token of each byte; -1 where the vocabulary has none.
    private let byteTokens: [Int32]

    private static let spaceMark = Array("▁".utf8)

    init(_ file: GGUFFile) throws(TokenizerError) {
        (addsBOS, addsSpacePrefix) = try TokenizerError.reading { () throws(ModelFileError) in
            (
                try file.bool("tokenizer.ggml.add_bos_token", default: true),
                try file.bool("tokenizer.ggml.add_space_prefix", default: true)
            )
        }
        let vocabulary = try Vocabulary(file)
        let key = "tokenizer.ggml.scores"
        let scores = try TokenizerError.reading { () throws(ModelFileError) in try file.floats(key) }
        guard scores.count == vocabulary.count else {
            throw .wrongCount(path: file.path, key: key, expected: vocabulary.count, found: scores.count)
        }
        if let index = scores.firstIndex(where: \.isNaN) {
            throw .badValue(path: file.path, key: key, index: index, found: "\(scores[index])")
        }
        // Only this architecture was trained with that tokenizer.
        let architecture = try TokenizerError.reading { () throws(ModelFileError) in
            try file.string("general.architecture", default: "")
        }
        stripsAroundControls = architecture == "emu2"
        self.vocabulary = vocabulary
        controls = SpecialTokens(vocabulary, of: [.control, .unknown])
        userDefined = SpecialTokens(vocabulary, of: [.userDefined]) { spelling in
            // Some converters write spaces here.
            spelling.flatMap { $0 == UInt8(ascii: " ") ? SentencePieceTokenizer.spaceMark : [$0] }
        }
        priorities = scores.map(SentencePieceTokenizer.priority)
        mergeable = ByteTable(bytes: vocabulary.table.bytes, ends: vocabulary.table.ends) { id in
            switch vocabulary.types[id] {
            case .normal, .userDefined, .unused: true
            case .unknown, .control, .byte: false
            }
        }
        byteTokens = (UInt8.min...UInt8.max).map { byte in
            guard let id = vocabulary.table.id(of: SentencePieceTokenizer.spelling(of: byte)),
                vocabulary.types[Int(id)] == .byte
            else { return -1 }
            return id
        }
    }

    var vocabularySize: Int { vocabulary.count }
    var bosToken: Int32? { vocabulary.bosToken }
    var eosToken: Int32? { vocabulary.eosToken }
    var endOfGeneration: Set<Int32> { vocabulary.endOfGeneration }

    func piece(of id: Int32) -> [UInt8] {
        guard id >= 0, id < vocabularySize else { return [] }
        let spelling = Array(vocabulary.table.piece(Int(id)))
        switch vocabulary.types[Int(id)] {
        case .control, .unknown: return spelling
        case .normal, .userDefined, .unused: return SentencePieceTokenizer.withSpaces(spelling)
        case .byte:
            let digits = String(decoding: spelling.dropFirst(3).dropLast(), as: UTF8.self)
            return UInt8(digits, radix: 16).map { [$0] } ?? spelling
        }
    }

    func isSpecial(_ id: Int32) -> Bool {
        guard id >= 0, id < vocabularySize else { return false }
        return vocabulary.types[Int(id)] == .control || vocabulary.types[Int(id)] == .unknown
    }

    func controlToken(_ spelling: String) -> Int32? {
        controls.control(spelling)
    }

    func encode(_ segments: [TextSegment], after: TextBoundary, before: TextBoundary) -> [Int32] {
        let (bytes, parsed) = joined(segments)
        var ids = [Int32]()
        var merger = PairMerger()
        bytes.withUnsafeBufferPointer { text in
            let fragments = controls.split(text, parsed: parsed)
            for (index, fragment) in fragments.enumerated() {
                switch fragment {
                case .token(let id, _):
                    ids.append(id)
                case .text(let range):
                    // Two texts never follow each other: between them stands a token.
                    let left = index == 0 ? after : .control
                    let right = index == fragments.count - 1 ? before : .control
                    let kept = stripsAroundControls ? stripped(text, range, left, right) : range
                    guard !kept.isEmpty else { continue }
                    append(normalized(text[kept], prefixed: addsSpacePrefix && left != .text), to: &ids, &merger)
                }
            }
        }
        return ids
    }

    /// The range without the white space that touches a control token.
    private func stripped(
        _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ left: TextBoundary, _ right: TextBoundary
    ) -> Range<Int> {
        var kept = String(decoding: UnsafeBufferPointer(rebasing: text[range]), as: UTF8.self).unicodeScalars[...]
        let whole = kept.utf8Count
        if left == .control { kept = kept.drop(while: isPythonSpace) }
        let start = range.lowerBound + whole - kept.utf8Count
        if right == .control {
            while let last = kept.last, isPythonSpace(last) { kept.removeLast() }
        }
        return start..<start + kept.utf8Count
    }

    private func normalized(_ text: Slice<UnsafeBufferPointer<UInt8>>, prefixed: Bool) -> [UInt8] {
        var bytes = prefixed ? SentencePieceTokenizer.spaceMark : []
        bytes.reserveCapacity(text.count + text.count / 2)
        for byte in text {
            if byte == UInt8(ascii: " ") { bytes += SentencePieceTokenizer.spaceMark } else { bytes.append(byte) }
        }
        return bytes
    }

    private func append(_ text: [UInt8], to ids: inout [Int32], _ merger: inout PairMerger) {
        text.withUnsafeBufferPointer { text in
            var previousWasUnknown = false
            for fragment in userDefined.split(text, parsed: []) {
                switch fragment {
                case .token(let id, _):
                    ids.append(id)
                    previousWasUnknown = false
                case .text(let range):
                    var word = Word(
                        Array(text[range]), mergeable: mergeable, priorities: priorities, types: vocabulary.types)
                    merger.run(&word, count: word.starts.count)
                    var symbol = 0
                    while symbol < word.starts.count {
                        let piece = word.bytes[word.starts[symbol]..<word.ends[symbol]]
                        previousWasUnknown = appendToken(piece, word.parts, &ids, previousWasUnknown)
                        symbol = Int(merger.next[symbol])
                    }
                }
            }
        }
    }

    /// Appends the token of a piece that cannot be merged further; true when it was the unknown token.
    private func appendToken(
        _ piece: ArraySlice<UInt8>, _ parts: [ArraySlice<UInt8>: Int], _ ids: inout [Int32], _ afterUnknown: Bool
    ) -> Bool {
        var afterUnknown = afterUnknown
        var open = [piece]
        while let piece = open.popLast() {
            let id = piece.withUnsafeBufferPointer { mergeable.id(of: $0) }
            if let id, vocabulary.types[Int(id)] != .unused {
                ids.append(id)
                afterUnknown = false
            } else if id != nil, let cut = parts[piece] {
                // Tokens marked unused serve as steps of merging only, and are taken apart again.
                open.append(piece[(piece.startIndex + cut)...])
                open.append(piece[..<(piece.startIndex + cut)])
            } else if piece.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
                for byte in piece { ids.append(byteTokens[Int(byte)]) }
                afterUnknown = false
            } else if let unknown = vocabulary.unknownToken, !afterUnknown {
                ids.append(unknown)
                afterUnknown = true
            }
        }
        return afterUnknown
    }

    /// A text as characters that grow into pieces.
    private struct Word: PairMerging {
        let mergeable: ByteTable
        let priorities: [UInt32]
        let types: [TokenType]
        let bytes: [UInt8]
        /// Where each symbol begins and ends in `bytes`.
        var starts = [Int]()
        var ends = [Int]()
        /// For pieces that are unused tokens, the length of the left one of the two that they were merged from.
        var parts = [ArraySlice<UInt8>: Int]()

        init(_ text: [UInt8], mergeable: ByteTable, priorities: [UInt32], types: [TokenType]) {
            self.mergeable = mergeable
            self.priorities = priorities
            self.types = types
            bytes = text
            for (index, byte) in text.enumerated() where index == 0 || byte & 0xC0 != 0x80 {
                if index > 0 { ends.append(index) }
                starts.append(index)
            }
            ends.append(text.count)
        }

        mutating func priority(left: Int, right: Int) -> UInt32 {
            let range = starts[left]..<ends[right]
            guard range.count <= mergeable.longest else { return .max }
            guard
                let id = bytes.withUnsafeBufferPointer({ mergeable.id(of: UnsafeBufferPointer(rebasing: $0[range])) })
            else { return .max }
            if types[Int(id)] == .unused { parts[bytes[range]] = ends[left] - starts[left] }
            return priorities[Int(id)]
        }

        mutating func merge(left: Int, right: Int) {
            ends[left] = ends[right]
        }
    }

    /// Maps scores to unsigned numbers that ascend where scores descend.
    private static func priority(_ score: Float) -> UInt32 {
        // Adding zero makes the negative zero equal to the positive one.
        let bits = (score + 0).bitPattern
        let ascending = bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
        // The largest value stands for "cannot be merged".
        return min(~ascending, .max - 1)
    }

    /// A spelling with its space marks turned back into spaces.
    private static func withSpaces(_ spelling: [UInt8]) -> [UInt8] {
        var result = [UInt8]()
        var index = 0
        while index < spelling.count {
            if spelling[index] == spaceMark[0], spelling[index...].starts(with: spaceMark) {
                result.append(UInt8(ascii: " "))
                index += spaceMark.count
            } else {
                result.append(spelling[index])
                index += 1
            }
        }
        return result
    }

    private static func spelling(of byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
    }
}

/// What Python's `str.strip` takes off: white space, and four separators of ASCII that Unicode does not count as such.
private func isPythonSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
}

extension Substring.UnicodeScalarView {
    fileprivate var utf8Count: Int { Substring(self).utf8.count }
}
