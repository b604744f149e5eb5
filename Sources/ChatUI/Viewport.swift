import Screen

/// The lines of the conversation that the screen shows.
///
/// Laid out from the place that is looked at, so that the cost depends on the screen and not on how long the
/// conversation is.
struct Viewport {
    private(set) var lines: [ConversationLine] = []
    /// Numbers of the pictures whose place can be seen.
    private(set) var pictureNumbers: Set<Int> = []
    /// Where the first line stands.
    private(set) var top: AppState.ScrollAnchor?

    init(_ state: AppState, theme: Theme, rows: Int) {
        var walker = Walker(state, theme: theme)
        guard rows > 0, !state.items.isEmpty else { return }
        if let place = walker.place(state.scroll) {
            fill(from: place, rows: rows, &walker)
        }
        if lines.count < rows {
            // Following the newest text, or less below the anchor than the screen has room for.
            fill(from: walker.moved(walker.end, by: -rows), rows: rows, &walker)
        }
        for line in lines {
            if case .preview(let number, _, _, _) = line.content { pictureNumbers.insert(number) }
        }
    }

    /// The anchor after scrolling by a number of lines; nil follows the newest text.
    static func scrolled(_ state: AppState, by lines: Int, theme: Theme = .standard) -> AppState.ScrollAnchor? {
        let rows = ScreenGeometry(state).conversation.size.rows
        let current = Viewport(state, theme: theme, rows: rows)
        var walker = Walker(state, theme: theme)
        guard let place = walker.place(current.top) else { return nil }
        let moved = walker.moved(place, by: lines)
        let lastTop = walker.moved(walker.end, by: -rows)
        return moved < lastTop ? walker.anchor(moved) : nil
    }

    /// The anchor at the beginning of the conversation; nil when all of it fits.
    static func beginning(_ state: AppState, theme: Theme = .standard) -> AppState.ScrollAnchor? {
        state.items.first.flatMap { anchor(atTopOf: $0.id, state, theme: theme) }
    }

    /// The anchor at an item's first line; nil when everything from there on fits.
    static func anchor(
        atTopOf id: ConversationItem.ID, _ state: AppState, theme: Theme = .standard
    ) -> AppState.ScrollAnchor? {
        let rows = ScreenGeometry(state).conversation.size.rows
        var walker = Walker(state, theme: theme)
        // The first line of all items but the first is the blank one before them.
        let line = state.items.first?.id == id ? 0 : 1
        guard let place = walker.place(AppState.ScrollAnchor(itemID: id, line: line)),
            place < walker.moved(walker.end, by: -rows)
        else { return nil }
        return walker.anchor(place)
    }

    private mutating func fill(from place: Place, rows: Int, _ walker: inout Walker) {
        lines = []
        top = walker.anchor(place)
        var place = place
        while lines.count < rows, place.item < walker.state.items.count {
            let available = walker.lines(place.item)
            lines += available.dropFirst(place.line).prefix(rows - lines.count)
            place = Place(item: place.item + 1, line: 0)
        }
    }
}

/// A line of the conversation by the item's index and the line's within it.
private struct Place: Comparable {
    var item: Int
    var line: Int

    static func < (left: Place, right: Place) -> Bool {
        (left.item, left.line) < (right.item, right.line)
    }
}

/// Steps through lines, laying out only the items that it comes by.
private struct Walker {
    let state: AppState
    private let layout: ConversationLayout
    private var known: [Int: [ConversationLine]] = [:]

    init(_ state: AppState, theme: Theme) {
        self.state = state
        layout = ConversationLayout(state, theme: theme)
    }

    var start: Place { Place(item: 0, line: 0) }
    var end: Place { Place(item: state.items.count, line: 0) }

    /// An item's lines, a blank one before all but the first item's.
    mutating func lines(_ index: Int) -> [ConversationLine] {
        if let lines = known[index] { return lines }
        let own = layout.lines(state.items[index])
        let lines = index > 0 ? [.blank] + own : own
        known[index] = lines
        return lines
    }

    mutating func place(_ anchor: AppState.ScrollAnchor?) -> Place? {
        guard let anchor, let index = state.index(of: anchor.itemID) else { return nil }
        return Place(item: index, line: min(max(0, anchor.line), max(0, lines(index).count - 1)))
    }

    func anchor(_ place: Place) -> AppState.ScrollAnchor? {
        guard state.items.indices.contains(place.item) else { return nil }
        return AppState.ScrollAnchor(itemID: state.items[place.item].id, line: place.line)
    }

    mutating func moved(_ place: Place, by count: Int) -> Place {
        var place = place
        var remaining = abs(count)
        while remaining > 0 {
            if count < 0 {
                if place.line > 0 {
                    let step = min(remaining, place.line)
                    place.line -= step
                    remaining -= step
                } else if place.item > 0 {
                    place = Place(item: place.item - 1, line: lines(place.item - 1).count)
                } else {
                    break
                }
            } else {
                guard place.item < state.items.count else { break }
                let left = lines(place.item).count - place.line
                if remaining < left {
                    place.line += remaining
                    remaining = 0
                } else {
                    remaining -= left
                    place = Place(item: place.item + 1, line: 0)
                }
            }
        }
        return place
    }
}
