import Foundation
import Generation
import Inference
import ModelFiles
import Tokenization

/// Compares a language model's ids, logits and greedy answers with recorded ones.
struct TextParity {
    let model: LoadedModel
    let golden: GoldenSet

    /// fp32 in another order of summation stays near 1e-6; a wrong epsilon shows at 1e-4.
    private static let logitLimit = 1e-4

    func compare(_ comparison: inout ParityComparison) throws {
        let session = try DecoderSession(model: model)
        for item in golden.textCases {
            guard let recorded = item.inputIDs else { continue }
            if let prompt = item.prompt {
                let ids = model.promptBuilder.build(prompt).tokens
                comparison.compare(item.name, .inputIDs(ids), isEqual: ids == recorded)
            }
            // The recorded ids go in, so that a difference of the tokenizer does not hide one of the decoder.
            let vocabulary = model.decoder.configuration.vocabularySize
            guard !recorded.isEmpty, recorded.count < session.contextLength,
                recorded.allSatisfy({ $0 >= 0 && $0 < vocabulary })
            else { continue }
            try compareLogits(item, recorded, session, &comparison)
            compareGreedy(item, session, &comparison)
        }
    }

    /// Leaves the prompt in the session.
    private func compareLogits(
        _ item: GoldenSet.TextCase, _ ids: [Int32], _ session: DecoderSession, _ comparison: inout ParityComparison
    ) throws {
        session.truncate(to: 0)
        if golden.tensors.tensors["\(item.name).logits"] != nil {
            // Token by token: every position's logits, the same bits as in one pass.
            var all = [Float]()
            for id in ids where session.append([id]) { all.append(contentsOf: session.logits) }
            try compare(item.name, "logits", all, [ids.count, session.logits.count], &comparison)
        } else {
            _ = session.append(ids[...])
        }
        if golden.tensors.tensors["\(item.name).last_logits"] != nil {
            try compare(item.name, "last_logits", Array(session.logits), [session.logits.count], &comparison)
        }
    }

    private func compare(
        _ name: String, _ item: String, _ found: [Float], _ shape: [Int], _ comparison: inout ParityComparison
    ) throws {
        let expected = try golden.tensors.floats("\(name).\(item)")
        comparison.compare(
            name, tensor: item, found: found, expected: expected, shape: shape, limit: Self.logitLimit)
    }

    private func compareGreedy(
        _ item: GoldenSet.TextCase, _ session: DecoderSession, _ comparison: inout ParityComparison
    ) {
        guard let recorded = item.greedyIDs else { return }
        var sampler = Sampler(options: .greedy, seed: 0)
        var decoder = StreamingDecoder(tokenizer: model.tokenizer)
        var ids = [Int32]()
        var text = ""
        while ids.count < recorded.count, let choice = sampler.choose(session.logits) {
            ids.append(choice.token)
            if model.tokenizer.endOfGeneration.contains(choice.token) { break }
            text += decoder.append(choice.token)
            guard session.tokens.count < session.contextLength, session.append([choice.token]) else { break }
        }
        text += decoder.finish()
        comparison.compare(item.name, .greedyIDs(ids), isEqual: ids == recorded)
        if let expected = item.greedyText {
            comparison.compare(item.name, .greedyText(text), isEqual: text.utf8.elementsEqual(expected.utf8))
        }
    }
}
