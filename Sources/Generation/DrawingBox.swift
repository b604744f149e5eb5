import Foundation

/// A thing that is to be drawn in a box: `NAME LEFT TOP RIGHT BOTTOM`.
package struct DrawingBox: Sendable, Hashable {
    /// Edges lie on a grid of as many columns and rows, whatever the picture's size.
    package static let gridSide = 448
    /// More are never drawn apart.
    package static let most = 32

    /// What the thing is, perhaps empty; `[Image #n]` in it shows the thing by picture n of those that come with it.
    package var name: String
    package let left: Int
    package let top: Int
    package let right: Int
    package let bottom: Int

    /// Edges in the wrong order are exchanged, and those outside of the grid moved to its end, as the official
    /// demonstration does it. Nil for a box of no size.
    package init?(name: String, left: Int, top: Int, right: Int, bottom: Int) {
        func inside(_ edge: Int) -> Int { min(max(edge, 0), Self.gridSide) }
        let (first, second) = (inside(left), inside(right))
        let (upper, lower) = (inside(top), inside(bottom))
        guard first != second, upper != lower else { return nil }
        self.name = name
        (self.left, self.right) = (min(first, second), max(first, second))
        (self.top, self.bottom) = (min(upper, lower), max(upper, lower))
    }

    /// Reads `NAME LEFT TOP RIGHT BOTTOM`; the name may be missing.
    package init?(_ text: String) {
        let words = text.split(whereSeparator: \.isWhitespace)
        let edges = words.suffix(4).compactMap { Int($0) }
        guard edges.count == 4 else { return nil }
        self.init(
            name: words.dropLast(4).joined(separator: " "), left: edges[0], top: edges[1], right: edges[2],
            bottom: edges[3])
    }

    /// As it is read.
    package var text: String {
        ([name] + [left, top, right, bottom].map(String.init)).filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// The numbers of the pictures that show it.
    package var mentioned: [Int] { Self.mentioned(in: name) }

    /// The numbers of the pictures that a name shows a thing by.
    package static func mentioned(in name: String) -> [Int] {
        name.matches(of: reference).compactMap { Int($0.output.1) }
    }

    /// The name without the pictures.
    package var words: String {
        name.replacing(Self.reference, with: "").trimmingCharacters(in: .whitespaces)
    }

    /// The same box, its pictures counted otherwise.
    package func renumbered(_ number: (Int) -> Int) -> DrawingBox {
        var box = self
        box.name = name.replacing(Self.reference) { match in "[Image #\(number(Int(match.output.1) ?? 0))]" }
        return box
    }

    private static var reference: Regex<(Substring, Substring)> { /\[Image #([0-9]{1,6})\]/ }
}
