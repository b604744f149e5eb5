import ModelFiles
import Tensor

/// How weights are taken from their file.
package struct WeightLoading {
    /// Makes weights ready for products in fast precision; nil leaves them where they lie.
    let packer: WeightPacker?
    /// Whether weights are made that lie in no file, such as sums with those of adapters.
    let derives: Bool
    /// Told the bytes of the tensors that are done, and of all.
    let progress: (_ done: Int, _ total: Int) -> Void

    /// Exact arithmetic unless there is a packer.
    package init(packer: WeightPacker? = nil, progress: @escaping (_ done: Int, _ total: Int) -> Void = { _, _ in }) {
        self.init(packer: packer, derives: true, progress: progress)
    }

    private init(packer: WeightPacker?, derives: Bool, progress: @escaping (_ done: Int, _ total: Int) -> Void) {
        self.packer = packer
        self.derives = derives
        self.progress = progress
    }

    /// For what checks and describes a model: everything stays where it lies, and nothing is made of it, so that it is
    /// not fit for computing.
    package static var checking: WeightLoading { WeightLoading(packer: nil, derives: false) { _, _ in } }
}

/// Takes tensors of a GGUF file by name, shape and use, with errors that name them.
final class TensorSource {
    let file: GGUFFile
    private let loading: WeightLoading
    /// What is added to projections that are taken from now on.
    var adapters: LowRankAdapters?
    /// Whether projections that are taken from now on belong to work whose number of rows is always the same: a picture's
    /// patches, a drawing's positions.
    var hasFixedRows = false
    private let own: [GGUFTensor]
    private var taken: Set<String> = []
    /// What was taken for products, by name, so that parts of a model share it.
    private var projections: [String: WeightMatrix] = [:]
    private let totalBytes: Int
    private var takenBytes = 0

    /// A file's tensors, or those of them that `includes` says; the others belong to a part that is loaded by itself.
    init(file: GGUFFile, loading: WeightLoading, where includes: (String) -> Bool = { _ in true }) {
        self.file = file
        self.loading = loading
        own = file.tensors.values.filter { includes($0.name) }
        totalBytes = own.reduce(0) { $0 + $1.bytes.count }
    }

    /// How what is loaded from here computes.
    var precision: Precision { loading.packer == nil ? .exact : .fast }

    /// Whether the file has a tensor.
    func contains(_ name: String) -> Bool { file.tensors[name] != nil }

    /// Refuses a file without a tensor.
    func require(_ name: String) throws(ModelError) {
        do { _ = try file.tensor(name) } catch { throw .file(error) }
    }

    /// A matrix [rows, columns], used where it lies; the file may give its columns as several dimensions, `shape`.
    func matrix(_ name: String, rows: Int, columns: Int, shape: [Int]? = nil) throws(ModelError) -> WeightMatrix {
        let tensor = try tensor(name, shape: shape ?? [columns, rows])
        guard
            let matrix = WeightMatrix(
                rows: rows, columns: columns, type: tensor.type, bytes: tensor.bytes, owner: file)
        else { throw .unsupportedType(path: file.path, tensor: name, type: tensor.type.name) }
        return matrix
    }

    /// A matrix that activations are multiplied with; in fast precision packed. Taken again it is the same one, unless
    /// there are adapters for it by then.
    func projection(
        _ name: String, rows: Int, columns: Int, shape: [Int]? = nil
    ) throws(ModelError) -> WeightMatrix {
        let plain = try matrix(name, rows: rows, columns: columns, shape: shape)
        if let sum = try adapters?.sum(of: plain, name, in: precision) { return packed(sum) }
        if let known = projections[name] { return known }
        let projection = hasFixedRows ? packed(plain).forFixedRows() : packed(plain)
        projections[name] = projection
        return projection
    }

    private func packed(_ matrix: WeightMatrix) -> WeightMatrix { loading.packer?.pack(matrix) ?? matrix }

    /// A vector, widened to fp32.
    func vector(_ name: String, count: Int) throws(ModelError) -> [Float] {
        try values(name, shape: [count])
    }

    /// A tensor of any shape, innermost dimension first, widened to fp32.
    func values(_ name: String, shape: [Int]) throws(ModelError) -> [Float] {
        let tensor = try tensor(name, shape: shape)
        guard let values = Kernels.widen(type: tensor.type, bytes: tensor.bytes, count: tensor.elementCount) else {
            throw .unsupportedType(path: file.path, tensor: name, type: tensor.type.name)
        }
        return values
    }

    /// The same of a tensor that holds finite numbers only: one other would spoil or pass everything.
    func finiteValues(_ name: String, shape: [Int]) throws(ModelError) -> [Float] {
        let values = try values(name, shape: shape)
        guard let wrong = values.first(where: { !$0.isFinite }) else { return values }
        throw .invalidParameter(path: file.path, key: name, found: "\(wrong)", expected: "finite numbers")
    }

    /// The number of weights of all tensors taken so far.
    var takenElementCount: Int {
        file.tensors.values.reduce(0) { $0 + (taken.contains($1.name) ? $1.elementCount : 0) }
    }

    /// The number of weights, when all tensors were taken.
    ///
    /// A tensor that nobody took belongs to a computation that would be left out in silence.
    func finish() throws(ModelError) -> Int {
        if let name = own.map(\.name).filter({ !taken.contains($0) }).min() {
            throw .unsupportedFeature(path: file.path, feature: "the tensor \(name)")
        }
        loading.progress(totalBytes, totalBytes)
        return own.reduce(0) { $0 + $1.elementCount }
    }

    private func tensor(_ name: String, shape: [Int]) throws(ModelError) -> GGUFTensor {
        let tensor: GGUFTensor
        do { tensor = try file.tensor(name, shape: shape) } catch { throw .file(error) }
        if taken.insert(name).inserted {
            // What was taken before has been made ready by now.
            loading.progress(takenBytes, totalBytes)
            takenBytes += tensor.bytes.count
        }
        return tensor
    }
}
