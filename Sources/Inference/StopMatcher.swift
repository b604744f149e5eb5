/// Finds the first stop string in streamed text, holding back what may become one.
struct StopMatcher {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []

    init(stops: [String]) {
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
    }

    /// Adds text; returns what can be shown now, and whether a stop string was found behind it.
    mutating func append(_ text: String) -> (shown: String, stopped: Bool) {
        if stops.isEmpty { return (text, false) }
        held.append(contentsOf: text.utf8)
        for start in held.indices {
            if stops.contains(where: { held[start...].starts(with: $0) }) {
                let shown = take(start)
                held = []
                return (shown, true)
            }
            // What remains is the beginning of a stop string: wait for the rest.
            if stops.contains(where: { $0.starts(with: held[start...]) }) { return (take(start), false) }
        }
        return (take(held.count), false)
    }

    /// What is still held back when no more text comes.
    mutating func finish() -> String { take(held.count) }

    /// Takes the first `count` bytes. Text arrives in whole characters and stop strings are whole too, so a cut never
    /// splits one.
    private mutating func take(_ count: Int) -> String {
        let text = String(decoding: held[..<count], as: UTF8.self)
        held.removeFirst(count)
        return text
    }
}
