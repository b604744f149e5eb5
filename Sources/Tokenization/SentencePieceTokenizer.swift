import ModelFiles

/// SentencePiece's byte-pair encoding with byte fallback, as Llama 2 and Gemma have it.
///
/// Spaces become `▁`; characters are merged where the join is a token, best score first; what is no token falls back to
/// bytes. Source: `bpe_model.cc` and `normalizer.cc` of SentencePiece.
struct SentencePieceTokenizer: Tokenizer {
    let addsBOS: Bool
    let addsSpacePrefix: Bool
    private let vocabulary: Vocabulary
    /// Tokens that merging may make: neither control, unknown nor byte tokens.
    private let mergeable: ByteTable
    /// Priority of each token in merging: ascending where scores descend.
    private let priorities: [UInt32]
    /// The token of each byte; -1 where the vocabulary has none.
    private let byteTokens: [Int32]

    private static let spaceMark = "▁"
    private static let spaceMarkBytes = Array(spaceMark.utf8)

    init(_ file: GGUFFile) throws(TokenizerError) {
        (addsBOS, addsSpacePrefix) = try TokenizerError.reading { () throws(ModelFileError) in
            (
                try file.bool("tokenizer.ggml.add_bos_token", default: true),
                try file.bool("tokenizer.ggml.add_space_prefix", default: true)
            )
        }
        let vocabulary = try Vocabulary(file, spaceMark: SentencePieceTokenizer.spaceMark)
        let key = "tokenizer.ggml.scores"
        let scores = try TokenizerError.reading { () throws(ModelFileError) in try file.floats(key) }
        guard scores.count == vocabulary.count else {
            throw .wrongCount(path: file.path, key: key, expected: vocabulary.count, found: scores.count)
        }
        if let index = scores.firstIndex(where: \.isNaN) {
            throw .badValue(path: file.path, key: key, index: index, found: "\(scores[index])")
        }
        self.vocabulary = vocabulary
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
        case .normal, .userDefined, .unused: return replacing(SentencePieceTokenizer.spaceMarkBytes, in: spelling)
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
        vocabulary.specials.control(spelling)
    }

    func encode(_ segments: [TextSegment], atStart: Bool) -> [Int32] {
        let (bytes, parsed) = joined(segments)
        var ids = [Int32]()
        var merger = PairMerger()
        var needsPrefix = addsSpacePrefix && atStart
        bytes.withUnsafeBufferPointer { text in
            for fragment in vocabulary.specials.split(text, parsed: parsed) {
                switch fragment {
                case .token(let id, .userDefined):
                    // SentencePiece puts the prefix before the whole text, whatever it begins with.
                    if needsPrefix { append(EmptyCollection(), prefixed: true, to: &ids, &merger) }
                    needsPrefix = false
                    ids.append(id)
                case .token(let id, _):
                    ids.append(id)
                    needsPrefix = addsSpacePrefix
                case .text(let range):
                    append(text[range], prefixed: needsPrefix, to: &ids, &merger)
                    needsPrefix = false
                }
            }
        }
        return ids
    }

    private func append(
        _ text: some Sequence<UInt8>, prefixed: Bool, to ids: inout [Int32], _ merger: inout PairMerger
    ) {
        var word = Word(mergeable: mergeable, priorities: priorities, types: vocabulary.types)
        if prefixed { word.append(SentencePieceTokenizer.spaceMarkBytes) }
        for byte in text {
            if byte == UInt8(ascii: " ") {
                word.append(SentencePieceTokenizer.spaceMarkBytes)
            } else {
                word.append(byte)
            }
        }
        merger.run(&word, count: word.starts.count)
        var symbol = 0
        var previousWasUnknown = false
        while symbol < word.starts.count {
            let piece = word.starts[symbol]..<word.ends[symbol]
            previousWasUnknown = appendToken(word.bytes[piece], &word.parts, &ids, previousWasUnknown)
            symbol = Int(merger.next[symbol])
        }
    }

    /// Appends the token of a piece that cannot be merged further; true when it was the unknown token.
    private func appendToken(
        _ piece: ArraySlice<UInt8>, _ parts: inout [ArraySlice<UInt8>: Int], _ ids: inout [Int32], _ afterUnknown: Bool
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
        var bytes = [UInt8]()
        /// Where each symbol begins and ends in `bytes`.
        var starts = [Int]()
        var ends = [Int]()
        /// For pieces that are unused tokens, the length of the left one of the two that they were merged from.
        var parts = [ArraySlice<UInt8>: Int]()

        init(mergeable: ByteTable, priorities: [UInt32], types: [TokenType]) {
            self.mergeable = mergeable
            self.priorities = priorities
            self.types = types
        }

        /// Appends the bytes of one character.
        mutating func append(_ character: [UInt8]) {
            starts.append(bytes.count)
            bytes += character
            ends.append(bytes.count)
        }

        /// Appends one byte, which begins a character unless it continues one.
        mutating func append(_ byte: UInt8) {
            if byte & 0xC0 != 0x80 || ends.isEmpty {
                starts.append(bytes.count)
                ends.append(bytes.count)
            }
            bytes.append(byte)
            ends[ends.count - 1] = bytes.count
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

    private static func spelling(of byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
    }
}
