/// A piece of text in one style.
package struct Span: Hashable, Sendable {
    package var text: String
    package var style: Style

    package init(_ text: String, _ style: Style = .plain) {
        self.text = text
        self.style = style
    }
}

/// A line of styled text.
package struct TextLine: Hashable, Sendable {
    package var spans: [Span]

    package init(_ spans: [Span] = []) {
        self.spans = spans
    }

    package init(_ text: String, _ style: Style = .plain) {
        spans = text.isEmpty ? [] : [Span(text, style)]
    }

    /// Cells that the line takes.
    package var columns: Int { spans.reduce(0) { $0 + TextWidth.columns(of: $1.text) } }

    /// The text without its styles.
    package var text: String { spans.map(\.text).joined() }
}

/// Breaking text into lines of a given width.
package enum TextWrapping {
    /// Breaks plain text at spaces, after hyphens and between ideographs; a word longer than a line is cut.
    ///
    /// Newlines end a line; an empty text gives one empty line.
    package static func wrap(_ text: String, columns: Int, style: Style = .plain) -> [TextLine] {
        wrap([Span(text, style)], columns: columns)
    }

    /// Breaks styled text as `wrap(_:columns:style:)` does.
    package static func wrap(_ spans: [Span], columns: Int) -> [TextLine] {
        var breaker = LineBreaker(columns: max(1, columns))
        for span in spans {
            for grapheme in Graphemes(span.text) { breaker.append(grapheme, span.style) }
        }
        return breaker.finish()
    }
}

private struct LineBreaker {
    private struct Item {
        var grapheme: Grapheme
        var style: Style
    }

    private let columns: Int
    private var line: [Item] = []
    private var width = 0
    /// Items of `line` before the last place where it may be broken; nil when there is none.
    private var breakPoint: Int?
    private var lines: [TextLine] = []

    init(columns: Int) {
        self.columns = columns
    }

    mutating func append(_ grapheme: Grapheme, _ style: Style) {
        if grapheme.isNewline {
            endLine(at: line.count)
            return
        }
        if let last = line.last, LineBreaking.allowsBreak(between: last.grapheme, and: grapheme) {
            breakPoint = line.count
        }
        line.append(Item(grapheme: grapheme, style: style))
        width += grapheme.columns
        // Spaces may hang over the edge: they fall away when the line is broken after them.
        while width > columns && line.count > 1 && !grapheme.isSpace {
            endLine(at: breakPoint ?? line.count - 1, isWrap: true)
        }
    }

    mutating func finish() -> [TextLine] {
        endLine(at: line.count)
        return lines
    }

    private mutating func endLine(at index: Int, isWrap: Bool = false) {
        var kept = line[..<index]
        if isWrap || width > columns {
            while kept.count > 1, let last = kept.last, last.grapheme.isSpace { kept.removeLast() }
        }
        lines.append(TextLine(Self.spans(of: kept)))
        line = Array(line[index...])
        width = line.reduce(0) { $0 + $1.grapheme.columns }
        breakPoint = nil
        guard isWrap else { return }
        for index in line.indices.dropFirst()
        where LineBreaking.allowsBreak(between: line[index - 1].grapheme, and: line[index].grapheme) {
            breakPoint = index
        }
    }

    private static func spans(of items: ArraySlice<Item>) -> [Span] {
        var spans: [Span] = []
        for item in items {
            if let last = spans.indices.last, spans[last].style == item.style {
                spans[last].text += item.grapheme.text
            } else {
                spans.append(Span(item.grapheme.text, item.style))
            }
        }
        return spans
    }
}

/// Where a line may be broken.
private enum LineBreaking {
    static func allowsBreak(between left: Grapheme, and right: Grapheme) -> Bool {
        if right.isSpace { return false }
        if left.isSpace || left.text == "-" { return true }
        guard left.columns == 2 || right.columns == 2 else { return false }
        return !noLineStart.contains(right.text) && !noLineEnd.contains(left.text)
    }

    private static let noLineStart: Set<String> = [
        "、", "。", "，", "．", "：", "；", "？", "！", "」", "』", "）", "】", "〉", "》", "ー", "々", "〜", "・", ",", ".", ":", ";",
        "?", "!", ")", "]", "}",
    ]
    private static let noLineEnd: Set<String> = ["「", "『", "（", "【", "〈", "《", "(", "[", "{"]
}
