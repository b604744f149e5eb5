import Foundation
import ModelFiles

/// A made-up vocabulary in SentencePiece's form: the control tokens and bytes of LLaMA's, then invented words.
struct SyntheticVocabulary: Sendable {
    /// The pieces before the added tokens.
    let pieces: [String]
    /// Tokens behind them, spelt as they are.
    let added: [String]

    /// `count` tokens in all; at least 259 and the added ones.
    init(count: Int, added: [String]) {
        self.added = added
        var pieces = ["<unk>", "<s>", "</s>"]
        for byte in 0..<256 {
            let digits = String(byte, radix: 16, uppercase: true)
            pieces.append("<0x\(digits.count < 2 ? "0" : "")\(digits)>")
        }
        let words = max(0, count - added.count - pieces.count)
        pieces += (0..<words).map { "▁" + Self.word($0) }
        self.pieces = pieces
    }

    /// A word for each number, of syllables of two letters.
    private static func word(_ number: Int) -> String {
        let (consonants, vowels) = (Array("bdfghjklmnprstvz"), Array("aeiou"))
        var (rest, word) = (number, "")
        repeat {
            word += "\(consonants[rest % 16])\(vowels[rest / 16 % 5])"
            rest = rest / 80 - 1
        } while rest >= 0
        return word
    }

    private func type(_ id: Int) -> Int32 {
        switch id {
        case 0: 2
        case 1, 2: 3
        case 3..<259: 6
        case ..<pieces.count: 1
        default: 3
        }
    }

    private func score(_ id: Int) -> Float { id < 259 || id >= pieces.count ? 0 : Float(258 - id) }

    /// `tokenizer.ggml.*` of a GGUF.
    var metadata: [(key: String, value: GGUFMetadataValue)] {
        let tokens = pieces + added
        return [
            ("tokenizer.ggml.model", .string("llama")), ("tokenizer.ggml.tokens", .strings(tokens)),
            ("tokenizer.ggml.scores", .floats(tokens.indices.map(score))),
            ("tokenizer.ggml.token_type", .integers(tokens.indices.map(type))),
            ("tokenizer.ggml.add_bos_token", .bool(true)), ("tokenizer.ggml.add_space_prefix", .bool(true)),
            ("tokenizer.ggml.unknown_token_id", .unsigned(0)), ("tokenizer.ggml.bos_token_id", .unsigned(1)),
            ("tokenizer.ggml.eos_token_id", .unsigned(2)),
        ]
    }

    /// `tokenizer.model` of a checkpoint. Source: `sentencepiece_model.proto`.
    var modelFile: [UInt8] {
        var file = [UInt8]()
        for (id, piece) in pieces.enumerated() {
            var message = Self.field(1, Array(piece.utf8))
            message += [2 << 3 | 5] + withUnsafeBytes(of: score(id).bitPattern.littleEndian) { Array($0) }
            message += [3 << 3] + [UInt8(type(id))]
            file += Self.field(1, message)
        }
        // Byte-pair encoding, with no normalisation but a leading space.
        file += Self.field(2, [3 << 3, 2])
        file += Self.field(3, Self.field(1, Array("identity".utf8)) + [3 << 3, 1, 4 << 3, 0])
        return file
    }

    /// `added_tokens.json` of a checkpoint.
    var addedTokensFile: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            let ids = added.enumerated().map { ($1, pieces.count + $0) }
            return try encoder.encode(Dictionary(ids, uniquingKeysWith: { first, _ in first }))
        }
    }

    private static func field(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var bytes = [number << 3 | 2]
        var length = payload.count
        while length >= 128 {
            bytes.append(UInt8(length & 127 | 128))
            length >>= 7
        }
        return bytes + [UInt8(length)] + payload
    }
}
