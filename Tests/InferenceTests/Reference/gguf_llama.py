"""Read a GGUF file of the llama architecture into fp32, for the reference recordings beside this file.

What it offers:
- `load(path)`: hyper-parameters and every tensor dequantised to fp32 by gguf-py, rows as the file stores them.
- `huggingface_model(loaded)`: the same weights in transformers' LlamaForCausalLM (fp32, eager attention).
- `numpy_logits(loaded, ids)`: a second forward pass, written from the paper in numpy fp64, which rotates
  neighbouring pairs of the rows as stored; it checks that the rows were put into the right order for the first.
- `Tokenizer(loaded)`: byte-level BPE with PyPI tokenizers and the chat template with jinja2.
- `golden_case(...)`, `write_golden(...)`: the golden format.

Versions used: Python 3.11, torch 2.15.0, transformers 5.23.0, tokenizers 0.23.3, gguf 0.19.0,
safetensors 0.8.0, numpy 2.4.6, jinja2 3.1.6.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import gguf
import jinja2.sandbox
import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer as FastTokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

CONTROL = 3  # token_type of special tokens in GGUF


@dataclass
class Loaded:
    path: Path
    fields: dict
    tensors: dict

    def llama(self, key, default=None):
        return self.fields.get(f"llama.{key}", default)

    @property
    def heads(self):
        return self.llama("attention.head_count")

    @property
    def key_value_heads(self):
        return self.llama("attention.head_count_kv", self.heads)

    @property
    def head_dimension(self):
        return self.llama("rope.dimension_count", self.llama("embedding_length") // self.heads)


def load(path):
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.architecture"] == "llama"
    tensors = {
        t.name: np.array(gguf.dequantize(t.data, t.tensor_type), dtype=np.float32).reshape(t.shape[::-1])
        for t in reader.tensors
    }
    return Loaded(Path(path), fields, tensors)


def half_split_rows(weight, heads):
    """GGUF stores q and k rows so that neighbouring rows rotate together; transformers rotates the two halves."""
    rows, columns = weight.shape
    half = rows // heads // 2
    return weight.reshape(heads, half, 2, columns).swapaxes(1, 2).reshape(rows, columns).copy()


def interleaved_rows(weight, heads):
    """The inverse of `half_split_rows`: what a converter does on the way to GGUF."""
    rows, columns = weight.shape
    half = rows // heads // 2
    return weight.reshape(heads, 2, half, columns).swapaxes(1, 2).reshape(rows, columns).copy()


GGUF_TO_HUGGINGFACE = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}


def huggingface_model(loaded):
    tensors = loaded.tensors
    tied = "output.weight" not in tensors
    config = LlamaConfig(
        vocab_size=tensors["token_embd.weight"].shape[0],
        hidden_size=loaded.llama("embedding_length"),
        intermediate_size=loaded.llama("feed_forward_length"),
        num_hidden_layers=loaded.llama("block_count"),
        num_attention_heads=loaded.heads,
        num_key_value_heads=loaded.key_value_heads,
        head_dim=loaded.head_dimension,
        max_position_embeddings=loaded.llama("context_length"),
        rms_norm_eps=loaded.llama("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": loaded.llama("rope.freq_base", 10000.0)},
        tie_word_embeddings=tied,
        attention_bias=False,
        mlp_bias=False,
        bos_token_id=loaded.fields["tokenizer.ggml.bos_token_id"],
        eos_token_id=loaded.fields["tokenizer.ggml.eos_token_id"],
        attn_implementation="eager",
    )
    state = {
        "model.embed_tokens.weight": tensors["token_embd.weight"],
        "model.norm.weight": tensors["output_norm.weight"],
        "lm_head.weight": tensors["token_embd.weight" if tied else "output.weight"],
    }
    for layer in range(config.num_hidden_layers):
        for source, target in GGUF_TO_HUGGINGFACE.items():
            weight = tensors[f"blk.{layer}.{source}.weight"]
            if source == "attn_q":
                weight = half_split_rows(weight, loaded.heads)
            elif source == "attn_k":
                weight = half_split_rows(weight, loaded.key_value_heads)
            state[f"model.layers.{layer}.{target}.weight"] = weight
    model = LlamaForCausalLM(config).to(torch.float32).eval()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()}, strict=True)
    return model


def numpy_logits(loaded, ids):
    """Logits [T, V] of the decoder in fp64, over the rows as GGUF stores them."""
    tensors = {}

    def weight(name):
        if name not in tensors:
            tensors[name] = loaded.tensors[name].astype(np.float64)
        return tensors[name]

    def normalised(x, name):
        epsilon = np.float64(np.float32(loaded.llama("attention.layer_norm_rms_epsilon")))
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight(name)

    heads, groups, size = loaded.heads, loaded.heads // loaded.key_value_heads, loaded.head_dimension
    count = len(ids)
    frequency = loaded.llama("rope.freq_base", 10000.0) ** (-np.arange(0, size, 2) / size)
    angle = np.arange(count)[:, None] * frequency[None]
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]

    def rotated(x):
        even, odd = x[..., 0::2], x[..., 1::2]
        out = np.empty_like(x)
        out[..., 0::2] = even * cosine - odd * sine
        out[..., 1::2] = even * sine + odd * cosine
        return out

    x = weight("token_embd.weight")[ids]
    future = np.triu(np.ones((count, count), bool), 1)
    for layer in range(loaded.llama("block_count")):
        name = f"blk.{layer}."
        h = normalised(x, name + "attn_norm.weight")
        q = rotated((h @ weight(name + "attn_q.weight").T).reshape(count, heads, size))
        k = rotated((h @ weight(name + "attn_k.weight").T).reshape(count, -1, size)).repeat(groups, 1)
        v = (h @ weight(name + "attn_v.weight").T).reshape(count, -1, size).repeat(groups, 1)
        scores = np.einsum("thd,shd->hts", q, k) / np.sqrt(size)
        scores[:, future] = -np.inf
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        x = x + np.einsum("hts,shd->thd", scores, v).reshape(count, -1) @ weight(name + "attn_output.weight").T
        h = normalised(x, name + "ffn_norm.weight")
        gate = h @ weight(name + "ffn_gate.weight").T
        gate = gate / (1 + np.exp(-gate))
        x = x + (gate * (h @ weight(name + "ffn_up.weight").T)) @ weight(name + "ffn_down.weight").T
    head = "output.weight" if "output.weight" in loaded.tensors else "token_embd.weight"
    return normalised(x, "output_norm.weight") @ weight(head).T


class Tokenizer:
    """Byte-level BPE with SmolLM2's split: every digit alone, then GPT-2's pattern."""

    def __init__(self, loaded):
        fields = loaded.fields
        assert fields["tokenizer.ggml.model"] == "gpt2" and fields["tokenizer.ggml.pre"] == "smollm"
        self.template = jinja2.sandbox.ImmutableSandboxedEnvironment().from_string(
            fields["tokenizer.chat_template"])
        self.end_of_sequence = fields["tokenizer.ggml.eos_token_id"]
        tokens = fields["tokenizer.ggml.tokens"]
        kinds = fields["tokenizer.ggml.token_type"]
        merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
        vocabulary = {token: index for index, token in enumerate(tokens)}

        def build():
            fast = FastTokenizer(models.BPE(vocab=vocabulary, merges=merges))
            fast.pre_tokenizer = pre_tokenizers.Sequence([
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ])
            fast.decoder = decoders.ByteLevel()
            return fast

        self.plain = build()
        self.parsing = build()
        self.parsing.add_special_tokens(
            [AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, kinds) if kind == CONTROL])
        assert self.parsing.get_vocab_size() == len(tokens)
        self.vocabulary = vocabulary

    def encode(self, text):
        """Text as typed: nothing in it is a special token."""
        return self.plain.encode(text, add_special_tokens=False).ids

    def encode_parsing(self, text):
        return self.parsing.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        return self.parsing.decode(ids, skip_special_tokens=True)

    def render(self, messages):
        return self.template.render(messages=messages, add_generation_prompt=True)

    def encode_chat(self, messages):
        """ChatML with the special tokens placed by the template and what was typed left as text."""
        if messages[0]["role"] != "system":
            # The default system message is the template's own: take it from what the template renders.
            whole = self.render(messages)
            if whole.startswith("<|im_start|>system\n"):
                text = whole.removeprefix("<|im_start|>system\n").split("<|im_end|>")[0]
                messages = [{"role": "system", "content": text}] + messages
        ids = []
        for message in messages:
            ids.append(self.vocabulary["<|im_start|>"])
            ids += self.encode(message["role"] + "\n" + message["content"])
            ids.append(self.vocabulary["<|im_end|>"])
            ids += self.encode("\n")
        ids.append(self.vocabulary["<|im_start|>"])
        return ids + self.encode("assistant\n")


def greedy(model, ids, count, end):
    """Greedy tokens, ended by the end of sequence (which is kept), and the smallest lead of a chosen logit."""
    out, leads = [], []
    with torch.no_grad():
        result = model(torch.tensor([ids]), use_cache=True)
        while True:
            best = torch.topk(result.logits[0, -1], 2)
            out.append(int(best.indices[0]))
            leads.append(float(best.values[0] - best.values[1]))
            if out[-1] == end or len(out) == count:
                return out, min(leads)
            result = model(torch.tensor([[out[-1]]]), past_key_values=result.past_key_values, use_cache=True)


def golden_case(loaded, model, tokenizer, name, inputs, chat, roles=None, count=24, typed_specials=False):
    """One entry of `text_cases` and its logits at every prompt position [T, V], checked in three ways."""
    if chat:
        messages = [{"role": role, "content": "".join(parts)} for role, parts in zip(roles, inputs, strict=True)]
        prompt, ids = tokenizer.render(messages), tokenizer.encode_chat(messages)
    else:
        prompt = "".join(inputs)
        ids = tokenizer.encode(prompt)
    if not typed_specials:
        assert ids == tokenizer.encode_parsing(prompt), name
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].numpy()
    other = numpy_logits(loaded, ids)
    difference = np.abs(logits - other).max() / np.abs(other).max()
    assert difference < 1e-4, (name, difference)
    greedy_ids, lead = greedy(model, ids, count, tokenizer.end_of_sequence)
    print(f"{name}: {len(ids)} tokens, fp64 difference {difference:.1e}, smallest lead {lead:.3f}")
    print("   ", repr(tokenizer.decode(greedy_ids)))
    case = {"name": name, "chat": chat, "inputs": inputs}
    if chat:
        case["roles"] = roles
    case |= {
        "prompt": prompt, "input_ids": ids, "greedy_ids": greedy_ids,
        "greedy_text": tokenizer.decode(greedy_ids), "smallest_lead": round(lead, 4),
    }
    return case, logits.astype(np.float32)


def write_golden(folder, loaded, cases, tensors, computed_by):
    folder.mkdir(parents=True, exist_ok=True)
    golden = {
        "model": loaded.path.name,
        "model_sha256": hashlib.sha256(loaded.path.read_bytes()).hexdigest(),
        "computed_by": computed_by,
        "images": [],
        "text_cases": cases,
    }
    (folder / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    numbers = folder / "golden.safetensors"
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, numbers)
    numbers.chmod(0o644)
