import Foundation
import Generation

extension SessionExport {
    /// The branch in Markdown: texts as they were written, a heading per message, pictures as links.
    var markdown: String {
        var text = "# \(SessionNaming.printable(session.title))\n"
        for message in branch {
            text += "\n## \(speaker(message)) · \(time(message))\n\n"
            if let grounding = grounding(message) {
                text += grounding.answer.text + "\n"
                text += grounding.lines.map { line in
                    let number = line.number.map { "\($0) " } ?? ""
                    return "\n- " + number + SessionNaming.printable(line.text)
                }.joined()
            } else {
                text += message.parts.map(markdown).joined()
            }
            if !text.hasSuffix("\n") { text += "\n" }
            if let ending = ending(message) { text += "\n*\(ending)*\n" }
        }
        return Self.harmless(text)
    }

    /// Text without control characters, so that showing the file steers no terminal.
    private static func harmless(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
            result.append(isControl ? " " : scalar)
        }
        return String(result)
    }

    private func markdown(_ part: Part) -> String {
        switch part.content {
        case .text(let text):
            return text
        case .image(let image):
            return link(image.name, image.file)
        case .predicted(let picture):
            // Between the words on lines of its own.
            return "\n\n\(picture.image.map { link($0.name, $0.file) } ?? "*\(picture.words)*")\n\n"
        case .video(let video):
            let frames = video.frames.map { frame in
                let second = (frame.seconds * 100).rounded() / 100
                return link("\(video.name) at \(second) s", frame.file)
            }
            return frames.joined(separator: " ")
        }
    }

    private func link(_ name: String, _ file: StoredFile) -> String {
        var label = ""
        for character in SessionNaming.printable(name) {
            if "\\[]!`*_<>".contains(character) { label += "\\" }
            label.append(character)
        }
        let path = path(file).addingPercentEncoding(withAllowedCharacters: Self.pathCharacters) ?? file.relativePath
        return "![\(label)](\(path))"
    }

    /// What a path may hold between the parentheses of a link.
    private static let pathCharacters = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: "()"))
}
