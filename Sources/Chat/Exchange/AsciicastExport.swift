import Foundation
import Generation

extension SessionExport {
    private static let columns = 80
    private static let rows = 24

    /// A recording of the branch as it was played, for terminals: one JSON value per line
    /// (docs.asciinema.org/manual/asciicast/v3, and v2 beside it). Times are those of `ReplayTimeline`.
    func asciicast(version: Int64 = 3) -> [UInt8] {
        let timeline = ReplayTimeline(session, to: branch.last?.id)
        let (columns, rows) = (JSONValue.integer(Int64(Self.columns)), JSONValue.integer(Int64(Self.rows)))
        var header: JSONObject = [
            "version": .integer(version), "timestamp": .integer(session.created.milliseconds / 1000),
            "title": .string(SessionNaming.printable(session.title)),
        ]
        if version == 2 {
            header["width"] = columns
            header["height"] = rows
        } else {
            header["term"] = .object(["cols": columns, "rows": rows])
        }
        var lines = [JSONValue.object(header)]
        var last = 0
        var printer = CastPrinter(
            columns: Self.columns,
            places: Dictionary(
                branch.compactMap { message in grounding(message).map { (message.id, $0.lines) } },
                uniquingKeysWith: { first, _ in first }),
            withheld: Dictionary(
                branch.compactMap { message in message.answer.flatMap(withheld).map { (message.id, $0) } },
                uniquingKeysWith: { first, _ in first }))
        func event(_ milliseconds: Int, _ code: String, _ text: String) {
            // In seconds: since version 3 from the event before, until then from the beginning.
            let time = JSONValue.double(Double(version == 2 ? milliseconds : milliseconds - last) / 1000)
            lines.append(.array([time, .string(code), .string(text)]))
            last = milliseconds
        }
        for item in timeline.events {
            var kind = item.kind
            if case .messageAppeared(var message) = kind {
                message.parts = blocks(message)
                kind = .messageAppeared(message)
            }
            let text = printer.text(of: kind)
            if !text.isEmpty { event(item.milliseconds, "o", text) }
        }
        if version > 2 { event(last + 1000, "x", "0") }
        return lines.flatMap { $0.compactBytes + [UInt8(ascii: "\n")] }
    }
}

/// Writes a conversation to a terminal line by line: a bar of the speaker's colour, words wrapped.
private struct CastPrinter {
    let columns: Int
    private var bar = ""
    private var column = 0
    private var pictureCount = 0
    /// The list below each answer that says where things are, by its number.
    private let places: [Int: [GroundedLine]]
    /// What is said of pictures that an answer may not show, by its number.
    private let withheld: [Int: String]
    /// An answer with such a list while it is written.
    private var grounded: GroundedAnswer?

    init(columns: Int, places: [Int: [GroundedLine]], withheld: [Int: String]) {
        (self.columns, self.places, self.withheld) = (columns, places, withheld)
    }

    /// A line for a picture or a clip; empty for words.
    private mutating func medium(_ part: Part) -> String {
        switch part.content {
        case .text: return ""
        case .image(let image):
            pictureCount += 1
            return note("[Image #\(pictureCount)] \(image.name) · \(image.width)×\(image.height)")
        case .predicted(let picture):
            guard let image = picture.image else { return note(picture.words) }
            return medium(.image(image))
        case .video(let video):
            // Numbered as one, as on the screen.
            if !video.frames.isEmpty { pictureCount += 1 }
            return note("[Image #\(pictureCount)] \(video.name) · \(video.frames.count) frames")
        }
    }

    mutating func text(of event: ReplayEvent.Kind) -> String {
        switch event {
        case .messageAppeared(let message):
            var text = begin(message.role)
            for part in message.parts {
                if case .text(let words) = part.content { text += wrapped(words) } else { text += medium(part) }
            }
            return text + "\r\n"
        case .answerBegan(let message):
            grounded = places[message.id].map { _ in GroundedAnswer() }
            var text = begin(.assistant)
            for number in message.answer?.unseenMedia ?? [] { text += note("did not see [Image #\(number)]") }
            return text
        case .textAdded(_, _, let words):
            return wrapped(grounded?.append(words) ?? words)
        case .pictureOpened(_, let picture):
            return medium(Part(.predicted(picture)))
        case .picturesAdded(_, let parts):
            return parts.map { medium($0) }.joined()
        case .answerEnded(let id, let reason, let wasInterrupted):
            let rest = wrapped(grounded?.finish() ?? "")
            let list = (grounded == nil ? [] : places[id] ?? []).map { line in
                note((line.number.map { "\($0) " } ?? "") + line.text)
            }
            let ending: String? =
                if wasInterrupted { "interrupted" } else if reason == .cancelled { "stopped" } else if reason == .length
                {
                    "cut short"
                } else { nil }
            let endings = [withheld[id], ending].compactMap(\.self).map { note($0) }
            return rest + (list + endings).joined() + "\r\n"
        }
    }

    private mutating func begin(_ role: Role) -> String {
        let colour =
            switch role {
            case .user: 34
            case .assistant: 32
            case .system: 33
            }
        bar = "\u{1B}[\(colour)m▌\u{1B}[0m "
        column = 2
        return "\r\n\(bar)\u{1B}[2m\(role == .user ? "you" : role.speaker.lowercased())\u{1B}[0m" + newLine()
    }

    private mutating func newLine() -> String {
        column = 2
        return "\r\n" + bar
    }

    /// A line of its own, dim.
    private mutating func note(_ text: String) -> String {
        let before = column > 2 ? newLine() : ""
        return before + "\u{1B}[2m\(SessionNaming.printable(text.prefix(columns - 4)))\u{1B}[0m" + newLine()
    }

    /// Words as they come, one token after another: a word that would cross the edge begins a line.
    private mutating func wrapped(_ text: String) -> String {
        var result = ""
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            if line.offset > 0 { result += newLine() }
            var word = ""
            func width(_ text: String) -> Int { text.count }
            for character in SessionNaming.printable(line.element) + "\u{0}" {
                if character != " ", character != "\u{0}" {
                    word.append(character)
                    continue
                }
                if column + width(word) > columns { result += newLine() }
                result += word
                column += width(word)
                word = ""
                if character == " ", column < columns {
                    result += " "
                    column += 1
                }
            }
        }
        return result
    }
}
