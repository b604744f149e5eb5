import ArgumentParser
import Foundation
import ModelFiles
import Models
import Tokenization

/// `emuchat tokenize`: text to ids and back, exactly.
struct TokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Turn standard input into a model's token ids, or ids into text.")

    @Option(help: ArgumentHelp("A GGUF file; its vocabulary is enough.", valueName: "file"))
    var model: String

    @Flag(name: .customLong("add-bos"), help: "Put the BOS id first.")
    var addBOS = false

    @Flag(name: .customLong("parse-special"), help: "Take special tokens spelt in the text as such.")
    var parseSpecial = false

    @Flag(help: "Turn ids into the exact bytes they stand for.")
    var decode = false

    func validate() throws {
        if decode && (addBOS || parseSpecial) {
            throw ValidationError("--decode takes neither --add-bos nor --parse-special.")
        }
    }

    func run() async throws {
        let tokenizer: any Tokenizer
        do {
            tokenizer = try makeTokenizer(
                from: ModelRegistry.open(
                    path: (model as NSString).expandingTildeInPath, configurationFolders: [Folders.models.path]))
        } catch { throw CommandError.failed("\(error)") }
        let text = try StandardInput.readText()
        if decode {
            try StandardOutput.write(Data(try bytes(of: text, tokenizer)))
            return
        }
        var ids = tokenizer.encode(text, parseSpecial: parseSpecial)
        if addBOS {
            guard let bos = tokenizer.bosToken else {
                throw CommandError.failed("\(model): has no BOS token. Leave out --add-bos.")
            }
            ids.insert(bos, at: 0)
        }
        try StandardOutput.write(ids.map(String.init).joined(separator: " ") + "\n")
    }

    private func bytes(of text: String, _ tokenizer: any Tokenizer) throws -> [UInt8] {
        var ids = [Int32]()
        for (index, word) in text.split(whereSeparator: \.isWhitespace).enumerated() {
            guard let id = Int32(word) else {
                throw CommandError.failed(
                    "Standard input: word \(index + 1): expected a token id, found \(word.prefix(40).debugDescription)."
                )
            }
            ids.append(id)
        }
        do { return try tokenizer.decode(ids) } catch { throw CommandError.failed("\(error)") }
    }
}
