import Generation

/// Limits that keep a hostile file from taking all memory or time.
enum SessionLimits {
    static let fileBytes = 512 << 20
    static let journalBytes = 128 << 20
    static let mediaBytes = 256 << 20
    static let messages = 1_000_000
    static let partsPerMessage = 10_000
    static let tokensPerAnswer = 10_000_000
    static let frames = 100_000
    static let largestNumber = 1 << 53
    static let pictureSide = 1 << 24
}

// The file's fields, described for people and other programs in `sessions/session.schema.json`.

extension Session {
    static let formatName = "emuchat-session"

    /// The session as its file holds it.
    package var json: JSONValue {
        var fields = unknown
        fields["format"] = .string(Self.formatName)
        fields["version"] = .integer(Int64(Self.formatVersion))
        fields["application"] = .string(application)
        fields["title"] = .string(title)
        fields["created"] = .string(created.description)
        fields["updated"] = .string(updated.description)
        fields["active"] = activeLeaf.map { .integer(Int64($0)) } ?? .null
        fields["messages"] = .array(messages.map(\.json))
        return .object(fields)
    }

    /// Reads a session of this or an earlier version from its file's bytes, checking every field.
    ///
    /// Version 1 lacks `context` and `cache` of answers, and has all messages in the file, none in the journal.
    /// - Parameter withAnswers: whether to read how answers came about; their words are read in any case.
    package init(bytes: [UInt8], withAnswers: Bool = true) throws(SessionFormatError) {
        let value: JSONValue
        do {
            value = try JSONParser.parse(bytes, passingOver: withAnswers ? nil : "answer")
        } catch { throw .syntax(error) }
        try self.init(json: value)
    }

    package init(json: JSONValue) throws(SessionFormatError) {
        var fields = try FieldReader(json, path: "")
        let format = fields.take("format")
        guard format == .string(Self.formatName) else { throw fields.wrong("format", "\"\(Self.formatName)\"", format) }
        let version = try fields.integer("version", in: 1...SessionLimits.largestNumber)
        guard version <= Self.formatVersion else { throw .newerVersion(found: version, known: Self.formatVersion) }
        let title = try fields.optionalString("title") ?? ""
        let created = try fields.timestamp("created")
        let updated = try fields.timestamp("updated")
        let application = try fields.optionalString("application") ?? ""
        let active = try fields.optionalInteger("active", in: 1...SessionLimits.largestNumber)
        let elements = try fields.elements("messages", limit: SessionLimits.messages)
        self.init(title: title, created: created, application: application, unknown: fields.rest)
        var known = Set<Int>()
        var messages = [Message]()
        messages.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            let message = try Message(json: element, path: "messages[\(index)]")
            if let parent = message.parent, !known.contains(parent) {
                throw .field(
                    path: "messages[\(index)].parent", expected: "the number of an earlier message", found: "\(parent)")
            }
            guard known.insert(message.id).inserted else {
                throw .field(
                    path: "messages[\(index)].id", expected: "a number that no other message has",
                    found: "\(message.id)")
            }
            messages.append(message)
        }
        if let active, !known.contains(active) {
            throw .field(path: "active", expected: "the number of a message", found: "\(active)")
        }
        adopt(messages: messages, activeLeaf: active)
        self.updated = updated
    }
}

extension Message {
    package var json: JSONValue {
        var fields = unknown
        fields["id"] = .integer(Int64(id))
        fields["parent"] = parent.map { .integer(Int64($0)) } ?? .null
        fields["role"] = .string(role.rawValue)
        fields["created"] = .string(created.description)
        fields["parts"] = .array(parts.map(\.json))
        if let example { fields["example"] = .string(example) }
        if let answer { fields["answer"] = answer.json }
        return .object(fields)
    }

    init(json: JSONValue, path: String) throws(SessionFormatError) {
        var fields = try FieldReader(json, path: path)
        let id = try fields.integer("id", in: 1...SessionLimits.largestNumber)
        let parent = try fields.optionalInteger("parent", in: 1...SessionLimits.largestNumber)
        let role = try fields.choice("role", Role.allCases)
        let created = try fields.timestamp("created")
        let example = try fields.optionalString("example")
        var parts = [Part]()
        for (index, element) in try fields.elements("parts", limit: SessionLimits.partsPerMessage).enumerated() {
            parts.append(try Part(json: element, path: fields.path("parts[\(index)]")))
        }
        let answerValue = fields.take("answer")
        self.init(id: id, parent: parent, role: role, created: created, parts: parts, unknown: fields.rest)
        self.example = example
        if let answerValue {
            guard role == .assistant else {
                throw .field(
                    path: fields.path("answer"), expected: "nothing in a message of \(role.rawValue)",
                    found: "an object")
            }
            answer = try Answer(json: answerValue, path: fields.path("answer"), text: text)
        }
    }
}

extension Part {
    package var json: JSONValue {
        var fields = unknown
        switch content {
        case .text(let text):
            fields["type"] = .string("text")
            fields["text"] = .string(text)
        case .image(let image):
            fields = fields.merging(image.fields) { $1 }
        case .predicted(let picture):
            let shown = picture.image?.fields ?? ["type": .string("text"), "text": .string("")]
            fields = fields.merging(shown) { $1 }
            fields[PredictedPicture.key] = picture.json
        case .video(let video):
            fields["type"] = .string("video")
            fields["name"] = .string(video.name)
            fields["width"] = .integer(Int64(video.width))
            fields["height"] = .integer(Int64(video.height))
            fields["format"] = .string(video.format)
            fields["seconds"] = .double(video.seconds)
            fields["frame_count"] = .integer(Int64(video.frameCount))
            fields["frames"] = .array(video.frames.map(\.json))
        }
        return .object(fields)
    }

    private enum Kind: String, CaseIterable { case text, image, video }

    init(json: JSONValue, path: String) throws(SessionFormatError) {
        var fields = try FieldReader(json, path: path)
        let content: Content
        switch try fields.choice("type", Kind.allCases) {
        case .text:
            let text = try fields.string("text")
            let predicted = try Self.predicted(&fields, image: nil)
            // Words are never a picture's.
            guard predicted == nil || text.isEmpty else {
                throw fields.wrong("text", "no words in a picture's place", .string(text))
            }
            content = predicted.map { .predicted($0) } ?? .text(text)
        case .image:
            let image = StoredImage(
                file: try StoredFile(from: &fields), name: try fields.optionalString("name") ?? "",
                width: try fields.integer("width", in: 1...SessionLimits.pictureSide),
                height: try fields.integer("height", in: 1...SessionLimits.pictureSide),
                format: try fields.string("format"))
            content = try Self.predicted(&fields, image: image).map { .predicted($0) } ?? .image(image)
        case .video:
            let name = try fields.optionalString("name") ?? ""
            let width = try fields.integer("width", in: 1...SessionLimits.pictureSide)
            let height = try fields.integer("height", in: 1...SessionLimits.pictureSide)
            let format = try fields.string("format")
            let seconds = try fields.optionalDouble("seconds") ?? 0
            let frameCount = try fields.integer("frame_count", in: 0...SessionLimits.largestNumber)
            var frames = [StoredVideo.Frame]()
            for (index, element) in try fields.elements("frames", limit: SessionLimits.frames).enumerated() {
                frames.append(try StoredVideo.Frame(json: element, path: fields.path("frames[\(index)]")))
            }
            content = .video(
                StoredVideo(
                    name: name, width: width, height: height, format: format, seconds: seconds,
                    frameCount: frameCount, frames: frames))
        }
        self.init(content, unknown: fields.rest)
    }

    private static func predicted(
        _ fields: inout FieldReader, image: StoredImage?
    ) throws(SessionFormatError) -> PredictedPicture? {
        guard let value = fields.take(PredictedPicture.key) else { return nil }
        return try PredictedPicture(json: value, image: image, path: fields.path(PredictedPicture.key))
    }
}

extension StoredImage {
    fileprivate var fields: JSONObject {
        [
            "type": .string("image"), "sha256": .string(file.sha256), "file": .string(file.relativePath),
            "name": .string(name), "width": .integer(Int64(width)), "height": .integer(Int64(height)),
            "format": .string(format),
        ]
    }
}

extension StoredFile {
    /// Takes `sha256` and `file`, which must name the same file: no path of the file's own choosing is ever opened.
    init(from fields: inout FieldReader) throws(SessionFormatError) {
        let digest = try fields.digest("sha256")
        let value = fields.take("file")
        let expected = "\"media/\" + sha256 + \".\" + 1 to 8 lower-case letters or digits"
        guard case .string(let path) = value, let dot = path.lastIndex(of: "."),
            let file = StoredFile(sha256: digest, fileExtension: String(path[path.index(after: dot)...])),
            file.relativePath == path
        else { throw fields.wrong("file", expected, value) }
        self = file
    }
}

extension StoredVideo.Frame {
    var json: JSONValue {
        var fields = unknown
        fields["sha256"] = .string(file.sha256)
        fields["file"] = .string(file.relativePath)
        fields["seconds"] = .double(seconds)
        fields["index"] = .integer(Int64(index))
        return .object(fields)
    }

    init(json: JSONValue, path: String) throws(SessionFormatError) {
        var fields = try FieldReader(json, path: path)
        let file = try StoredFile(from: &fields)
        let seconds = try fields.optionalDouble("seconds") ?? 0
        let index = try fields.integer("index", in: 0...SessionLimits.largestNumber)
        self.init(file: file, seconds: seconds, index: index, unknown: fields.rest)
    }
}
