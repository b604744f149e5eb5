import Foundation
import Generation
import ModelFiles
import TestSupport
import Testing
import Tokenization

/// Damaged files are refused or read, never a trap: header, vocabulary, template and tensors.
@Suite struct Mutants {
    /// Files with everything that is read, in both kinds of vocabulary.
    private static func originals() -> [GGUFBuilder] {
        var byteLevel = SmallVocabulary.byteLevel(
            merges: ["a b", "ab c", "Ġ a", "Ġa b"], control: ["<|im_start|>", "<|im_end|>"], userDefined: ["<x>"],
            bos: "<|im_start|>", eos: "<|im_end|>", addsBOS: true, preTokenizer: "llama-bpe",
            template: "{{ '<|im_start|>system\nBe.<|im_end|>' }}")
        byteLevel.set("nested", .array(type: 9, [.int32s([1, 2]), .strings(["x"])]))
        byteLevel.add("blk.0.weight", shape: [32, 2], type: 8, bytes: [UInt8](repeating: 1, count: 68))
        byteLevel.add("output_norm.weight", shape: [4], floats: [1, 2, 3, 4])
        var sentencePiece = SmallVocabulary.sentencePiece(pieces: ["▁a", "ab", "abc", "a", "b", "c", "▁", "▁▁"])
        sentencePiece.set("general.alignment", .uint32(64))
        sentencePiece.alignment = 64
        sentencePiece.add("token_embd.weight", shape: [4, 2], floats: [Float](repeating: 0.5, count: 8))
        return [byteLevel, sentencePiece]
    }

    @Test func neitherTrapNorHang() throws {
        let count = Mutation.count(default: 4000)
        let originals = Mutants.originals()
        let built = originals.map { $0.build() }
        let folder = try TestSupport.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("mutant.gguf").path
        var random = SeededGenerator(seed: 20_240_607)
        var headers = 0
        var tokenizers = 0
        for index in 0..<count {
            // Half of them have single values changed, the other half any bytes of the file.
            let original = originals[index % originals.count]
            let bytes =
                index % 4 < 2
                ? Mutation.mutate(original, with: &random).build()
                : Mutation.mutate(built[index % originals.count], with: &random)
            #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
            let file: GGUFFile
            do throws(ModelFileError) {
                file = try GGUFFile(path: path)
            } catch {
                try checkWording(error.description)
                continue
            }
            headers += 1
            useEverything(of: file)
            do throws(TokenizerError) {
                let tokenizer = try makeTokenizer(from: file)
                tokenizers += 1
                use(tokenizer, template: try ChatTemplate.recognised(in: file))
            } catch {
                try checkWording(error.description)
            }
        }
        #expect(headers * 10 >= count * 3, "only \(headers) of \(count) mutants got past the header")
        print("\(count) mutants: \(headers) headers and \(tokenizers) tokenizers were accepted")
    }

    private func checkWording(_ text: String) throws {
        try #require(!text.isEmpty && !text.unicodeScalars.contains { $0.value < 32 || $0.value == 127 })
        try #require(text.utf8.count < 3000)
    }

    /// Reads every value by every getter and touches every byte of every tensor.
    private func useEverything(of file: GGUFFile) {
        var sum: UInt64 = 0
        for key in file.metadata.keys {
            sum &+= UInt64((try? file.string(key))?.utf8.count ?? 0)
            sum &+= UInt64((try? file.strings(key))?.count ?? 0)
            sum &+= UInt64((try? file.int32s(key))?.count ?? 0)
            sum &+= UInt64((try? file.floats(key))?.count ?? 0)
            sum &+= UInt64((try? file.unsigned(key)) ?? 0)
            sum &+= (try? file.float(key))?.bitPattern ?? 0
            sum &+= (try? file.bool(key)) == true ? 1 : 0
        }
        for tensor in file.tensors.values {
            for byte in tensor.bytes { sum &+= UInt64(byte) }
            sum &+= UInt64(tensor.elementCount)
        }
        #expect(file.tensorNames.count == file.tensors.count && sum != 0)
    }

    private func use(_ tokenizer: any Tokenizer, template: ChatTemplate?) {
        for text in ["abc abcabc  a\n12 <x><|im_end|>é👍", "", " "] {
            for ids in [tokenizer.encode(text), tokenizer.encode(text, parseSpecial: true)] {
                #expect(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
                #expect(throws: Never.self) { try tokenizer.decode(ids) }
            }
        }
        var decoder = StreamingDecoder(tokenizer: tokenizer)
        for id in 0..<Int32(clamping: tokenizer.vocabularySize) { _ = decoder.append(id) }
        _ = decoder.finish()
        let prompt = Prompt(messages: [
            PromptMessage(role: .user, text: "abc"), PromptMessage(role: .assistant, text: "a"),
        ])
        let built = PromptBuilder(tokenizer: tokenizer, template: template).build(prompt)
        #expect(built.tokenCount == built.tokens.count)
    }
}
