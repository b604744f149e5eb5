import Foundation

/// Names and titles of sessions.
package enum SessionNaming {
    /// Whether a text is a session's name: 1 to 100 of `A-Za-z0-9._-`, no leading dot.
    package static func isValid(_ name: String) -> Bool {
        (1...100).contains(name.utf8.count) && name.utf8.first != UInt8(ascii: ".")
            && !name.hasSuffix(".schema")  // that file describes the format
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// A name such as `2026-11-21-1402-dogs-of-the-park`, in local time.
    package static func generated(title: String, at time: Timestamp, timeZone: TimeZone = .current) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        let date = calendar.dateComponents([.year, .month, .day, .hour, .minute], from: time.date)
        func padded(_ number: Int?, _ width: Int) -> String {
            let digits = String(number ?? 0)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))-"
            + "\(padded(date.hour, 2))\(padded(date.minute, 2))-\(slug(title))"
    }

    /// Lower-case words joined by hyphens, at most 40 characters; `chat` when nothing is left.
    static func slug(_ title: String) -> String {
        let plain = title.folding(options: [.diacriticInsensitive, .caseInsensitive, .widthInsensitive], locale: nil)
        var slug = ""
        for word in plain.lowercased().split(whereSeparator: { !($0.isASCII && ($0.isLetter || $0.isNumber)) }) {
            let longer = slug.isEmpty ? String(word.prefix(40)) : slug + "-" + word
            guard longer.utf8.count <= 40 else { break }
            slug = longer
        }
        return slug.isEmpty ? "chat" : slug
    }

    /// A title from a first message: its first line of words, else the first picture's name; at most 60 characters.
    package static func title(of parts: [Part]) -> String {
        let words = parts.map { part in if case .text(let text) = part.content { text } else { " " } }.joined()
        for line in words.split(whereSeparator: \.isNewline) {
            let clean = printable(line).split(whereSeparator: \.isWhitespace).joined(separator: " ")
            if !clean.isEmpty { return clean.count > 60 ? clean.prefix(59) + "…" : clean }
        }
        for part in parts {
            switch part.content {
            case .text, .predicted: continue
            case .image(let image):
                return image.name.isEmpty ? "a picture" : String(printable(image.name[...]).prefix(60))
            case .video(let video): return video.name.isEmpty ? "a clip" : String(printable(video.name[...]).prefix(60))
            }
        }
        return ""
    }

    /// Text of files and users made safe to show on one line.
    static func printable(_ text: some StringProtocol) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .format where scalar.properties.isJoinControl: result.append(scalar)
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: result.append(" ")
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
