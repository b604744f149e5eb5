import CKernels

/// What this machine can do at most: speeds are told as shares of it.
package struct MachineLimits: Sendable {
    /// The packed variant whose instructions were measured.
    package let kernelName: String
    /// Operations per second, two to a multiply-add.
    package let int8: Double
    package let bf16: Double
    package let fp32: Double
    /// Bytes per second.
    package let memoryRead: Double

    /// Measures on `threadCount` threads, in about a second; nil when there is no memory to read.
    package static func measured(threadCount: Int, runs: Int = 5) -> MachineLimits? {
        let pool = ThreadPool(threadCount: threadCount)
        // Much larger than the last level of any cache, in the huge pages that packed weights lie in.
        guard let region = PackedRegion(count: 1 << 30) else { return nil }
        region.pointer.initializeMemory(as: UInt8.self, repeating: 1, count: region.count)
        func limit(_ kind: emu_limit) -> Double {
            emu_measure_limit(pool.handle, kind, Int32(runs), region.pointer, region.count)
        }
        return MachineLimits(
            kernelName: Kernels.packedVariantName, int8: limit(EMU_LIMIT_INT8), bf16: limit(EMU_LIMIT_BF16),
            fp32: limit(EMU_LIMIT_FP32), memoryRead: limit(EMU_LIMIT_READ))
    }
}
