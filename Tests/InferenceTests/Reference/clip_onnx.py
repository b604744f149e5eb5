"""Make a small CLIP visual encoder in ONNX with int8 weights, and record what its weights stand for computes.

    python3 -m venv VENV; VENV/bin/pip install onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6 safetensors==0.8.0
    VENV/bin/python Tests/InferenceTests/Reference/clip_onnx.py [clip_encoder.int8.onnx]

Writes Fixtures/clip/int8.onnx, a graph of the operations that onnxruntime's dynamic quantisation makes of an exported
CLIPVisionModelWithProjection, with seeded random weights; and Fixtures/clip/int8.safetensors: what onnxruntime computes
for the same graph with every dynamically quantised product replaced by an fp32 product with the weights' values (quant
times scale), `hidden` [T, W] and `projected` [E], of a picture that the test makes, too. Given the published encoder it
writes the same of that to Fixtures/clip/vit-b16.safetensors: the rows 0, 1, 100 and 196 of `hidden`, and `projected`.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures" / "clip"
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def picture(side):
    """Pixels [1, 3, side, side] of a picture that a formula gives."""
    y, x, c = np.meshgrid(np.arange(side), np.arange(side), np.arange(3), indexing="ij")
    values = ((x * 7 + y * 13 + c * 50 + x * y // 16) % 256).astype(np.float32) / 255
    return ((values - MEAN) / DEVIATION).transpose(2, 0, 1)[None].astype(np.float32)


class Builder:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.count = [], [], 0

    def add(self, operation, *inputs, outputs=1, **attributes):
        names = [f"{operation}_{self.count}_{index}" for index in range(outputs)]
        self.count += 1
        self.nodes.append(helper.make_node(operation, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value, kind=np.float32):
        return self.add("Constant", value=numpy_helper.from_array(np.array(value, kind)))

    def weight(self, name, *shape, around=0.0, deviation=0.3):
        values = (around + deviation * self.random.standard_normal(shape)).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def norm(self, x, name, width):
        mean = self.add("ReduceMean", x, axes=[-1])
        distance = self.add("Sub", x, mean)
        square = self.add("Pow", distance, self.constant(2.0))
        variance = self.add("ReduceMean", square, axes=[-1])
        root = self.add("Sqrt", self.add("Add", variance, self.constant(1e-5)))
        product = self.add("Mul", self.add("Div", distance, root), self.weight(f"{name}.weight", width, around=1.0))
        return self.add("Add", product, self.weight(f"{name}.bias", width))

    def linear(self, x, name, outputs, inputs, bias=True):
        quants, scale, zero = (f"onnx::MatMul_{self.count}_{part}" for part in ("quantized", "scale", "zero_point"))
        values = self.random.integers(-127, 128, (inputs, outputs)).astype(np.int8)
        scales = self.random.uniform(0.5, 2.0, outputs) / 127 / inputs ** 0.5
        self.weights += [
            numpy_helper.from_array(values, quants),
            # As the quantiser writes them: not raw.
            helper.make_tensor(scale, TensorProto.FLOAT, [outputs], scales.astype(np.float32).tolist()),
            helper.make_tensor(zero, TensorProto.INT8, [outputs], [0] * outputs),
        ]
        narrowed, own_scale, own_zero = self.add("DynamicQuantizeLinear", x, outputs=3)
        factors = self.add("Mul", own_scale, scale)
        product = self.add("MatMulInteger", narrowed, quants, own_zero, zero)
        result = self.add("Mul", self.add("Cast", product, to=TensorProto.FLOAT), factors)
        return self.add("Add", self.weight(f"{name}.bias", outputs), result) if bias else result


def small_model():
    b = Builder(seed=3)
    width, inner, layers, heads, side, patch, projection = 32, 64, 2, 4, 24, 6, 8
    tokens, head = 1 + (side // patch) ** 2, width // heads
    shape = [b.constant([n], np.int64) for n in (1, tokens, heads, head)]
    prefix = "vision_model.embeddings"
    patches = b.add("Conv", "pixel_values", b.weight(f"{prefix}.patch_embedding.weight", width, 3, patch, patch,
                                                     deviation=0.1), strides=[patch, patch])
    patches = b.add("Transpose", b.add("Reshape", patches, b.constant([1, width, -1], np.int64)), perm=[0, 2, 1])
    token = b.add("Reshape", b.weight(f"{prefix}.class_embedding", width), b.constant([1, 1, width], np.int64))
    x = b.add("Add", b.add("Concat", token, patches, axis=1),
              b.weight(f"{prefix}.position_embedding.weight", tokens, width))
    x = b.norm(x, "vision_model.pre_layrnorm", width)
    for layer in range(layers):
        name = f"vision_model.encoder.layers.{layer}"
        y = b.norm(x, f"{name}.layer_norm1", width)
        parts = []
        for part in ("q", "k", "v"):
            z = b.linear(y, f"{name}.self_attn.{part}_proj", width, width)
            z = b.add("Reshape", z, b.add("Concat", *shape, axis=0))
            parts.append(b.add("Transpose", z, perm=[0, 2, 3, 1] if part == "k" else [0, 2, 1, 3]))
        scores = b.add("MatMul", b.add("Mul", parts[0], b.constant(head ** -0.25)),
                       b.add("Mul", parts[1], b.constant(head ** -0.25)))
        seen = b.add("MatMul", b.add("Softmax", scores, axis=-1), parts[2])
        seen = b.add("Reshape", b.add("Transpose", seen, perm=[0, 2, 1, 3]), b.constant([1, tokens, width], np.int64))
        x = b.add("Add", x, b.linear(seen, f"{name}.self_attn.out_proj", width, width))
        y = b.linear(b.norm(x, f"{name}.layer_norm2", width), f"{name}.mlp.fc1", inner, width)
        y = b.add("Mul", y, b.add("Sigmoid", b.add("Mul", y, b.constant(1.702))))
        x = b.add("Add", x, b.linear(y, f"{name}.mlp.fc2", width, inner))
    pooled = b.norm(b.add("Gather", x, b.constant(0, np.int64), axis=1), "vision_model.post_layernorm", width)
    projected = b.linear(pooled, "visual_projection", projection, width, bias=False)
    names = {x: "hidden", projected: "image_embeds"}
    for node in b.nodes:
        for places in (node.input, node.output):
            for index, name in enumerate(places):
                places[index] = names.get(name, name)
    graph = helper.make_graph(
        b.nodes, "clip", [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, [1, projection]),
         helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [1, tokens, width])], b.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], producer_name="onnx.quantize")
    model.ir_version = 7
    onnx.checker.check_model(model)
    return model, side


def with_plain_products(model):
    """The graph with fp32 products of the weights' values in place of the dynamically quantised ones."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    producers = {name: node for node in model.graph.node for name in node.output}
    consumers = {name: node for node in model.graph.node for name in node.input}
    plain, replaced = [], set()
    for node in model.graph.node:
        if node.op_type != "MatMulInteger":
            continue
        assert not weights[node.input[3]].any()
        product = consumers[consumers[node.output[0]].output[0]]
        factors = producers[next(name for name in product.input if producers[name].op_type == "Mul")]
        scale = weights[next(name for name in factors.input if name in weights)]
        name = node.input[1] + "_values"
        model.graph.initializer.append(
            numpy_helper.from_array((weights[node.input[1]].astype(np.float32) * scale).astype(np.float32), name))
        plain.append((product.output[0], helper.make_node(
            "MatMul", [producers[node.input[0]].input[0], name], [product.output[0]])))
        replaced.add(product.output[0])
    nodes = []
    for node in model.graph.node:
        if node.output[0] in replaced:
            nodes.append(next(new for output, new in plain if output == node.output[0]))
        elif node.op_type not in ("MatMulInteger", "DynamicQuantizeLinear") and not (
                node.op_type == "Cast" and node.input[0] in producers
                and producers[node.input[0]].op_type == "MatMulInteger"):
            nodes.append(node)
    quantised = {name for node in model.graph.node if node.op_type == "DynamicQuantizeLinear" for name in node.output}
    nodes = [node for node in nodes if not quantised & set(node.input)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    wanted = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in wanted]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model


def record(model, side, path, rows=None):
    session = onnxruntime.InferenceSession(with_plain_products(model).SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    projected, hidden = session.run(None, {"pixel_values": picture(side)})
    hidden = hidden[0] if rows is None else hidden[0][rows]
    save_file({"hidden": np.ascontiguousarray(hidden), "projected": projected[0]}, path)
    path.chmod(0o644)
    print(path.name, hidden.shape, float(abs(hidden).max()))


def main():
    model, side = small_model()
    onnx.save(model, FIXTURES / "int8.onnx")
    record(model, side, FIXTURES / "int8.safetensors")
    if len(sys.argv) > 1:
        record(onnx.load(sys.argv[1]), 224, FIXTURES / "vit-b16.safetensors", [0, 1, 100, 196])


main()
