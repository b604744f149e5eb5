import Foundation
import Generation

/// A message of a file in another format.
package struct ImportedMessage: Sendable, Equatable {
    package enum Part: Sendable, Equatable {
        case text(String)
        /// A picture by its path or data URL; `path` says where in the file that stands.
        case picture(String, path: String)
    }

    package let role: Role
    package let parts: [Part]
}

/// Conversations of a file in one of the formats that other programs write, told apart by their fields.
package struct SessionImport: Sendable {
    /// Each becomes a session.
    package let conversations: [[ImportedMessage]]

    /// At most so many conversations are taken from one file.
    private static let limit = 100_000

    package init(_ bytes: [UInt8]) throws(SessionFormatError) {
        let value: JSONValue
        do throws(JSONSyntaxError) { value = try JSONParser.parse(bytes) } catch { throw .syntax(error) }
        conversations = try Self.conversations(value, path: "").filter { !$0.isEmpty }
        guard !conversations.isEmpty else {
            throw .field(path: "the file", expected: "a conversation", found: "none")
        }
    }

    private static func conversations(_ value: JSONValue, path: String) throws(SessionFormatError)
        -> [[ImportedMessage]]
    {
        switch value {
        case .object(let fields):
            if fields["format"] == .string(Session.formatName) {
                throw .field(
                    path: "format", expected: "messages of OpenAI's or LLaVA's form",
                    found: "a session of emuchat, which only needs to be copied into the folder")
            }
            if let messages = fields["messages"]?.elements {
                return [try OpenAIExchange.messages(messages, path: path.isEmpty ? "messages" : path + ".messages")]
            }
            if fields["conversations"] != nil { return [try LLaVAExchange.messages(value, path: path)] }
        case .array(let elements):
            guard let first = elements.first else { return [] }
            guard elements.count <= limit else {
                throw .field(path: "the file", expected: "at most \(limit) elements", found: "\(elements.count)")
            }
            if case .object(let fields) = first, fields["role"] != nil {
                return [try OpenAIExchange.messages(elements, path: path)]
            }
            var all = [[ImportedMessage]]()
            for (index, element) in elements.enumerated() where path.isEmpty {
                all += try conversations(element, path: "[\(index)]")
            }
            if path.isEmpty { return all }
        default: break
        }
        throw .field(
            path: path.isEmpty ? "the file" : path,
            expected: "OpenAI messages (\"messages\": […]) or LLaVA records (\"conversations\": […])",
            found: value.summary)
    }

    /// A session of one of the conversations.
    ///
    /// - Parameter picture: keeps a picture, given by its path or data URL, and says what the session notes of it; what
    ///   it returns as text stands in the picture's place.
    package static func session<Failure: Error>(
        of messages: [ImportedMessage], at time: Timestamp, application: String,
        picture: (_ address: String, _ path: String) throws(Failure) -> Part
    ) throws(Failure) -> Session {
        var session = Session(created: time, application: application)
        for message in messages {
            var parts = [Part]()
            for part in message.parts {
                switch part {
                case .text(let text): parts.append(.text(text))
                case .picture(let address, let path): parts.append(try picture(address, path))
                }
            }
            session.append(role: message.role, parts: parts, at: time)
        }
        return session
    }

    /// The bytes of a base64 data URL; nil for anything else.
    package static func data(ofURL text: String) -> [UInt8]? {
        guard text.hasPrefix("data:"), let comma = text.firstIndex(of: ","),
            text[..<comma].hasSuffix(";base64"),
            let data = Data(base64Encoded: String(text[text.index(after: comma)...]))
        else { return nil }
        return Array(data)
    }
}
