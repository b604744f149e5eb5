/// Finds control and user-defined tokens in text: leftmost first, of those the longest.
struct SpecialTokens: Sendable {
    /// A stretch of text to be encoded, or a token that was found whole.
    enum Fragment: Equatable {
        case text(Range<Int>)
        case token(Int32, TokenType)
    }

    private let table: ByteTable
    /// The token of each entry of `table`.
    private let ids: [Int32]
    private let types: [TokenType]
    /// For each first byte, the lengths of the tokens that begin with it, longest first.
    private let lengths: [[Int]]

    /// Makes a finder of the tokens of these types, as `spelling` has them.
    init(
        _ vocabulary: Vocabulary, of wanted: Set<TokenType>, spelling: (ArraySlice<UInt8>) -> [UInt8] = { Array($0) }
    ) {
        var bytes = [UInt8]()
        var ends = [Int]()
        var ids = [Int32]()
        var lengths = [Set<Int>](repeating: [], count: 256)
        for (id, type) in vocabulary.types.enumerated() where wanted.contains(type) {
            let piece = spelling(vocabulary.table.piece(id))
            guard let first = piece.first else { continue }
            bytes += piece
            ends.append(bytes.count)
            ids.append(Int32(id))
            lengths[Int(first)].insert(piece.count)
        }
        table = ByteTable(bytes: bytes, ends: ends) { _ in true }
        self.ids = ids
        types = ids.map { vocabulary.types[Int($0)] }
        self.lengths = lengths.map { $0.sorted(by: >) }
    }

    /// The control token that is spelt like this.
    func control(_ spelling: String) -> Int32? {
        guard let entry = table.id(of: spelling), types[Int(entry)] == .control else { return nil }
        return ids[Int(entry)]
    }

    /// Cuts text into fragments. Control tokens are found only inside one of the ranges in `parsed` (in order);
    /// user-defined ones everywhere.
    func split(_ text: UnsafeBufferPointer<UInt8>, parsed: [Range<Int>]) -> [Fragment] {
        var fragments = [Fragment]()
        var start = 0
        var offset = 0
        var range = 0
        while offset < text.count {
            let candidates = lengths[Int(text[offset])]
            guard !candidates.isEmpty else {
                offset += 1
                continue
            }
            while range < parsed.count, parsed[range].upperBound <= offset { range += 1 }
            let parsedEnd = range < parsed.count && parsed[range].contains(offset) ? parsed[range].upperBound : offset
            guard let found = match(text, offset, candidates, parsedEnd) else {
                offset += 1
                continue
            }
            if start < offset { fragments.append(.text(start..<offset)) }
            fragments.append(.token(ids[found.entry], types[found.entry]))
            offset += found.length
            start = offset
        }
        if start < text.count { fragments.append(.text(start..<text.count)) }
        return fragments
    }

    private func match(
        _ text: UnsafeBufferPointer<UInt8>, _ offset: Int, _ candidates: [Int], _ parsedEnd: Int
    ) -> (entry: Int, length: Int)? {
        for length in candidates where offset + length <= text.count {
            let piece = UnsafeBufferPointer(rebasing: text[offset..<offset + length])
            guard let entry = table.id(of: piece) else { continue }
            if types[Int(entry)] == .userDefined || offset + length <= parsedEnd { return (Int(entry), length) }
        }
        return nil
    }
}
