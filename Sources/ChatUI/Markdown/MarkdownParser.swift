import CMarkdown

/// Parses Markdown with libcmark-gfm.
///
/// The library takes time quadratic in the input for some texts, so a call gets `maximumBytes` at most, and extensions
/// are left out where a text could make them expensive.
enum MarkdownParser {
    /// Bytes of one call: the worst texts known take some 15 ms.
    static let maximumBytes = 32 << 10
    /// Blocks and inline elements within one another beyond which a text is no document but an attack.
    private static let maximumDepth = 40
    /// Cells that a table may have, those counted that the library adds to short rows.
    private static let maximumCells = 20_000
    /// The search for addresses of mail starts anew at each of these signs.
    private static let maximumAtSigns = 32

    /// The blocks of a text; nil when it is nested too deeply or too long, and has to be shown as it is.
    ///
    /// - Parameter definitions: link definitions from elsewhere in the document, each on a line of its own.
    static func blocks(_ source: String, definitions: String = "", isSpaced: Bool) -> [MarkdownBlock]? {
        withDocument(definitions + source) { document, lines in
            guard !isTooDeep(document) else { return nil }
            let reader = MarkdownReader(lines: lines, firstLine: MarkdownLines(definitions).count + 1)
            return reader.blocks(in: document, firstIsSpaced: isSpaced)
        }
    }

    /// What the last block of a text is, as far as a reader needs it who has more of the text to come.
    struct LastBlock: Equatable {
        /// The byte at which its first line begins.
        var offset: Int
        /// The line that opened it, when it is code between fences that is still open.
        var openFence: String?
        /// Whether nothing that follows can belong to it.
        var isClosed: Bool
    }

    /// The last of the text's blocks; nil when there is none.
    static func lastBlock(_ source: String) -> LastBlock? {
        withDocument(source) { document, lines in
            guard let last = cmark_node_last_child(document) else { return nil }
            let line = Int(cmark_node_get_start_line(last))
            guard line >= 1, line <= lines.count else { return nil }
            return LastBlock(
                offset: lines.starts[line - 1], openFence: openFence(last, source, lines, line),
                isClosed: lines.endsEmpty && endsAtEmptyLine(last))
        }
    }

    /// Whether an empty line ends a block of this kind; lists, code and some HTML go on behind it.
    private static func endsAtEmptyLine(_ node: OpaquePointer) -> Bool {
        switch cmark_node_get_type(node) {
        case CMARK_NODE_PARAGRAPH, CMARK_NODE_HEADING, CMARK_NODE_THEMATIC_BREAK, CMARK_NODE_BLOCK_QUOTE: true
        default: false
        }
    }

    private static func openFence(
        _ node: OpaquePointer, _ source: String, _ lines: MarkdownLines, _ line: Int
    ) -> String? {
        var length: Int32 = 0
        var indentation: Int32 = 0
        var character: CChar = 0
        guard cmark_node_get_type(node) == CMARK_NODE_CODE_BLOCK,
            cmark_node_get_fenced(node, &length, &indentation, &character) != 0
        else { return nil }
        let fence = UInt8(bitPattern: character)
        let bytes = Array(source.utf8)
        let opening = lines.bytes(line, of: bytes)
        let closing = (line..<lines.count).last { !lines.isBlank[$0] }.map { lines.bytes($0 + 1, of: bytes) }
        if let closing {
            let marks = closing.drop { $0 == 0x20 }.prefix { $0 == fence }
            let rest = closing.drop { $0 == 0x20 }.dropFirst(marks.count)
            if marks.count >= length, rest.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }) {
                return nil
            }
        }
        return String(decoding: opening, as: UTF8.self)
    }

    // MARK: The library

    private static let isRegistered: Void = cmark_gfm_core_extensions_ensure_registered()

    static func withDocument<Result>(
        _ source: String, _ body: (OpaquePointer, MarkdownLines) -> Result?
    ) -> Result? {
        var source = source
        guard source.utf8.count <= maximumBytes else { return nil }
        _ = isRegistered
        guard let parser = cmark_parser_new(CMARK_OPT_DEFAULT) else { return nil }
        defer { cmark_parser_free(parser) }
        let lines = MarkdownLines(source)
        for name in extensions(for: source, lines) {
            if let found = cmark_find_syntax_extension(name) { cmark_parser_attach_syntax_extension(parser, found) }
        }
        source.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { cmark_parser_feed(parser, $0.baseAddress, $0.count) }
        }
        guard let document = cmark_parser_finish(parser) else { return nil }
        defer { cmark_node_free(document) }
        return body(document, lines)
    }

    private static func extensions(for source: String, _ lines: MarkdownLines) -> [String] {
        var names = ["strikethrough"]
        var pipes = 0
        var mostPipes = 0
        var atSigns = 0
        for byte in source.utf8 {
            switch byte {
            case 0x0A, 0x0D: pipes = 0
            case 0x7C:
                pipes += 1
                mostPipes = max(mostPipes, pipes)
            case 0x40: atSigns += 1
            default: break
            }
        }
        if mostPipes > 0, (mostPipes + 1) * lines.count <= maximumCells { names.append("table") }
        if atSigns <= maximumAtSigns { names.append("autolink") }
        return names
    }

    static func isTooDeep(_ document: OpaquePointer) -> Bool {
        guard let iterator = cmark_iter_new(document) else { return true }
        defer { cmark_iter_free(iterator) }
        var depth = 0
        while true {
            switch cmark_iter_next(iterator) {
            case CMARK_EVENT_DONE: return false
            case CMARK_EVENT_EXIT: depth -= 1
            default: if !isLeaf(cmark_iter_get_node(iterator)) { depth += 1 }
            }
            if depth > maximumDepth { return true }
        }
    }

    /// Whether the library's iterator only enters a node and never leaves it.
    private static func isLeaf(_ node: OpaquePointer?) -> Bool {
        switch cmark_node_get_type(node) {
        case CMARK_NODE_HTML_BLOCK, CMARK_NODE_THEMATIC_BREAK, CMARK_NODE_CODE_BLOCK, CMARK_NODE_TEXT,
            CMARK_NODE_SOFTBREAK, CMARK_NODE_LINEBREAK, CMARK_NODE_CODE, CMARK_NODE_HTML_INLINE:
            true
        default: false
        }
    }
}

/// Where the lines of a text begin, and which are blank but for the marks of quotes.
struct MarkdownLines {
    private(set) var starts: [Int] = []
    private(set) var isBlank: [Bool] = []
    /// Whether the last line holds nothing but spaces.
    private(set) var endsEmpty = false
    private let end: Int

    var count: Int { starts.count }

    init(_ text: String) {
        var start = 0
        var blank = true
        var empty = true
        var offset = 0
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == 0x0A && previous == 0x0D {
                // The second half of a line end.
                start = offset + 1
            } else if byte == 0x0A || byte == 0x0D {
                starts.append(start)
                isBlank.append(blank)
                endsEmpty = empty
                start = offset + 1
                (blank, empty) = (true, true)
            } else if byte != 0x20 && byte != 0x09 {
                empty = false
                if byte != 0x3E { blank = false }
            }
            previous = byte
            offset += 1
        }
        if start < offset {
            starts.append(start)
            isBlank.append(blank)
            endsEmpty = empty
        }
        end = offset
    }

    /// The bytes of a line, counted from 1, with its end.
    func bytes(_ line: Int, of bytes: [UInt8]) -> ArraySlice<UInt8> {
        let next = line < count ? starts[line] : end
        return bytes[starts[line - 1]..<next]
    }
}
