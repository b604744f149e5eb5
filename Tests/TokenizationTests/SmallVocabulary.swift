import ModelFiles
import TestSupport
import Tokenization

/// Vocabularies small enough to be read at a glance.
enum SmallVocabulary {
    /// How byte-level vocabularies spell each byte.
    static let byteSpellings: [String] = {
        var next: UInt32 = 0x100
        return (0..<256).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return String(Unicode.Scalar(UInt8(byte)))
            default:
                defer { next += 1 }
                return Unicode.Scalar(next).map { String($0) } ?? ""
            }
        }
    }()

    /// Byte-level: ids 0 to 255 are the bytes, then come the merges' results, then the control tokens.
    static func byteLevel(
        merges: [String] = [], control: [String] = [], userDefined: [String] = [], bos: String? = nil,
        eos: String? = nil, addsBOS: Bool? = nil, preTokenizer: String = "gpt-2", template: String? = nil
    ) -> GGUFBuilder {
        let results = merges.map { $0.replacing(" ", with: "") }
        let tokens = byteSpellings + results + control + userDefined
        let ordinary = byteSpellings.count + results.count
        var builder = GGUFBuilder(architecture: "llama")
        builder.set("tokenizer.ggml.model", .string("gpt2"))
        builder.set("tokenizer.ggml.pre", .string(preTokenizer))
        builder.set("tokenizer.ggml.tokens", .strings(tokens))
        builder.set("tokenizer.ggml.merges", .strings(merges))
        builder.set(
            "tokenizer.ggml.token_type",
            .int32s(
                [Int32](repeating: 1, count: ordinary) + [Int32](repeating: 3, count: control.count)
                    + [Int32](repeating: 4, count: userDefined.count)))
        for (name, token) in [("bos", bos), ("eos", eos)] {
            if let token, let id = tokens.firstIndex(of: token) {
                builder.set("tokenizer.ggml.\(name)_token_id", .uint32(UInt32(id)))
            }
        }
        if let addsBOS { builder.set("tokenizer.ggml.add_bos_token", .bool(addsBOS)) }
        if let template { builder.set("tokenizer.chat_template", .string(template)) }
        return builder
    }

    /// SentencePiece: unknown, begin, end, the 256 bytes, then pieces in order of preference.
    static func sentencePiece(pieces: [String], addsSpacePrefix: Bool = true, byteFallback: Bool = true) -> GGUFBuilder
    {
        let bytes = byteFallback ? (0..<256).map { "<0x" + hexadecimal($0) + ">" } : []
        var builder = GGUFBuilder(architecture: "llama")
        builder.set("tokenizer.ggml.model", .string("llama"))
        builder.set("tokenizer.ggml.tokens", .strings(["<unk>", "<s>", "</s>"] + bytes + pieces))
        builder.set(
            "tokenizer.ggml.token_type",
            .int32s([2, 3, 3] + bytes.map { _ in 6 } + pieces.map { _ in 1 }))
        builder.set(
            "tokenizer.ggml.scores",
            .float32s([0, 0, 0] + bytes.map { _ in 0 } + pieces.indices.map { -Float($0) }))
        builder.set("tokenizer.ggml.unknown_token_id", .uint32(0))
        builder.set("tokenizer.ggml.bos_token_id", .uint32(1))
        builder.set("tokenizer.ggml.eos_token_id", .uint32(2))
        builder.set("tokenizer.ggml.add_space_prefix", .bool(addsSpacePrefix))
        return builder
    }

    private static func hexadecimal(_ byte: Int) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.count < 2 ? "0" + digits : digits
    }
}

extension GGUFBuilder {
    /// The tokenizer of the file.
    func tokenizer() throws -> any Tokenizer {
        try withFile { try makeTokenizer(from: GGUFFile(path: $0)) }
    }

    /// What making the tokenizer throws, or nil.
    func tokenizerFailure() throws -> TokenizerError? {
        try withFile { path in
            let file = try GGUFFile(path: path)
            do throws(TokenizerError) {
                _ = try makeTokenizer(from: file)
                return nil
            } catch {
                return error
            }
        }
    }
}
