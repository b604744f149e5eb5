import Tensor

/// Keys and values of every layer, in numbered slots: [layer, slot, keyValueWidth] each.
///
/// A slot belongs to no position by itself; a `CacheSequence` says which slot holds which position, so that sequences
/// with a common beginning can share its slots.
package final class KeyValueCache {
    package let slotCount: Int
    package let type: GGMLType
    private let width: Int
    /// Bytes of one slot's keys, or values, in one layer.
    private let slotBytes: Int
    /// Bytes of one head within a slot: whole blocks of the type.
    let headBytes: Int
    private let layerCount: Int
    private let keys: FloatBuffer
    private let values: FloatBuffer

    /// Reserves room for `slotCount` positions; memory is taken as slots are first used.
    package init(
        _ configuration: DecoderConfiguration, slotCount: Int, type: GGMLType = .f32
    ) throws(ModelError) {
        self.slotCount = slotCount
        self.type = type
        width = configuration.keyValueWidth
        layerCount = configuration.layerCount
        guard Self.supports(type, configuration),
            let headBytes = type.rowBytes(columns: configuration.headSize),
            let slotBytes = type.rowBytes(columns: width)
        else { throw .unsupportedCache(type: type.name, headSize: configuration.headSize) }
        self.slotBytes = slotBytes
        self.headBytes = headBytes
        let (layerBytes, firstOverflow) = slotCount.multipliedReportingOverflow(by: slotBytes)
        let (bytes, secondOverflow) = layerBytes.multipliedReportingOverflow(by: configuration.layerCount)
        guard !firstOverflow, !secondOverflow, bytes < Int.max / 2, let keys = FloatBuffer(count: bytes / 4 + 1),
            let values = FloatBuffer(count: bytes / 4 + 1)
        else {
            let asked = firstOverflow || secondOverflow || bytes >= Int.max / 2 ? Int.max : bytes * 2
            throw .outOfMemory(what: "the key-value cache", bytes: asked)
        }
        self.keys = keys
        self.values = values
    }

    /// Takes over the first `count` slots of another cache of the same model and type.
    package func copySlots(_ count: Int, from other: KeyValueCache) {
        precondition(
            count <= min(slotCount, other.slotCount) && slotBytes == other.slotBytes && type == other.type,
            "caches of different shapes")
        for layer in 0..<layerCount {
            let (to, from) = (layer * slotCount * slotBytes, layer * other.slotCount * slotBytes)
            for (mine, theirs) in [(keys, other.keys), (values, other.values)] {
                UnsafeMutableRawPointer(mine.pointer).advanced(by: to).copyMemory(
                    from: UnsafeRawPointer(theirs.pointer) + from, byteCount: count * slotBytes)
            }
        }
    }

    /// Bytes of the first `count` slots' keys and values.
    package func byteCount(first count: Int) -> Int { layerCount * 2 * count * slotBytes }

    /// The first `count` slots layer by layer, keys before values; valid while the cache lives and nothing is stored.
    package func bytes(first count: Int) -> [UnsafeRawBufferPointer] {
        precondition(count <= slotCount, "more slots than the cache has")
        return (0..<layerCount).flatMap { layer in
            [keys(layer: layer), values(layer: layer)].map {
                UnsafeRawBufferPointer(start: $0, count: count * slotBytes)
            }
        }
    }

    /// Takes over what `bytes(first:)` gave of a cache of the same model and type, one buffer behind the other.
    package func load(first count: Int, from bytes: UnsafeRawBufferPointer) {
        precondition(count <= slotCount && bytes.count == byteCount(first: count), "slots of another shape")
        let partBytes = count * slotBytes
        for layer in 0..<layerCount {
            for (part, buffer) in [keys, values].enumerated() {
                let target = UnsafeMutableRawPointer(buffer.pointer) + layer * slotCount * slotBytes
                UnsafeMutableRawBufferPointer(start: target, count: partBytes).copyMemory(
                    from: UnsafeRawBufferPointer(
                        rebasing: bytes[(layer * 2 + part) * partBytes..<(layer * 2 + part + 1) * partBytes]))
            }
        }
    }

    /// Moves what lies in `slots` into as many consecutive ones from `first` on, in that order.
    package func gather(_ slots: [Int], to first: Int) {
        precondition(
            first >= 0 && first + slots.count <= slotCount && slots.allSatisfy { $0 >= 0 && $0 < slotCount },
            "slots outside the cache")
        // All are read before one is written, since the two may overlap in any way.
        withUnsafeTemporaryAllocation(byteCount: slots.count * slotBytes, alignment: 16) { staging in
            guard let staged = staging.baseAddress else { return }
            for layer in 0..<layerCount {
                for buffer in [keys, values] {
                    let base = UnsafeMutableRawPointer(buffer.pointer) + layer * slotCount * slotBytes
                    for (index, slot) in slots.enumerated() {
                        (staged + index * slotBytes).copyMemory(from: base + slot * slotBytes, byteCount: slotBytes)
                    }
                    (base + first * slotBytes).copyMemory(from: staged, byteCount: slots.count * slotBytes)
                }
            }
        }
    }

    /// Whether a decoder's keys and values can be kept in a type.
    package static func supports(_ type: GGMLType, _ configuration: DecoderConfiguration) -> Bool {
        Kernels.supportsCache(type, headSize: configuration.headSize)
    }

    /// Bytes that a position takes.
    package static func bytesPerPosition(_ configuration: DecoderConfiguration, type: GGMLType = .f32) -> Int {
        configuration.layerCount * 2 * (type.rowBytes(columns: configuration.keyValueWidth) ?? 0)
    }

    /// The slots' keys of a layer: [slotCount, keyValueWidth].
    func keys(layer: Int) -> UnsafeRawPointer { UnsafeRawPointer(keys.pointer) + layer * slotCount * slotBytes }

    /// The slots' values of a layer: [slotCount, keyValueWidth].
    func values(layer: Int) -> UnsafeRawPointer { UnsafeRawPointer(values.pointer) + layer * slotCount * slotBytes }

    /// Stores one position's key and value, [keyValueWidth] each.
    func store(layer: Int, slot: Int, key: UnsafePointer<Float>, value: UnsafePointer<Float>) {
        precondition(slot >= 0 && slot < slotCount, "slot outside the cache")
        let offset = (layer * slotCount + slot) * slotBytes
        Kernels.narrow(key, count: width, to: type, into: UnsafeMutableRawPointer(keys.pointer) + offset)
        Kernels.narrow(value, count: width, to: type, into: UnsafeMutableRawPointer(values.pointer) + offset)
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
