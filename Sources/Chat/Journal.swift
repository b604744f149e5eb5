import Generation

/// The append-only record of a running answer: one JSON object per line, `begin`, `token`…, `end`.
///
/// A line counts once its line end is there, so that a torn last line is nothing.
enum Journal {
    static let formatName = "emuchat-journal"

    /// What a journal tells.
    struct Content: Equatable {
        var recording: AnswerRecording
        /// The `end` line is there.
        var isFinished: Bool
        /// Why reading stopped before the last whole line.
        var damage: SessionFormatError?
    }

    static func begin(_ recording: AnswerRecording) -> [UInt8] {
        line([
            "event": .string("begin"), "format": .string(formatName),
            "version": .integer(Int64(Session.formatVersion)), "message": recording.message.json,
        ])
    }

    static func token(id: Int32, text: String, milliseconds: Int) -> [UInt8] {
        line([
            "event": .string("token"), "id": .integer(Int64(id)), "text": .string(text),
            "milliseconds": .integer(Int64(milliseconds)),
        ])
    }

    static func end(
        _ reason: FinishReason, remainingText: String, milliseconds: Int, modelDigest: String?
    ) -> [UInt8] {
        line([
            "event": .string("end"), "finish_reason": .string(reason.rawValue), "text": .string(remainingText),
            "milliseconds": .integer(Int64(milliseconds)),
            "model_sha256": modelDigest.map { .string($0) } ?? .null,
        ])
    }

    private static func line(_ fields: [String: JSONValue]) -> [UInt8] {
        JSONValue.object(fields).compactBytes + [UInt8(ascii: "\n")]
    }

    /// Reads a journal; nil when not even its first line is whole. A damaged later line ends what is recovered.
    static func read(_ bytes: [UInt8]) throws(SessionFormatError) -> Content? {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // What stands behind the last line end is torn, or empty.
        lines.removeLast()
        guard let first = lines.first else { return nil }
        var content = Content(recording: try readBegin(Array(first)), isFinished: false)
        for (index, line) in lines.enumerated().dropFirst() {
            do throws(SessionFormatError) {
                try read(Array(line), number: index + 1, into: &content)
            } catch {
                content.damage = error
                break
            }
            if content.isFinished { break }
        }
        return content
    }

    private static func fields(_ line: [UInt8], number: Int) throws(SessionFormatError) -> FieldReader {
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONParser.parse(line)
        } catch {
            throw .syntax(JSONSyntaxError(line: number, column: error.column, expected: error.expected))
        }
        return try FieldReader(value, path: "line \(number)")
    }

    private static func readBegin(_ line: [UInt8]) throws(SessionFormatError) -> AnswerRecording {
        var fields = try fields(line, number: 1)
        let event = fields.take("event")
        guard event == .string("begin") else { throw fields.wrong("event", "\"begin\"", event) }
        let format = fields.take("format")
        guard format == .string(formatName) else { throw fields.wrong("format", "\"\(formatName)\"", format) }
        let version = try fields.integer("version", in: 1...SessionLimits.largestNumber)
        guard version <= Session.formatVersion else {
            throw .newerVersion(found: version, known: Session.formatVersion)
        }
        guard let value = fields.take("message") else { throw fields.wrong("message", "an object", nil) }
        let message = try Message(json: value, path: fields.path("message"))
        guard let answer = message.answer, answer.tokenIDs.isEmpty, message.text.isEmpty else {
            throw .field(
                path: fields.path("message"), expected: "an answer without tokens yet", found: "another message")
        }
        return AnswerRecording(
            id: message.id, parent: message.parent, created: message.created, answer: answer, unknown: message.unknown)
    }

    private enum Event: String, CaseIterable { case token, end }

    private static func read(_ line: [UInt8], number: Int, into content: inout Content) throws(SessionFormatError) {
        var fields = try fields(line, number: number)
        let largest = SessionLimits.largestNumber
        switch try fields.choice("event", Event.allCases) {
        case .token:
            let id = try fields.integer("id", in: Int(Int32.min)...Int(Int32.max))
            let text = try fields.string("text")
            let milliseconds = try fields.integer("milliseconds", in: 0...largest)
            content.recording.append(id: Int32(clamping: id), text: text, milliseconds: milliseconds)
        case .end:
            let reason = try fields.choice("finish_reason", [FinishReason.end, .length, .stop, .cancelled])
            let text = try fields.string("text")
            let milliseconds = try fields.integer("milliseconds", in: 0...largest)
            let digest = try fields.optionalDigest("model_sha256")
            content.recording.finish(reason, remainingText: text, milliseconds: milliseconds, modelDigest: digest)
            content.isFinished = true
        }
    }
}
