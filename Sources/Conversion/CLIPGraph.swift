import ModelFiles
import Models
import Tensor

/// A CLIP visual encoder found in an ONNX graph whose matrices are whole numbers of 8 bits, with a factor for each output.
///
/// Such a graph narrows activations as it goes; what is taken from it is what its weights stand for, and they stay as
/// they are. Which matrix is which is told by what is added to its products: biases keep their names.
package struct CLIPGraph: Sendable {
    /// What a tensor of the model is made of.
    enum Content: Sendable {
        case floats([Float])
        /// Whole numbers [inputs, outputs].
        case quants(ONNXTensor, inputs: Int, outputs: Int)
    }

    /// Everything that the GGUF's header says besides its tensors.
    package let metadata: [(key: String, value: GGUFMetadataValue)]
    /// The model's tensors by their own names; shapes have the innermost dimension first.
    let tensors: [(name: String, shape: [Int], content: Content)]
    package let path: String

    /// Reads a graph: what is missing, of another shape or of no part of the encoder is named.
    package init(_ file: ONNXFile) throws(ModelFileError) {
        path = file.path
        var reader = GraphReader(file)
        let linears = try reader.linears()
        let (width, tokens) = (
            try reader.count("embeddings.class_embedding"),
            try reader.lengths("embeddings.position_embedding.weight", 2)[0]
        )
        let patch = try reader.lengths("embeddings.patch_embedding.weight", 4)[3]
        let grid = Int(Double(max(0, tokens - 1)).squareRoot())
        try reader.require("the positions", "a square of patches and the class token", found: "\(tokens)") {
            grid > 0 && grid * grid == tokens - 1
        }
        var tensors = [(name: String, shape: [Int], content: Content)]()
        func take(_ name: String, as own: String, _ shape: [Int]) throws(ModelFileError) {
            tensors.append((own, shape, .floats(try reader.floats(name, shape: shape.reversed()))))
        }
        func take(norm name: String, as own: String) throws(ModelFileError) {
            for part in ["weight", "bias"] { try take("\(name).\(part)", as: "\(own).\(part)", [width]) }
        }
        func take(linear name: String, as own: String, _ outputs: Int, _ inputs: Int) throws(ModelFileError) {
            guard let linear = linears[name] else { throw reader.missing("\(name).weight", [inputs, outputs]) }
            try reader.require(
                "the weights of \(name)", "shape [\(inputs), \(outputs)]",
                found: "[\(linear.inputs), \(linear.outputs)]"
            ) { linear.inputs == inputs && linear.outputs == outputs }
            try reader.require("the weights of \(name)", "columns of a multiple of 32 numbers", found: "\(inputs)") {
                inputs % 32 == 0
            }
            let quants = Content.quants(linear.weights, inputs: inputs, outputs: outputs)
            tensors.append(("\(own).weight", [inputs, outputs], quants))
            tensors.append(("\(own).scale", [outputs], .floats(linear.scales)))
        }
        try take("embeddings.class_embedding", as: "v.class_embd", [width])
        try take("embeddings.patch_embedding.weight", as: "v.patch_embd.weight", [patch, patch, 3, width])
        try take("embeddings.position_embedding.weight", as: "v.position_embd.weight", [width, tokens])
        try take(norm: "pre_layrnorm", as: "v.pre_ln")
        let inner = try reader.count("encoder.layers.0.mlp.fc1.bias")
        var layers = 0
        while reader.contains("encoder.layers.\(layers).layer_norm1.weight") {
            let (name, own) = ("encoder.layers.\(layers)", "v.blk.\(layers)")
            try take(norm: "\(name).layer_norm1", as: "\(own).ln1")
            try take(norm: "\(name).layer_norm2", as: "\(own).ln2")
            for (part, ownPart, outputs, inputs) in [
                ("self_attn.q_proj", "attn_q", width, width), ("self_attn.k_proj", "attn_k", width, width),
                ("self_attn.v_proj", "attn_v", width, width), ("self_attn.out_proj", "attn_out", width, width),
                ("mlp.fc1", "ffn_up", inner, width), ("mlp.fc2", "ffn_down", width, inner),
            ] {
                try take(linear: "\(name).\(part)", as: "\(own).\(ownPart)", outputs, inputs)
                try take("\(name).\(part).bias", as: "\(own).\(ownPart).bias", [outputs])
            }
            layers += 1
        }
        try take(norm: "post_layernorm", as: "v.post_ln")
        let projection = linears[GraphReader.projection]?.outputs
        if let projection { try take(linear: GraphReader.projection, as: "v.projection", projection, width) }
        try reader.finish()
        let heads = try reader.heads(width: width)
        try reader.requireQuickGELU(layers: layers)
        let sizes: [(String, Int)] =
            [
                ("image_size", grid * patch), ("patch_size", patch), ("embedding_length", width),
                ("feed_forward_length", inner), ("block_count", layers), ("attention.head_count", heads),
            ] + (projection.map { [("projection_dim", $0)] } ?? [])
        metadata =
            [
                ("general.architecture", .string(CLIPVisionTransformer.architecture)),
                ("general.name", .string("CLIP ViT, width \(width), patches of \(patch)")),
                ("clip.has_vision_encoder", .bool(true)), ("clip.use_gelu", .bool(false)),
            ] + sizes.map { ("clip.vision.\($0)", .unsigned(UInt32(clamping: $1))) }
            + [("clip.vision.attention.layer_norm_epsilon", .float(try reader.normEpsilon()))]
        self.tensors = tensors
    }
}

/// Finds its way through a graph. Names are those of Hugging Face's CLIP without the model's own prefix.
private struct GraphReader {
    struct QuantizedLinear {
        let weights: ONNXTensor
        let scales: [Float]
        let inputs: Int
        let outputs: Int
    }

    /// What the products without a bias are called.
    static let projection = "visual_projection"
    private static let prefix = "vision_model."

    private let file: ONNXFile
    private var producers: [String: Int] = [:]
    private var consumers: [String: [Int]] = [:]
    private var used = Set<String>()

    init(_ file: ONNXFile) {
        self.file = file
        for (index, node) in file.nodes.enumerated() {
            for name in node.outputs { producers[name] = index }
            for name in node.inputs { consumers[name, default: []].append(index) }
        }
    }

    // MARK: Tensors

    func contains(_ name: String) -> Bool { file.tensors[Self.prefix + name] != nil }

    private func tensor(_ name: String) throws(ModelFileError) -> ONNXTensor { try file.tensor(Self.prefix + name) }

    /// The lengths of a tensor of so many dimensions, none of them 0.
    func lengths(_ name: String, _ count: Int) throws(ModelFileError) -> [Int] {
        let shape = try tensor(name).shape
        try require("the shape of \(name)", "\(count) lengths from 1", found: "\(shape)") {
            shape.count == count && shape.allSatisfy { $0 > 0 }
        }
        return shape
    }

    func count(_ name: String) throws(ModelFileError) -> Int { try lengths(name, 1)[0] }

    mutating func floats(_ name: String, shape: [Int]) throws(ModelFileError) -> [Float] {
        let tensor = try tensor(name)
        guard tensor.shape == shape else {
            throw .wrongShape(path: file.path, name: name, expected: shape, found: tensor.shape)
        }
        guard let values = tensor.floats else {
            throw .wrongTensorType(path: file.path, name: name, expected: "fp32", found: Self.name(tensor.type))
        }
        used.insert(Self.prefix + name)
        return values
    }

    private static func name(_ type: ONNXElementType?) -> String { type.map { "\($0)" } ?? "another type" }

    // MARK: Products

    /// Every product with whole numbers, by the name of its bias.
    mutating func linears() throws(ModelFileError) -> [String: QuantizedLinear] {
        var found: [String: QuantizedLinear] = [:]
        for node in file.nodes where node.operation == "MatMulInteger" {
            let (name, linear) = try linear(node)
            try require("the products of \(name)", "one matrix", found: "two") {
                found.updateValue(linear, forKey: name) == nil
            }
        }
        return found
    }

    /// Cast(MatMulInteger(x, weights)) · (scale of x · scales) + bias.
    private mutating func linear(_ node: ONNXNode) throws(ModelFileError) -> (String, QuantizedLinear) {
        guard node.inputs.count >= 2, let result = node.outputs.first, let weights = file.tensors[node.inputs[1]],
            weights.bytes != nil, weights.shape.count == 2, weights.shape.allSatisfy({ $0 > 0 })
        else { throw malformed("a product", "a matrix of int8 weights", node.inputs.dropFirst().first ?? "none") }
        let name = node.inputs[1]
        if node.inputs.count > 3 {
            try require("the zero points of \(name)", "all 0", found: "others") {
                file.tensors[node.inputs[3]]?.isZero == true
            }
            used.insert(node.inputs[3])
        }
        guard let cast = next("Cast", behind: result), let widened = cast.outputs.first,
            let product = next("Mul", behind: widened), let factor = product.inputs.first(where: { $0 != widened }),
            let factors = producers[factor].map({ file.nodes[$0] }), factors.operation == "Mul",
            let scaleName = factors.inputs.first(where: { file.tensors[$0]?.floats != nil }),
            let scales = file.tensors[scaleName]?.floats, let scaled = product.outputs.first
        else { throw malformed("the product with \(name)", "factors by which it is multiplied", "none") }
        used.formUnion([name, scaleName])
        let (inputs, outputs) = (weights.shape[0], weights.shape[1])
        try require("the factors of \(name)", "\(outputs) finite numbers, or 1", found: "\(scales.count)") {
            [1, outputs].contains(scales.count) && scales.allSatisfy(\.isFinite)
        }
        let bias = next("Add", behind: scaled)?.inputs.first { file.tensors[$0] != nil }
        let linear = QuantizedLinear(
            weights: weights, scales: scales.count == 1 ? Array(repeating: scales[0], count: outputs) : scales,
            inputs: inputs, outputs: outputs)
        guard let bias else { return (Self.projection, linear) }
        guard bias.hasPrefix(Self.prefix), bias.hasSuffix(".bias") else {
            throw malformed("what is added to the product with \(name)", "\(Self.prefix)….bias", bias)
        }
        return (String(bias.dropFirst(Self.prefix.count).dropLast(".bias".count)), linear)
    }

    /// The operation of this kind that takes a result.
    private func next(_ operation: String, behind result: String) -> ONNXNode? {
        consumers[result]?.lazy.map { file.nodes[$0] }.first { $0.operation == operation }
    }

    private func producer(_ operation: String, of name: String?) -> ONNXNode? {
        guard let index = name.flatMap({ producers[$0] }) else { return nil }
        return file.nodes[index].operation == operation ? file.nodes[index] : nil
    }

    private func scalar(among names: some Sequence<String>) -> Double? {
        names.lazy.compactMap { file.tensors[$0]?.scalar }.first
    }

    // MARK: What no shape shows

    /// The result of a projection with its bias.
    private func output(of name: String) -> String? {
        next("Add", behind: "\(Self.prefix)\(name).bias")?.outputs.first
    }

    /// Queries are brought to [batch, tokens, heads, head size].
    func heads(width: Int) throws(ModelFileError) -> Int {
        let reshape = output(of: "encoder.layers.0.self_attn.q_proj").flatMap { next("Reshape", behind: $0) }
        let lengths = producer("Concat", of: reshape?.inputs.dropFirst().first)?.inputs.suffix(2)
            .compactMap { file.tensors[$0]?.scalar }.compactMap { Int(exactly: $0) }
        guard let lengths, lengths.count == 2, lengths[0] > 0, lengths[1] > 0,
            lengths[0].multipliedReportingOverflow(by: lengths[1]) == (width, false)
        else { throw malformed("the heads", "two numbers whose product is \(width)", "\(lengths ?? [])") }
        return lengths[0]
    }

    /// A norm ends in (x - mean) / √(variance + epsilon) · weight.
    func normEpsilon() throws(ModelFileError) -> Float {
        let product = next("Mul", behind: "\(Self.prefix)pre_layrnorm.weight")
        let quotient = product?.inputs.lazy.compactMap { producer("Div", of: $0) }.first
        let root = producer("Sqrt", of: quotient?.inputs.dropFirst().first)
        let sum = producer("Add", of: root?.inputs.first)
        guard let epsilon = scalar(among: sum?.inputs ?? []), epsilon >= 0, epsilon < 1 else {
            throw malformed("the norm", "what is added to the variance, from 0 to 1", "none")
        }
        return Float(epsilon)
    }

    /// x · sigmoid(1.702 · x) stands in every block.
    func requireQuickGELU(layers: Int) throws(ModelFileError) {
        for layer in 0..<layers {
            let product = output(of: "encoder.layers.\(layer).mlp.fc1").flatMap { result in
                consumers[result]?.lazy.map { file.nodes[$0] }
                    .first { $0.operation == "Mul" && scalar(among: $0.inputs) != nil }
            }
            let factor = scalar(among: product?.inputs ?? [])
            let isFollowed = product?.outputs.first.flatMap { next("Sigmoid", behind: $0) } != nil
            try require(
                "the activation of block \(layer)", "x·sigmoid(1.702·x)", found: factor.map { "\($0)" } ?? "another"
            ) { isFollowed && abs((factor ?? 0) - 1.702) < 1e-3 }
        }
    }

    // MARK: Errors

    /// Refuses a graph with weights that nobody took: they belong to a computation that would be left out in silence.
    func finish() throws(ModelFileError) {
        let strange = file.tensors.filter { name, tensor in
            !used.contains(name) && (tensor.type == .float || tensor.type == .int8) && tensor.elementCount ?? 2 > 1
        }
        if let name = strange.keys.min() { throw malformed("the graph", "a CLIP visual encoder alone", name) }
    }

    func missing(_ name: String, _ shape: [Int]) -> ModelFileError {
        malformed("the weights \(name)", "int8 of shape \(shape)", "none")
    }

    func require(
        _ what: String, _ expected: String, found: String, _ condition: () -> Bool
    ) throws(ModelFileError) {
        guard condition() else { throw malformed(what, expected, found) }
    }

    private func malformed(_ what: String, _ expected: String, _ found: String) -> ModelFileError {
        .malformed(path: file.path, what: what, expected: expected, found: found)
    }
}
