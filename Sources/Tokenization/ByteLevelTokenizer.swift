import ModelFiles

/// Byte-level byte-pair encoding, as GPT-2, Llama 3, Qwen and SmolLM have it.
///
/// Text is cut into words (`PreTokenizer`), a word into its bytes, and neighbours are merged in the order in which the
/// merges were learnt. Source: section 2.2 of "Language Models are Unsupervised Multitask Learners", and `encoder.py`
/// of GPT-2 for the spelling of bytes.
struct ByteLevelTokenizer: Tokenizer {
    let addsBOS: Bool
    private let vocabulary: Vocabulary
    private let specials: SpecialTokens
    private let preTokenizer: PreTokenizer
    /// The token of each byte; -1 where the vocabulary has none.
    private let byteTokens: [Int32]
    /// Ranks of mergeable pairs; `merged` has the token that each rank makes.
    private let ranks: PairTable
    private let merged: [Int32]
    /// The bytes that each token stands for: token `id` is `pieces[pieceEnds[id - 1]..<pieceEnds[id]]`.
    private let pieces: [UInt8]
    private let pieceEnds: [Int]
    /// Tokens by the bytes that they stand for, where words are looked up as a whole.
    private let wholeWords: ByteTable?

    init(_ file: GGUFFile) throws(TokenizerError) {
        let preKey = "tokenizer.ggml.pre"
        let name = try TokenizerError.reading { () throws(ModelFileError) in
            try file.string(preKey, default: "gpt-2")
        }
        guard let preTokenizer = PreTokenizer(name: name) else {
            throw .unknownPreTokenizer(path: file.path, found: name)
        }
        self.preTokenizer = preTokenizer
        addsBOS = try TokenizerError.reading { () throws(ModelFileError) in
            try file.bool("tokenizer.ggml.add_bos_token", default: preTokenizer.addsBOS)
        }
        let vocabulary = try Vocabulary(file)
        self.vocabulary = vocabulary
        specials = SpecialTokens(vocabulary, of: [.control, .unknown, .userDefined])
        byteTokens = (0..<256).map { byte in
            vocabulary.table.id(of: String(Character(ByteSpelling.scalars[byte]))) ?? -1
        }
        (pieces, pieceEnds) = ByteLevelTokenizer.decodedPieces(vocabulary)
        (ranks, merged) = try ByteLevelTokenizer.readMerges(file, vocabulary)
        wholeWords =
            preTokenizer.takesWholeWords
            ? ByteTable(bytes: pieces, ends: pieceEnds) { vocabulary.types[$0] == .normal } : nil
    }

    var vocabularySize: Int { vocabulary.count }
    var bosToken: Int32? { vocabulary.bosToken }
    var eosToken: Int32? { vocabulary.eosToken }
    var endOfGeneration: Set<Int32> { vocabulary.endOfGeneration }
    var addsSpacePrefix: Bool { false }

    func piece(of id: Int32) -> [UInt8] {
        guard id >= 0, id < vocabularySize else { return [] }
        let id = Int(id)
        return Array(pieces[(id == 0 ? 0 : pieceEnds[id - 1])..<pieceEnds[id]])
    }

    func isSpecial(_ id: Int32) -> Bool {
        guard id >= 0, id < vocabularySize else { return false }
        return vocabulary.types[Int(id)] == .control || vocabulary.types[Int(id)] == .unknown
    }

    func controlToken(_ spelling: String) -> Int32? {
        specials.control(spelling)
    }

    func encode(_ segments: [TextSegment], after: TextBoundary, before: TextBoundary) -> [Int32] {
        let (bytes, parsed) = joined(segments)
        var encoder = Encoder(tokenizer: self)
        bytes.withUnsafeBufferPointer { text in
            for fragment in specials.split(text, parsed: parsed) {
                switch fragment {
                case .token(let id, _): encoder.ids.append(id)
                case .text(let range):
                    preTokenizer.forEachWord(UnsafeBufferPointer(rebasing: text[range])) { encoder.append($0) }
                }
            }
        }
        return encoder.ids
    }

    /// Encodes words one after another with the same buffers.
    private struct Encoder {
        let tokenizer: ByteLevelTokenizer
        var ids = [Int32]()
        private var merger = PairMerger()
        private var word: Word

        init(tokenizer: ByteLevelTokenizer) {
            self.tokenizer = tokenizer
            word = Word(ranks: tokenizer.ranks, merged: tokenizer.merged)
        }

        mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
            if let id = tokenizer.wholeWords?.id(of: bytes) {
                ids.append(id)
                return
            }
            word.symbols.removeAll(keepingCapacity: true)
            for byte in bytes {
                // Some vocabularies lack a few control characters; what they do not have is left out, as it was in
                // training.
                let id = tokenizer.byteTokens[Int(byte)]
                if id >= 0 { word.symbols.append(id) }
            }
            merger.run(&word, count: word.symbols.count)
            var index = 0
            while index < word.symbols.count {
                ids.append(word.symbols[index])
                index = Int(merger.next[index])
            }
        }
    }

    private struct Word: PairMerging {
        let ranks: PairTable
        let merged: [Int32]
        var symbols = [Int32]()

        mutating func priority(left: Int, right: Int) -> UInt32 {
            ranks.rank(symbols[left], symbols[right])
        }

        mutating func merge(left: Int, right: Int) {
            let rank = ranks.rank(symbols[left], symbols[right])
            symbols[left] = merged[Int(rank)]
        }
    }

    /// Turns the spelling of normal tokens back into bytes; special tokens are spelt as they are.
    private static func decodedPieces(_ vocabulary: Vocabulary) -> (bytes: [UInt8], ends: [Int]) {
        var bytes = [UInt8]()
        var ends = [Int]()
        bytes.reserveCapacity(vocabulary.table.bytes.count)
        ends.reserveCapacity(vocabulary.count)
        for (id, type) in vocabulary.types.enumerated() {
            let spelling = vocabulary.table.piece(id)
            let start = bytes.count
            if type == .control || type == .userDefined || type == .unknown
                || !ByteSpelling.decode(spelling, into: &bytes)
            {
                // A token that is not spelt in the alphabet of bytes stands for itself.
                bytes.removeSubrange(start...)
                bytes += spelling
            }
            ends.append(bytes.count)
        }
        return (bytes, ends)
    }

    private static func readMerges(
        _ file: GGUFFile, _ vocabulary: Vocabulary
    ) throws(TokenizerError) -> (PairTable, [Int32]) {
        let list = try TokenizerError.reading { () throws(ModelFileError) in
            try file.stringList("tokenizer.ggml.merges").joined()
        }
        var ranks = PairTable(capacity: list.ends.count)
        var merged = [Int32]()
        merged.reserveCapacity(list.ends.count)
        var joined = [UInt8]()
        var start = 0
        var bad: Int?
        list.bytes.withUnsafeBufferPointer { all in
            for (index, end) in list.ends.enumerated() {
                defer { start = end }
                let merge = UnsafeBufferPointer(rebasing: all[start..<end])
                // The first byte may itself be a space where a file spells tokens so.
                guard let cut = merge.dropFirst().firstIndex(of: UInt8(ascii: " ")),
                    let left = vocabulary.table.id(of: UnsafeBufferPointer(rebasing: merge[..<cut])),
                    let right = vocabulary.table.id(of: UnsafeBufferPointer(rebasing: merge[(cut + 1)...]))
                else {
                    bad = index
                    return
                }
                joined.removeAll(keepingCapacity: true)
                joined.append(contentsOf: merge[..<cut])
                joined.append(contentsOf: merge[(cut + 1)...])
                guard let result = joined.withUnsafeBufferPointer({ vocabulary.table.id(of: $0) }) else {
                    bad = index
                    return
                }
                ranks.insert(left, right, rank: UInt32(index))
                merged.append(result)
            }
        }
        if let bad {
            let range = (bad == 0 ? 0 : list.ends[bad - 1])..<list.ends[bad]
            throw .badMerge(
                path: file.path, index: bad, found: String(decoding: list.bytes[range], as: UTF8.self))
        }
        return (ranks, merged)
    }
}

/// Joins stretches into one text, and tells which ranges of it may hold control tokens.
func joined(_ segments: [TextSegment]) -> (bytes: [UInt8], parsed: [Range<Int>]) {
    var bytes = [UInt8]()
    var parsed = [Range<Int>]()
    for segment in segments {
        let start = bytes.count
        bytes.append(contentsOf: segment.text.utf8)
        if segment.parsesSpecial, start < bytes.count { parsed.append(start..<bytes.count) }
    }
    return (bytes, parsed)
}
