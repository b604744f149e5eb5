import ArgumentParser
import Foundation
import Inference
import Models
import Tensor
import Tokenization

/// `bench perplexity`: how well a model predicts a text.
struct PerplexityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perplexity",
        abstract: "Measure how well a model predicts a text.",
        discussion: """
            The text is cut into windows of --context tokens (512); each is scored on its second half, where every \
            token has at least half a window before it. Of a model with a BOS token, each window begins with it. What \
            is left behind the last whole window is not used. llama.cpp's tool has the same rule.

            Prints the perplexity, its standard error and the number of tokens scored, as JSON.
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
            loaded = try .showingProgress(path: path, options: options)
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
        let result: Result
        do { result = try score(ids, window, bos, session) } catch { throw CommandError.failed(error.description) }
        try StandardOutput.writeJSON(result)
    }

    private struct Result: Encodable {
        let perplexity: Double
        /// One standard error of `perplexity`.
        let error: Double
        /// Tokens scored.
        let tokens: Int
    }

    /// The rule of llama.cpp's tool, so that figures compare: the logits behind position p of the second half predict
    /// token p + 1; tokens behind the last whole window are left out.
    private func score(
        _ ids: [Int32], _ window: Int, _ bos: Int32?, _ session: DecoderSession
    ) throws(ModelError) -> Result {
        var sum = 0.0
        var squares = 0.0
        var count = 0
        for start in stride(from: 0, through: ids.count - window, by: window) {
            var part = Array(ids[start..<start + window])
            if let bos { part[0] = bos }
            session.truncate(to: 0)
            _ = session.append(part[..<(window / 2)])
            try session.append(part[(window / 2)..<(window - 1)]) { position, logits in
                guard let base = logits.baseAddress else { return }
                let surprise =
                    Kernels.logSumExp(base, count: logits.count) - Double(logits[Int(part[position + 1])])
                sum += surprise
                squares += surprise * surprise
                count += 1
            }
        }
        let mean = sum / Double(count)
        let deviation = max(0, squares / Double(count) - mean * mean).squareRoot()
        let perplexity = Foundation.exp(mean)
        return Result(
            perplexity: perplexity, error: perplexity * deviation / Double(count - 1).squareRoot(), tokens: count)
    }
}
