import Generation

/// Applies a journal's lines to the session that it belongs to.
///
/// A damaged line is left out and reading goes on behind it, but for the rest of an answer that it stood in: tokens
/// that follow a gap are not that answer's.
struct JournalReader {
    private(set) var session: Session
    /// An answer that has begun and not ended.
    private(set) var running: AnswerRecording?
    /// Answers of the journal that were cut off: by the end of their process, or by a damaged line.
    private(set) var interruptedAnswers: [Int] = []
    /// Whether the lines said anything that the session did not hold.
    private(set) var changesSession = false
    /// What the first damaged or unsuitable line has wrong; nil when all are in order.
    private(set) var damage: SessionFormatError?
    /// The number of the line that is read, from 1.
    private var number = 0
    /// Behind a damaged line within an answer: its further tokens are not taken.
    private var skipsTokens = false

    /// - Parameters:
    ///   - bytes: the journal's file; what stands behind its last line end is torn, and ignored.
    ///   - session: what `NAME.json` holds.
    init(_ bytes: [UInt8], onto session: Session) {
        self.session = session
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            number += 1
            do throws(SessionFormatError) {
                try read(Array(bytes[start..<end]))
            } catch {
                if damage == nil { damage = error }
                if running != nil {
                    interrupt()
                    skipsTokens = true
                }
                if case .newerVersion = error { return }
            }
            start = end + 1
        }
    }

    /// Ends a running answer that nobody will go on with.
    mutating func interrupt() {
        guard var recording = running else { return }
        running = nil
        let last = recording.message.answer?.tokenMilliseconds.last ?? 0
        recording.finish(.cancelled, remainingText: "", milliseconds: last, wasInterrupted: true)
        interruptedAnswers.append(recording.message.id)
        add(recording.message)
    }

    private mutating func add(_ message: Message) {
        if session.append(message) { changesSession = true }
    }

    private mutating func read(_ line: [UInt8]) throws(SessionFormatError) {
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONParser.parse(line)
        } catch {
            throw .syntax(JSONSyntaxError(line: number, column: error.column, expected: error.expected))
        }
        var fields = try FieldReader(value, path: "line \(number)")
        let event = try fields.choice("event", Journal.Event.allCases)
        if number == 1 { try readFormat(&fields, event) }
        switch event {
        case .journal: break
        case .message: try readMessage(&fields)
        case .show:
            let leaf = try fields.optionalInteger("active", in: 1...SessionLimits.largestNumber)
            if leaf == session.activeLeaf { return }
            guard session.show(leaf: leaf) else {
                throw fields.wrong("active", "the number of a message", .integer(Int64(leaf ?? 0)))
            }
            changesSession = true
        case .title:
            let title = try fields.string("title")
            if title != session.title { changesSession = true }
            session.title = title
        case .begin: try readBegin(&fields)
        case .token: try readToken(&fields)
        case .picture: try readPicture(&fields)
        case .end: try readEnd(&fields)
        case .discard:
            running = nil
            skipsTokens = false
        }
    }

    /// The first line says what the file is; before version 2 it was a `begin` line.
    private func readFormat(_ fields: inout FieldReader, _ event: Journal.Event) throws(SessionFormatError) {
        guard event == .journal || event == .begin else {
            throw fields.wrong("event", "\"journal\"", .string(event.rawValue))
        }
        let format = fields.take("format")
        guard format == .string(Journal.formatName) else {
            throw fields.wrong("format", "\"\(Journal.formatName)\"", format)
        }
        let version = try fields.integer("version", in: 1...SessionLimits.largestNumber)
        guard version <= Journal.version else { throw .newerVersion(found: version, known: Journal.version) }
    }

    /// Nil when the session has the message already, as it has after folding; it is shown then.
    private mutating func newMessage(_ fields: inout FieldReader) throws(SessionFormatError) -> Message? {
        guard let value = fields.take("message") else { throw fields.wrong("message", "an object", nil) }
        var message = try Message(json: value, path: fields.path("message"))
        if session.message(message.id)?.created == message.created {
            session.show(leaf: message.id)
            return nil
        }
        // What it follows may have stood in a line that is lost.
        if damage != nil, let parent = message.parent, session.message(parent) == nil {
            message.parent = session.activeLeaf
        }
        guard session.accepts(message) else {
            throw .field(
                path: fields.path("message"), expected: "a number that is free and an earlier message before it",
                found: "message \(message.id) after \(message.parent.map { "message \($0)" } ?? "none")")
        }
        return message
    }

    private mutating func readMessage(_ fields: inout FieldReader) throws(SessionFormatError) {
        interrupt()
        skipsTokens = false
        if let message = try newMessage(&fields) { add(message) }
    }

    private mutating func readBegin(_ fields: inout FieldReader) throws(SessionFormatError) {
        interrupt()
        // Until the beginning has been understood, tokens belong to nothing.
        skipsTokens = true
        guard let message = try newMessage(&fields) else { return }
        guard let answer = message.answer, answer.tokenIDs.isEmpty, message.text.isEmpty else {
            throw .field(
                path: fields.path("message"), expected: "an answer without tokens yet", found: "another message")
        }
        skipsTokens = false
        running = AnswerRecording(
            id: message.id, parent: message.parent, created: message.created, answer: answer, unknown: message.unknown)
    }

    private mutating func readToken(_ fields: inout FieldReader) throws(SessionFormatError) {
        if skipsTokens { return }
        guard running != nil else { throw fields.wrong("event", "\"begin\" before it", .string("token")) }
        let id = try fields.integer("id", in: Int(Int32.min)...Int(Int32.max))
        let text = try fields.string("text")
        let milliseconds = try fields.integer("milliseconds", in: 0...SessionLimits.largestNumber)
        running?.append(id: Int32(clamping: id), text: text, milliseconds: milliseconds)
    }

    private mutating func readPicture(_ fields: inout FieldReader) throws(SessionFormatError) {
        if skipsTokens { return }
        guard var recording = running else { throw fields.wrong("event", "\"begin\" before it", .string("picture")) }
        let number = try fields.integer("number", in: 0...AnswerPictures.greatestCount - 1)
        guard let part = fields.take("part"),
            let picture = try Part(json: part, path: fields.path("part")).predicted
        else { throw fields.wrong("part", "a picture among an answer's words", nil) }
        guard recording.take(picture, number: number) else {
            throw fields.wrong("number", "that of a picture before, or the next", .integer(Int64(number)))
        }
        running = recording
    }

    private mutating func readEnd(_ fields: inout FieldReader) throws(SessionFormatError) {
        if skipsTokens {
            skipsTokens = false
            return
        }
        guard var recording = running else { throw fields.wrong("event", "\"begin\" before it", .string("end")) }
        let reason = try fields.choice("finish_reason", [FinishReason.end, .length, .stop, .cancelled])
        let text = try fields.string("text")
        let milliseconds = try fields.integer("milliseconds", in: 0...SessionLimits.largestNumber)
        let digest = try fields.optionalDigest("model_sha256")
        if fields.has("pictures") { recording.take(try readPictures(&fields)) }
        recording.finish(reason, remainingText: text, milliseconds: milliseconds, modelDigest: digest)
        running = nil
        add(recording.message)
        session.updated = max(session.updated, recording.end)
    }

    private func readPictures(_ fields: inout FieldReader) throws(SessionFormatError) -> DrawnPictures {
        var pictures = [StoredImage]()
        for (index, element) in try fields.elements("pictures", limit: SessionLimits.partsPerMessage).enumerated() {
            let path = fields.path("pictures[\(index)]")
            guard case .image(let image) = try Part(json: element, path: path).content else {
                throw .field(path: path, expected: "a picture", found: "another part")
            }
            pictures.append(image)
        }
        return DrawnPictures(
            pictures, endsInPreview: try fields.optionalBool("ends_in_preview") ?? false,
            withheld: try fields.withheldPictures(of: DrawingLimits.mostPictures))
    }
}
