import Generation
import Pixels

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
    /// What a picture takes; nil for a model that cannot see.
    package let visualTokens: VisualTokens?

    package init(tokenizer: any Tokenizer, template: ChatTemplate?, visualTokens: VisualTokens? = nil) {
        self.tokenizer = tokenizer
        self.template = template
        self.visualTokens = visualTokens
    }

    /// Lays out and encodes a prompt. Without a template every prompt is laid out raw.
    package func build(_ prompt: Prompt) -> TokenizedPrompt {
        var assembly = Assembly(tokenizer: tokenizer, visualTokens: visualTokens)
        if prompt.layout == .chat, let template {
            for segment in template.render(prompt.messages, asksForBoxes: prompt.asksForBoxes) {
                assembly.append(segment)
            }
        } else {
            for message in prompt.messages { assembly.append(raw: message) }
        }
        return assembly.finish()
    }

    /// The ids with which all prompts under the system messages of this one begin, whatever is asked; none for raw ones.
    package func standingTokens(of prompt: Prompt) -> [Int32] {
        guard prompt.layout == .chat, template != nil else { return [] }
        let begun = prompt.messages.prefix { $0.role == .system }
        // What differs between two questions is no part of it.
        let ids = ["a", "1"].map { question in
            var asked = prompt
            asked.messages = begun + [PromptMessage(role: .user, text: question)]
            return build(asked).tokens
        }
        return zip(ids[0], ids[1]).prefix { $0 == $1 }.map(\.0)
    }

    /// What a prompt will take from the context.
    package func cost(of prompt: Prompt) -> PromptCost {
        build(prompt).cost
    }

    /// Collects elements; text is held until it must be encoded, so that neighbouring stretches are encoded as one.
    private struct Assembly {
        let tokenizer: any Tokenizer
        let visualTokens: VisualTokens?
        private var elements = [TokenizedPrompt.Element]()
        private var text = [TextSegment]()
        private var ids = [Int32]()
        private var mediaTokens = [Int]()
        private var unseenMedia = [Int]()
        /// What stands before the next text.
        private var boundary = TextBoundary.nothing

        init(tokenizer: any Tokenizer, visualTokens: VisualTokens?) {
            self.tokenizer = tokenizer
            self.visualTokens = visualTokens
        }

        mutating func append(_ segment: TemplateSegment) {
            switch segment {
            case .markup(let words): text.append(TextSegment(words, parsesSpecial: true))
            case .content(let message, let trimmed): append(trim(message.parts, trimmed))
            case .answer(let message, let prefix, let trimmed): append(answer: message, prefix, trimmed: trimmed)
            case .bos: append(special: tokenizer.bosToken)
            case .eos: append(special: tokenizer.eosToken)
            case .seam: encodeText(before: .text)
            }
        }

        /// What stands before a picture that the model predicted must be what it was, id by id, for the same picture to
        /// be predicted again.
        mutating func append(raw message: PromptMessage) {
            let hasPredicted = message.parts.contains { if case .predicted = $0 { true } else { false } }
            if hasPredicted, let visualTokens, visualTokens.arePredicted, let opening = visualTokens.opening.last,
                let known = GeneratedElements(message, opening: opening, tokenizer)
            {
                append(known, visualTokens)
            } else {
                append(message.parts)
            }
        }

        mutating func append(_ parts: [PromptPart]) {
            // Callers who write markup can open and close a clip by hand, as the official code does it.
            var inClip = false
            for part in parts {
                switch part {
                case .text(let words): text.append(TextSegment(words))
                case .markup("[/VIDEO]") where visualTokens != nil: inClip = false
                case .markup(let words):
                    if words == "[VIDEO]" { inClip = true }
                    text.append(TextSegment(words, parsesSpecial: true))
                case .image(let image): append(media: [image], asFrames: inClip, opening: [])
                case .video(let frames):
                    append(media: frames.map(\.image), asFrames: true, opening: visualTokens?.clipOpening ?? [])
                case .predicted(let predicted): append(predicted)
                }
            }
        }

        private mutating func append(special id: Int32?) {
            guard let id else { return }
            encodeText(before: .control)
            ids.append(id)
            boundary = .control
        }

        private mutating func append(media images: [PixelImage], asFrames: Bool, opening: [Int32]) {
            let number = mediaTokens.count + 1
            guard let visualTokens else {
                mediaTokens.append(0)
                unseenMedia.append(number)
                return
            }
            let slots = asFrames ? visualTokens.frameSlots : visualTokens.imageSlots
            let around = visualTokens.opening.count + visualTokens.closing.count
            mediaTokens.append(opening.count + images.count * (slots + around))
            let edge: TextBoundary = around > 0 ? .control : .text
            encodeText(before: edge)
            ids += opening
            for image in images {
                ids += visualTokens.opening
                flushTokens()
                elements.append(
                    .image(
                        mediaNumber: number, image, slots: slots,
                        slotToken: asFrames ? visualTokens.frameToken : visualTokens.imageToken))
                ids += visualTokens.closing
            }
            boundary = edge
        }

        /// A picture of an answer; for a model that predicts none, what was drawn of it.
        private mutating func append(_ predicted: PredictedImage) {
            guard let visualTokens, visualTokens.arePredicted else {
                if let image = predicted.image { append(media: [image], asFrames: false, opening: []) }
                return
            }
            encodeText(before: .control)
            ids += visualTokens.opening
            appendPlaces(of: predicted, visualTokens)
        }

        /// What stands behind the token that opens a picture.
        private mutating func appendPlaces(of predicted: PredictedImage, _ visualTokens: VisualTokens) {
            if predicted.image != nil {
                mediaTokens.append(
                    visualTokens.opening.count + visualTokens.imageSlots + visualTokens.closing.count)
            }
            flushTokens()
            elements.append(
                .predicted(predicted, slots: visualTokens.imageSlots, slotToken: visualTokens.imageToken))
            ids += visualTokens.closing
            boundary = .control
        }

        /// What a model generated before, as it stood in the context.
        private mutating func append(_ known: GeneratedElements, _ visualTokens: VisualTokens) {
            // As it was encoded when the answer began.
            encodeText(before: .nothing)
            for stretch in known.stretches {
                ids += stretch.ids
                appendPlaces(of: stretch.picture, visualTokens)
            }
            ids += known.rest
            if !known.rest.isEmpty { boundary = .text }
            if !known.restText.isEmpty { text.append(TextSegment(known.restText)) }
        }

        private mutating func append(answer message: PromptMessage, _ prefix: String, trimmed: ContentTrimming) {
            if let known = knownTokens(of: message) {
                ids += known
                boundary = .text
                return
            }
            text.append(TextSegment(prefix))
            let parts = message.isGrounded ? message.parts.map(Self.withoutMarks) : message.parts
            append(trim(parts, trimmed))
        }

        private static func withoutMarks(_ part: PromptPart) -> PromptPart {
            guard case .text(let words) = part else { return part }
            return .text(GroundedAnswer(words, numbered: false).text)
        }

        /// The generated ids of a message, without the tokens that ended it; nil unless they say what its text says.
        private func knownTokens(of message: PromptMessage) -> [Int32]? {
            guard var known = message.tokens else { return nil }
            while let last = known.last, tokenizer.endOfGeneration.contains(last) { known.removeLast() }
            guard !known.isEmpty, known.allSatisfy({ $0 >= 0 && $0 < tokenizer.vocabularySize }) else { return nil }
            var words = ""
            for part in message.parts {
                guard case .text(let part) = part else { return nil }
                words += part
            }
            if message.isGrounded { return spells(known, words) ? known : nil }
            return tokenizer.says(known, words) ? known : nil
        }

        /// Whether ids say this text, with no special token among them but the marks of places.
        private func spells(_ ids: [Int32], _ words: String) -> Bool {
            guard
                ids.allSatisfy({ id in
                    !tokenizer.isSpecial(id)
                        || GroundedAnswer.isMark(String(decoding: tokenizer.piece(of: id), as: UTF8.self))
                })
            else { return false }
            var decoder = StreamingDecoder(tokenizer: tokenizer, spellsControls: true)
            return (ids.map { decoder.append($0) }.joined() + decoder.finish()).hasSameScalars(as: words)
        }

        private mutating func encodeText(before next: TextBoundary) {
            guard !text.isEmpty else { return }
            let encoded = tokenizer.encode(text, after: boundary, before: next)
            text = []
            guard let last = encoded.last else { return }
            ids += encoded
            boundary = tokenizer.isSpecial(last) ? .control : .text
        }

        private mutating func flushTokens() {
            guard !ids.isEmpty else { return }
            elements.append(.tokens(ids))
            ids = []
        }

        mutating func finish() -> TokenizedPrompt {
            encodeText(before: .nothing)
            flushTokens()
            if tokenizer.addsBOS, let bos = tokenizer.bosToken {
                // A template or a caller may have written it already.
                if case .tokens(let first) = elements.first {
                    if first.first != bos { elements[0] = .tokens([bos] + first) }
                } else {
                    elements.insert(.tokens([bos]), at: 0)
                }
            }
            let count = elements.reduce(0) { $0 + $1.tokenCount }
            return TokenizedPrompt(
                elements: elements, tokenCount: count, mediaTokens: mediaTokens, unseenMedia: unseenMedia)
        }
    }
}

/// Parts without white space at the ends of the message.
private func trim(_ parts: [PromptPart], _ trimming: ContentTrimming) -> [PromptPart] {
    var parts = parts
    if trimming == .both, case .text(let words)? = parts.first {
        parts[0] = .text(String(words.unicodeScalars.drop(while: \.properties.isWhitespace)))
    }
    if trimming != .none, case .text(let words)? = parts.last {
        var scalars = words.unicodeScalars[...]
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        parts[parts.count - 1] = .text(String(scalars))
    }
    return parts
}
