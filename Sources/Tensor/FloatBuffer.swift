/// Zeroed fp32 memory of fixed size, aligned to a cache line.
///
/// Pages that were never touched take no memory, so a buffer may be sized for the longest context.
package final class FloatBuffer: @unchecked Sendable {
    // Sendable: who owns the buffer orders the accesses (one engine at a time).
    package let pointer: UnsafeMutablePointer<Float>
    package let count: Int

    /// Reserves `count` floats; nil when the system has not that much.
    package init?(count: Int) {
        guard count >= 0, count <= Int.max / MemoryLayout<Float>.stride else { return nil }
        // calloc gives untouched zero pages for large sizes; 16 more floats let it be aligned.
        guard let raw = calloc(count + 16, MemoryLayout<Float>.stride) else { return nil }
        base = raw
        let aligned = (UInt(bitPattern: raw) + 63) & ~63
        guard let start = UnsafeMutableRawPointer(bitPattern: aligned) else {
            free(raw)
            return nil
        }
        pointer = start.assumingMemoryBound(to: Float.self)
        self.count = count
    }

    private let base: UnsafeMutableRawPointer

    deinit {
        free(base)
    }

    /// A copy of a range of the values.
    package func values(_ range: Range<Int>) -> [Float] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside the buffer")
        return Array(UnsafeBufferPointer(start: pointer + range.lowerBound, count: range.count))
    }
}

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
