import ArgumentParser
import Foundation
import Generation
import Models

/// A thing that is to be drawn in a box: `NAME LEFT TOP RIGHT BOTTOM`, on a grid of 448; the name may hold [Image #n],
/// which shows it, and may be missing.
struct BoxArgument: ExpressibleByArgument, Equatable {
    let name: String
    /// Edges on the grid: left, top, right, bottom.
    let edges: [Int]

    /// Edges in the wrong order are exchanged, and those outside of the grid moved to its end, as the official
    /// demonstration does it.
    init?(argument: String) {
        let words = argument.split(whereSeparator: \.isWhitespace)
        guard words.count >= 4 else { return nil }
        let numbers = words.suffix(4).compactMap { Int($0) }
        guard numbers.count == 4 else { return nil }
        let inside = numbers.map { min(max($0, 0), LocationPicture.side) }
        edges = [
            min(inside[0], inside[2]), min(inside[1], inside[3]), max(inside[0], inside[2]),
            max(inside[1], inside[3]),
        ]
        guard edges[0] < edges[2], edges[1] < edges[3] else { return nil }
        name = words.dropLast(4).joined(separator: " ")
    }

    /// The name, the box and the pictures of the thing, as the model was trained to read them. Source: the example of
    /// several subjects in Emu2-Gen's README.
    func parts(media: [PromptPart]) -> [PromptPart] {
        let words = name.replacing(Self.reference, with: "").trimmingCharacters(in: .whitespaces)
        var parts = [PromptPart]()
        if !words.isEmpty { parts += [.markup("<phrase>"), .text(words), .markup("</phrase>")] }
        parts.append(.markup("<object>"))
        if let location = LocationPicture.picture(
            left: edges[0], top: edges[1], right: edges[2], bottom: edges[3])
        {
            parts.append(.image(location))
        }
        parts.append(.markup("</object>"))
        return parts + mentioned.compactMap { media.indices.contains($0 - 1) ? media[$0 - 1] : nil }
    }

    /// As it is given.
    var text: String { ([name] + edges.map(String.init)).filter { !$0.isEmpty }.joined(separator: " ") }

    /// The numbers of the pictures that show it.
    var mentioned: [Int] { name.matches(of: Self.reference).compactMap { Int($0.output.1) } }

    private static var reference: Regex<(Substring, Substring)> { /\[Image #([0-9]{1,6})\]/ }
}
