import ModelFiles

/// A stretch of text to encode, and whether special tokens spelt in it are meant.
package struct TextSegment: Sendable, Equatable {
    package var text: String
    /// True only for a template's own words, or where a caller asked for it; what a user typed stays text.
    package var parsesSpecial: Bool

    package init(_ text: String, parsesSpecial: Bool = false) {
        self.text = text
        self.parsesSpecial = parsesSpecial
    }
}

/// What stands next to a stretch of text that is encoded by itself.
package enum TextBoundary: Sendable, Equatable {
    /// The beginning or the end of everything.
    case nothing
    /// A token that steers the model, or a picture between such tokens.
    case control
    /// More text, which is encoded by itself.
    case text
}

/// Text to a model's token ids and back. Immutable, so that it can be used while the engine is busy.
package protocol Tokenizer: Sendable {
    /// Number of tokens; ids are below it.
    var vocabularySize: Int { get }
    /// The token that begins a text, where there is one.
    var bosToken: Int32? { get }
    /// The token that ends a text, where there is one.
    var eosToken: Int32? { get }
    /// All tokens that end an answer.
    var endOfGeneration: Set<Int32> { get }
    /// Whether the model expects the BOS token before everything.
    var addsBOS: Bool { get }
    /// Whether text is encoded as if a space stood before it.
    var addsSpacePrefix: Bool { get }

    /// Encodes stretches as one continuous text.
    ///
    /// Words and merges cross the seams between stretches, control tokens never do. They stand
    /// between what is named `after` and what is named `before`; the space prefix is added unless they come after text.
    func encode(_ segments: [TextSegment], after: TextBoundary, before: TextBoundary) -> [Int32]
    /// The bytes that a token stands for, of a special token its spelling; empty for an id that does not exist.
    func piece(of id: Int32) -> [UInt8]
    /// Whether the token steers the model and is not shown.
    func isSpecial(_ id: Int32) -> Bool
    /// The id of the control token that is spelt like this.
    func controlToken(_ spelling: String) -> Int32?
}

extension Tokenizer {
    /// Encodes a whole text, without BOS. Special tokens spelt in it stay text unless `parseSpecial`.
    package func encode(_ text: String, parseSpecial: Bool = false) -> [Int32] {
        encode([TextSegment(text, parsesSpecial: parseSpecial)], after: .nothing, before: .nothing)
    }

    /// The exact bytes of ids, special tokens as they are spelt: the inverse of `encode` with `parseSpecial`.
    ///
    /// A space prefix is taken off again at the beginning and behind special tokens.
    package func decode(_ ids: [Int32]) throws(TokenizerError) -> [UInt8] {
        var bytes = [UInt8]()
        var mayHavePrefix = addsSpacePrefix
        for (position, id) in ids.enumerated() {
            guard id >= 0, id < vocabularySize else {
                throw .unknownID(Int(id), position: position, vocabularySize: vocabularySize)
            }
            let piece = piece(of: id)
            let special = isSpecial(id)
            bytes += mayHavePrefix && !special && piece.first == UInt8(ascii: " ") ? Array(piece.dropFirst()) : piece
            mayHavePrefix = addsSpacePrefix && special
        }
        return bytes
    }
}

/// Makes the tokenizer that a GGUF file describes; tensors are not needed.
package func makeTokenizer(from file: GGUFFile) throws(TokenizerError) -> any Tokenizer {
    let model = try TokenizerError.reading { () throws(ModelFileError) in try file.string("tokenizer.ggml.model") }
    switch model {
    case "gpt2": return try ByteLevelTokenizer(file)
    case "llama": return try SentencePieceTokenizer(file)
    default: throw .unknownModel(path: file.path, found: model)
    }
}
