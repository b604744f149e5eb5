import ModelFiles
import Models
import Tensor

extension Precision {
    /// What is taken where nothing is said: fast where most weights are quantised, so that their own rounding is far
    /// coarser than what is added to it; else exact.
    package static func usual(for file: GGUFFile) -> Precision {
        (file.commonType()?.blockSize ?? 1) > 1 ? .fast : .exact
    }
}

extension GGUFFile {
    /// The type that holds most weights of the tensors whose names begin so; nil without any.
    package func commonType(of prefix: String = "") -> GGMLType? {
        var counts: [GGMLType: Int] = [:]
        for tensor in tensors.values where tensor.name.hasPrefix(prefix) {
            counts[tensor.type, default: 0] += tensor.elementCount
        }
        return counts.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }?.key
    }
}
