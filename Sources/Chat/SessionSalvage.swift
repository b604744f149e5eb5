/// Gathers from a damaged session file the messages that are whole.
///
/// Every `{` is tried as the beginning of a message. Quotes within texts are escaped, so that a message which somebody
/// pasted into another one's text is never taken for one of the session.
struct SessionSalvage {
    /// The session with the messages that are whole; nil when there are none.
    let session: Session?

    /// Bytes that may be read again and again while looking, as a multiple of the file's: parsing from each brace
    /// would otherwise let a hostile file take the square of its length.
    private static let effort = 16

    init(_ bytes: [UInt8]) {
        var messages = [Message]()
        if case .object(let fields)? = try? JSONParser.parse(bytes), let elements = fields["messages"]?.elements {
            // The file is JSON, and single fields are wrong.
            messages = elements.compactMap(Self.message)
            session = Self.session(messages, fields)
            return
        }
        var budget = bytes.count * Self.effort
        var position = 0
        while budget > 0, let start = bytes[position...].firstIndex(of: UInt8(ascii: "{")) {
            do throws(JSONParser.Failure) {
                let (value, end) = try JSONParser.parse(bytes, from: start)
                budget -= end - start
                guard let message = Self.message(value) else {
                    // What damage has joined to one object may still hold messages.
                    position = start + 1
                    continue
                }
                messages.append(message)
                position = end
            } catch {
                budget -= max(1, error.offset - start)
                position = start + 1
            }
        }
        session = Self.session(messages, Self.head(bytes))
    }

    /// A message, if need be without what is said about how its answer came about.
    private static func message(_ value: JSONValue) -> Message? {
        guard case .object(var fields) = value, fields["parts"] != nil, fields["role"] != nil else { return nil }
        if let message = try? Message(json: value, path: "") { return message }
        fields["answer"] = nil
        return try? Message(json: .object(fields), path: "")
    }

    /// Of the fields before and after the messages, those that stand on lines of their own and are whole.
    private static func head(_ bytes: [UInt8]) -> JSONObject {
        var fields = JSONObject()
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: Array("  \"".utf8)) {
            var line = Array(line)
            if line.last == UInt8(ascii: ",") { line.removeLast() }
            let member = [UInt8(ascii: "{")] + line + [UInt8(ascii: "}")]
            guard case .object(let found)? = try? JSONParser.parse(member) else { continue }
            fields = fields.merging(found) { first, _ in first }
        }
        return fields
    }

    private static func session(_ messages: [Message], _ fields: JSONObject) -> Session? {
        guard let first = messages.first else { return nil }
        func time(_ key: String) -> Timestamp? {
            if case .string(let text)? = fields[key] { Timestamp(text) } else { nil }
        }
        var session = Session(created: time("created") ?? first.created, updated: time("updated"))
        if case .string(let title)? = fields["title"] { session.title = title }
        if case .string(let application)? = fields["application"] { session.application = application }
        var known = Set<Int>()
        var kept = [Message]()
        for var message in messages where !known.contains(message.id) {
            // What it followed is lost: it follows the message before that.
            if let parent = message.parent, !known.contains(parent) {
                message.parent = kept.last { $0.id < parent }?.id
            }
            known.insert(message.id)
            kept.append(message)
        }
        var active = kept.last?.id
        if case .integer(let number)? = fields["active"], known.contains(Int(number)) { active = Int(number) }
        session.adopt(messages: kept, activeLeaf: active)
        if session.title.isEmpty, let question = kept.first(where: { $0.role == .user }) {
            session.title = SessionNaming.title(of: question.parts)
        }
        session.updated = max(session.updated, kept.map(\.created).max() ?? session.updated)
        return session
    }
}
