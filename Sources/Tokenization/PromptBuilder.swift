import Generation
import Pixels

/// A prompt as a model takes it.
package struct TokenizedPrompt: Sendable, Equatable {
    package enum Element: Sendable, Equatable {
        case tokens([Int32])
        /// A picture or a frame that takes `slots` places in the context; media are numbered from 1 in reading order,
        /// and all frames of a clip have its number.
        case image(mediaNumber: Int, PixelImage, slots: Int)
    }

    package var elements: [Element]
    /// Places in the context that the whole prompt takes.
    package var tokenCount: Int
    /// Places that each picture or clip takes, in reading order; 0 for one that the model cannot see.
    package var mediaTokens: [Int]
    /// Numbers of the pictures and clips that the model cannot see.
    package var unseenMedia: [Int]

    /// The ids of all text in order; pictures have none.
    package var tokens: [Int32] {
        elements.flatMap { element -> [Int32] in
            if case .tokens(let ids) = element { ids } else { [] }
        }
    }

    /// What the prompt takes from the context.
    package var cost: PromptCost { PromptCost(totalTokens: tokenCount, mediaTokens: mediaTokens) }
}

/// Makes a model's input out of a conversation. Immutable: it counts and builds while the engine is busy.
///
/// A longer conversation begins with the ids of the shorter one it continues, so that what a cache holds of it can be
/// used again: answers are encoded apart from what stands before them, and where their generated ids are known
/// (`PromptMessage.tokens`) those are taken. Without them an answer's text is encoded again, which can give other ids
/// than were generated (the model may have spelt a word in two tokens that has one).
package struct PromptBuilder: Sendable {
    package let tokenizer: any Tokenizer
    /// Nil for base models, whose prompts are laid out raw.
    package let template: ChatTemplate?
    /// Places that one picture or frame takes; 0 for a model that cannot see.
    package let visualTokens: Int

    package init(tokenizer: any Tokenizer, template: ChatTemplate?, visualTokens: Int = 0) {
        self.tokenizer = tokenizer
        self.template = template
        self.visualTokens = max(0, visualTokens)
    }

    /// Lays out and encodes a prompt. Without a template every prompt is laid out raw.
    package func build(_ prompt: Prompt) -> TokenizedPrompt {
        var assembly = Assembly(tokenizer: tokenizer, visualTokens: visualTokens)
        if prompt.layout == .chat, let template {
            for segment in template.render(prompt.messages) { assembly.append(segment) }
        } else {
            for message in prompt.messages { assembly.append(message.parts) }
        }
        return assembly.finish()
    }

    /// What a prompt will take from the context.
    package func cost(of prompt: Prompt) -> PromptCost {
        build(prompt).cost
    }

    /// Collects elements; text is held until it must be encoded, so that neighbouring stretches are encoded as one.
    private struct Assembly {
        let tokenizer: any Tokenizer
        let visualTokens: Int
        private var elements = [TokenizedPrompt.Element]()
        private var text = [TextSegment]()
        private var ids = [Int32]()
        private var mediaTokens = [Int]()
        private var unseenMedia = [Int]()
        /// Whether nothing or a special token stands before the next text.
        private var atStart = true

        init(tokenizer: any Tokenizer, visualTokens: Int) {
            self.tokenizer = tokenizer
            self.visualTokens = visualTokens
        }

        mutating func append(_ segment: TemplateSegment) {
            switch segment {
            case .markup(let words): text.append(TextSegment(words, parsesSpecial: true))
            case .content(let message, let trimmed): append(trimmed ? trim(message.parts) : message.parts)
            case .answer(let message, let trimmed): append(answer: message, trimmed: trimmed)
            case .bos: append(special: tokenizer.bosToken)
            case .eos: append(special: tokenizer.eosToken)
            case .seam: encodeText()
            }
        }

        mutating func append(_ parts: [PromptPart]) {
            for part in parts {
                switch part {
                case .text(let words): text.append(TextSegment(words))
                case .markup(let words): text.append(TextSegment(words, parsesSpecial: true))
                case .image(let image): append(media: [image])
                case .video(let frames): append(media: frames.map(\.image))
                }
            }
        }

        private mutating func append(special id: Int32?) {
            guard let id else { return }
            encodeText()
            ids.append(id)
            atStart = true
        }

        private mutating func append(media images: [PixelImage]) {
            let number = mediaTokens.count + 1
            mediaTokens.append(images.count * visualTokens)
            guard visualTokens > 0 else {
                unseenMedia.append(number)
                return
            }
            encodeText()
            flushTokens()
            for image in images { elements.append(.image(mediaNumber: number, image, slots: visualTokens)) }
            atStart = false
        }

        private mutating func append(answer message: PromptMessage, trimmed: Bool) {
            if let known = knownTokens(of: message) {
                ids += known
                atStart = false
                return
            }
            // Tokenizers that mark the start of words by a space generate one before an answer's first word.
            if tokenizer.addsSpacePrefix, !atStart { text.append(TextSegment(" ")) }
            append(trimmed ? trim(message.parts) : message.parts)
        }

        /// The generated ids of a message, without the tokens that ended it; nil unless they say what its text says.
        private func knownTokens(of message: PromptMessage) -> [Int32]? {
            guard var known = message.tokens else { return nil }
            while let last = known.last, tokenizer.endOfGeneration.contains(last) { known.removeLast() }
            guard !known.isEmpty, !known.contains(where: tokenizer.isSpecial) else { return nil }
            var words = ""
            for part in message.parts {
                guard case .text(let part) = part else { return nil }
                words += part
            }
            guard known.allSatisfy({ $0 >= 0 && $0 < tokenizer.vocabularySize }) else { return nil }
            let decoded = String(decoding: known.flatMap(tokenizer.piece), as: UTF8.self)
            return sameScalars(decoded, words) || tokenizer.addsSpacePrefix && sameScalars(decoded, " " + words)
                ? known : nil
        }

        private mutating func encodeText() {
            guard !text.isEmpty else { return }
            let encoded = tokenizer.encode(text, atStart: atStart)
            text = []
            guard let last = encoded.last else { return }
            ids += encoded
            atStart = tokenizer.isSpecial(last)
        }

        private mutating func flushTokens() {
            guard !ids.isEmpty else { return }
            elements.append(.tokens(ids))
            ids = []
        }

        mutating func finish() -> TokenizedPrompt {
            encodeText()
            flushTokens()
            if tokenizer.addsBOS, let bos = tokenizer.bosToken {
                // A template or a caller may have written it already.
                if case .tokens(let first) = elements.first {
                    if first.first != bos { elements[0] = .tokens([bos] + first) }
                } else {
                    elements.insert(.tokens([bos]), at: 0)
                }
            }
            let count = elements.reduce(0) { sum, element in
                switch element {
                case .tokens(let ids): sum + ids.count
                case .image(_, _, let slots): sum + slots
                }
            }
            return TokenizedPrompt(
                elements: elements, tokenCount: count, mediaTokens: mediaTokens, unseenMedia: unseenMedia)
        }
    }
}

/// Whether two texts have the same scalars; `==` also holds for texts that are only canonically equivalent.
private func sameScalars(_ first: String, _ second: String) -> Bool {
    first.utf8.elementsEqual(second.utf8)
}

/// Parts without white space at the beginning and end of the message.
private func trim(_ parts: [PromptPart]) -> [PromptPart] {
    var parts = parts
    if case .text(let words)? = parts.first {
        parts[0] = .text(String(words.unicodeScalars.drop(while: \.properties.isWhitespace)))
    }
    if case .text(let words)? = parts.last {
        var scalars = words.unicodeScalars[...]
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        parts[parts.count - 1] = .text(String(scalars))
    }
    return parts
}
