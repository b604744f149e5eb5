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

    init(table vocabulary: ByteTable, types: [TokenType], spaceMark: String?) {
        var bytes = [UInt8]()
        var ends = [Int]()
        var ids = [Int32]()
        var lengths = [Set<Int>](repeating: [], count: 256)
        let mark = spaceMark.map { Array($0.utf8) } ?? []
        for (id, type) in types.enumerated() {
            // A file's unknown token is spelt in text as often as any control token.
            guard type == .control || type == .userDefined || type == .unknown else { continue }
            var spelling = Array(vocabulary.piece(id))
            if type == .userDefined { spelling = replacing(mark, in: spelling) }
            guard let first = spelling.first else { continue }
            bytes += spelling
            ends.append(bytes.count)
            ids.append(Int32(id))
            lengths[Int(first)].insert(spelling.count)
        }
        table = ByteTable(bytes: bytes, ends: ends) { _ in true }
        self.ids = ids
        self.types = ids.map { types[Int($0)] }
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

/// `bytes` with every `mark` replaced by a space; as it is when the mark is empty.
func replacing(_ mark: [UInt8], in bytes: [UInt8]) -> [UInt8] {
    guard let first = mark.first else { return bytes }
    var result = [UInt8]()
    result.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
        if bytes[index] == first, bytes[index...].starts(with: mark) {
            result.append(UInt8(ascii: " "))
            index += mark.count
        } else {
            result.append(bytes[index])
            index += 1
        }
    }
    return result
}
