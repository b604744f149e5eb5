import Tensor

/// Keys and values of every layer, in numbered slots: fp32, [layer, slot, keyValueWidth] each.
///
/// A slot belongs to no position by itself; a `CacheSequence` says which slot holds which position, so that sequences
/// with a common beginning can share its slots.
package final class KeyValueCache {
    package let slotCount: Int
    private let width: Int
    private let layerCount: Int
    private let keys: FloatBuffer
    private let values: FloatBuffer

    /// Reserves room for `slotCount` positions; memory is taken as slots are first used.
    package init(_ configuration: DecoderConfiguration, slotCount: Int) throws(ModelError) {
        self.slotCount = slotCount
        width = configuration.keyValueWidth
        layerCount = configuration.layerCount
        let (layerFloats, firstOverflow) = slotCount.multipliedReportingOverflow(by: width)
        let (count, secondOverflow) = layerFloats.multipliedReportingOverflow(by: configuration.layerCount)
        guard !firstOverflow, !secondOverflow, let keys = FloatBuffer(count: count),
            let values = FloatBuffer(count: count)
        else {
            throw .outOfMemory(
                what: "the key-value cache", bytes: firstOverflow || secondOverflow ? Int.max : count * 8)
        }
        self.keys = keys
        self.values = values
    }

    /// Takes over the first `count` slots of another cache of the same model.
    package func copySlots(_ count: Int, from other: KeyValueCache) {
        precondition(count <= min(slotCount, other.slotCount) && width == other.width, "caches of different shapes")
        for layer in 0..<layerCount {
            let (to, from) = (layer * slotCount * width, layer * other.slotCount * width)
            (keys.pointer + to).update(from: other.keys.pointer + from, count: count * width)
            (values.pointer + to).update(from: other.values.pointer + from, count: count * width)
        }
    }

    /// Bytes that a position takes.
    package static func bytesPerPosition(_ configuration: DecoderConfiguration) -> Int {
        configuration.layerCount * configuration.keyValueWidth * 2 * MemoryLayout<Float>.stride
    }

    /// The slots' keys of a layer: [slotCount, keyValueWidth].
    func keys(layer: Int) -> UnsafePointer<Float> { UnsafePointer(keys.pointer + layer * slotCount * width) }

    /// The slots' values of a layer: [slotCount, keyValueWidth].
    func values(layer: Int) -> UnsafePointer<Float> { UnsafePointer(values.pointer + layer * slotCount * width) }

    /// Stores one position's key and value, [keyValueWidth] each.
    func store(layer: Int, slot: Int, key: UnsafePointer<Float>, value: UnsafePointer<Float>) {
        precondition(slot >= 0 && slot < slotCount, "slot outside the cache")
        let offset = (layer * slotCount + slot) * width
        (keys.pointer + offset).update(from: key, count: width)
        (values.pointer + offset).update(from: value, count: width)
    }
}

/// Which cache slot holds which position of one sequence.
package final class CacheSequence {
    /// Slot of each position.
    let slots: UnsafeMutableBufferPointer<Int32>

    /// A sequence of up to `capacity` positions whose position p lies in slot p.
    package init(contiguous capacity: Int) {
        slots = .allocate(capacity: capacity)
        for position in 0..<capacity { slots.initializeElement(at: position, to: Int32(position)) }
    }

    /// The first `count` positions of another sequence, in the same slots.
    package init(sharing other: CacheSequence, first count: Int) {
        precondition(count <= other.slots.count, "more positions than the sequence has")
        slots = .allocate(capacity: other.slots.count)
        for position in 0..<other.slots.count {
            slots.initializeElement(at: position, to: position < count ? other.slots[position] : 0)
        }
    }

    /// The slot of a position.
    package subscript(position: Int) -> Int {
        get { Int(slots[position]) }
        set { slots[position] = Int32(newValue) }
    }

    deinit {
        slots.deallocate()
    }
}
