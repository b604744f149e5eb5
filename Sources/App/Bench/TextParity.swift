import Foundation
import Generation
import Inference
import ModelFiles
import Models
import Tensor
import Tokenization

/// Compares a model's ids, logits, greedy answers and beam searches with recorded ones.
struct TextParity {
    let model: LoadedModel
    let golden: GoldenSet
    let pool: ThreadPool

    /// fp32 in another order of summation stays near 1e-6; a wrong epsilon shows at 1e-4.
    private static let logitLimit = 1e-4

    func compare(_ comparison: inout ParityComparison) throws {
        let session = try DecoderSession(model: model, pool: pool)
        let encoder = model.visual.map { visual in
            PictureEncoder(
                model: visual, precision: model.precision, pool: pool, store: nil, weightsDigest: model.encoderDigest)
        }
        for item in golden.textCases {
            guard let recorded = item.inputIDs else { continue }
            var built: TokenizedPrompt?
            if let prompt = item.prompt {
                let tokenized = model.promptBuilder.build(prompt)
                built = tokenized
                comparison.compare(item.name, .inputIDs(tokenized.tokens), isEqual: tokenized.tokens == recorded)
            }
            let vocabulary = model.decoder.configuration.vocabularySize
            guard !recorded.isEmpty, recorded.count < session.contextLength,
                recorded.allSatisfy({ $0 >= 0 && $0 < vocabulary }), let items = place(built, into: recorded)
            else { continue }
            let pictures = try built.flatMap { try encoder?.embeddings(of: $0) } ?? [:]
            session.truncate(to: 0)
            try compareLogits(item, items, pictures, session, &comparison)
            compareGreedy(item, session, &comparison)
            try compareBeams(item, items, pictures, session, &comparison)
        }
    }

    /// The recorded ids with the prompt's pictures in their places, so that a difference of the tokenizer does not hide
    /// one of the decoder; nil when there are not as many places as rows.
    private func place(_ built: TokenizedPrompt?, into recorded: [Int32]) -> [SequenceItem]? {
        let places = [model.promptBuilder.visualTokens?.imageToken, model.promptBuilder.visualTokens?.frameToken]
        var rows = (built?.items ?? []).filter { $0.picture != nil }[...]
        let items = recorded.map { id in
            places.contains(id) ? rows.popFirst() ?? SequenceItem(token: -1) : SequenceItem(token: id)
        }
        return rows.isEmpty && items.map(\.token) == recorded ? items : nil
    }

    /// Leaves the prompt in the session.
    private func compareLogits(
        _ item: GoldenSet.TextCase, _ items: [SequenceItem], _ pictures: [PictureKey: PictureEmbedding],
        _ session: DecoderSession, _ comparison: inout ParityComparison
    ) throws {
        if golden.tensors.tensors["\(item.name).logits"] != nil {
            // Token by token: every position's logits, the same bits as in one pass.
            var all = [Float]()
            for index in items.indices where session.append(items[index...index], pictures: pictures) {
                all.append(contentsOf: session.logits)
            }
            try compare(item.name, "logits", all, [items.count, session.logits.count], &comparison)
        } else {
            _ = session.append(items[...], pictures: pictures)
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
        let ids = greedy(session, count: recorded.count, repetitionPenalty: 1)
        comparison.compare(item.name, .greedyIDs(ids), isEqual: ids == recorded)
        if let expected = item.greedyText {
            let text = text(of: ids)
            comparison.compare(item.name, .greedyText(text), isEqual: text.utf8.elementsEqual(expected.utf8))
        }
    }

    /// Up to `count` tokens behind what the session holds, ended by an end token.
    private func greedy(_ session: DecoderSession, count: Int, repetitionPenalty: Double) -> [Int32] {
        var options = GenerationOptions.greedy
        options.repetitionPenalty = repetitionPenalty
        var sampler = Sampler(options: options, seed: 0, beginToken: model.tokenizer.bosToken)
        var ids = [Int32]()
        while ids.count < count, let choice = sampler.choose(session.logits) {
            ids.append(choice.token)
            if model.tokenizer.endOfGeneration.contains(choice.token) { break }
            guard session.count < session.contextLength, session.append([choice.token]) else { break }
        }
        return ids
    }

    /// The recorded ids begin with the begin token, which the original puts before every answer.
    private func compareBeams(
        _ item: GoldenSet.TextCase, _ items: [SequenceItem], _ pictures: [PictureKey: PictureEmbedding],
        _ session: DecoderSession, _ comparison: inout ParityComparison
    ) throws {
        let options = item.options
        guard let recorded = item.beamIDs, (1...64).contains(options.beams), options.maximumTokens >= 0 else { return }
        let limit = min(options.maximumTokens, session.contextLength - items.count)
        session.truncate(to: 0)
        // Before the logits that the search begins with: room for more of them is new memory.
        try session.reserveBeams(count: options.beams, promptTokens: items.count, maximumTokens: limit)
        _ = session.append(items[...], pictures: pictures)
        let found =
            options.beams == 1
            ? greedy(session, count: limit, repetitionPenalty: options.repetitionPenalty)
            : search(options, limit: limit, session)
        let ids = (model.tokenizer.bosToken.map { [$0] } ?? []) + found
        comparison.compare(item.name, .beamIDs(ids), isEqual: ids == recorded)
        if let expected = item.beamText {
            let text = text(of: found)
            comparison.compare(item.name, .beamText(text), isEqual: text.utf8.elementsEqual(expected.utf8))
        }
    }

    private func search(_ options: GoldenSet.Options, limit: Int, _ session: DecoderSession) -> [Int32] {
        var search = BeamSearch(
            BeamSearch.Configuration(
                beamCount: options.beams, maximumTokens: limit, lengthPenalty: options.lengthPenalty,
                repetitionPenalty: options.repetitionPenalty, beginToken: model.tokenizer.bosToken,
                endTokens: model.tokenizer.endOfGeneration))
        var beams = session.beams()
        var logits = [session.logits]
        while let continuations = search.advance(logits),
            let next = session.advance(&beams, by: continuations, isCancelled: { false })
        {
            logits = next
        }
        return search.answer.tokens
    }

    private func text(of ids: [Int32]) -> String {
        var decoder = StreamingDecoder(tokenizer: model.tokenizer)
        return ids.map { decoder.append($0) }.joined() + decoder.finish()
    }
}
