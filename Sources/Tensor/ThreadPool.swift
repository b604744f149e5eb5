import CKernels
import Foundation

/// The threads that kernels run on: the caller and `threadCount - 1` workers.
///
/// One operation at a time: the actor that owns the pool is its only caller.
package final class ThreadPool: @unchecked Sendable {
    // Sendable: the handle never changes, and the C side synchronises its own state.
    let handle: OpaquePointer?
    package let threadCount: Int
    private var scratchBuffer: FloatBuffer?

    /// Starts the workers; with fewer than asked for when the system refuses more.
    package init(threadCount: Int) {
        let wanted = max(1, min(threadCount, 256))
        handle = emu_pool_create(Int32(wanted))
        self.threadCount = Int(emu_pool_threads(handle))
    }

    /// Memory for one operation's intermediate results, at a multiple of 64, void with the next call; nil when the
    /// system has not that much.
    func scratch(bytes: Int) -> UnsafeMutableRawPointer? {
        let floats = (bytes + 3) / 4
        if floats > scratchBuffer?.count ?? -1 {
            guard let larger = FloatBuffer(count: floats) else { return nil }
            scratchBuffer = larger
        }
        return scratchBuffer.map { UnsafeMutableRawPointer($0.pointer) }
    }

    /// Runs `body`, whose operations on this pool end within one piece of work once `isCancelled` says so.
    ///
    /// Not to be nested. Weights of any size are covered: a piece is some rows of one product, never a whole layer.
    /// - Returns: false when something was left undone; everything that `body` computed is then void.
    package func cancellable(
        _ isCancelled: () -> Bool, _ body: () -> Void
    ) -> Bool {
        withoutActuallyEscaping(isCancelled) { question in
            var question = question
            return withUnsafeMutablePointer(to: &question) { question in
                emu_pool_begin_cancellable(
                    handle, { $0?.assumingMemoryBound(to: (() -> Bool).self).pointee() ?? false }, question)
                body()
                return !emu_pool_end_cancellable(handle)
            }
        }
    }

    deinit {
        emu_pool_destroy(handle)
    }

    /// The processors that this process may use.
    package static var availableProcessors: Int {
        max(1, ProcessInfo.processInfo.activeProcessorCount)
    }
}
