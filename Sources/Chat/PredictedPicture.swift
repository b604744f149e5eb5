import Generation

/// A picture that the model opened in the midst of an answer.
package struct PredictedPicture: Sendable, Equatable {
    /// What was drawn of it; nil while nothing is.
    package var image: StoredImage?
    /// The index in the answer's `tokenIDs` of the token that opened it.
    package var token: Int
    /// Its own, with which it can be drawn again.
    package var seed: UInt64
    /// SHA-256 of what the model had read before it; nil when not all of its embeddings were predicted, so that it is no
    /// part of what the model has said.
    package var context: String?
    /// Why there is no picture, or no more than a preview; nil of a whole one, and while it is drawn.
    package var problem: String?
    package var unknown: JSONObject

    package init(
        image: StoredImage? = nil, token: Int, seed: UInt64, context: String? = nil, problem: String? = nil,
        unknown: JSONObject = [:]
    ) {
        (self.image, self.token, self.seed, self.context) = (image, token, seed, context)
        (self.problem, self.unknown) = (problem, unknown)
    }

    /// Whether it was drawn to its end.
    package var isWhole: Bool { image != nil && problem == nil }

    /// What stands in its place where pictures cannot be shown.
    package var words: String {
        guard let image else { return AnswerPictures.undrawn(SessionNaming.printable(problem ?? "not drawn yet")) }
        let ending = problem == nil ? "" : ", unfinished"
        return "[Image: \(SessionNaming.printable(image.name))\(ending)]"
    }

    /// What is said of one whose program ended before it was drawn.
    static let interrupted = "the program ended before it was drawn"

    // MARK: Coding

    /// The field of a part that says so. Programs that do not know it take the part for a picture, or for no words.
    static let key = "predicted"

    var json: JSONValue {
        var fields = unknown
        fields["token"] = .integer(Int64(token))
        fields["seed"] = .unsigned(seed)
        fields["context"] = context.map { .string($0) } ?? .null
        fields["problem"] = problem.map { .string($0) } ?? .null
        return .object(fields)
    }

    init(json: JSONValue, image: StoredImage?, path: String) throws(SessionFormatError) {
        var fields = try FieldReader(json, path: path)
        let token = try fields.integer("token", in: 0...SessionLimits.largestNumber)
        guard let seed = try fields.optionalUnsigned("seed") else {
            throw fields.wrong("seed", "a whole number from 0 to \(UInt64.max)", nil)
        }
        let context = try fields.optionalDigest("context")
        let problem = try fields.optionalString("problem")
        self.init(image: image, token: token, seed: seed, context: context, problem: problem, unknown: fields.rest)
    }
}

/// The words and pictures of an answer in their order, as they come.
package struct AnswerParts: Sendable, Equatable {
    private var parts: [Part] = []

    package init() {}

    /// At least one text, which may be empty.
    package var all: [Part] { parts.isEmpty ? [.text("")] : parts }

    package mutating func append(_ text: String) {
        guard !text.isEmpty else { return }
        if case .text(let before)? = parts.last?.content {
            // Dropped first, so that the string grows in place.
            parts.removeLast()
            parts.append(.text(before + text))
        } else {
            parts.append(.text(text))
        }
    }

    package mutating func append(_ picture: PredictedPicture) { parts.append(Part(.predicted(picture))) }

    /// What there is of each picture.
    package var pictures: [PredictedPicture] { parts.compactMap(\.predicted) }

    /// Replaces a picture, counted from 0; false when there is none of that number.
    package mutating func replace(_ number: Int, with picture: PredictedPicture) -> Bool {
        let places = parts.indices.filter { parts[$0].predicted != nil }
        guard places.indices.contains(number) else { return false }
        parts[places[number]].content = .predicted(picture)
        return true
    }
}

extension Part {
    /// The picture that a model opened at this place; nil of everything else.
    package var predicted: PredictedPicture? { if case .predicted(let picture) = content { picture } else { nil } }
}

extension Message {
    /// Pictures that the model opened among the words.
    package var predictedPictures: [PredictedPicture] { parts.compactMap(\.predicted) }
}
