"""Make small models of every decoder family with seeded random weights, and record what transformers computes for them.

    VENV/bin/python Tests/InferenceTests/Reference/tiny_architectures.py [NAME ...]

(The environment is that of tiny_llama.py.) Writes Fixtures/tiny-NAME.gguf, and beside each a folder tiny-NAME with
golden.json and golden.safetensors: `prompt.logits` [T, V] at every prompt position and `prompt.last_logits` [V]. The
prompt is 48 random tokens, longer than the windows. Weights are quantised by
gguf-py and the recordings computed in fp32 from the dequantised values; the difference to fp64 is printed.
Each file has other dimensions, and heads that are not width / heads features long where its family has them.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers

import gguf_llama
from tiny_llama import FIXTURES, TEMPLATE, vocabulary

Q, F = gguf.GGMLQuantizationType, gguf.LlamaFileType
FILE_TYPES = {Q.F16: F.MOSTLY_F16, Q.Q8_0: F.MOSTLY_Q8_0, Q.F32: F.ALL_F32}
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + (message['role'] if message['role'] == 'user' "
    "else 'model') + '\n' + message['content'] + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<start_of_turn>model\n' }}{% endif %}"
)
GEMMA_SPECIALS = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]


@dataclass
class Shape:
    architecture: str
    quantization: gguf.GGMLQuantizationType
    seed: int
    layers: int
    width: int
    heads: int
    groups: int
    head: int
    inner: int
    tied: bool
    # Deviations of the embedding and of matrices with one input, and the mean of the norms behind each half.
    embedding: float = 0.4
    spread: float = 1.5
    post_norm: float = 1.0
    # Keys below `ARCHITECTURE.` and what they mean to transformers.
    keys: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)


def rope(kind, base, **rest):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": base, **rest}}


def gemma_rope(base, local_base, factor=None):
    whole = {"rope_type": "linear", "factor": factor} if factor else {"rope_type": "default"}
    return {"rope_parameters": {
        "full_attention": {"rope_theta": base, **whole},
        "sliding_attention": {"rope_type": "default", "rope_theta": local_base}}}


SHAPES = {
    "llama-linear": Shape(
        "llama", Q.F16, 11, 2, 48, 4, 2, 16, 80, False,
        keys={"rope.freq_base": 10000.0, "rope.scaling.type": "linear", "rope.scaling.factor": 4.0},
        config=rope("linear", 10000.0, factor=4.0)),
    "llama-yarn": Shape(
        "llama", Q.Q8_0, 12, 2, 64, 4, 1, 32, 96, True,
        keys={"rope.freq_base": 10000.0, "rope.scaling.type": "yarn", "rope.scaling.factor": 8.0,
              "rope.scaling.original_context_length": 64},
        config=rope("yarn", 10000.0, factor=8.0, original_max_position_embeddings=64)),
    "llama-llama3": Shape(
        "llama", Q.Q8_0, 13, 2, 64, 4, 2, 16, 96, True,
        keys={"rope.freq_base": 500000.0},
        config=rope("llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                    original_max_position_embeddings=64)),
    "qwen2": Shape(
        "qwen2", Q.Q8_0, 14, 3, 64, 4, 2, 16, 96, False,
        keys={"rope.freq_base": 1000000.0}, config=rope("default", 1000000.0)),
    # Five local layers, a global one, a local one; no head of its own.
    "gemma3": Shape(
        "gemma3", Q.Q8_0, 15, 7, 32, 4, 1, 16, 64, True, embedding=0.1,
        keys={"rope.freq_base": 1000000.0, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0,
              "attention.sliding_window": 12},
        config=gemma_rope(1000000.0, 10000.0, 8.0) | {"sliding_window": 12, "query_pre_attn_scalar": 16}),
    # Local and global layers in turns, another local base, capped logits.
    "gemma3-capped": Shape(
        "gemma3", Q.F16, 16, 3, 48, 4, 2, 16, 48, True, embedding=0.1,
        keys={"rope.freq_base": 500000.0, "rope.freq_base_swa": 5000.0, "attention.sliding_window": 7,
              "attention.sliding_window_pattern": 2, "final_logit_softcapping": 1.0},
        config=gemma_rope(500000.0, 5000.0) | {
            "sliding_window": 7, "sliding_window_pattern": 2, "query_pre_attn_scalar": 16,
            "final_logit_softcapping": 1.0}),
    # As deep as the 27B model, whose queries are scaled by width / heads.
    "gemma3-deep": Shape(
        "gemma3", Q.F16, 17, 62, 8, 2, 1, 8, 8, True, embedding=0.3, spread=0.8, post_norm=0.1,
        keys={"rope.freq_base": 1000000.0, "attention.sliding_window": 10},
        config=gemma_rope(1000000.0, 10000.0) | {"sliding_window": 10, "query_pre_attn_scalar": 4}),
}


def gemma_vocabulary():
    pieces = ["▁", "e", "t", "a", "o", "n", "i", "s", "r", "h", "\n", "he", "in", "▁t", "▁a", "▁the", "user", "us", "er",
              "m", "mo", "mod", "mode", "model", "d", "l", "u", "el"]
    tokens = GEMMA_SPECIALS + [f"<0x{byte:02X}>" for byte in range(256)] + pieces
    types = [2 if t == "<unk>" else 3 for t in GEMMA_SPECIALS] + [6] * 256 + [1] * len(pieces)
    scores = [-1000.0] * (len(tokens) - len(pieces)) + [float(-index) for index in range(len(pieces))]
    return tokens, types, scores


def write_tokenizer(writer, architecture):
    """Adds the family's tokenizer and template; returns the number of tokens."""
    if architecture == "gemma3":
        tokens, types, scores = gemma_vocabulary()
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(tokens)
        writer.add_token_scores(scores)
        writer.add_token_types(types)
        writer.add_pad_token_id(0)
        writer.add_eos_token_id(1)
        writer.add_bos_token_id(2)
        writer.add_unk_token_id(3)
        writer.add_eot_token_id(5)
        writer.add_add_bos_token(True)
        writer.add_add_space_prefix(False)
        writer.add_chat_template(GEMMA_TEMPLATE)
        return len(tokens)
    tokens, merges = vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if architecture == "qwen2" else "smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    return len(tokens)


def make(name, shape):
    """Writes the file; returns its path."""
    path = FIXTURES / f"tiny-{name}.gguf"
    random = np.random.default_rng(shape.seed)
    writer = gguf.GGUFWriter(path, shape.architecture)
    writer.add_name(f"tiny {name}, random weights")
    writer.add_license("apache-2.0")
    writer.add_file_type(FILE_TYPES[shape.quantization])
    writer.add_block_count(shape.layers)
    writer.add_context_length(512)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.groups)
    writer.add_layer_norm_rms_eps(1e-6)
    if shape.head * shape.heads != shape.width:
        writer.add_key_length(shape.head)
        writer.add_value_length(shape.head)
    for key, value in shape.keys.items():
        add = {str: writer.add_string, float: writer.add_float32, int: writer.add_uint32}[type(value)]
        add(f"{shape.architecture}.{key}", value)
    rows = write_tokenizer(writer, shape.architecture)
    gemma = shape.architecture == "gemma3"

    def matrix(key, rows, columns, deviation, rotated_heads=None):
        values = random.normal(0, deviation, (rows, columns)).astype(np.float32)
        if rotated_heads and shape.architecture == "llama":
            values = gguf_llama.interleaved_rows(values, rotated_heads)
        if shape.quantization == Q.F16:
            writer.add_tensor(key, values.astype(np.float16))
        else:
            writer.add_tensor(key, gguf.quantize(values, shape.quantization), raw_dtype=shape.quantization)

    def vector(key, count, mean, deviation):
        writer.add_tensor(key, (mean + random.normal(0, deviation, count)).astype(np.float32))

    spread = shape.spread / np.sqrt(shape.width)
    matrix("token_embd.weight", rows, shape.width, shape.embedding)
    vector("output_norm.weight", shape.width, 1, 0.1)
    if not shape.tied:
        matrix("output.weight", rows, shape.width, 3 / np.sqrt(shape.width))
    if name == "llama-llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(shape))
    queries, keys = shape.heads * shape.head, shape.groups * shape.head
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        vector(block + "attn_norm.weight", shape.width, 1, 0.1)
        matrix(block + "attn_q.weight", queries, shape.width, spread, shape.heads)
        matrix(block + "attn_k.weight", keys, shape.width, spread, shape.groups)
        matrix(block + "attn_v.weight", keys, shape.width, spread)
        matrix(block + "attn_output.weight", shape.width, queries, spread)
        if shape.architecture == "qwen2":
            for part, count in [("q", queries), ("k", keys), ("v", keys)]:
                vector(f"{block}attn_{part}.bias", count, 0, 0.5)
        if gemma:
            vector(block + "attn_q_norm.weight", shape.head, 1, 0.2)
            vector(block + "attn_k_norm.weight", shape.head, 1, 0.2)
            vector(block + "post_attention_norm.weight", shape.width, shape.post_norm, 0.1 * shape.post_norm)
            vector(block + "post_ffw_norm.weight", shape.width, shape.post_norm, 0.1 * shape.post_norm)
        vector(block + "ffn_norm.weight", shape.width, 1, 0.1)
        matrix(block + "ffn_gate.weight", shape.inner, shape.width, spread)
        matrix(block + "ffn_up.weight", shape.inner, shape.width, spread)
        matrix(block + "ffn_down.weight", shape.width, shape.inner, shape.spread / np.sqrt(shape.inner))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def llama3_factors(shape):
    """What converters write: by how much the scaling divides each frequency."""
    config = transformers.LlamaConfig(head_dim=shape.head, max_position_embeddings=512, **shape.config)
    scaled, _ = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    base = config.rope_parameters["rope_theta"] ** (torch.arange(0, shape.head, 2).double() / shape.head)
    return (1 / base / scaled.double()).numpy().astype(np.float32)


GEMMA_TO_HUGGINGFACE = gguf_llama.GGUF_TO_HUGGINGFACE | {
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
CLASSES = {
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    "gemma3": (transformers.Gemma3TextConfig, transformers.Gemma3ForCausalLM),
}


def huggingface_model(path, shape):
    """The file's weights in transformers' class of the family."""
    tensors = {
        t.name: np.array(gguf.dequantize(t.data, t.tensor_type), dtype=np.float32).reshape(t.shape[::-1])
        for t in gguf.GGUFReader(path).tensors
    }
    config_class, model_class = CLASSES[shape.architecture]
    config = config_class(
        vocab_size=len(tensors["token_embd.weight"]), hidden_size=shape.width, intermediate_size=shape.inner,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.groups,
        head_dim=shape.head, max_position_embeddings=512, rms_norm_eps=1e-6, tie_word_embeddings=shape.tied,
        attn_implementation="eager", **shape.config)
    gemma = shape.architecture == "gemma3"
    names = GEMMA_TO_HUGGINGFACE if gemma else gguf_llama.GGUF_TO_HUGGINGFACE

    def value(name):
        values = tensors[name]
        if shape.architecture == "llama" and ".attn_q." in name:
            return gguf_llama.half_split_rows(values, shape.heads)
        if shape.architecture == "llama" and ".attn_k." in name:
            return gguf_llama.half_split_rows(values, shape.groups)
        # Gemma's checkpoints store norms less one, which transformers adds again.
        return values - 1 if gemma and "norm" in name else values

    state = {
        "model.embed_tokens.weight": tensors["token_embd.weight"],
        "model.norm.weight": value("output_norm.weight"),
        "lm_head.weight": tensors["token_embd.weight" if shape.tied else "output.weight"],
    }
    for name in tensors:
        if name.startswith("blk."):
            _, layer, part, kind = name.split(".")
            state[f"model.layers.{layer}.{names[part]}.{kind}"] = value(name)
    model = model_class(config).to(torch.float32).eval()
    model.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in state.items()}, strict=True)
    return model


def main():
    torch.set_num_threads(2)
    for name in sys.argv[1:] or SHAPES:
        shape = SHAPES[name]
        path = make(name, shape)
        model = huggingface_model(path, shape)
        rows = model.config.vocab_size
        ids = [int(i) for i in np.random.default_rng(shape.seed + 1000).integers(6, rows - 6, 48)]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].numpy()
        greedy_ids, lead = gguf_llama.greedy(model, ids, 16, -1)
        with torch.no_grad():
            exact = model.double()(torch.tensor([ids])).logits[0].numpy()
        difference = np.abs(logits - exact).max() / np.abs(exact).max()
        print(f"{path.name}: {path.stat().st_size} bytes, fp64 difference {difference:.1e}, smallest lead {lead:.4f}, "
              f"largest logit {np.abs(exact).max():.1f}, distinct {len(set(greedy_ids))}")
        assert difference < 2e-5 and lead > 1e-3, name
        case = {"name": "prompt", "chat": False, "input_ids": ids, "greedy_ids": greedy_ids,
                "smallest_lead": round(lead, 4)}
        loaded = gguf_llama.Loaded(Path(path), {}, {})
        gguf_llama.write_golden(
            FIXTURES / f"tiny-{name}", loaded, [case], {"prompt.logits": logits, "prompt.last_logits": logits[-1]},
            f"transformers {transformers.__version__} {type(model).__name__}, torch {torch.__version__}, fp32, "
            "eager attention")


if __name__ == "__main__":
    main()
