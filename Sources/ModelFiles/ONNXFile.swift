/// A model in ONNX: its tensors, and the operations that tell what they are.
///
/// Nothing of the graph is run. Every count, length and size is checked against the file before it is used; what this type
/// hands out lies inside the mapping. Source: `onnx.proto3` of ONNX.
package final class ONNXFile: Sendable {
    package let mapping: MappedFile
    /// Weights, and the values of constants under the names of what they feed.
    package let tensors: [String: ONNXTensor]
    /// The operations in the file's order.
    package let nodes: [ONNXNode]

    package var path: String { mapping.path }

    /// More than any graph has; each is a few bytes in the file and many in memory.
    private static let (mostTensors, mostNodes, mostNames) = (100_000, 1_000_000, 4_000_000)

    /// Maps the file and reads its graph; weights are not touched.
    package init(path: String) throws(ModelFileError) {
        mapping = try MappedFile(path: path)
        var reader = Reader(file: mapping)
        try ProtocolBufferMessage(mapping).forEachField { (field) throws(ModelFileError) in
            // ModelProto.graph
            if field.number == 7 { try reader.readGraph(field.message()) }
        }
        guard !reader.tensors.isEmpty, !reader.nodes.isEmpty else {
            throw .malformed(
                path: path, what: "the graph", expected: "tensors and operations",
                found: "\(reader.tensors.count) tensors, \(reader.nodes.count) operations")
        }
        tensors = reader.tensors
        nodes = reader.nodes
    }

    /// The tensor of this name.
    package func tensor(_ name: String) throws(ModelFileError) -> ONNXTensor {
        guard let tensor = tensors[name] else { throw .missingTensor(path: path, name: name) }
        return tensor
    }

    private struct Reader {
        let file: MappedFile
        var tensors: [String: ONNXTensor] = [:]
        var nodes: [ONNXNode] = []
        private var nameCount = 0
        private static let mostDimensions = 16

        init(file: MappedFile) { self.file = file }

        /// GraphProto: nodes and initializers.
        mutating func readGraph(_ graph: ProtocolBufferMessage) throws(ModelFileError) {
            try graph.forEachField { (field) throws(ModelFileError) in
                switch field.number {
                case 1: try add(try node(field.message()))
                case 5:
                    let (name, tensor) = try tensor(field.message())
                    try add(tensor, as: name)
                default: break
                }
            }
        }

        private mutating func add(_ node: ONNXNode) throws(ModelFileError) {
            try limit("the number of operations", nodes.count + 1, ONNXFile.mostNodes)
            nameCount += node.inputs.count + node.outputs.count
            try limit("the number of operands", nameCount, ONNXFile.mostNames)
            nodes.append(node)
        }

        private mutating func add(_ tensor: ONNXTensor, as name: String) throws(ModelFileError) {
            try limit("the number of tensors", tensors.count + 1, ONNXFile.mostTensors)
            guard tensors.updateValue(tensor, forKey: name) == nil else {
                throw .duplicateTensor(path: file.path, name: name)
            }
        }

        /// NodeProto; the value of a constant becomes a tensor.
        private mutating func node(_ message: ProtocolBufferMessage) throws(ModelFileError) -> ONNXNode {
            var node = ONNXNode()
            var value: ONNXTensor?
            try message.forEachField { (field) throws(ModelFileError) in
                switch field.number {
                case 1: node.inputs.append(try text(field, "the name of an operand"))
                case 2: node.outputs.append(try text(field, "the name of a result"))
                case 4: node.operation = try text(field, "the name of an operation")
                case 5: value = try attribute(field.message()) ?? value
                default: break
                }
            }
            if node.operation == "Constant", let value, let name = node.outputs.first { try add(value, as: name) }
            return node
        }

        /// AttributeProto: the tensor called `value`.
        private func attribute(_ message: ProtocolBufferMessage) throws(ModelFileError) -> ONNXTensor? {
            var (name, found): (String, ONNXTensor?) = ("", nil)
            try message.forEachField { (field) throws(ModelFileError) in
                switch field.number {
                case 1: name = try text(field, "the name of an attribute")
                case 5: found = try tensor(field.message()).tensor
                default: break
                }
            }
            return name == "value" ? found : nil
        }

        /// TensorProto.
        private func tensor(
            _ message: ProtocolBufferMessage
        ) throws(ModelFileError) -> (name: String, tensor: ONNXTensor) {
            var (name, type, shape): (String, UInt64, [Int]) = ("", 0, [])
            var contents: [(field: UInt64, bytes: UnsafeRawBufferPointer)] = []
            var isElsewhere = false
            try message.forEachField { (field) throws(ModelFileError) in
                switch field.number {
                case 1:
                    for length in try field.integers(atMost: Self.mostDimensions + 1) {
                        guard let length = Int(exactly: length), shape.count < Self.mostDimensions else {
                            throw malformed(
                                "the shape of a tensor", "up to \(Self.mostDimensions) lengths from 0", "\(length)")
                        }
                        shape.append(length)
                    }
                case 2: type = field.value
                // float_data, int32_data, raw_data
                case 4, 5, 9:
                    guard contents.isEmpty else { throw malformed("a tensor", "its contents once", "several") }
                    contents.append((field.number, field.payload))
                case 8: name = try text(field, "the name of a tensor")
                case 14: isElsewhere = field.value != 0
                default: break
                }
            }
            guard !isElsewhere else { throw malformed("the tensor \(name)", "its weights in this file", "another") }
            let kept = ONNXElementType(rawValue: type)
            guard let kept, let (field, bytes) = contents.first else {
                return (name, ONNXTensor(type: kept, shape: shape, bytes: nil, mapping: file))
            }
            let isPlain = field == 9 || field == 4 && kept == .float
            guard let count = ONNXTensor.count(shape), count <= bytes.count else {
                throw malformed("the shape of the tensor \(name)", "no more than its contents hold", "\(shape)")
            }
            if isPlain, count * kept.size != bytes.count {
                throw malformed("the tensor \(name)", "\(count * kept.size) bytes", "\(bytes.count)")
            }
            return (name, ONNXTensor(type: kept, shape: shape, bytes: bytes, isPlain: isPlain, mapping: file))
        }

        private func text(
            _ field: ProtocolBufferMessage.Field, _ what: String
        ) throws(ModelFileError) -> String {
            guard field.payload.count <= 4096, let text = String(validating: field.payload, as: UTF8.self) else {
                throw malformed(what, "UTF-8 of up to 4096 bytes", "\(field.payload.count) bytes")
            }
            return text
        }

        private func limit(_ what: String, _ found: Int, _ limit: Int) throws(ModelFileError) {
            guard found <= limit else {
                throw .tooLarge(path: file.path, what: what, found: UInt64(found), limit: UInt64(limit))
            }
        }

        private func malformed(_ what: String, _ expected: String, _ found: String) -> ModelFileError {
            .malformed(path: file.path, what: what, expected: expected, found: found)
        }
    }
}

/// An operation of a graph.
package struct ONNXNode: Sendable, Equatable {
    /// Such as `MatMulInteger`.
    package internal(set) var operation = ""
    /// Names of tensors and of other operations' results.
    package internal(set) var inputs: [String] = []
    package internal(set) var outputs: [String] = []
}

/// The element types that are read. Raw values are those of `TensorProto.DataType`.
package enum ONNXElementType: UInt64, Sendable, CaseIterable {
    case float = 1
    case int8 = 3
    case int32 = 6
    case int64 = 7

    /// Bytes per element.
    var size: Int {
        switch self {
        case .int8: 1
        case .float, .int32: 4
        case .int64: 8
        }
    }
}

/// A tensor of a graph where it lies in the mapping.
package struct ONNXTensor: Sendable {
    /// nil for a type that is not read.
    package let type: ONNXElementType?
    /// Outermost dimension first; none for a scalar.
    package let shape: [Int]
    /// nil where the tensor has no contents, or of a kind that is not read.
    private nonisolated(unsafe) let contents: UnsafeRawBufferPointer?
    /// Whether the contents are the little-endian elements themselves, not numbers in groups of seven bits.
    private let isPlain: Bool
    private let mapping: MappedFile

    init(
        type: ONNXElementType?, shape: [Int], bytes: UnsafeRawBufferPointer?, isPlain: Bool = true, mapping: MappedFile
    ) {
        (self.type, self.shape, contents, self.isPlain, self.mapping) = (type, shape, bytes, isPlain, mapping)
    }

    /// The elements' number; nil when it cannot be counted.
    static func count(_ shape: [Int]) -> Int? {
        var count = 1
        for length in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            guard !overflow, product <= Int.max / 8 else { return nil }
            count = product
        }
        return count
    }

    /// The number of elements; nil when it cannot be counted.
    package var elementCount: Int? { Self.count(shape) }

    /// The elements of an fp32 tensor; nil of another.
    package var floats: [Float]? {
        guard type == .float, isPlain, let contents else { return nil }
        return (0..<contents.count / 4).map { index in
            Float(bitPattern: UInt32(littleEndian: contents.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)))
        }
    }

    /// The elements of an int8 tensor where they lie, valid while this value or its file lives; nil of another.
    package var bytes: UnsafeRawBufferPointer? { type == .int8 && isPlain ? contents : nil }

    /// Whether a tensor of integers is zero everywhere, also where its contents are of a kind that is not read as bytes.
    package var isZero: Bool { type != .float && contents?.allSatisfy { $0 == 0 } == true }

    /// The only element of a tensor of plain integers or fp32; nil of others.
    package var scalar: Double? {
        guard ONNXTensor.count(shape) == 1, isPlain, let type, let contents, contents.count == type.size else {
            return nil
        }
        switch type {
        case .float: return floats?.first.map { Double($0) }
        case .int8: return Double(contents.loadUnaligned(as: Int8.self))
        case .int32: return Double(Int32(littleEndian: contents.loadUnaligned(as: Int32.self)))
        case .int64: return Double(Int64(littleEndian: contents.loadUnaligned(as: Int64.self)))
        }
    }
}
