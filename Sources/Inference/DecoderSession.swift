import Digest
import Models
import Tensor

/// One sequence in a key-value cache: what it holds, how it grows, and how a new prompt reuses its beginning.
package final class DecoderSession {
    /// Rows of one prefill pass: enough to use each weight many times, few enough that a pass, after which progress is
    /// told, takes seconds even with the largest models.
    static func prefillRows(_ configuration: DecoderConfiguration) -> Int {
        let attention = 2 * configuration.width * (configuration.attentionHeads * configuration.headSize)
        let perLayer =
            attention + 2 * configuration.width * configuration.keyValueWidth
            + 3 * configuration.width * configuration.feedForwardWidth
        return min(128, max(16, 2_500_000_000 / max(1, perLayer)))
    }

    package let contextLength: Int
    /// What computes the sequence; sequences with pictures where there is one of their own.
    private let textDecoder: any Decoder
    private let pictureDecoder: (any Decoder)?
    /// Whether the decoder for pictures computes the sequence.
    package private(set) var seesPictures = false
    private var decoder: any Decoder { seesPictures ? pictureDecoder ?? textDecoder : textDecoder }
    private let pool: ThreadPool
    private var cache: KeyValueCache
    private let sequence: CacheSequence
    private let workspace: DecoderWorkspace
    private var logitsBuffer: FloatBuffer
    /// What keys and values are in the cache for.
    private var items: [SequenceItem] = []
    /// The row of the workspace that the last pass's last item has.
    private var lastRow = 0

    /// Sequences with pictures are computed by `pictureDecoder`, of the same sizes, where there is one.
    package init(
        decoder: any Decoder, pictureDecoder: (any Decoder)? = nil, contextLength: Int, cacheType: GGMLType = .f32,
        pool: ThreadPool
    ) throws(ModelError) {
        textDecoder = decoder
        self.pictureDecoder = pictureDecoder
        self.contextLength = contextLength
        self.pool = pool
        let configuration = decoder.configuration
        cache = try KeyValueCache(configuration, slotCount: contextLength, type: cacheType)
        sequence = CacheSequence(contiguous: contextLength)
        workspace = try DecoderWorkspace(
            configuration, maximumRows: Self.prefillRows(configuration), contextLength: contextLength,
            threadCount: pool.threadCount)
        guard let logitsBuffer = FloatBuffer(count: configuration.vocabularySize) else {
            throw .outOfMemory(what: "logits", bytes: configuration.vocabularySize * 4)
        }
        self.logitsBuffer = logitsBuffer
    }

    /// Whether what is cached begins with these ids, none of which stands for a picture.
    package func begins(with tokens: [Int32]) -> Bool {
        items.count >= tokens.count && zip(items, tokens).allSatisfy { $0 == SequenceItem(token: $1) }
    }

    /// The ids whose keys and values are in the cache, of pictures those in their places.
    package var tokens: [Int32] { items.map(\.token) }

    /// What tells the cached items from all others.
    var digest: SHA256Digest { SequenceItemCoding.digest(items[...]) }

    /// How many positions the cache holds.
    package var count: Int { items.count }

    /// The logits after the last token, [vocabularySize].
    package var logits: UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: logitsBuffer.pointer, count: decoder.configuration.vocabularySize)
    }

    /// The hidden state of the last token behind the last layer, [width]; what the logits were computed from. Valid until
    /// the next call.
    package var lastHidden: UnsafePointer<Float> {
        UnsafePointer(workspace.hidden.pointer + lastRow * decoder.configuration.width)
    }

    /// Keeps the common beginning of what is cached and `prompt`, except for the prompt's last token, whose logits are
    /// still wanted. Returns how many tokens were kept.
    ///
    /// Pictures are the same where their pixels are, whatever their places in the prompt. Where another decoder computes
    /// pictures nothing is kept when the first one comes or the last one goes.
    package func reuse(for prompt: [SequenceItem]) -> Int {
        look(at: prompt[...])
        let common = zip(items, prompt).prefix { $0 == $1 }.count
        items.removeLast(items.count - min(common, max(0, prompt.count - 1)))
        return items.count
    }

    /// Chooses the decoder by whether there are pictures among the items; what the other one computed is forgotten.
    private func look(at items: ArraySlice<SequenceItem>) {
        let hasPictures = items.contains { $0.picture != nil }
        guard pictureDecoder != nil, hasPictures != seesPictures else { return }
        seesPictures = hasPictures
        self.items = []
    }

    package func reuse(for prompt: [Int32]) -> Int {
        reuse(for: prompt.map { SequenceItem(token: $0) })
    }

    /// Forgets everything from a position on.
    package func truncate(to count: Int) {
        items.removeLast(max(0, items.count - count))
    }

    /// Appends tokens and pictures and computes the logits after the last of them.
    ///
    /// Ids must be in the vocabulary, the items fit into the context, and every picture among them have its rows in
    /// `pictures`. `progress` is called with the number of items done after each pass.
    /// - Returns: false when cancelled; passes that were complete stay in the cache.
    package func append(
        _ newItems: ArraySlice<SequenceItem>, pictures: [PictureKey: PictureEmbedding] = [:], passRows: Int? = nil,
        isCancelled: () -> Bool = { false }, progress: (Int) -> Void = { _ in }
    ) -> Bool {
        precondition(items.count + newItems.count <= contextLength, "more tokens than the context holds")
        let rows = max(1, min(passRows ?? workspace.maximumRows, workspace.maximumRows))
        if items.isEmpty { look(at: newItems) }
        var rest = newItems
        while !rest.isEmpty {
            let part = rest.prefix(rows)
            guard run(part, pictures, isCancelled: isCancelled) else { return false }
            rest = rest.dropFirst(part.count)
            progress(newItems.count - rest.count)
            if rest.isEmpty {
                let last = workspace.hidden.pointer + (part.count - 1) * decoder.configuration.width
                decoder.logits(
                    hidden: last, count: 1, into: logitsBuffer.pointer, workspace: workspace, pool: pool)
            }
        }
        return true
    }

    package func append(
        _ newTokens: ArraySlice<Int32>, passRows: Int? = nil, isCancelled: () -> Bool = { false },
        progress: (Int) -> Void = { _ in }
    ) -> Bool {
        append(
            newTokens.map { SequenceItem(token: $0) }[...], passRows: passRows, isCancelled: isCancelled,
            progress: progress)
    }

    /// Appends tokens as `append` does and tells the logits behind every one of them, first to last.
    ///
    /// `read` gets a token's position and the logits behind it, [vocabularySize], valid during the call.
    package func append(
        _ newTokens: ArraySlice<Int32>, readingLogits read: (Int, UnsafeBufferPointer<Float>) -> Void
    ) throws(ModelError) {
        precondition(items.count + newTokens.count <= contextLength, "more tokens than the context holds")
        let (rows, size) = (min(workspace.maximumRows, newTokens.count), decoder.configuration.vocabularySize)
        guard let all = FloatBuffer(count: rows * size) else {
            throw .outOfMemory(what: "logits", bytes: rows * size * 4)
        }
        var rest = newTokens
        while !rest.isEmpty {
            let part = rest.prefix(rows)
            let first = items.count
            _ = run(part.map { SequenceItem(token: $0) }[...], [:], isCancelled: { false })
            decoder.logits(
                hidden: workspace.hidden.pointer, count: part.count, into: all.pointer, workspace: workspace, pool: pool
            )
            for row in 0..<part.count {
                read(first + row, UnsafeBufferPointer(start: all.pointer + row * size, count: size))
            }
            rest = rest.dropFirst(part.count)
            if rest.isEmpty {
                logitsBuffer.pointer.update(from: all.pointer + (part.count - 1) * size, count: size)
            }
        }
    }

    /// One pass: hidden states of up to `workspace.maximumRows` items, whose keys and values go into the cache.
    private func run(
        _ part: ArraySlice<SequenceItem>, _ pictures: [PictureKey: PictureEmbedding], isCancelled: () -> Bool
    ) -> Bool {
        let (hidden, width) = (workspace.hidden.pointer, decoder.configuration.width)
        decoder.embed(part.map(\.token)[...], into: hidden)
        for (index, item) in part.enumerated() {
            guard let place = item.picture else { continue }
            precondition(pictureDecoder == nil || seesPictures, "a picture behind text that another decoder computed")
            guard let rows = pictures[place.key]?.rows, rows.count >= (place.row + 1) * width else {
                preconditionFailure("a picture without its embeddings")
            }
            rows.withUnsafeBufferPointer { rows in
                if let base = rows.baseAddress {
                    (hidden + index * width).update(from: base + place.row * width, count: width)
                }
            }
        }
        let positions = items.count..<items.count + part.count
        let batch = DecoderBatch(sequence: sequence, positions: positions)
        let isDone = pool.cancellable(isCancelled) {
            decoder.forward(batch, cache: cache, workspace: workspace, pool: pool)
        }
        if isDone {
            items.append(contentsOf: part)
            lastRow = part.count - 1
        }
        return isDone
    }

    // MARK: Saving

    /// What the first `count` items are and their keys and values, to be written one behind the other; valid until the
    /// session is used again.
    package func withSaved<Result>(first count: Int, _ body: ([UnsafeRawBufferPointer]) -> Result) -> Result {
        SequenceItemCoding.encoded(items.prefix(count)).withUnsafeBytes { body([$0] + cache.bytes(first: count)) }
    }

    /// Whether what is cached tells by itself which decoder computed it: not where a prompt was stopped before the first of
    /// its pictures.
    package var tellsItsDecoder: Bool {
        pictureDecoder == nil || seesPictures == items.contains { $0.picture != nil }
    }

    /// Takes over what `withSaved` gave of a session with the same decoder and type of cache, in place of what is cached;
    /// false, and nothing changed, when the bytes are none of this. There are no logits afterwards.
    ///
    /// `forPictures`: whether the decoder for pictures computed it; nil where that is so if there are some.
    package func restore(_ bytes: UnsafeRawBufferPointer, forPictures: Bool? = nil) -> Bool {
        guard
            let (saved, headerBytes) = SequenceItemCoding.decoded(
                bytes, atMost: contextLength, vocabularySize: decoder.configuration.vocabularySize),
            bytes.count - headerBytes == cache.byteCount(first: saved.count)
        else { return false }
        cache.load(first: saved.count, from: UnsafeRawBufferPointer(rebasing: bytes[headerBytes...]))
        items = saved
        seesPictures = pictureDecoder != nil && (forPictures ?? saved.contains { $0.picture != nil })
        return true
    }

    // MARK: Beams

    /// Several continuations of the tokens that are in the cache now, which they share.
    package struct Beams {
        /// Position of the next token.
        fileprivate var position: Int
        /// The first slot that is not the prompt's.
        fileprivate let firstOwnSlot: Int
        fileprivate var sequences: [CacheSequence]
        /// A beam that is to outlive the search, and its length.
        fileprivate var kept: (sequence: CacheSequence, count: Int)?

        /// Keeps one of the beams as they stand now; the one kept before is given up.
        package mutating func keep(_ beam: Int) {
            kept = (sequences[beam], position)
        }

        /// Cache slots in use: the prompt's and those behind them, counted once however many beams share them.
        package var slotCount: Int {
            Set(sequences.flatMap { sequence in (0..<position).map { sequence[$0] } }).count
        }
    }

    /// Makes room for `count` beams of up to `maximumTokens` tokens behind a prompt, and a kept one; what is cached
    /// stays, but not the logits.
    package func reserveBeams(count: Int, promptTokens: Int, maximumTokens: Int) throws(ModelError) {
        let slots = max(contextLength, promptTokens + (count + 1) * maximumTokens)
        if slots > cache.slotCount {
            let larger = try KeyValueCache(decoder.configuration, slotCount: slots, type: cache.type)
            larger.copySlots(items.count, from: cache)
            cache = larger
        }
        let (rows, width) = (count, decoder.configuration.vocabularySize)
        guard rows * width > logitsBuffer.count else { return }
        guard let larger = FloatBuffer(count: rows * width) else {
            throw .outOfMemory(what: "logits", bytes: rows * width * 4)
        }
        logitsBuffer = larger
    }

    /// One beam that stands behind the tokens in the cache.
    package func beams() -> Beams {
        Beams(
            position: items.count, firstOwnSlot: items.count,
            sequences: [CacheSequence(sharing: sequence, first: items.count)])
    }

    /// Appends one token to each beam that goes on and returns the logits behind them, in the same order; nil when
    /// cancelled. The logits are valid until the next call.
    package func advance(
        _ beams: inout Beams, by continuations: [BeamSearch.Continuation], isCancelled: () -> Bool
    ) -> [UnsafeBufferPointer<Float>]? {
        precondition(continuations.count <= workspace.maximumRows, "more beams than rows")
        let next = continuations.map { CacheSequence(sharing: beams.sequences[$0.parent], first: beams.position) }
        // Slots that no beam refers to any more are free again.
        var isUsed = Set<Int>()
        for sequence in next {
            for position in beams.firstOwnSlot..<beams.position { isUsed.insert(sequence[position]) }
        }
        if let kept = beams.kept {
            for position in beams.firstOwnSlot..<kept.count { isUsed.insert(kept.sequence[position]) }
        }
        var free = (beams.firstOwnSlot..<cache.slotCount).lazy.filter { !isUsed.contains($0) }.makeIterator()
        for sequence in next {
            guard let slot = free.next() else { return nil }
            sequence[beams.position] = slot
        }
        decoder.embed(continuations.map(\.token)[...], into: workspace.hidden.pointer)
        let batch = DecoderBatch(
            positions: Array(repeating: beams.position, count: next.count), sequences: next)
        let isDone = pool.cancellable(isCancelled) {
            decoder.forward(batch, cache: cache, workspace: workspace, pool: pool)
        }
        guard isDone else { return nil }
        decoder.logits(
            hidden: workspace.hidden.pointer, count: next.count, into: logitsBuffer.pointer, workspace: workspace,
            pool: pool)
        beams.sequences = next
        beams.position += 1
        let width = decoder.configuration.vocabularySize
        return next.indices.map { UnsafeBufferPointer(start: logitsBuffer.pointer + $0 * width, count: width) }
    }

    /// Ends a search: the kept beam becomes the session's sequence, as if `answer` had been appended token by token, as
    /// far as its keys and values were computed.
    package func adopt(_ beams: Beams, answer: [Int32]) {
        guard let kept = beams.kept else { return }
        let first = beams.firstOwnSlot
        let count = min(kept.count - first, answer.count, contextLength - first)
        cache.gather((first..<first + count).map { kept.sequence[$0] }, to: first)
        items.append(contentsOf: answer.prefix(count).map { SequenceItem(token: $0) })
    }
}
