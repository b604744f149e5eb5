/// A batch as the attention kernel wants it: per row the slots that it sees, how many, and where its own goes.
struct AttentionView {
    let slots: [UnsafePointer<Int32>?]
    let lengths: [Int32]
    let targets: [Int]
    // The pointers above stay valid while the sequences live.
    private let sequences: [CacheSequence]

    init(_ batch: DecoderBatch) {
        sequences = batch.sequences
        slots = batch.sequences.map { UnsafePointer($0.slots.baseAddress) }
        lengths = batch.positions.map { Int32($0 + 1) }
        targets = zip(batch.sequences, batch.positions).map { sequence, position in
            precondition(position < sequence.slots.count, "position outside its sequence")
            return Int(sequence.slots[position])
        }
    }
}
