import Foundation
import Generation

// The records that LLaVA is trained on (github.com/haotian-liu/LLaVA, docs/Finetune_Custom_Data.md), which are ShareGPT's
// with pictures: `image` is a path or a list of them, in the order in which `<image>` stands in the texts.

enum LLaVAExchange {
    /// Stands in a text where a picture belongs.
    static let mark = "<image>"
    /// The same words in a text of somebody's own, which must not stand for a picture.
    static let harmlessMark = "< image>"

    private enum Speaker: String, CaseIterable { case system, human, user, gpt, assistant }

    /// The conversation of one record.
    static func messages(_ record: JSONValue, path: String) throws(SessionFormatError) -> [ImportedMessage] {
        var fields = try FieldReader(record, path: path)
        var pictures = [(value: String, path: String)]()
        switch fields.take("image") ?? fields.take("images") {
        case nil: break
        case .string(let text)?: pictures.append((text, fields.path("image")))
        case .array(let values)?:
            for (index, value) in values.enumerated() {
                guard case .string(let text) = value else { throw fields.wrong("image[\(index)]", "a path", value) }
                pictures.append((text, fields.path("image[\(index)]")))
            }
        case let value: throw fields.wrong("image", "a path or a list of paths", value)
        }
        var messages = [ImportedMessage]()
        var rest = pictures[...]
        for (index, element) in try fields.elements("conversations", limit: SessionLimits.messages).enumerated() {
            var turn = try FieldReader(element, path: fields.path("conversations[\(index)]"))
            let role: Role =
                switch try turn.choice("from", Speaker.allCases) {
                case .system: .system
                case .human, .user: .user
                case .gpt, .assistant: .assistant
                }
            messages.append(ImportedMessage(role: role, parts: parts(try turn.string("value"), &rest)))
        }
        guard rest.isEmpty || messages.isEmpty else {
            throw .field(
                path: fields.path("image"), expected: "as many pictures as \(mark) stands in the texts",
                found: "\(pictures.count), which is \(rest.count) more")
        }
        return messages
    }

    /// A text cut where pictures stand in it; a mark for which there is no picture stays text.
    private static func parts(
        _ text: String, _ pictures: inout ArraySlice<(value: String, path: String)>
    ) -> [ImportedMessage.Part] {
        var parts = [ImportedMessage.Part]()
        var rest = text[...]
        while let place = rest.range(of: mark), let picture = pictures.popFirst() {
            if place.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<place.lowerBound]))) }
            parts.append(.picture(picture.value, path: picture.path))
            rest = rest[place.upperBound...]
            // The line end behind a mark belongs to it.
            if rest.first == "\n" { rest = rest.dropFirst() }
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        return parts
    }
}

extension SessionExport {
    /// A list of one record.
    var llavaRecords: JSONValue {
        var pictures = [JSONValue]()
        let turns = branch.map { message -> JSONValue in
            var text = ""
            for part in message.parts {
                if case .text(let words) = part.content {
                    text += words.replacingOccurrences(of: LLaVAExchange.mark, with: LLaVAExchange.harmlessMark)
                }
                if let picture = part.predicted, picture.image == nil { text += picture.words }
                for file in part.files where picture(file) != nil {
                    pictures.append(.string(path(file)))
                    text += LLaVAExchange.mark + "\n"
                }
            }
            let speaker =
                switch message.role {
                case .system: "system"
                case .user: "human"
                case .assistant: "gpt"
                }
            return .object(["from": .string(speaker), "value": .string(text)])
        }
        var record: JSONObject = ["id": .string(session.title), "conversations": .array(turns)]
        if pictures.count == 1 {
            record["image"] = pictures[0]
        } else if !pictures.isEmpty {
            record["image"] = .array(pictures)
        }
        return .array([.object(record)])
    }
}
