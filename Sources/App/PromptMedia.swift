import Foundation
import Generation
import Media

/// Pictures and clips of a command line, and where they stand in the text.
enum PromptMedia {
    static let defaultFrameCount = 8

    /// The picture of a path, of standard input for `-`.
    static func image(argument path: String) throws(CommandError) -> PromptPart {
        let decoder = StillDecoder()
        do {
            let loaded = path == "-" ? try decoder.loadStandardInput() : try decoder.load(path: expanded(path))
            if let note = loaded.note { StandardError.write("emuchat: \(path): \(note)\n") }
            return .image(loaded.seenPixels)
        } catch { throw .failed(error.description) }
    }

    /// Frames of a clip, spread evenly.
    static func video(path: String, frames: Int) throws(CommandError) -> PromptPart {
        do {
            let clip = try VideoDecoder().sample(path: expanded(path), count: frames)
            return .video(clip.frames.map { VideoFrame(image: $0.image, seconds: $0.seconds) })
        } catch { throw .failed(error.description) }
    }

    /// Puts media where `[Image #n]` stands in the text; those that are placed nowhere come first, in order.
    static func interleave(text: String, media: [PromptPart]) -> [PromptPart] {
        var placed = Set<Int>()
        var parts = [PromptPart]()
        var rest = text[...]
        while let match = rest.firstMatch(of: /\[Image #([0-9]{1,6})\]/) {
            let before = rest[..<match.range.lowerBound]
            // A number that no picture has, or has had its place already, stays text.
            guard let number = Int(match.output.1), media.indices.contains(number - 1), placed.insert(number).inserted
            else {
                appendText(rest[..<match.range.upperBound], to: &parts)
                rest = rest[match.range.upperBound...]
                continue
            }
            appendText(before, to: &parts)
            parts.append(media[number - 1])
            rest = rest[match.range.upperBound...]
        }
        appendText(rest, to: &parts)
        return media.indices.filter { !placed.contains($0 + 1) }.map { media[$0] } + parts
    }

    private static func appendText(_ text: Substring, to parts: inout [PromptPart]) {
        guard !text.isEmpty else { return }
        if case .text(let before)? = parts.last {
            parts[parts.count - 1] = .text(before + text)
        } else {
            parts.append(.text(String(text)))
        }
    }

    private static func expanded(_ path: String) -> String { (path as NSString).expandingTildeInPath }
}
