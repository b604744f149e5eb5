/// A sequence of symbols of which neighbours can be merged; what both kinds of byte-pair encoding share.
protocol PairMerging {
    /// How early this pair of symbols is to be merged, lower first; `UInt32.max` when it cannot be merged.
    mutating func priority(left: Int, right: Int) -> UInt32
    /// Makes the left symbol the merge of both.
    mutating func merge(left: Int, right: Int)
}

/// Buffers for merging, kept from word to word.
///
/// Symbols are a linked list and candidate pairs a binary heap, so that n symbols take O(n log n) steps however long a
/// word is. Ties go to the leftmost pair.
struct PairMerger {
    /// The symbol behind each one; the count of symbols at the end.
    private(set) var next = [Int32]()
    private var previous = [Int32]()
    /// The priority of each symbol's pair with the next one, as it is now; entries of the heap that disagree are stale.
    private var current = [UInt32]()
    /// Priority in the upper, position of the left symbol in the lower half.
    private var heap = [UInt64]()

    /// Merges until no pair can be merged. The survivors are 0, `next[0]`, and so on, up to `count`.
    mutating func run(_ symbols: inout some PairMerging, count: Int) {
        next.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        current.removeAll(keepingCapacity: true)
        heap.removeAll(keepingCapacity: true)
        for index in 0..<count {
            next.append(Int32(index + 1))
            previous.append(Int32(index - 1))
            current.append(.max)
        }
        guard count > 1 else { return }
        for left in 0..<(count - 1) { consider(left, left + 1, &symbols) }
        while let entry = pop() {
            let left = Int(entry & 0xFFFF_FFFF)
            // A merged-away symbol has the priority `max`, which no entry has.
            guard current[left] == UInt32(entry >> 32) else { continue }
            let right = Int(next[left])
            symbols.merge(left: left, right: right)
            current[right] = .max
            let after = Int(next[right])
            next[left] = Int32(after)
            current[left] = .max
            if after < count {
                previous[after] = Int32(left)
                consider(left, after, &symbols)
            }
            let before = Int(previous[left])
            if before >= 0 { consider(before, left, &symbols) }
        }
    }

    private mutating func consider(_ left: Int, _ right: Int, _ symbols: inout some PairMerging) {
        let priority = symbols.priority(left: left, right: right)
        current[left] = priority
        if priority != .max { push(UInt64(priority) << 32 | UInt64(left)) }
    }

    private mutating func push(_ entry: UInt64) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func pop() -> UInt64? {
        guard let last = heap.popLast() else { return nil }
        guard let first = heap.first else { return last }
        var parent = 0
        let count = heap.count
        while true {
            var child = 2 * parent + 1
            guard child < count else { break }
            if child + 1 < count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < last else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = last
        return first
    }
}
