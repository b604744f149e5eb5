import Generation

extension Answer {
    package var json: JSONValue {
        var fields = unknown
        // Unknown fields of the inner objects are kept under the objects' own names.
        var modelFields = Self.members(unknown["model"])
        modelFields["name"] = .string(model.name)
        modelFields["path"] = .string(model.path)
        modelFields["sha256"] = model.sha256.map { .string($0) } ?? .null
        fields["model"] = .object(modelFields)
        fields["template"] = .string(template)
        fields["options"] = .object(
            Self.members(options.json).merging(Self.members(unknown["options"])) { known, _ in known })
        fields["seed"] = .unsigned(seed)
        fields["kernel"] = .string(kernel)
        fields["precision"] = .string(precision)
        fields["context"] = contextLength.map { .integer(Int64($0)) } ?? .null
        fields["cache"] = cacheType.map { .string($0) } ?? .null
        fields["finish_reason"] = finishReason.map { .string($0.rawValue) } ?? .null
        fields["interrupted"] = .bool(wasInterrupted)
        if let dropped {
            fields["dropped"] = .object(Self.members(unknown["dropped"]).merging(dropped.fields) { $1 })
        }
        if let grounding {
            fields["grounding"] = .object(
                grounding.unknown.merging(["picture": grounding.picture.map { .integer(Int64($0)) } ?? .null]) { $1 })
        }
        if let drawing { fields["drawing"] = drawing.json }
        fields["unseen_media"] = .integers(clamping: unseenMedia)
        fields["prompt_tokens"] = .integer(Int64(promptTokens))
        fields["reused_tokens"] = .integer(Int64(reusedTokens))
        if continuedTokens > 0 { fields["continued_tokens"] = .integer(Int64(continuedTokens)) }
        fields["token_ids"] = .integers(clamping: tokenIDs)
        fields["token_milliseconds"] = .integers(clamping: tokenMilliseconds)
        fields["token_text_lengths"] = .integers(clamping: tokenTextLengths)
        fields["total_milliseconds"] = totalMilliseconds.map { .integer(Int64($0)) } ?? .null
        return .object(fields)
    }

    private static func members(_ value: JSONValue?) -> JSONObject {
        if case .object(let members) = value { members } else { [:] }
    }

    /// - Parameter text: the message's words, which the tokens' lengths must cut between characters.
    init(json: JSONValue, path: String, text: String) throws(SessionFormatError) {
        let largest = SessionLimits.largestNumber
        var fields = try FieldReader(json, path: path)
        var modelFields = try fields.object("model")
        let digest = try modelFields.optionalDigest("sha256")
        let model = Model(
            name: try modelFields.string("name"), path: try modelFields.optionalString("path") ?? "", sha256: digest)
        var optionFields = try fields.object("options")
        let options = try GenerationOptions(from: &optionFields)
        guard let seed = try fields.optionalUnsigned("seed") else {
            throw fields.wrong("seed", "a whole number from 0 to \(UInt64.max)", nil)
        }
        let template = try fields.string("template")
        let kernel = try fields.optionalString("kernel") ?? ""
        let precision = try fields.optionalString("precision") ?? ""
        let contextLength = try fields.optionalInteger("context", in: 1...largest)
        let cacheType = try fields.optionalString("cache")
        var reason: FinishReason?
        if fields.has("finish_reason") {
            reason = try fields.choice("finish_reason", [FinishReason.end, .length, .stop, .cancelled])
        } else {
            _ = fields.take("finish_reason")
        }
        let wasInterrupted = try fields.optionalBool("interrupted") ?? false
        var droppedFields: FieldReader?
        var dropped: Dropped?
        if let value = fields.take("dropped") {
            var inner = try FieldReader(value, path: fields.path("dropped"))
            dropped = try Dropped(from: &inner)
            droppedFields = inner
        }
        var grounding: Grounding?
        if let value = fields.take("grounding") {
            var inner = try FieldReader(value, path: fields.path("grounding"))
            grounding = Grounding(picture: try inner.optionalInteger("picture", in: 1...largest))
            grounding?.unknown = inner.rest
        }
        let drawing = try fields.take("drawing").map { value throws(SessionFormatError) in
            try Drawing(json: value, path: fields.path("drawing"))
        }
        let unseen = try fields.integers("unseen_media", limit: SessionLimits.partsPerMessage, in: 1...largest)
        let promptTokens = try fields.integer("prompt_tokens", in: 0...largest)
        let reusedTokens = try fields.integer("reused_tokens", in: 0...largest)
        let continuedTokens = try fields.optionalInteger("continued_tokens", in: 0...largest) ?? 0
        let limit = SessionLimits.tokensPerAnswer
        let ids = try fields.integers("token_ids", limit: limit, in: Int(Int32.min)...Int(Int32.max))
        let times = try fields.integers("token_milliseconds", limit: limit, in: 0...largest)
        let lengths = try fields.integers("token_text_lengths", limit: limit, in: 0...largest)
        let total = try fields.optionalInteger("total_milliseconds", in: 0...largest)
        for (key, count) in [("token_milliseconds", times.count), ("token_text_lengths", lengths.count)] {
            guard count == ids.count else {
                throw .field(
                    path: fields.path(key), expected: "\(ids.count) elements, as token_ids has", found: "\(count)")
            }
        }
        if let later = zip(times, times.dropFirst()).enumerated().first(where: { $1.1 < $1.0 }) {
            throw .field(
                path: fields.path("token_milliseconds[\(later.offset + 1)]"),
                expected: "at least \(later.element.0), the time of the token before", found: "\(later.element.1)")
        }
        guard Self.fit(lengths, text) else {
            throw .field(
                path: fields.path("token_text_lengths"),
                expected: "lengths that cut the message's \(text.utf8.count) bytes of text between characters",
                found: "others")
        }
        self.init(
            model: model, template: template, options: options, seed: seed, kernel: kernel, precision: precision,
            contextLength: contextLength, cacheType: cacheType, dropped: dropped, unseenMedia: unseen,
            promptTokens: promptTokens, reusedTokens: reusedTokens, continuedTokens: continuedTokens,
            unknown: fields.rest)
        unknown["model"] = modelFields.rest.isEmpty ? nil : .object(modelFields.rest)
        unknown["options"] = optionFields.rest.isEmpty ? nil : .object(optionFields.rest)
        unknown["dropped"] = droppedFields.flatMap { $0.rest.isEmpty ? nil : .object($0.rest) }
        (self.grounding, self.drawing) = (grounding, drawing)
        finishReason = reason
        self.wasInterrupted = wasInterrupted
        tokenIDs = ids.map { Int32(clamping: $0) }
        tokenMilliseconds = times
        tokenTextLengths = lengths
        totalMilliseconds = total
    }

    /// The text cut into pieces of the given UTF-8 lengths, and what remains; nil when a cut splits a character.
    package static func pieces(of text: String, lengths: [Int]) -> (pieces: [String], rest: String)? {
        guard fit(lengths, text) else { return nil }
        var pieces = [String]()
        pieces.reserveCapacity(lengths.count)
        var start = text.utf8.startIndex
        for length in lengths {
            let end = text.utf8.index(start, offsetBy: length)
            pieces.append(String(text[start..<end]))
            start = end
        }
        return (pieces, String(text[start...]))
    }

    /// Whether pieces of the given UTF-8 lengths can be cut off a text, each between characters.
    private static func fit(_ lengths: [Int], _ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var end = 0
            for length in lengths {
                guard length >= 0, length <= bytes.count - end else { return false }
                end += length
                // A byte that goes on with a character follows.
                if end < bytes.count, bytes[end] & 0xC0 == 0x80 { return false }
            }
            return true
        }
    }
}

extension Answer.Dropped {
    var fields: JSONObject {
        [
            "turns": .integer(Int64(turns)),
            "last_message": lastMessage.map { .integer(Int64($0)) } ?? .null,
            "pictures": .integer(Int64(pictures)),
            "last_picture_message": lastPictureMessage.map { .integer(Int64($0)) } ?? .null,
        ]
    }

    init(from fields: inout FieldReader) throws(SessionFormatError) {
        let largest = SessionLimits.largestNumber
        self.init(
            turns: try fields.integer("turns", in: 0...largest),
            lastMessage: try fields.optionalInteger("last_message", in: 1...largest),
            pictures: try fields.integer("pictures", in: 0...largest),
            lastPictureMessage: try fields.optionalInteger("last_picture_message", in: 1...largest))
    }
}

extension GenerationOptions {
    /// The options under the names that the command line uses.
    package var json: JSONValue {
        var fields: JSONObject = [
            "max_tokens": maximumTokens.map { .integer(Int64($0)) } ?? .null,
            "temperature": .double(temperature),
            "top_k": .integer(Int64(topK)),
            "top_p": .double(topP),
            "min_p": .double(minP),
            "repetition_penalty": .double(repetitionPenalty),
            "beams": .integer(Int64(beamCount)),
            "length_penalty": .double(lengthPenalty),
            "seed": seed.map { .unsigned($0) } ?? .null,
            "stop": .array(stopStrings.map { .string($0) }),
        ]
        if pictures != .none { fields["pictures"] = pictures.json }
        return .object(fields)
    }

    /// Missing options have their usual values.
    init(from fields: inout FieldReader) throws(SessionFormatError) {
        self.init()
        let largest = SessionLimits.largestNumber
        maximumTokens = try fields.optionalInteger("max_tokens", in: 0...largest)
        temperature = try fields.optionalDouble("temperature") ?? temperature
        topK = try fields.optionalInteger("top_k", in: 0...largest) ?? topK
        topP = try fields.optionalDouble("top_p") ?? topP
        minP = try fields.optionalDouble("min_p") ?? minP
        repetitionPenalty = try fields.optionalDouble("repetition_penalty") ?? repetitionPenalty
        beamCount = try fields.optionalInteger("beams", in: 1...1_000_000) ?? beamCount
        lengthPenalty = try fields.optionalDouble("length_penalty") ?? lengthPenalty
        seed = try fields.optionalUnsigned("seed")
        if let value = fields.take("pictures") {
            pictures = try AnswerPictures(json: value, path: fields.path("pictures"))
        }
        guard fields.has("stop") else { return }
        var texts = [String]()
        for (index, element) in try fields.elements("stop", limit: 10_000).enumerated() {
            guard case .string(let text) = element else { throw fields.wrong("stop[\(index)]", "a text", element) }
            texts.append(text)
        }
        stopStrings = texts
    }
}
