import ModelFiles
import Tensor

/// Takes tensors of a GGUF file by name, shape and use, with errors that name them.
struct TensorSource {
    let file: GGUFFile

    func contains(_ name: String) -> Bool { file.tensors[name] != nil }

    /// A matrix [rows, columns], used where it lies.
    func matrix(_ name: String, rows: Int, columns: Int) throws(ModelError) -> WeightMatrix {
        let tensor = try tensor(name, shape: [columns, rows])
        guard
            let matrix = WeightMatrix(
                rows: rows, columns: columns, type: tensor.type, bytes: tensor.bytes, owner: file)
        else { throw .unsupportedType(path: file.path, tensor: name, type: tensor.type.name) }
        return matrix
    }

    /// A vector, widened to fp32.
    func vector(_ name: String, count: Int) throws(ModelError) -> [Float] {
        let tensor = try tensor(name, shape: [count])
        guard let values = Kernels.widen(type: tensor.type, bytes: tensor.bytes, count: count) else {
            throw .unsupportedType(path: file.path, tensor: name, type: tensor.type.name)
        }
        return values
    }

    private func tensor(_ name: String, shape: [Int]) throws(ModelError) -> GGUFTensor {
        do { return try file.tensor(name, shape: shape) } catch { throw .file(error) }
    }
}
