import ArgumentParser
import Generation
import Models

/// What a model that draws is to read: the tasks of Emu2-Gen's README.
enum DrawingPrompt {
    /// Words with pictures among them, and things in boxes; `media` are the pictures that the boxes' names count.
    static func parts(_ words: [PromptPart], boxes: [DrawingBox], media: [PromptPart]) -> [PromptPart] {
        boxes.isEmpty ? words : [.markup("<grounding>")] + words + boxes.flatMap { $0.parts(media: media) }
    }

    /// The same of a question's parts, in which the pictures that boxes show stand behind all others.
    static func parts(ofQuestion parts: [PromptPart], boxes: [DrawingBox]) -> [PromptPart] {
        let shown = boxes.reduce(0) { $0 + $1.mentioned.count }
        return self.parts(Array(parts.dropLast(shown)), boxes: boxes, media: parts.filter(\.isMedium))
    }
}

extension DrawingBox: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }

    /// The name, the box and the pictures of the thing, as the model was trained to read them. Source: the example of
    /// several subjects in Emu2-Gen's README.
    fileprivate func parts(media: [PromptPart]) -> [PromptPart] {
        let words = words
        var parts = [PromptPart]()
        if !words.isEmpty { parts += [.markup("<phrase>"), .text(words), .markup("</phrase>")] }
        parts.append(.markup("<object>"))
        if let location = LocationPicture.picture(left: left, top: top, right: right, bottom: bottom) {
            parts.append(.image(location))
        }
        parts.append(.markup("</object>"))
        return parts + mentioned.compactMap { media.indices.contains($0 - 1) ? media[$0 - 1] : nil }
    }
}
