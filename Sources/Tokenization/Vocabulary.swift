import ModelFiles

/// What a token stands for; the numbers are those of `tokenizer.ggml.token_type`.
enum TokenType: Int32, Sendable {
    case normal = 1
    case unknown = 2
    /// Steers the model; never made from text that a user typed.
    case control = 3
    /// Taken out of text as a whole before anything is merged.
    case userDefined = 4
    case unused = 5
    /// One byte, for text that has no other token.
    case byte = 6
}

/// The tokens of a model, common to all kinds of tokenizers.
struct Vocabulary: Sendable {
    /// Tokens as the file spells them, findable by spelling.
    let table: ByteTable
    let types: [TokenType]
    let bosToken: Int32?
    let eosToken: Int32?
    let unknownToken: Int32?
    /// Tokens that end an answer.
    let endOfGeneration: Set<Int32>

    var count: Int { types.count }

    /// Names of tokens that end an answer, whatever else a file says of them.
    private static let endNames = [
        "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<end_of_turn>", "<|end|>",
        "<|end_of_turn|>", "<end_of_utterance>", "<EOT>",
    ]
    /// Names of tokens that open turns. Some files forget to mark them as control tokens, and users could type them.
    private static let turnNames = ["<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>"]

    /// Reads the vocabulary of a file.
    init(_ file: GGUFFile) throws(TokenizerError) {
        let tokensKey = "tokenizer.ggml.tokens"
        let typesKey = "tokenizer.ggml.token_type"
        let joined = try TokenizerError.reading { () throws(ModelFileError) in try file.stringList(tokensKey).joined() }
        let count = joined.ends.count
        guard count > 0 else { throw .emptyVocabulary(path: file.path) }
        table = ByteTable(bytes: joined.bytes, ends: joined.ends) { _ in true }

        var types = [TokenType](repeating: .normal, count: count)
        if file.contains(typesKey) {
            let numbers = try TokenizerError.reading { () throws(ModelFileError) in try file.int32s(typesKey) }
            guard numbers.count == count else {
                throw .wrongCount(path: file.path, key: typesKey, expected: count, found: numbers.count)
            }
            for (id, number) in numbers.enumerated() {
                guard let type = TokenType(rawValue: number) else {
                    throw .badValue(path: file.path, key: typesKey, index: id, found: "\(number)")
                }
                types[id] = type
            }
        }
        var ends = Set<Int32>()
        for name in ["eos", "eot", "eom"] {
            if let id = try Vocabulary.id(name, file, count) { ends.insert(id) }
        }
        for name in Vocabulary.endNames {
            guard let id = table.id(of: name) else { continue }
            types[Int(id)] = .control
            ends.insert(id)
        }
        for name in Vocabulary.turnNames {
            if let id = table.id(of: name) { types[Int(id)] = .control }
        }
        bosToken = try Vocabulary.id("bos", file, count)
        eosToken = try Vocabulary.id("eos", file, count)
        unknownToken = try Vocabulary.id("unknown", file, count)
        endOfGeneration = ends
        self.types = types
    }

    private static func id(_ name: String, _ file: GGUFFile, _ count: Int) throws(TokenizerError) -> Int32? {
        let key = "tokenizer.ggml.\(name)_token_id"
        guard file.contains(key) else { return nil }
        // Converters write all ones for "none".
        if case .unsigned(0xFFFF_FFFF) = file.metadata[key] { return nil }
        if case .signed(-1) = file.metadata[key] { return nil }
        let id = try TokenizerError.reading { () throws(ModelFileError) in try file.unsigned(key) }
        guard id < count else {
            throw .idOutOfRange(path: file.path, key: key, found: id, vocabularySize: count)
        }
        return Int32(id)
    }
}

extension TokenizerError {
    /// Passes a result on, with a file's error as one of the tokenizer's.
    static func reading<Result>(_ body: () throws(ModelFileError) -> Result) throws(TokenizerError) -> Result {
        do throws(ModelFileError) {
            return try body()
        } catch {
            throw .file(error)
        }
    }
}
