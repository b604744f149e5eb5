import Foundation
import TestSupport

/// A SentencePiece model file, read for tests only: the pieces, as a vocabulary-only GGUF has them.
struct SentencePieceModel {
    struct Piece {
        var text = ""
        var score: Float = 0
        var type: Int32 = 1
    }

    var pieces = [Piece]()

    /// LLaMA's model among the shared material.
    static var shared: URL? {
        TestSupport.shared.map { $0.appendingPathComponent("golden/emu2-tiny/chat/tokenizer.model") }
            .flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }
    }

    /// Reads field 1 (the pieces) of `ModelProto`: text, score, type.
    init(contentsOf url: URL) throws {
        let bytes = [UInt8](try Data(contentsOf: url))
        SentencePieceModel.fields(bytes[...]) { number, _, payload in
            guard number == 1 else { return }
            var piece = Piece()
            SentencePieceModel.fields(payload) { number, value, payload in
                switch number {
                case 1: piece.text = String(decoding: payload, as: UTF8.self)
                case 2: piece.score = Float(bitPattern: UInt32(truncatingIfNeeded: value))
                case 3: piece.type = Int32(truncatingIfNeeded: value)
                default: break
                }
            }
            pieces.append(piece)
        }
    }

    /// A GGUF with these pieces as its vocabulary.
    func gguf(addsSpacePrefix: Bool?, architecture: String = "llama") -> GGUFBuilder {
        var builder = GGUFBuilder(architecture: architecture)
        builder.set("tokenizer.ggml.model", .string("llama"))
        builder.set("tokenizer.ggml.tokens", .strings(pieces.map(\.text)))
        builder.set("tokenizer.ggml.scores", .float32s(pieces.map(\.score)))
        builder.set("tokenizer.ggml.token_type", .int32s(pieces.map(\.type)))
        builder.set("tokenizer.ggml.unknown_token_id", .uint32(0))
        builder.set("tokenizer.ggml.bos_token_id", .uint32(1))
        builder.set("tokenizer.ggml.eos_token_id", .uint32(2))
        if let addsSpacePrefix { builder.set("tokenizer.ggml.add_space_prefix", .bool(addsSpacePrefix)) }
        return builder
    }

    /// Walks the fields of a protocol buffer message: number, value of plain fields, payload of the others.
    private static func fields(_ message: ArraySlice<UInt8>, _ body: (UInt64, UInt64, ArraySlice<UInt8>) -> Void) {
        var rest = message
        func varint() -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while let byte = rest.popFirst() {
                value |= UInt64(byte & 0x7F) << shift
                shift += 7
                if byte < 0x80 { break }
            }
            return value
        }
        while !rest.isEmpty {
            let tag = varint()
            switch tag & 7 {
            case 0: body(tag >> 3, varint(), [])
            case 2:
                let count = Int(varint())
                body(tag >> 3, 0, rest.prefix(count))
                rest = rest.dropFirst(count)
            default:
                let count = tag & 7 == 5 ? 4 : 8
                body(tag >> 3, rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }, [])
                rest = rest.dropFirst(count)
            }
        }
    }
}
