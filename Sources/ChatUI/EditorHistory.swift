/// What was sent before, to be brought back by Up and Down.
package struct EditorHistory: Equatable, Sendable {
    private static let maximumEntries = 1000

    package private(set) var entries: [[Editor.Element]] = []
    /// The entry shown; nil is the draft.
    private var position: Int?
    private var draft: [Editor.Element] = []

    package init(_ entries: [[Editor.Element]] = []) {
        self.entries = entries
    }

    package mutating func append(_ elements: [Editor.Element]) {
        position = nil
        if entries.last != elements { entries.append(elements) }
        if entries.count > Self.maximumEntries { entries.removeFirst() }
    }

    /// The entry before the one shown; nil at the oldest. The current text is kept as the draft.
    package mutating func older(than current: [Editor.Element]) -> [Editor.Element]? {
        let next = (position ?? entries.count) - 1
        guard entries.indices.contains(next) else { return nil }
        if position == nil { draft = current }
        position = next
        return entries[next]
    }

    /// The entry after the one shown, the draft at last; nil when the draft is shown.
    package mutating func newer() -> [Editor.Element]? {
        guard let shown = position else { return nil }
        let next = shown + 1
        guard entries.indices.contains(next) else {
            position = nil
            return draft
        }
        position = next
        return entries[next]
    }

    /// Whether an entry is shown.
    package var isBrowsing: Bool { position != nil }

    /// The latest entry before `index` (nil: the newest) that holds a text, whatever its capitals; nil when none does.
    func index(holding text: String, before index: Int? = nil) -> Int? {
        let wanted = text.lowercased()
        return entries[..<(index ?? entries.count)].lastIndex {
            $0.map(\.text).joined().lowercased().contains(wanted)
        }
    }
}
