import Foundation
import Generation

/// The conversation that `ask --messages` reads: an array of messages, or an object with `messages` in it.
struct MessagesFile {
    /// A path, or `-` for standard input.
    let argument: String

    private var name: String { argument == "-" ? "standard input" : argument }

    func prompt() throws(CommandError) -> Prompt {
        let data: Data
        if argument == "-" {
            data = try StandardInput.readAll(limit: 64 << 20)
        } else {
            do {
                data = try Data(contentsOf: URL(fileURLWithPath: argument))
            } catch { throw .failed("\(argument): cannot be read: \(error.localizedDescription)") }
        }
        let content: Content
        do {
            content = try JSONDecoder().decode(Content.self, from: data)
        } catch {
            throw .failed("\(name): not a conversation: \(Self.explain(error))")
        }
        guard !content.messages.isEmpty else { throw .failed("\(name): messages: there are none.") }
        var messages = [PromptMessage]()
        for message in content.messages {
            var parts = [PromptPart]()
            for part in message.content.parts {
                parts.append(try promptPart(part, parsesSpecial: content.parsesSpecial))
            }
            messages.append(PromptMessage(role: message.role, parts: parts))
        }
        return Prompt(messages: messages, layout: content.usesTemplate ? .chat : .raw)
    }

    private func promptPart(_ part: Content.Part, parsesSpecial: Bool) throws(CommandError) -> PromptPart {
        switch part {
        case .text(let text): parsesSpecial ? .markup(text) : .text(text)
        case .image(let path): try PromptMedia.image(argument: resolved(path))
        case .video(let path, let frames): try PromptMedia.video(path: resolved(path), frames: frames)
        }
    }

    /// Paths are relative to the file that names them.
    private func resolved(_ path: String) -> String {
        if path.hasPrefix("/") || path.hasPrefix("~") || argument == "-" { return path }
        return URL(fileURLWithPath: argument).deletingLastPathComponent().appendingPathComponent(path).path
    }

    private static func explain(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return error.localizedDescription }
        let context: DecodingError.Context
        switch error {
        case .dataCorrupted(let found), .keyNotFound(_, let found), .typeMismatch(_, let found),
            .valueNotFound(_, let found):
            context = found
        @unknown default: return "unreadable JSON"
        }
        let path = context.codingPath.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }.joined()
        return (path.isEmpty ? "" : "\(path.hasPrefix(".") ? String(path.dropFirst()) : path): ")
            + context.debugDescription
    }
}

extension MessagesFile {
    /// The file's JSON.
    private struct Content: Decodable {
        let messages: [Message]
        var usesTemplate = true
        var parsesSpecial = false

        enum CodingKeys: String, CodingKey {
            case messages, template
            case parsesSpecial = "parse_special"
        }

        init(from decoder: any Decoder) throws {
            if let messages = try? decoder.unkeyedContainer(), messages.count != nil {
                self.messages = try [Message](from: decoder)
                return
            }
            let container = try decoder.container(keyedBy: CodingKeys.self)
            messages = try container.decode([Message].self, forKey: .messages)
            usesTemplate = try container.decodeIfPresent(Bool.self, forKey: .template) ?? true
            parsesSpecial = try container.decodeIfPresent(Bool.self, forKey: .parsesSpecial) ?? false
        }

        struct Message: Decodable {
            let role: Role
            let content: Parts
        }

        /// Text alone, or a list of parts.
        struct Parts: Decodable {
            let parts: [Part]

            init(from decoder: any Decoder) throws {
                if let text = try? decoder.singleValueContainer().decode(String.self) {
                    parts = [.text(text)]
                } else {
                    parts = try [Part](from: decoder)
                }
            }
        }

        enum Part: Decodable {
            case text(String)
            case image(path: String)
            case video(path: String, frames: Int)

            enum CodingKeys: String, CodingKey {
                case type, text, path, frames
            }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                switch try container.decode(String.self, forKey: .type) {
                case "text":
                    self = .text(try container.decode(String.self, forKey: .text))
                case "image":
                    self = .image(path: try container.decode(String.self, forKey: .path))
                case "video":
                    let frames = try container.decodeIfPresent(Int.self, forKey: .frames)
                    self = .video(
                        path: try container.decode(String.self, forKey: .path),
                        frames: frames ?? PromptMedia.defaultFrameCount)
                case let other:
                    throw DecodingError.dataCorruptedError(
                        forKey: .type, in: container,
                        debugDescription: "expected text, image or video, found \(other.prefix(40).debugDescription)")
                }
            }
        }
    }
}
