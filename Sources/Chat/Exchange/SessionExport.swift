import Foundation
import Generation

/// The formats that a session can be written in.
package enum ExportFormat: String, CaseIterable, Sendable {
    /// For people, pictures as links to their files.
    case markdown
    /// One page with the pictures in it.
    case html
    /// The messages of OpenAI's chat API, pictures in data URLs.
    case openai
    /// The records that LLaVA is trained on, ShareGPT's with pictures by their paths.
    case llava
    /// A recording for terminals, asciicast v3.
    case asciicast
    /// The same in version 2, which players before asciinema 3 know.
    case asciicastV2 = "asciicast-v2"

    /// Other names by which a format is known.
    package static let aliases: [String: ExportFormat] = ["md": .markdown, "sharegpt": .llava, "cast": .asciicast]
}

/// A branch of a session, with its pictures, ready to be written in other formats.
package struct SessionExport {
    package let session: Session
    package let branch: [Message]
    /// A picture's bytes; nil when its file is gone or has changed.
    let picture: (StoredFile) -> [UInt8]?
    /// The path by which the result is to name a picture's file.
    let path: (StoredFile) -> String
    /// The Markdown of an answer as elements of HTML; nil when it is to stand as it was written.
    let markup: (String) -> String?

    /// - Parameter leaf: the branch's last message; the one that is shown when nil.
    package init(
        _ session: Session, to leaf: Int? = nil, picture: @escaping (StoredFile) -> [UInt8]?,
        path: @escaping (StoredFile) -> String, markup: @escaping (String) -> String? = { _ in nil }
    ) {
        self.session = session
        branch = session.branch(to: leaf ?? session.activeLeaf)
        self.picture = picture
        self.path = path
        self.markup = markup
    }

    /// What the format cannot say of the branch; empty when it says all. For people.
    package func losses(_ format: ExportFormat) -> [String] {
        var losses = [String]()
        let parts = branch.flatMap(\.parts)
        let files = parts.flatMap(\.files)
        let missing = files.count { picture($0) == nil }
        if missing > 0, format != .asciicast, format != .asciicastV2 {
            losses.append("\(missing) of \(files.count) pictures could not be read")
        }
        let hasClips = parts.contains { if case .video = $0.content { true } else { false } }
        if hasClips, format == .openai || format == .llava { losses.append("clips became single pictures") }
        if format == .llava, branch.contains(where: { $0.text.contains(LLaVAExchange.mark) }) {
            losses.append("\(LLaVAExchange.mark) in texts became \(LLaVAExchange.harmlessMark)")
        }
        return losses
    }

    package func bytes(_ format: ExportFormat) -> [UInt8] {
        switch format {
        case .markdown: Array(markdown.utf8)
        case .html: Array(html.utf8)
        case .openai: openAIMessages.prettyBytes
        case .llava: llavaRecords.prettyBytes
        case .asciicast: asciicast()
        case .asciicastV2: asciicast(version: 2)
        }
    }

    /// What an answer says of places; nil for an answer in words alone.
    func grounding(_ message: Message) -> (answer: GroundedAnswer, lines: [GroundedLine])? {
        guard let grounding = message.answer?.grounding else { return nil }
        let answer = GroundedAnswer(message.text)
        let image = grounding.picture.flatMap(image)
        return (
            answer,
            answer.lines(
                pictureName: image.flatMap { _ in grounding.picture }.map { "[Image #\($0)]" },
                width: image?.width ?? 0, height: image?.height ?? 0)
        )
    }

    /// The still picture of a number, from 1 in the branch's reading order; clips without frames have none.
    private func image(_ number: Int) -> StoredImage? {
        let media = branch.flatMap(\.parts).filter { !$0.files.isEmpty }
        guard media.indices.contains(number - 1), case .image(let image) = media[number - 1].content else { return nil }
        return image
    }

    /// The boxes that are drawn onto the picture of a number: those of the last answer that has any there.
    func boxes(onto number: Int) -> [NumberedBox] {
        for message in branch.reversed() where message.answer?.grounding?.picture == number {
            let boxes = GroundedAnswer(message.text).boxes
            if !boxes.isEmpty { return boxes }
        }
        return []
    }

    /// The numbers of a message's first and later pictures and clips, by their place among its parts.
    func mediaNumbers() -> [Int: [Int: Int]] {
        var numbers: [Int: [Int: Int]] = [:]
        var count = 0
        for message in branch {
            for (index, part) in message.parts.enumerated() where !part.files.isEmpty {
                count += 1
                numbers[message.id, default: [:]][index] = count
            }
        }
        return numbers
    }

    /// The speaker's name; nobody said what is an example.
    func speaker(_ message: Message) -> String {
        guard message.example != nil else { return message.role.speaker }
        return message.role == .user ? "Example" : "Its answer"
    }

    /// A message's parts for formats in which a picture has lines of its own: without the spaces between it and the
    /// words.
    func blocks(_ message: Message) -> [Part] {
        var followsPicture = false
        return message.parts.map { part in
            guard case .text(let text) = part.content else {
                followsPicture = true
                return part
            }
            defer { followsPicture = false }
            return followsPicture ? .text(String(text.drop { $0 == " " })) : part
        }
    }

    /// When a message was written, in words of ISO 8601 without fractions.
    func time(_ message: Message) -> String {
        let text = message.created.description
        return text.prefix(10) + " " + text.dropFirst(11).prefix(5) + " UTC"
    }

    /// What the screen and `--plain` say at an answer's end; nil when it ended by itself and has all that was drawn.
    func ending(_ message: Message) -> String? {
        guard let answer = message.answer else { return nil }
        let words = [withheld(answer), ending(answer)].compactMap(\.self)
        return words.isEmpty ? nil : words.joined(separator: "; ")
    }

    /// Words for drawn pictures that nobody is to see; nil where there are none.
    func withheld(_ answer: Answer) -> String? {
        guard let drawing = answer.drawing, !drawing.withheld.isEmpty else { return nil }
        return WithheldPictures.words(drawing.withheld, of: drawing.count)
    }

    private func ending(_ answer: Answer) -> String? {
        if answer.wasInterrupted { return "interrupted" }
        switch answer.finishReason {
        case .cancelled: return "stopped"
        case .length: return "cut short"
        case .end, .stop, nil: return nil
        }
    }
}

extension Part {
    var isText: Bool { if case .text = content { true } else { false } }

    /// The files of a picture or of a clip's frames.
    package var files: [StoredFile] {
        switch content {
        case .text: []
        case .image(let image): [image.file]
        case .predicted(let picture): [picture.image?.file].compactMap(\.self)
        case .video(let video): video.frames.map(\.file)
        }
    }
}

extension Role {
    /// The speaker's name in exports for people.
    var speaker: String {
        switch self {
        case .user: "You"
        case .assistant: "emuchat"
        case .system: "System"
        }
    }
}

extension StoredFile {
    /// The media type that the file's extension stands for (IANA).
    var mediaType: String {
        switch fileExtension {
        case "jpg", "jpeg": "image/jpeg"
        case "svg": "image/svg+xml"
        case "heic", "avif", "png", "webp", "gif", "tiff", "bmp": "image/\(fileExtension)"
        default: "application/octet-stream"
        }
    }

    func dataURL(_ bytes: [UInt8]) -> String { "data:\(mediaType);base64,\(Data(bytes).base64EncodedString())" }
}
