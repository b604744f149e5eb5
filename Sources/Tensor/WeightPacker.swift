import CKernels

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Lays weights out for products in fast precision, once, while a model is loaded.
///
/// Packed weights lie in memory of their own, in huge pages where the system has them, since reading them is what
/// decoding spends its time on. What a matrix was packed from is given back at once, so that there are never two copies
/// of more than one matrix.
package final class WeightPacker {
    /// Small matrices share a region of this size, so that they fill huge pages together.
    private static let regionBytes = 32 << 20

    private let pool: ThreadPool
    private let release: (UnsafeRawBufferPointer) -> Void
    private var region: PackedRegion?
    private var used = 0
    private var packings: [PackedWeightMemory.Packing] = []

    /// `release` is told which bytes of the file are not read any more (they stay valid).
    package init(pool: ThreadPool, release: @escaping (UnsafeRawBufferPointer) -> Void) {
        self.pool = pool
        self.release = release
    }

    /// Bytes that a matrix takes when it is packed, of a shape whose last dimension counts the rows; nil when its type or
    /// width is not packed.
    package static func packedBytes(_ type: GGMLType, _ shape: [Int]) -> Int? {
        let size = emu_packed_bytes(type.rawValue, shape.last ?? 0, shape.dropLast().reduce(1, *))
        return size > 0 ? size : nil
    }

    /// The matrix with packed weights beside; as it is when its type is not packed or memory is short.
    package func pack(_ matrix: WeightMatrix) -> WeightMatrix {
        let size = emu_packed_bytes(matrix.type.rawValue, matrix.rows, matrix.columns)
        guard size > 0, let (owner, offset) = reserve(size) else { return matrix }
        let place = owner.pointer + offset
        matrix.pack(into: place, pool: pool)
        release(matrix.contents)
        packings.append(PackedWeightMemory.Packing(matrix: matrix, place: place, owner: owner))
        return matrix.packed(PackedWeights(bytes: UnsafeRawPointer(place), owner: owner))
    }

    /// The memory of what was packed since the last call, which shares no region with what is packed later.
    package func takeMemory() -> PackedWeightMemory {
        defer { (packings, region, used) = ([], nil, 0) }
        return PackedWeightMemory(packings, discard: release)
    }

    private func reserve(_ size: Int) -> (PackedRegion, Int)? {
        if let region, region.count - used >= size {
            defer { used += (size + 63) & ~63 }
            return (region, used)
        }
        guard let fresh = PackedRegion(count: max(size, Self.regionBytes)) else { return nil }
        // What a large matrix leaves over is less than what the region before it still has.
        if fresh.count - size >= (region?.count ?? 0) - used {
            (region, used) = (fresh, (size + 63) & ~63)
        }
        return (fresh, 0)
    }
}

/// Where the packed weights of one matrix lie.
struct PackedWeights: @unchecked Sendable {
    // Sendable: nothing is written after packing, and `owner` keeps the bytes valid.
    let bytes: UnsafeRawPointer
    let owner: PackedRegion
}

/// Zeroed memory at a multiple of 2 MiB, unmapped when the last matrix in it goes.
final class PackedRegion: @unchecked Sendable {
    // Sendable: who packs writes each part once, before anybody reads it.
    let pointer: UnsafeMutableRawPointer
    let count: Int
    private let mapping: UnsafeMutableRawPointer
    private let mappedBytes: Int

    init?(count: Int) {
        let hugePage = 2 << 20
        guard count > 0, count < Int.max - 2 * hugePage else { return nil }
        self.count = (count + hugePage - 1) & ~(hugePage - 1)
        mappedBytes = self.count + hugePage
        guard
            let address = mmap(
                nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            address != MAP_FAILED
        else { return nil }
        mapping = address
        let skipped = (hugePage - Int(bitPattern: address) & (hugePage - 1)) & (hugePage - 1)
        pointer = address + skipped
        // Without huge pages it works as well, only slower.
        _ = madvise(pointer, self.count, MADV_HUGEPAGE)
    }

    deinit {
        munmap(mapping, mappedBytes)
    }
}
