import Screen

/// Lays blocks of Markdown out into lines of a given width.
struct MarkdownLayout {
    let theme: Theme
    /// What is nested is indented as long as this much is left for its text.
    private static let minimumColumns = 12
    private static let bullets = ["•", "◦", "▪"]

    init(theme: Theme) {
        self.theme = theme
    }

    func lines(_ blocks: [MarkdownBlock], columns: Int) -> [TextLine] {
        lines(blocks, columns: max(1, columns), depth: 0)
    }

    private func lines(_ blocks: [MarkdownBlock], columns: Int, depth: Int) -> [TextLine] {
        var lines: [TextLine] = []
        for block in blocks {
            if block.isSpaced { lines.append(TextLine()) }
            lines += self.lines(block.content, columns: columns, depth: depth)
        }
        return lines
    }

    private func lines(_ content: MarkdownBlock.Content, columns: Int, depth: Int) -> [TextLine] {
        switch content {
        case .paragraph(let runs):
            return TextWrapping.wrap(spans(runs, theme.text), columns: columns)
        case .heading(let level, let runs):
            var style = theme.accent
            style.attributes.insert(.bold)
            if level == 1 { style.attributes.insert(.underline) }
            return TextWrapping.wrap(spans(runs, style), columns: columns)
        case .code(let language, let text):
            return code(language: language, text, columns: columns)
        case .quote(let blocks):
            guard let room = room(columns, indentation: 2) else { return lines(blocks, columns: columns, depth: depth) }
            return lines(blocks, columns: room, depth: depth).map { $0.indented(by: Span("│ ", theme.dim)) }
        case .list(let list):
            return self.list(list, columns: columns, depth: depth)
        case .table(let table):
            return MarkdownTableLayout(table, columns: columns, theme: theme) { spans($0, $1) }.lines
        case .thematicBreak:
            return [TextLine(String(repeating: "─", count: columns), theme.dim)]
        case .html(let text):
            return TextWrapping.wrap(SanitizedText.clean(text.droppingLastNewline), columns: columns, style: theme.text)
        }
    }

    /// Cells beside an indentation; nil where there is no room for one.
    private func room(_ columns: Int, indentation: Int) -> Int? {
        columns - indentation >= Self.minimumColumns ? columns - indentation : nil
    }

    // MARK: Code

    /// Each line as it is, cut where the screen ends; its columns are kept.
    private func code(language: String, _ text: String, columns: Int) -> [TextLine] {
        let room = room(columns, indentation: 2) ?? columns
        let indentation = String(repeating: " ", count: columns - room)
        var lines: [TextLine] = []
        if let name = language.split(separator: " ").first {
            let label = TextWidth.truncated(SanitizedText.clean(String(name), newlines: .joined), to: room)
            lines.append(TextLine(indentation + label, theme.dim))
        }
        let clean = SanitizedText.clean(text.droppingLastNewline)
        for line in clean.split(separator: "\n", omittingEmptySubsequences: false) {
            lines += cut(line, columns: room).map { TextLine(indentation + $0, theme.code) }
        }
        return lines
    }

    private func cut(_ line: Substring, columns: Int) -> [String] {
        // Printable ASCII takes a cell each; nothing else is left below 0x80.
        if line.utf8.count <= columns, line.utf8.allSatisfy({ $0 < 0x80 }) { return [String(line)] }
        var pieces = [""]
        var width = 0
        for grapheme in Graphemes(String(line)) {
            if width + grapheme.columns > columns && width > 0 {
                pieces.append("")
                width = 0
            }
            pieces[pieces.count - 1] += grapheme.text
            width += grapheme.columns
        }
        return pieces
    }

    // MARK: Lists

    private func list(_ list: MarkdownList, columns: Int, depth: Int) -> [TextLine] {
        var lines: [TextLine] = []
        for (index, item) in list.items.enumerated() {
            if item.isSpaced { lines.append(TextLine()) }
            var marker = list.start.map { "\($0 + index)\(list.delimiter)" } ?? Self.bullets[depth % Self.bullets.count]
            if let isDone = item.isDone { marker = isDone ? "[x]" : "[ ]" }
            marker += " "
            let width = TextWidth.columns(of: marker)
            guard let room = room(columns, indentation: width) else {
                lines += TextWrapping.wrap(marker, columns: columns, style: theme.accent)
                lines += self.lines(item.blocks, columns: columns, depth: depth + 1)
                continue
            }
            var inner = self.lines(item.blocks, columns: room, depth: depth + 1)
            if inner.isEmpty { inner = [TextLine()] }
            let margin = Span(String(repeating: " ", count: width), theme.text)
            lines += inner.enumerated().map { $1.indented(by: $0 == 0 ? Span(marker, theme.accent) : margin) }
        }
        return lines
    }

    // MARK: Text

    private func spans(_ runs: [MarkdownRun], _ base: Style) -> [Span] {
        runs.map { run in
            var style = base
            if run.traits.contains(.code) { style = theme.code }
            if run.traits.contains(.link) { style = theme.link }
            if run.traits.contains(.aside) { style = theme.dim }
            if run.traits.contains(.emphasis) { style.attributes.insert(.italic) }
            if run.traits.contains(.strong) { style.attributes.insert(.bold) }
            return Span(SanitizedText.clean(run.text), style)
        }
    }
}

extension TextLine {
    /// The line after a piece of text; an empty line gets no spaces that nobody sees.
    fileprivate func indented(by indentation: Span) -> TextLine {
        if spans.isEmpty && indentation.text.allSatisfy({ $0 == " " }) { return self }
        return TextLine([indentation] + spans)
    }
}

extension String {
    fileprivate var droppingLastNewline: String { hasSuffix("\n") ? String(dropLast()) : self }
}
