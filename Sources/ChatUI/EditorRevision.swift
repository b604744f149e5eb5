import Synchronization

/// Tells one state of a text from all others, and remembers how it falls into rows.
///
/// Nothing that is shown depends on it, so all count as equal.
struct EditorRevision: Equatable, Sendable {
    /// Another one for each state of each text.
    private(set) var number = Self.next()
    /// Shared by the copies of an editor.
    private let rows = EditorRows()

    private static let last = Atomic<Int>(0)
    private static func next() -> Int { last.add(1, ordering: .relaxed).newValue }

    static func == (left: EditorRevision, right: EditorRevision) -> Bool { true }

    /// The text has other elements in a range.
    mutating func advance(replacing range: Range<Int>, count: Int) {
        let before = number
        number = Self.next()
        rows.advance(from: before, to: number, replacing: range, count: count)
    }

    /// Where the rows of the text of this revision begin.
    func rowStarts(_ elements: [Editor.Element], columns: Int) -> [Int] {
        rows.starts(elements, revision: number, columns: columns)
    }

    /// How many rows were laid out, again or for the first time.
    var laidOutRowCount: Int { rows.laidOutCount }
}

/// The rows of one state of a text: of the next one only those are laid out that a change may have moved.
private final class EditorRows: Sendable {
    /// What has changed since the rows were laid out: elements `start..<oldEnd` are now `start..<newEnd`.
    private struct Damage {
        var start: Int
        var oldEnd: Int
        var newEnd: Int

        mutating func add(_ range: Range<Int>, count: Int) {
            let end = max(newEnd, range.upperBound)
            start = min(start, range.lowerBound)
            oldEnd += end - newEnd
            newEnd = end + count - range.count
        }
    }

    private struct State {
        /// None is 0.
        var revision = 0
        var columns = 0
        var starts: [Int] = []
        var damage: Damage?
        var laidOutCount = 0
    }

    private let state = Mutex(State())

    var laidOutCount: Int { state.withLock { $0.laidOutCount } }

    func advance(from before: Int, to after: Int, replacing range: Range<Int>, count: Int) {
        state.withLock { state in
            // These are the rows of another copy's text.
            guard state.revision == before else { return }
            state.revision = after
            var damage =
                state.damage ?? Damage(start: range.lowerBound, oldEnd: range.lowerBound, newEnd: range.lowerBound)
            damage.add(range, count: count)
            state.damage = damage
        }
    }

    func starts(_ elements: [Editor.Element], revision: Int, columns: Int) -> [Int] {
        state.withLock { state in
            if state.revision != revision || state.columns != columns {
                state.starts = []
                state.damage = Damage(start: 0, oldEnd: 0, newEnd: elements.count)
                (state.revision, state.columns) = (revision, columns)
            }
            if let damage = state.damage {
                Self.repair(&state, damage, elements)
                state.damage = nil
            }
            return state.starts
        }
    }

    private static func repair(_ state: inout State, _ damage: Damage, _ elements: [Editor.Element]) {
        let old = state.starts
        let moved = damage.newEnd - damage.oldEnd
        // A shorter word may fit into the row before, and a row without a space may have been a word that the row before
        // had no room for; what stands further up depends on nothing that has changed.
        let first = max(0, EditorLayout.row(of: damage.start, in: old) - 2)
        var starts = Array(old.prefix(first))
        var next: Int? = old.isEmpty ? 0 : old[first]
        // A row that begins where one began falls as it did, and so do all below it.
        var candidate = first
        while let start = next {
            if start >= damage.newEnd, !old.isEmpty {
                while candidate < old.count, old[candidate] < damage.oldEnd || old[candidate] + moved < start {
                    candidate += 1
                }
                if candidate < old.count, old[candidate] + moved == start {
                    starts += old[candidate...].map { $0 + moved }
                    break
                }
            }
            starts.append(start)
            state.laidOutCount += 1
            next = EditorLayout.nextRow(after: start, elements, columns: state.columns)
        }
        state.starts = starts
    }
}
