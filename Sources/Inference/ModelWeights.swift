import ModelFiles
import Models
import Tensor

/// The memory of a model's weights, which can be given back while what draws needs it.
package final class ModelWeights: Sendable {
    private let file: GGUFFile
    /// Nil where weights are used where they lie.
    private let packed: PackedWeightMemory?

    init(file: GGUFFile, packed: PackedWeightMemory?) {
        (self.file, self.packed) = (file, packed)
    }

    /// Whether nothing can be computed until `restore`.
    package var isReleased: Bool { packed?.isReleased ?? false }

    /// Bytes in memory now that are no part of a file.
    package var residentBytes: Int { packed?.residentBytes ?? 0 }

    /// Gives the memory back. What lies in the file is read again where it is needed; what was packed must be restored.
    package func release() {
        packed?.release()
        for tensor in file.tensors.values where !DiffusionCheckpoint.isPart(tensor.name) {
            tensor.discard(tensor.bytes)
        }
    }

    /// Makes weights that were released ready again; `progress` is told the bytes done, and of all.
    /// - Returns: false when cancelled; they are then still released.
    package func restore(
        pool: ThreadPool, isCancelled: () -> Bool, progress: (_ done: Int, _ total: Int) -> Void
    ) -> Bool {
        packed?.restore(pool: pool, isCancelled: isCancelled, progress: progress) ?? true
    }
}
