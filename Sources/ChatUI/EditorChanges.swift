/// What was done to a text, to be taken back and done again.
///
/// Holds what was exchanged and not whole texts, so that a long text costs no more than a short one.
struct EditorChanges: Equatable, Sendable {
    /// New elements where others stood.
    struct Exchange: Equatable, Sendable {
        var start: Int
        /// What stood there.
        var removed: [Editor.Element]
        /// How many stand there since.
        var insertedCount: Int

        var range: Range<Int> { start..<start + insertedCount }
    }

    /// What is taken back at once.
    struct Step: Equatable, Sendable {
        /// In the order in which they were made.
        var exchanges: [Exchange] = []
        /// Where the cursor was before.
        var cursor: Int
    }

    private static let maximumSteps = 200
    /// Elements that are kept for taking back: a few times the longest paste.
    private static let maximumElements = 1 << 22

    /// What can be taken back, and what was and can be done again; the latest last.
    var done: [Step] = []
    var undone: [Step] = []

    /// What follows is taken back together.
    mutating func beginStep(cursor: Int) {
        undone = []
        if done.last?.exchanges.isEmpty == true { done.removeLast() }
        done.append(Step(cursor: cursor))
        var kept = done.reduce(0) { $0 + $1.removedCount }
        while done.count > Self.maximumSteps || kept > Self.maximumElements, done.count > 1 {
            kept -= done.removeFirst().removedCount
        }
    }

    /// Adds to the step that was begun last.
    mutating func note(_ exchange: Exchange) {
        undone = []
        guard let last = done.indices.last, !exchange.removed.isEmpty || exchange.insertedCount > 0 else { return }
        // Typing on is one insertion.
        if exchange.removed.isEmpty, let before = done[last].exchanges.last, before.range.upperBound == exchange.start {
            done[last].exchanges[done[last].exchanges.count - 1].insertedCount += exchange.insertedCount
        } else {
            done[last].exchanges.append(exchange)
        }
    }

    /// Leaves a picture out of all that can come back; it stands at `places` of the present text, ascending, and goes
    /// from there, too.
    mutating func forget(picture number: Int, standingAt places: [Int]) {
        Self.forget(number, places, &done)
        Self.forget(number, places, &undone)
    }

    /// Goes back through the steps, with the places at which the picture stood before each.
    private static func forget(_ number: Int, _ places: [Int], _ steps: inout [Step]) {
        var places = places
        for step in steps.indices.reversed() {
            for index in steps[step].exchanges.indices.reversed() {
                let exchange = steps[step].exchanges[index]
                let (range, moved) = (exchange.range, exchange.removed.count - exchange.insertedCount)
                let before = places.prefix { $0 < range.lowerBound }
                let behind = places.drop { $0 < range.upperBound }
                let removed = exchange.removed.indices.filter { exchange.removed[$0].pictureNumber == number }
                steps[step].exchanges[index] = Exchange(
                    start: exchange.start - before.count,
                    removed: removed.isEmpty
                        ? exchange.removed : exchange.removed.filter { $0.pictureNumber != number },
                    insertedCount: exchange.insertedCount - (places.count - before.count - behind.count))
                places = before + removed.map { exchange.start + $0 } + behind.map { $0 + moved }
            }
            let cursor = steps[step].cursor
            steps[step].cursor = cursor - places.count { $0 < cursor }
        }
    }
}

extension EditorChanges.Step {
    fileprivate var removedCount: Int { exchanges.reduce(0) { $0 + $1.removed.count } }
}
