/// A batch as the attention kernel wants it: per row the slots that it sees, how many, and where its own goes.
struct AttentionView {
    let slots: [UnsafePointer<Int32>?]
    let lengths: [Int32]
    let targets: [Int]
    // The pointers above stay valid while the sequences live.
    private let sequences: [CacheSequence]

    /// With a window, a row sees so many positions at most: its own and those just before it.
    init(_ batch: DecoderBatch, window: Int? = nil) {
        sequences = batch.sequences
        let seen = batch.positions.map { min($0 + 1, window ?? Int.max) }
        slots = zip(zip(batch.sequences, batch.positions), seen).map { row, seen in
            row.0.slots.baseAddress.map { UnsafePointer($0 + (row.1 + 1 - seen)) }
        }
        lengths = seen.map { Int32($0) }
        targets = zip(batch.sequences, batch.positions).map { sequence, position in
            precondition(position < sequence.slots.count, "position outside its sequence")
            return Int(sequence.slots[position])
        }
    }
}
