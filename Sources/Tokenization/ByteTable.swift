/// A hash table from byte strings to ids: which of many pieces is this one?
///
/// Open addressing over one joined buffer. Much quicker to fill than a dictionary of strings, and a vocabulary must load
/// before the first token. The hash is seeded per process, so that no file can be built to collide.
struct ByteTable: Sendable {
    /// All pieces, one after another; piece `id` is `bytes[start(id)..<ends[id]]`.
    let bytes: [UInt8]
    let ends: [Int]
    /// Ids by hash; -1 is free. The count is a power of two.
    private var slots: [Int32]
    /// Length of the longest piece that can be found.
    private(set) var longest = 0

    private static let seed = UInt64.random(in: .min ... .max)

    /// Makes a table of the pieces that `isIncluded`; of equal pieces the first one is found.
    init(bytes: [UInt8], ends: [Int], isIncluded: (Int) -> Bool) {
        self.bytes = bytes
        self.ends = ends
        var capacity = 16
        while capacity < ends.count * 2 { capacity *= 2 }
        var slots = [Int32](repeating: -1, count: capacity)
        var longest = 0
        bytes.withUnsafeBufferPointer { all in
            var start = 0
            for (id, end) in ends.enumerated() {
                defer { start = end }
                guard isIncluded(id) else { continue }
                let piece = UnsafeBufferPointer(rebasing: all[start..<end])
                var slot = Int(truncatingIfNeeded: ByteTable.hash(piece)) & (capacity - 1)
                while slots[slot] >= 0 {
                    let other = Int(slots[slot])
                    let otherPiece = all[(other == 0 ? 0 : ends[other - 1])..<ends[other]]
                    if otherPiece.elementsEqual(piece) { break }
                    slot = (slot + 1) & (capacity - 1)
                }
                if slots[slot] < 0 { slots[slot] = Int32(id) }
                longest = max(longest, piece.count)
            }
        }
        self.slots = slots
        self.longest = longest
    }

    /// The id of exactly these bytes.
    func id(of piece: UnsafeBufferPointer<UInt8>) -> Int32? {
        guard piece.count <= longest else { return nil }
        return slots.withUnsafeBufferPointer { slots in
            bytes.withUnsafeBufferPointer { all in
                ends.withUnsafeBufferPointer { ends in
                    let mask = slots.count - 1
                    var slot = Int(truncatingIfNeeded: ByteTable.hash(piece)) & mask
                    while slots[slot] >= 0 {
                        let id = Int(slots[slot])
                        let start = id == 0 ? 0 : ends[id - 1]
                        if ends[id] - start == piece.count {
                            var index = 0
                            while index < piece.count, all[start + index] == piece[index] { index += 1 }
                            if index == piece.count { return slots[slot] }
                        }
                        slot = (slot + 1) & mask
                    }
                    return nil
                }
            }
        }
    }

    /// The id of this text.
    func id(of text: String) -> Int32? {
        var text = text
        return text.withUTF8 { id(of: $0) }
    }

    /// The bytes of one piece.
    func piece(_ id: Int) -> ArraySlice<UInt8> {
        bytes[(id == 0 ? 0 : ends[id - 1])..<ends[id]]
    }

    private static func hash(_ piece: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash = seed ^ UInt64(piece.count)
        for byte in piece {
            hash = (hash ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
        }
        return hash ^ hash >> 32
    }
}

/// A hash table from pairs of ids to ranks.
struct PairTable: Sendable {
    /// Left id in the upper, right id in the lower half; all ones is free.
    private var keys: [UInt64]
    private var ranks: [UInt32]
    private let multiplier = UInt64.random(in: .min ... .max) | 1

    /// What stands for no rank.
    static let none = UInt32.max

    init(capacity count: Int) {
        var capacity = 16
        while capacity < count * 2 { capacity *= 2 }
        keys = [UInt64](repeating: .max, count: capacity)
        ranks = [UInt32](repeating: PairTable.none, count: capacity)
    }

    /// Adds a pair unless it is there already; at most as many as the capacity that was asked for.
    mutating func insert(_ left: Int32, _ right: Int32, rank: UInt32) {
        let key = PairTable.key(left, right)
        var slot = start(key)
        while keys[slot] != .max {
            if keys[slot] == key { return }
            slot = (slot + 1) & (keys.count - 1)
        }
        keys[slot] = key
        ranks[slot] = rank
    }

    /// The rank of a pair, or `none`.
    func rank(_ left: Int32, _ right: Int32) -> UInt32 {
        let key = PairTable.key(left, right)
        return keys.withUnsafeBufferPointer { keys in
            var slot = start(key)
            while keys[slot] != .max {
                if keys[slot] == key { return ranks[slot] }
                slot = (slot + 1) & (keys.count - 1)
            }
            return PairTable.none
        }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private func start(_ key: UInt64) -> Int {
        let product = (key ^ key >> 31) &* multiplier
        return Int(truncatingIfNeeded: (product ^ product >> 32)) & (keys.count - 1)
    }
}
