"""Make small llama models with seeded random weights, and record what transformers computes for them, in fp32.

    python3 -m venv VENV
    VENV/bin/pip install torch transformers gguf safetensors jinja2 numpy
    VENV/bin/python Tests/InferenceTests/Reference/tiny_llama.py

Writes Fixtures/tiny-llama-TYPE.gguf, and beside each a folder tiny-llama-TYPE with golden.json and
golden.safetensors: `NAME.logits` [T, V] at every prompt position and `NAME.last_logits` [V].
Each file has other dimensions, so that none can be wired in. The end of sequence has a zero row in the output
head (and so, where that is tied, in the embedding): it is all but impossible, and generation runs long.
Weights are quantised by gguf-py and the recordings computed from the dequantised values; versions: gguf_llama.py.
"""

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers

import gguf_llama

FIXTURES = Path(__file__).parent.parent / "Fixtures"
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MERGES = """Ġ t|Ġ a|h e|i n|r e|o n|Ġt he|e r|Ġ s|a t|Ġ w|Ġ o|e n|Ġ c|i t|i s|a n|o r|e s|Ġ b|e d|Ġ f|in g|Ġ p|o u|Ġa n|
a l|a r|Ġt o|Ġ m|Ġo f|Ġ in|Ġ d|Ġ h|Ġan d|i c|l e|Ċ Ċ|u s|us er|as s""".replace("\n", "").split("|")
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


@dataclass
class Shape:
    quantization: gguf.GGMLQuantizationType
    file_type: gguf.LlamaFileType
    seed: int
    layers: int
    hidden: int
    heads: int
    key_value_heads: int
    feed_forward: int
    tied: bool
    frequency_base: float
    epsilon: float


Q, F = gguf.GGMLQuantizationType, gguf.LlamaFileType
SHAPES = {
    "f32": Shape(Q.F32, F.ALL_F32, 1, 2, 32, 4, 2, 64, False, 10000.0, 1e-5),
    "f16": Shape(Q.F16, F.MOSTLY_F16, 2, 2, 64, 4, 2, 96, True, 500000.0, 1e-6),
    "q8_0": Shape(Q.Q8_0, F.MOSTLY_Q8_0, 3, 2, 64, 4, 4, 96, False, 10000.0, 1e-5),
    "q4_1": Shape(Q.Q4_1, F.MOSTLY_Q4_1, 4, 2, 96, 3, 1, 160, True, 100000.0, 1e-5),
}


def byte_tokens():
    """GPT-2's printable stand-ins for the 256 bytes, in byte order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def vocabulary():
    tokens = byte_tokens()
    merges = []
    for merge in MERGES:
        left, right = merge.split(" ")
        if left in tokens and right in tokens and left + right not in tokens:
            tokens.append(left + right)
            merges.append(merge)
    return tokens + SPECIALS, merges


def make(name, shape):
    path = FIXTURES / f"tiny-llama-{name}.gguf"
    tokens, merges = vocabulary()
    size = shape.hidden // shape.heads
    random = np.random.default_rng(shape.seed)

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"tiny llama {name}, random weights")
    writer.add_license("apache-2.0")
    writer.add_file_type(shape.file_type)
    writer.add_block_count(shape.layers)
    writer.add_context_length(512)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_value_heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_freq_base(shape.frequency_base)
    writer.add_rope_dimension_count(size)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIALS else 1 for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<|im_start|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_unk_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)

    def matrix(key, rows, columns, deviation, silent_row=None, interleaved_heads=None):
        values = random.normal(0, deviation, (rows, columns)).astype(np.float32)
        if silent_row is not None:
            values[silent_row] = 0
        if interleaved_heads:
            values = gguf_llama.interleaved_rows(values, interleaved_heads)
        if shape.quantization == Q.F32:
            writer.add_tensor(key, values)
        elif shape.quantization == Q.F16:
            writer.add_tensor(key, values.astype(np.float16))
        else:
            writer.add_tensor(key, gguf.quantize(values, shape.quantization), raw_dtype=shape.quantization)

    def norm(key):
        writer.add_tensor(key, (1 + random.normal(0, 0.1, shape.hidden)).astype(np.float32))

    end = tokens.index("<|im_end|>")
    spread = 1.5 / np.sqrt(shape.hidden)
    matrix("token_embd.weight", len(tokens), shape.hidden, 0.4 if shape.tied else 1.0, end if shape.tied else None)
    norm("output_norm.weight")
    if not shape.tied:
        matrix("output.weight", len(tokens), shape.hidden, 3 / np.sqrt(shape.hidden), end)
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        norm(block + "attn_norm.weight")
        matrix(block + "attn_q.weight", shape.heads * size, shape.hidden, spread, None, shape.heads)
        matrix(block + "attn_k.weight", shape.key_value_heads * size, shape.hidden, spread, None, shape.key_value_heads)
        matrix(block + "attn_v.weight", shape.key_value_heads * size, shape.hidden, spread)
        matrix(block + "attn_output.weight", shape.hidden, shape.heads * size, spread)
        norm(block + "ffn_norm.weight")
        matrix(block + "ffn_gate.weight", shape.feed_forward, shape.hidden, spread)
        matrix(block + "ffn_up.weight", shape.feed_forward, shape.hidden, spread)
        matrix(block + "ffn_down.weight", shape.hidden, shape.feed_forward, 1.5 / np.sqrt(shape.feed_forward))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


CASES = [
    # 40 tokens of this vocabulary, which is asserted below.
    ("raw_text", False, None, ["The wind and the sea, 42 islands; an otter on a stone. No no"]),
    ("chat_multiturn", True, ["system", "user", "assistant", "user"], [["Be brief."], ["Hé! 你好"], ["Hm."], ["And 7 × 6?"]]),
]


def main():
    torch.set_num_threads(2)
    FIXTURES.mkdir(exist_ok=True)
    for name, shape in SHAPES.items():
        loaded = gguf_llama.load(make(name, shape))
        model = gguf_llama.huggingface_model(loaded)
        tokenizer = gguf_llama.Tokenizer(loaded)
        print(loaded.path.name, loaded.path.stat().st_size, "bytes")
        cases, tensors = [], {}
        for case_name, chat, roles, inputs in CASES:
            case, logits = gguf_llama.golden_case(
                loaded, model, tokenizer, case_name, inputs, chat, roles, count=16)
            assert chat or len(case["input_ids"]) == 40, len(case["input_ids"])
            assert len(case["greedy_ids"]) == 16
            cases.append(case)
            tensors[f"{case_name}.logits"] = logits
            tensors[f"{case_name}.last_logits"] = logits[-1]
        gguf_llama.write_golden(
            FIXTURES / f"tiny-llama-{name}", loaded, cases, tensors,
            f"transformers {transformers.__version__} LlamaForCausalLM, torch {torch.__version__}, fp32, eager attention")


if __name__ == "__main__":
    main()
