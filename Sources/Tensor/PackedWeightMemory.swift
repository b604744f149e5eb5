import CKernels
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The memory of packed weights, which can be given back while others need it: the weights are then packed again, into
/// the same place, before anybody multiplies with them.
package final class PackedWeightMemory: @unchecked Sendable {
    // Sendable: who releases and restores orders that with the products; `discard` only gives pages back.
    struct Packing {
        /// The weights as their file has them.
        let matrix: WeightMatrix
        let place: UnsafeMutableRawPointer
        let owner: PackedRegion
    }

    private let packings: [Packing]
    private let regions: [PackedRegion]
    private let discard: (UnsafeRawBufferPointer) -> Void
    private let released = Mutex(false)

    init(_ packings: [Packing], discard: @escaping (UnsafeRawBufferPointer) -> Void) {
        (self.packings, self.discard) = (packings, discard)
        var seen = Set<ObjectIdentifier>()
        regions = packings.map(\.owner).filter { seen.insert(ObjectIdentifier($0)).inserted }
    }

    /// Whether the weights are void until `restore`.
    package var isReleased: Bool { released.withLock { $0 } }

    /// Bytes that are in memory now, as the system counts them.
    package var residentBytes: Int { regions.reduce(0) { $0 + $1.residentBytes } }

    /// Gives the memory back; products with these weights are void from now on.
    package func release() {
        released.withLock { $0 = true }
        for region in regions { region.release() }
    }

    /// Packs all weights again if they were released; `progress` is told the bytes of the file that are done, and of all.
    /// - Returns: false when cancelled; the weights are then still released.
    package func restore(
        pool: ThreadPool, isCancelled: () -> Bool, progress: (_ done: Int, _ total: Int) -> Void
    ) -> Bool {
        guard isReleased else { return true }
        let total = packings.reduce(0) { $0 + $1.matrix.byteCount }
        var done = 0
        for packing in packings {
            progress(done, total)
            if isCancelled() {
                release()
                return false
            }
            packing.matrix.pack(into: packing.place, pool: pool)
            discard(packing.matrix.contents)
            done += packing.matrix.byteCount
        }
        progress(total, total)
        released.withLock { $0 = false }
        return true
    }
}

extension WeightMatrix {
    var byteCount: Int { rows * rowBytes }

    /// The weights as they lie in their file.
    var contents: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bytes, count: byteCount) }

    func pack(into place: UnsafeMutableRawPointer, pool: ThreadPool) {
        emu_pack(pool.handle, type.rawValue, bytes, rowBytes, rows, columns, place)
    }
}

extension PackedRegion {
    /// Gives the pages back; the memory stays reserved, and is zero when it is touched again.
    func release() { _ = madvise(pointer, count, MADV_DONTNEED) }

    /// Bytes of pages that are in memory.
    var residentBytes: Int {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        var flags = [UInt8](repeating: 0, count: (count + page - 1) / page)
        guard mincore(pointer, count, &flags) == 0 else { return 0 }
        return flags.count { $0 & 1 == 1 } * page
    }
}
