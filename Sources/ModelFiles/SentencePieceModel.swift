/// A SentencePiece model as published checkpoints carry it: `tokenizer.model`, with the tokens that were added behind.
///
/// The types' numbers are those of `tokenizer.ggml.token_type`, which took them over. Source: `sentencepiece_model.proto`.
package struct SentencePieceModel: Sendable {
    package let path: String
    /// The pieces' spellings one after another; piece `id` ends at `ends[id]`.
    package private(set) var bytes: [UInt8] = []
    package private(set) var ends: [Int] = []
    package private(set) var scores: [Float] = []
    package private(set) var types: [Int32] = []
    /// Ids of the unknown, begin and end tokens; nil for a model without one.
    package private(set) var unknownToken: Int32? = 0
    package private(set) var beginToken: Int32? = 1
    package private(set) var endToken: Int32? = 2
    /// Whether text is encoded as if a space stood before it.
    package private(set) var addsSpacePrefix = true

    package var count: Int { ends.count }

    /// Above this no vocabulary goes.
    private static let mostPieces: UInt64 = 1 << 22
    private static let (control, byte): (Int32, Int32) = (3, 6)

    /// Reads a model file; refuses what no code here would compute: other algorithms than BPE, other normalisation than
    /// none.
    package init(path: String) throws(ModelFileError) {
        self.path = path
        let file = try MappedFile(path: path)
        var (isBPE, changesText, squeezesSpaces) = (false, false, true)
        try ProtocolBufferMessage(file).forEachField { (field) throws(ModelFileError) in
            switch field.number {
            case 1: try append(field.message())
            case 2:
                try field.message().forEachField { (field) throws(ModelFileError) in
                    switch field.number {
                    case 3: isBPE = field.value == 2
                    case 40: unknownToken = Self.id(field.value)
                    case 41: beginToken = Self.id(field.value)
                    case 42: endToken = Self.id(field.value)
                    default: break
                    }
                }
            case 3:
                try field.message().forEachField { (field) throws(ModelFileError) in
                    switch field.number {
                    case 2: changesText = !field.payload.isEmpty
                    case 3: addsSpacePrefix = field.value != 0
                    case 4: squeezesSpaces = field.value != 0
                    default: break
                    }
                }
            default: break
            }
        }
        try require("the algorithm", "byte-pair encoding", found: "another") { isBPE }
        try require("the normalisation", "none, as LLaMA has it", found: "rules for characters or spaces") {
            !changesText && !squeezesSpaces
        }
        try require("the vocabulary", "pieces", found: "none") { count > 0 }
        for (name, id) in [("unknown", unknownToken), ("begin", beginToken), ("end", endToken)] {
            guard let id else { continue }
            try require("the \(name) token", "an id below \(count)", found: "\(id)") { Int(id) < count }
        }
    }

    /// Puts tokens behind the pieces: ids must go on where the pieces end, without a gap.
    package mutating func add(_ tokens: [String: Int]) throws(ModelFileError) {
        for (token, id) in tokens.sorted(by: { $0.value < $1.value }) {
            // A file may list pieces that the model has itself.
            if id < count, id >= 0, Array(token.utf8)[...] == piece(id) { continue }
            try require("the id of the added token \(token)", "\(count)", found: "\(id)") { id == count }
            append(Array(token.utf8)[...], score: 0, type: Self.control)
        }
    }

    /// The spelling of an id below `count`.
    package func piece(_ id: Int) -> ArraySlice<UInt8> { bytes[(id == 0 ? 0 : ends[id - 1])..<ends[id]] }

    private static func id(_ value: UInt64) -> Int32? {
        // -1 stands for "none".
        Int64(bitPattern: value) < 0 ? nil : Int32(exactly: value) ?? .max
    }

    private mutating func append(_ message: ProtocolBufferMessage) throws(ModelFileError) {
        var (spelling, score, type): (ArraySlice<UInt8>, Float, Int32) = ([], 0, 1)
        try message.forEachField { (field) throws(ModelFileError) in
            switch field.number {
            case 1: spelling = Array(field.payload)[...]
            case 2: score = Float(bitPattern: UInt32(truncatingIfNeeded: field.value))
            case 3: type = Int32(truncatingIfNeeded: field.value)
            default: break
            }
        }
        let id = count
        try require("the number of pieces", "at most \(Self.mostPieces)", found: "more") { id < Int(Self.mostPieces) }
        try require("the score of piece \(id)", "a number", found: "\(score)") { !score.isNaN }
        try require("the type of piece \(id)", "1 to 6", found: "\(type)") { (1...Self.byte).contains(type) }
        append(spelling, score: score, type: type)
    }

    private mutating func append(_ spelling: ArraySlice<UInt8>, score: Float, type: Int32) {
        bytes += spelling
        ends.append(bytes.count)
        scores.append(score)
        types.append(type)
    }

    private func require(
        _ what: String, _ expected: String, found: String, _ condition: () -> Bool
    ) throws(ModelFileError) {
        guard condition() else { throw .malformed(path: path, what: what, expected: expected, found: found) }
    }
}
