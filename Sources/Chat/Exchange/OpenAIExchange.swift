import Foundation
import Generation

// The messages of OpenAI's chat API (platform.openai.com/docs/api-reference/chat): `content` is a text, or a list of
// parts of the types `text` and `image_url`.

extension SessionExport {
    var openAIMessages: JSONValue {
        .object(["messages": .array(branch.map(openAIMessage))])
    }

    private func openAIMessage(_ message: Message) -> JSONValue {
        var parts = [JSONValue]()
        for part in message.parts {
            if case .text(let text) = part.content {
                parts.append(.object(["type": .string("text"), "text": .string(text)]))
            }
            for file in part.files {
                guard let bytes = picture(file) else { continue }
                parts.append(
                    .object([
                        "type": .string("image_url"),
                        "image_url": .object(["url": .string(file.dataURL(bytes))]),
                    ]))
            }
        }
        // Only a user's messages may hold pictures, and a text alone is what everybody understands.
        let isPlain = message.role != .user || message.parts.allSatisfy { $0.files.isEmpty }
        return .object([
            "role": .string(message.role.rawValue),
            "content": isPlain ? .string(words(message)) : .array(parts),
        ])
    }

    /// The words of a message, with the name of each picture that an assistant drew.
    private func words(_ message: Message) -> String {
        message.parts.map { part in
            switch part.content {
            case .text(let text): text
            case .predicted(let picture): picture.words
            case .image(let image): "[Image: \(SessionNaming.printable(image.name))]"
            case .video(let video): "[Video: \(SessionNaming.printable(video.name))]"
            }
        }.joined()
    }
}

enum OpenAIExchange {
    /// The conversation of such a file.
    static func messages(_ elements: [JSONValue], path: String) throws(SessionFormatError) -> [ImportedMessage] {
        var messages = [ImportedMessage]()
        for (index, element) in elements.enumerated() {
            var fields = try FieldReader(element, path: "\(path)[\(index)]")
            let role = try role(&fields)
            let content = fields.take("content")
            switch content {
            case .string(let text)?:
                messages.append(ImportedMessage(role: role, parts: [.text(text)]))
            case .array(let values)?:
                guard values.count <= SessionLimits.partsPerMessage else {
                    throw fields.wrong("content", "at most \(SessionLimits.partsPerMessage) elements", content)
                }
                var parts = [ImportedMessage.Part]()
                for (number, value) in values.enumerated() {
                    parts.append(try part(value, path: fields.path("content[\(number)]")))
                }
                messages.append(ImportedMessage(role: role, parts: parts))
            case nil where role == .assistant:
                // An answer that only called tools.
                continue
            default:
                throw fields.wrong("content", "a text or a list of parts", content)
            }
        }
        return messages
    }

    private enum Speaker: String, CaseIterable { case system, developer, user, assistant }

    private static func role(_ fields: inout FieldReader) throws(SessionFormatError) -> Role {
        switch try fields.choice("role", Speaker.allCases) {
        case .system, .developer: .system
        case .user: .user
        case .assistant: .assistant
        }
    }

    private enum Kind: String, CaseIterable {
        case text, refusal
        case imageURL = "image_url"
    }

    private static func part(_ value: JSONValue, path: String) throws(SessionFormatError) -> ImportedMessage.Part {
        var fields = try FieldReader(value, path: path)
        switch try fields.choice("type", Kind.allCases) {
        case .text: return .text(try fields.string("text"))
        case .refusal: return .text(try fields.string("refusal"))
        case .imageURL:
            var address = try fields.object("image_url")
            return .picture(try address.string("url"), path: address.path("url"))
        }
    }
}
