import ArgumentParser
import Foundation
import Inference
import Tensor
import Tokenization

/// `bench perplexity`: how well a model predicts a text.
struct PerplexityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perplexity",
        abstract: "Measure how well a model predicts a text.",
        discussion: """
            The text is cut into windows of --context tokens; each is scored on its second half, where every token has \
            at least half a window before it. Of a model with a BOS token, each window begins with it.
            """)

    @OptionGroup var model: ModelArguments

    @Argument(help: "A text file in UTF-8.")
    var file: String

    func run() async throws {
        let path = try model.path()
        let text: String
        do {
            text = try String(contentsOf: URL(fileURLWithPath: file), encoding: .utf8)
        } catch { throw CommandError.failed("\(file): cannot be read as UTF-8: \(error.localizedDescription)") }
        var options = model.options
        let window = options.contextLength ?? 512
        options.contextLength = window
        let loaded: LoadedModel
        let session: DecoderSession
        do {
            loaded = try LoadedModel(path: path, options: options)
            session = try DecoderSession(model: loaded)
        } catch { throw CommandError.failed(error.description) }
        let bos = loaded.tokenizer.addsBOS ? loaded.tokenizer.bosToken : nil
        var ids = loaded.tokenizer.encode(text)
        if let bos { ids.insert(bos, at: 0) }
        guard ids.count >= 2 * window else {
            throw CommandError.failed(
                "\(file): has \(ids.count) tokens; two windows of \(window) are needed. Use a longer text or a smaller --context."
            )
        }
        let result = score(ids, window, bos, session)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        StandardOutput.write(try encoder.encode(result) + Data("\n".utf8))
    }

    private struct Result: Encodable {
        let perplexity: Double
        let tokens: Int
    }

    private func score(_ ids: [Int32], _ window: Int, _ bos: Int32?, _ session: DecoderSession) -> Result {
        var sum = 0.0
        var count = 0
        for start in stride(from: 0, through: ids.count - window, by: window) {
            var part = Array(ids[start..<start + window])
            if let bos { part[0] = bos }
            session.truncate(to: 0)
            // As llama.cpp's tool: the logits behind position p of the second half predict token p + 1.
            let first = window / 2
            guard session.append(part[..<first]) else { break }
            for position in first..<window - 1 {
                guard session.append([part[position]]), let base = session.logits.baseAddress else { break }
                let normalizer = Kernels.logSumExp(base, count: session.logits.count)
                sum -= Double(session.logits[Int(part[position + 1])]) - normalizer
                count += 1
            }
        }
        return Result(perplexity: count > 0 ? Foundation.exp(sum / Double(count)) : .nan, tokens: count)
    }
}
