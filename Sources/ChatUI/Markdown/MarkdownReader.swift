import CMarkdown

/// Turns the library's tree into values. Its depth is bounded before.
struct MarkdownReader {
    let lines: MarkdownLines
    /// The line on which the text begins, counted from 1; definitions may stand before it.
    let firstLine: Int

    func blocks(in parent: OpaquePointer, firstIsSpaced: Bool) -> [MarkdownBlock] {
        var blocks: [MarkdownBlock] = []
        for node in children(of: parent) {
            guard let content = content(node) else { continue }
            let isSpaced = blocks.isEmpty ? firstIsSpaced : self.isSpaced(node)
            blocks.append(MarkdownBlock(content: content, isSpaced: isSpaced))
        }
        return blocks
    }

    private func content(_ node: OpaquePointer) -> MarkdownBlock.Content? {
        switch cmark_node_get_type(node) {
        case CMARK_NODE_PARAGRAPH: return .paragraph(runs(node))
        case CMARK_NODE_HEADING: return .heading(level: Int(cmark_node_get_heading_level(node)), runs(node))
        case CMARK_NODE_CODE_BLOCK:
            return .code(language: text(cmark_node_get_fence_info(node)), text: text(cmark_node_get_literal(node)))
        case CMARK_NODE_BLOCK_QUOTE: return .quote(blocks(in: node, firstIsSpaced: false))
        case CMARK_NODE_LIST: return .list(list(node))
        case CMARK_NODE_THEMATIC_BREAK: return .thematicBreak
        case CMARK_NODE_HTML_BLOCK: return .html(text(cmark_node_get_literal(node)))
        default: return type(node) == "table" ? .table(table(node)) : nil
        }
    }

    private func list(_ node: OpaquePointer) -> MarkdownList {
        let isOrdered = cmark_node_get_list_type(node) == CMARK_ORDERED_LIST
        let items = children(of: node).enumerated().map { index, item in
            var blocks = blocks(in: item, firstIsSpaced: false)
            let isDone = takeTaskMark(&blocks)
            return MarkdownList.Item(blocks: blocks, isDone: isDone, isSpaced: index > 0 && isSpaced(item))
        }
        return MarkdownList(
            start: isOrdered ? Int(cmark_node_get_list_start(node)) : nil,
            delimiter: cmark_node_get_list_delim(node) == CMARK_PAREN_DELIM ? ")" : ".", items: items)
    }

    /// Takes the box from the beginning of a task; nil when the item is none. (The library's own extension does not
    /// see tasks within quotes.)
    private func takeTaskMark(_ blocks: inout [MarkdownBlock]) -> Bool? {
        guard case .paragraph(var runs)? = blocks.first?.content, let first = runs.first, first.traits.isEmpty,
            let mark = ["[ ] ", "[x] ", "[X] "].first(where: first.text.hasPrefix)
        else { return nil }
        runs[0].text.removeFirst(mark.count)
        blocks[0].content = .paragraph(runs)
        return mark != "[ ] "
    }

    private func table(_ node: OpaquePointer) -> MarkdownTable {
        let count = Int(cmark_gfm_extensions_get_table_columns(node))
        let letters = cmark_gfm_extensions_get_table_alignments(node)
        let alignments = (0..<count).map { index -> MarkdownTable.Alignment in
            switch letters?[index] {
            case UInt8(ascii: "c"): .center
            case UInt8(ascii: "r"): .right
            default: .left
            }
        }
        var rows = children(of: node).map { row in
            let cells = children(of: row).prefix(count).map(runs)
            return cells + Array(repeating: [], count: count - cells.count)
        }
        let header = rows.isEmpty ? [] : rows.removeFirst()
        return MarkdownTable(alignments: alignments, header: header, rows: rows)
    }

    // MARK: Inline elements

    /// The block's text, from first to last.
    private func runs(_ block: OpaquePointer) -> [MarkdownRun] {
        guard let iterator = cmark_iter_new(block) else { return [] }
        defer { cmark_iter_free(iterator) }
        var runs = RunBuilder()
        while true {
            let event = cmark_iter_next(iterator)
            guard event != CMARK_EVENT_DONE, let node = cmark_iter_get_node(iterator) else { return runs.runs }
            if node != block { add(node, isEntered: event == CMARK_EVENT_ENTER, &runs) }
        }
    }

    private func add(_ node: OpaquePointer, isEntered: Bool, _ runs: inout RunBuilder) {
        switch cmark_node_get_type(node) {
        case CMARK_NODE_TEXT, CMARK_NODE_HTML_INLINE: runs.add(text(cmark_node_get_literal(node)))
        case CMARK_NODE_CODE: runs.add(text(cmark_node_get_literal(node)), .code)
        // People and models mean the lines that they write.
        case CMARK_NODE_SOFTBREAK, CMARK_NODE_LINEBREAK: runs.add("\n")
        case CMARK_NODE_EMPH: runs.nest(.emphasis, isEntered)
        case CMARK_NODE_STRONG: runs.nest(.strong, isEntered)
        case CMARK_NODE_LINK:
            runs.nest(.link, isEntered)
            if !isEntered { runs.addDestination(text(cmark_node_get_url(node))) }
        case CMARK_NODE_IMAGE:
            if isEntered { runs.add("image: ", .aside) }
            runs.nest(.link, isEntered)
            if !isEntered { runs.addDestination(text(cmark_node_get_url(node))) }
        default:
            // Terminals have no common way to strike text out.
            if type(node) == "strikethrough" { runs.add("~~", .aside) }
        }
    }

    private struct RunBuilder {
        private(set) var runs: [MarkdownRun] = []
        /// How many elements of each kind are open.
        private var open: [MarkdownRun.Traits: Int] = [:]
        /// Where the text of the link begins that is open.
        private var linkStart: [Int] = []

        private var traits: MarkdownRun.Traits {
            open.reduce(into: []) { traits, entry in if entry.value > 0 { traits.formUnion(entry.key) } }
        }

        mutating func add(_ text: String, _ more: MarkdownRun.Traits = []) {
            let traits = traits.union(more)
            if let last = runs.indices.last, runs[last].traits == traits {
                runs[last].text += text
            } else if !text.isEmpty {
                runs.append(MarkdownRun(text: text, traits: traits))
            }
        }

        mutating func nest(_ trait: MarkdownRun.Traits, _ isEntered: Bool) {
            open[trait, default: 0] += isEntered ? 1 : -1
            guard trait == .link else { return }
            if isEntered {
                linkStart.append(runs.count)
                // A run of its own, so that the text can be compared with the address.
                runs.append(MarkdownRun(text: "", traits: traits))
            }
        }

        /// Ends a link: its address is shown unless the text says it already.
        mutating func addDestination(_ address: String) {
            let start = linkStart.popLast() ?? runs.count
            let shown = runs[min(start, runs.count)...].map(\.text).joined()
            guard !address.isEmpty, address != shown, address != "mailto:" + shown, address != "http://" + shown else {
                return
            }
            add(shown.isEmpty ? address : " (\(address))", .aside)
        }
    }

    // MARK: Nodes

    private func children(of node: OpaquePointer) -> [OpaquePointer] {
        var children: [OpaquePointer] = []
        var next = cmark_node_first_child(node)
        while let child = next {
            children.append(child)
            next = cmark_node_next(child)
        }
        return children
    }

    private func isSpaced(_ node: OpaquePointer) -> Bool {
        let line = Int(cmark_node_get_start_line(node))
        return line > firstLine && line - 2 < lines.count && lines.isBlank[line - 2]
    }

    private func type(_ node: OpaquePointer) -> String { text(cmark_node_get_type_string(node)) }

    private func text(_ characters: UnsafePointer<CChar>?) -> String { characters.map { String(cString: $0) } ?? "" }
}
