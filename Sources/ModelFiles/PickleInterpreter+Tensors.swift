extension PickleInterpreter {
    /// `_rebuild_tensor_v2(storage, offset, shape, strides, …)`: refuses what reaches outside the storage.
    mutating func rebuildTensor(_ arguments: [PickleValue]) throws(ModelFileError) {
        guard arguments.count >= 4, case .storage(let number) = arguments[0], case .integer(let offset) = arguments[1],
            case .tuple(let shapeRange) = arguments[2], case .tuple(let stridesRange) = arguments[3]
        else { throw malformed("a storage, an offset, a shape and strides", "other arguments") }
        guard shapeRange.count == stridesRange.count, shapeRange.count <= Limit.dimensions else {
            throw malformed(
                "as many strides as dimensions, up to \(Limit.dimensions)",
                "\(shapeRange.count) and \(stridesRange.count)")
        }
        guard tensors.count < Limit.tensors else { throw malformed("at most \(Limit.tensors) tensors", "more") }
        let (shape, strides) = (try sizes(shapeRange), try sizes(stridesRange))
        guard offset >= 0, let (count, last) = PickleInterpreter.extent(offset: offset, shape, strides) else {
            throw malformed(
                "a tensor whose size can be counted", "offset \(offset), shape \(shape), strides \(strides)")
        }
        let storage = storages[number]
        guard count == 0 ? offset <= storage.count : last < storage.count else {
            throw malformed(
                "a tensor inside the \(storage.count) elements of storage \(storage.key)",
                "offset \(offset), shape \(shape), strides \(strides)")
        }
        push(.tensor(tensors.count))
        tensors.append(PickleTensor(storage: number, offset: offset, shape: shape, strides: strides, count: count))
    }

    private func sizes(_ range: Range<Int>) throws(ModelFileError) -> [Int] {
        var sizes = [Int]()
        for value in elements[range] {
            guard case .integer(let size) = value, size >= 0 else {
                throw malformed("a size from 0", value.kindName)
            }
            sizes.append(size)
        }
        return sizes
    }

    /// The number of elements and the greatest index; nil when they cannot be counted.
    private static func extent(offset: Int, _ shape: [Int], _ strides: [Int]) -> (count: Int, last: Int)? {
        var (count, last) = (1, offset)
        for (size, stride) in zip(shape, strides) {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            let (reach, farther) = max(0, size - 1).multipliedReportingOverflow(by: stride)
            let (sum, carried) = last.addingReportingOverflow(reach)
            guard !overflow, !farther, !carried else { return nil }
            (count, last) = (product, sum)
        }
        return (count, last)
    }
}
