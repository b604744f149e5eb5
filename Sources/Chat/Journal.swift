import Generation

/// The append-only record of what `NAME.json` does not hold yet: one JSON object per line, the first naming the format.
///
/// A line counts once its line end is there, so that a torn last line is nothing. Reading the same lines again onto a
/// session that holds them already changes nothing, so that a crash between folding and removing the journal is
/// harmless.
enum Journal {
    static let formatName = "emuchat-journal"
    /// Version 1 held one answer, and named the format in its `begin` line.
    static let version = 2

    /// What a line tells.
    enum Event: String, CaseIterable {
        case journal, message, show, title, begin, token, picture, end, discard
    }

    static func header() -> [UInt8] {
        line(.journal, ["format": .string(formatName), "version": .integer(Int64(version))])
    }

    /// A message that is complete, such as a question. It is shown.
    static func message(_ message: Message) -> [UInt8] { line(.message, ["message": message.json]) }

    /// The branch that ends in a message is shown; nil for the place before the first one.
    static func show(leaf: Int?) -> [UInt8] {
        line(.show, ["active": leaf.map { .integer(Int64($0)) } ?? .null])
    }

    static func title(_ title: String) -> [UInt8] { line(.title, ["title": .string(title)]) }

    /// An answer that has begun; `token` lines follow, then `end` or `discard`.
    static func begin(_ recording: AnswerRecording) -> [UInt8] {
        line(.begin, ["message": recording.message.json])
    }

    static func token(id: Int32, text: String, milliseconds: Int) -> [UInt8] {
        line(
            .token,
            ["id": .integer(Int64(id)), "text": .string(text), "milliseconds": .integer(Int64(milliseconds))])
    }

    /// What there is of a picture, counted from 0, among the answer's words; the first such line stands behind the token
    /// that opened it.
    static func picture(_ picture: PredictedPicture, number: Int) -> [UInt8] {
        line(.picture, ["number": .integer(Int64(number)), "part": Part(.predicted(picture)).json])
    }

    /// The end of an answer, with the pictures that it drew.
    static func end(
        _ reason: FinishReason, remainingText: String, milliseconds: Int, modelDigest: String?,
        drawn: DrawnPictures? = nil
    ) -> [UInt8] {
        var fields: JSONObject = [
            "finish_reason": .string(reason.rawValue), "text": .string(remainingText),
            "milliseconds": .integer(Int64(milliseconds)),
            "model_sha256": modelDigest.map { .string($0) } ?? .null,
        ]
        if let drawn {
            fields["pictures"] = .array(drawn.pictures.map { Part.image($0).json })
            fields["ends_in_preview"] = .bool(drawn.endsInPreview)
            if !drawn.withheld.isEmpty { fields["withheld"] = .integers(clamping: drawn.withheld) }
        }
        return line(.end, fields)
    }

    /// Nothing is kept of the answer that has begun.
    static func discard() -> [UInt8] { line(.discard, [:]) }

    private static func line(_ event: Event, _ fields: JSONObject) -> [UInt8] {
        var fields = fields
        fields["event"] = .string(event.rawValue)
        return JSONValue.object(fields).compactBytes + [UInt8(ascii: "\n")]
    }
}
