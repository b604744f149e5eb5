/// A command found in the editor.
struct CommandInvocation: Equatable {
    /// Without its slash.
    let name: String
    /// What follows the name, without white space at its ends.
    let argument: String
    /// The editor's elements that spell the command, from the slash on.
    let range: Range<Int>
}

/// Reading commands from what was typed.
enum CommandLine {
    /// The command that Enter runs: the cursor's line when it begins with a slash and a word, or the end of that line
    /// from the last command on that may end a draft. Text such as `/usr/bin` is no command.
    static func invocation(in editor: Editor) -> CommandInvocation? {
        let line = editor.lineRange(at: editor.cursor)
        if let whole = invocation(in: editor, from: firstNonSpace(editor, line), to: line.upperBound) { return whole }
        for start in line.reversed()
        where editor.elements[start] == .character("/") && start > line.lowerBound
            && editor.elements[start - 1] == .character(" ")
        {
            if let tail = invocation(in: editor, from: start, to: line.upperBound),
                Command.named(tail.name)?.canEndDraft == true
            {
                return tail
            }
        }
        return nil
    }

    private static func firstNonSpace(_ editor: Editor, _ line: Range<Int>) -> Int {
        line.first { editor.elements[$0] != .character(" ") } ?? line.upperBound
    }

    private static func invocation(in editor: Editor, from start: Int, to end: Int) -> CommandInvocation? {
        guard start < end, editor.elements[start] == .character("/") else { return nil }
        let text = editor.elements[(start + 1)..<end].map(\.text).joined()
        let name = text.prefix { $0.isASCII && ($0.isLetter || $0 == "-") }
        let rest = text.dropFirst(name.count)
        guard !name.isEmpty, rest.isEmpty || rest.first?.isWhitespace == true else { return nil }
        return CommandInvocation(name: String(name), argument: trimmed(rest), range: start..<end)
    }

    static func trimmed(_ text: some StringProtocol) -> String {
        var kept = Substring(text)
        while kept.first?.isWhitespace == true { kept.removeFirst() }
        while kept.last?.isWhitespace == true { kept.removeLast() }
        return String(kept)
    }

    /// A path as the file system takes it: `file://` URLs decoded, `~` replaced by the home folder.
    static func path(_ word: String, homeFolder: String) -> String {
        for prefix in ["file://localhost/", "file:///"] where word.hasPrefix(prefix) {
            return "/" + percentDecoded(word.dropFirst(prefix.count))
        }
        if word == "~" { return homeFolder }
        if word.hasPrefix("~/") { return homeFolder + word.dropFirst(1) }
        return word
    }

    private static func percentDecoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        let source = Array(text.utf8)
        var index = 0
        while index < source.count {
            if source[index] == 0x25, index + 2 < source.count,
                let high = hexadecimal(source[index + 1]), let low = hexadecimal(source[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(source[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// The candidate that a mistyped word is nearest to; nil when none is near.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        let best = candidates.map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
        guard let best, best.1 <= max(1, min(2, word.count / 2)) else { return nil }
        return best.0
    }

    /// Insertions, deletions, substitutions and swaps of neighbours between two words.
    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.prefix(64))
        let right = Array(right.prefix(64))
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for row in 1..<(left.count + 1) {
            var current = [row]
            for column in 1..<(right.count + 1) {
                let isSame = left[row - 1] == right[column - 1]
                var best = min(previous[column] + 1, current[column - 1] + 1, previous[column - 1] + (isSame ? 0 : 1))
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    best = min(best, beforePrevious[column - 2] + 1)
                }
                current.append(best)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}
