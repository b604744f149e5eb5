import Screen

/// The lines of a text that grows: blocks that can change no more are laid out once, only the open one again.
struct MarkdownStream {
    private let columns: Int
    private let layout: MarkdownLayout
    /// The text as of the last update.
    private var text = ""
    /// Link definitions of the whole text, since they count before they stand there.
    private var definitions = ""
    /// Bytes whose blocks are finished, and their lines.
    private var finishedBytes = 0
    private var finishedLines: [TextLine] = []
    private var endsBlank = false
    /// The line that opens code between fences which goes on behind the finished bytes.
    private var openFence: String?
    /// Bytes in which the end of finished blocks was looked for already.
    private var searchedBytes = 0
    private(set) var lines: [TextLine] = []
    /// Blocks that were laid out, those counted again that were laid out again.
    private(set) var layoutCount = 0

    init(columns: Int, theme: Theme) {
        self.columns = columns
        layout = MarkdownLayout(theme: theme)
    }

    /// Takes the text as it is now. What goes on where it was is cheap; any other text begins anew.
    mutating func update(_ new: String) {
        guard new != text || lines.isEmpty else { return }
        let definitions = MarkdownDefinitions.lines(in: new)
        if !new.utf8.starts(with: text.utf8.prefix(finishedBytes)) || definitions != self.definitions {
            self = MarkdownStream(columns: columns, theme: layout.theme, definitions, layoutCount)
        }
        text = new
        finish()
        let open = rest(upTo: text.utf8.count)
        lines = finishedLines + (open.isEmpty ? [] : laidOut(open))
    }

    private init(columns: Int, theme: Theme, _ definitions: String, _ layoutCount: Int) {
        self.init(columns: columns, theme: theme)
        self.definitions = definitions
        self.layoutCount = layoutCount
    }

    // MARK: Finished blocks

    /// Moves blocks that have ended to the finished ones: all of the complete lines but the last that may go on.
    private mutating func finish() {
        let count = text.utf8.count
        while count - finishedBytes > Self.maximumOpenBytes {
            let end = cut(finishedBytes + Self.maximumOpenBytes)
            let source = rest(upTo: end)
            let last = MarkdownParser.lastBlock(source)
            let offset = (last?.offset ?? 0) - (openFence?.utf8.count ?? 0)
            if offset > 0 {
                finish(upTo: finishedBytes + offset, openFence: nil)
            } else {
                // One block longer than what can be laid out in time: it is parted.
                finish(upTo: end, openFence: last?.openFence)
            }
        }
        guard let newline = text.utf8[text.utf8Index(searchedBytes)...].lastIndex(of: 0x0A) else { return }
        let complete = text.utf8.distance(from: text.utf8.startIndex, to: newline) + 1
        searchedBytes = complete
        guard complete > finishedBytes, let last = MarkdownParser.lastBlock(rest(upTo: complete)) else { return }
        if last.isClosed { return finish(upTo: complete, openFence: nil) }
        let offset = last.offset - (openFence?.utf8.count ?? 0)
        if offset > 0 { finish(upTo: finishedBytes + offset, openFence: nil) }
    }

    /// The longest text that is laid out at once, with room for definitions and a fence.
    private static let maximumOpenBytes = MarkdownParser.maximumBytes / 2

    private mutating func finish(upTo end: Int, openFence fence: String?) {
        let source = rest(upTo: end)
        finishedLines += laidOut(source)
        let lines = MarkdownLines(source)
        endsBlank = lines.isBlank.last ?? false
        // An opening line of that length is no fence that a person or a model would write.
        openFence = fence.flatMap { $0.utf8.count <= 256 ? $0 : nil }
        finishedBytes = end
        searchedBytes = max(searchedBytes, end)
    }

    /// Where a text may be parted at the latest: behind a line's end, else between characters.
    private func cut(_ limit: Int) -> Int {
        let end = text.utf8Index(limit)
        let start = text.utf8Index(finishedBytes)
        if let newline = text.utf8[start..<end].lastIndex(of: 0x0A) {
            return text.utf8.distance(from: text.utf8.startIndex, to: newline) + 1
        }
        let boundary = end.samePosition(in: text.unicodeScalars) ?? text.unicodeScalars.index(before: end)
        return text.utf8.distance(from: text.utf8.startIndex, to: boundary)
    }

    /// The text that is not finished, up to a byte, opened by the fence that it stands in.
    private func rest(upTo end: Int) -> String {
        let start = text.utf8Index(finishedBytes)
        return (openFence ?? "") + String(decoding: text.utf8[start..<text.utf8Index(end)], as: UTF8.self)
    }

    private mutating func laidOut(_ source: String) -> [TextLine] {
        let isSpaced = endsBlank && finishedBytes > 0 && openFence == nil
        guard var blocks = MarkdownParser.blocks(source, definitions: definitions, isSpaced: isSpaced) else {
            layoutCount += 1
            return TextWrapping.wrap(SanitizedText.clean(source), columns: columns, style: layout.theme.text)
        }
        layoutCount += blocks.count
        if openFence != nil, case .code(_, let text)? = blocks.first?.content {
            // Its language stands where it began.
            blocks[0].content = .code(language: "", text: text)
        }
        return layout.lines(blocks, columns: columns)
    }
}

/// Definitions of links (`[label]: address`), which may stand anywhere in a document.
enum MarkdownDefinitions {
    private static let maximumCount = 64
    private static let maximumBytes = 8 << 10

    /// Each on a line of its own, in order; empty when there are none, or more than a text for people has.
    static func lines(in text: String) -> String {
        guard mayHold(text) else { return "" }
        var found = ""
        var count = 0
        for line in text.split(whereSeparator: \.isNewline) where isDefinition(line) {
            found += line + "\n"
            count += 1
            if count > maximumCount || found.utf8.count > maximumBytes { return "" }
        }
        return count > 0 ? found + "\n" : ""
    }

    /// Most texts have none, and are looked through quickly.
    private static func mayHold(_ text: String) -> Bool {
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == 0x3A && previous == 0x5D { return true }
            previous = byte
        }
        return false
    }

    private static func isDefinition(_ line: Substring) -> Bool {
        let trimmed = line.drop { $0 == " " }
        guard trimmed.first == "[", !trimmed.hasPrefix("[^"), line.utf8.count - trimmed.utf8.count <= 3,
            let colon = trimmed.firstRange(of: "]:")
        else { return false }
        return trimmed[colon.upperBound...].contains { !$0.isWhitespace }
    }
}

extension String {
    /// The position of a byte; in constant time for native strings.
    fileprivate func utf8Index(_ offset: Int) -> String.Index {
        utf8.index(utf8.startIndex, offsetBy: min(offset, utf8.count))
    }
}
