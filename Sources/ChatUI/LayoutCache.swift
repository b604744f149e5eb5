import Screen
import Synchronization

/// Remembers how the texts of the conversation were laid out, since every key and every token draws them again.
///
/// A memo of a pure function: the same state gives the same lines with any cache, so all caches count as equal.
final class LayoutCache: Sendable, Equatable {
    private struct Entry {
        var layout: BodyLayout
        var used: Int
    }

    private struct State {
        var entries: [ConversationItem.ID: Entry] = [:]
        var clock = 0
    }

    /// Texts that are kept; a screen shows a few dozen at most.
    private static let maximumCount = 256
    /// Lines of all texts together, beyond which those go that were not used last.
    private static let maximumLines = 20_000

    private let state = Mutex(State())

    static func == (left: LayoutCache, right: LayoutCache) -> Bool { true }

    /// An item's text and the places of its pictures, in order.
    func body(of id: ConversationItem.ID, _ key: BodyLayout.Key) -> [BodyLayout.Segment] {
        state.withLock { state in
            state.clock += 1
            var entry = state.entries.removeValue(forKey: id) ?? Entry(layout: BodyLayout(), used: 0)
            let isNew = entry.layout.update(key)
            entry.used = state.clock
            state.entries[id] = entry
            if isNew { Self.makeRoom(&state) }
            return entry.layout.segments
        }
    }

    /// How many blocks of Markdown were laid out for an item, again or for the first time.
    func markdownLayoutCount(of id: ConversationItem.ID) -> Int {
        state.withLock { $0.entries[id]?.layout.markdownLayoutCount ?? 0 }
    }

    private static func makeRoom(_ state: inout State) {
        var lines = state.entries.values.reduce(0) { $0 + $1.layout.lineCount }
        guard state.entries.count > maximumCount || lines > maximumLines else { return }
        for (id, entry) in state.entries.sorted(by: { $0.value.used < $1.value.used }) {
            // Half, so that it is long until the next time; what was used last is on the screen.
            guard state.entries.count > maximumCount / 2 || lines > maximumLines / 2, entry.used < state.clock else {
                return
            }
            lines -= entry.layout.lineCount
            state.entries[id] = nil
        }
    }
}

/// One item's text, laid out.
struct BodyLayout {
    /// Everything that the layout depends on.
    struct Key: Equatable {
        var parts: [ConversationItem.Part]
        var columns: Int
        var theme: Theme
        /// Of text that is no Markdown.
        var style: Style
        var isMarkdown: Bool
        /// Whether text is still arriving.
        var hasCaret: Bool
    }

    enum Segment: Equatable {
        case text([TextLine])
        /// The place of the picture or clip with this number.
        case picture(Int)

        var lineCount: Int {
            if case .text(let lines) = self { lines.count } else { 1 }
        }
    }

    private(set) var segments: [Segment] = []
    private(set) var lineCount = 0
    private var key: Key?
    /// By the index of the part that each belongs to.
    private var streams: [Int: MarkdownStream] = [:]

    /// How many blocks of Markdown were laid out, again or for the first time.
    var markdownLayoutCount: Int { streams.values.reduce(0) { $0 + $1.layoutCount } }

    /// Lays out anew what has changed; false when nothing has.
    mutating func update(_ new: Key) -> Bool {
        guard new != key else { return false }
        if new.columns != key?.columns || new.theme != key?.theme { streams = [:] }
        key = new
        segments = new.isMarkdown ? markdown(new) : plain(new)
        lineCount = segments.reduce(0) { $0 + $1.lineCount }
        return true
    }

    // MARK: What a model writes

    private mutating func markdown(_ key: Key) -> [Segment] {
        var segments: [Segment] = []
        for (index, part) in key.parts.enumerated() {
            switch part {
            case .text(let text):
                var stream =
                    streams.removeValue(forKey: index) ?? MarkdownStream(columns: key.columns, theme: key.theme)
                stream.update(text)
                if !stream.lines.isEmpty { segments.append(.text(stream.lines)) }
                streams[index] = stream
            case .undrawn(let words):
                segments.append(.text(wrapped(words, key)))
            case .picture(let number), .clip(let number):
                segments.append(.text([TextLine(part.placeholder, key.theme.link)]))
                segments.append(.picture(number))
            }
        }
        if key.hasCaret { addCaret(to: &segments, key) }
        return segments
    }

    /// What the program says in a picture's place, apart from what the model says.
    private func wrapped(_ words: String, _ key: Key) -> [TextLine] {
        TextWrapping.wrap(SanitizedText.clean(words, newlines: .joined), columns: key.columns, style: key.theme.dim)
    }

    /// A mark behind the last character, on a line of its own where there is no room.
    private func addCaret(to segments: inout [Segment], _ key: Key) {
        let caret = Span("▏", key.theme.accent)
        guard case .text(var lines)? = segments.last, let last = lines.last else {
            segments.append(.text([TextLine([caret])]))
            return
        }
        if last.columns < key.columns {
            lines[lines.count - 1].spans.append(caret)
        } else {
            lines.append(TextLine([caret]))
        }
        segments[segments.count - 1] = .text(lines)
    }

    // MARK: What people write

    private func plain(_ key: Key) -> [Segment] {
        var segments: [Segment] = []
        var paragraph: [Span] = []
        func endParagraph() {
            guard !paragraph.isEmpty else { return }
            segments.append(.text(TextWrapping.wrap(paragraph, columns: key.columns)))
            paragraph = []
        }
        var pictureBefore: Int?
        for part in key.parts {
            switch part {
            case .text(let text):
                var text = Substring(SanitizedText.clean(text))
                if let number = pictureBefore {
                    // What closes the sentence stays with the placeholder; the rest begins below the preview.
                    let punctuation = text.prefix { $0.isPunctuation }
                    paragraph.append(Span(String(punctuation), key.style))
                    text = text.dropFirst(punctuation.count).drop { $0.isWhitespace }
                    endParagraph()
                    segments.append(.picture(number))
                    pictureBefore = nil
                }
                if !text.isEmpty { paragraph.append(Span(String(text), key.style)) }
            case .undrawn(let words):
                endParagraph()
                segments.append(.text(wrapped(words, key)))
            case .picture(let number), .clip(let number):
                if let before = pictureBefore {
                    endParagraph()
                    segments.append(.picture(before))
                }
                paragraph.append(Span(part.placeholder, key.theme.link))
                pictureBefore = number
            }
        }
        endParagraph()
        if let number = pictureBefore { segments.append(.picture(number)) }
        return segments
    }
}
