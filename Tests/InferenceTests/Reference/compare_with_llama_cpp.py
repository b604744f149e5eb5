"""Compare the recordings with a second independent implementation: llama.cpp, through llama-cpp-python.

    VENV/bin/pip install llama-cpp-python numpy            # built from source; here 0.3.36
    CMAKE_ARGS=-DGGML_NATIVE=on
    VENV/bin/python Tests/InferenceTests/Reference/compare_with_llama_cpp.py [--dequantized] [--speed] [MODEL.gguf]

Prints, for every recorded case: whether the token ids agree, the largest difference of the last logits relative to
the largest, and how many greedy tokens agree. llama.cpp quantises activations to 8 bits before it multiplies with
quantised weights, so its logits differ by about a percent and near ties may fall the other way: this is a report,
not a limit. With `--dequantized` it is given the same weights as F32 and an F32 cache (a temporary file of 650 MB),
which takes that rounding away. `--speed` measures prefill of 512 tokens and decode of 128 with 2 threads.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
from safetensors.numpy import load_file

FIXTURES = Path(__file__).parent.parent / "Fixtures"


def tokens(model, case):
    """The prompt's ids, with special tokens recognised only where the template put them."""
    if not case["chat"]:
        return model.tokenize(case["prompt"].encode(), add_bos=False, special=False)
    text = case["prompt"]
    ids = []
    messages = list(zip(case["roles"], ("".join(parts) for parts in case["inputs"])))
    if messages[0][0] != "system" and text.startswith("<|im_start|>system\n"):
        messages.insert(0, ("system", text.removeprefix("<|im_start|>system\n").split("<|im_end|>")[0]))
    start, end = (model.tokenize(t, add_bos=False, special=True) for t in (b"<|im_start|>", b"<|im_end|>"))
    for role, content in messages:
        ids += start + model.tokenize(f"{role}\n{content}".encode(), add_bos=False, special=False)
        ids += end + model.tokenize(b"\n", add_bos=False, special=False)
    return ids + start + model.tokenize(b"assistant\n", add_bos=False, special=False)


def dequantized(path, folder):
    """A copy of the model with every tensor as F32."""
    reader = gguf.GGUFReader(path)
    target = Path(folder) / "dequantized.gguf"
    writer = gguf.GGUFWriter(target, "llama")
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        kind = field.types[0]
        writer.add_key_value(name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, np.ascontiguousarray(values, dtype=np.float32).reshape(tensor.shape[::-1]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def compare(path, folder, exact):
    with tempfile.TemporaryDirectory() as scratch:
        cache = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32} if exact else {}
        model = llama_cpp.Llama(
            str(dequantized(path, scratch) if exact else path), n_ctx=1024, n_threads=2, n_threads_batch=2,
            logits_all=True, verbose=False, **cache)
    report(model, folder)


def report(model, folder):
    golden = json.loads((folder / "golden.json").read_text())
    recorded = load_file(folder / "golden.safetensors")
    for case in golden["text_cases"]:
        same_ids = tokens(model, case) == case["input_ids"]
        model.reset()
        model.eval(case["input_ids"])
        last = model.scores[model.n_tokens - 1].copy()
        difference = "-"
        if (truth := recorded.get(f"{case['name']}.last_logits")) is not None:
            difference = f"{np.abs(last - truth).max() / np.abs(truth).max():.1e}"
        agree = 0
        for expected in case["greedy_ids"]:
            if int(np.argmax(last)) != expected:
                break
            agree += 1
            model.eval([expected])
            last = model.scores[model.n_tokens - 1]
        print(f"{folder.name} {case['name']}: ids {'agree' if same_ids else 'DIFFER'}, logits {difference}, "
              f"greedy {agree}/{len(case['greedy_ids'])}")


def speed(path):
    model = llama_cpp.Llama(str(path), n_ctx=1024, n_batch=512, n_threads=2, n_threads_batch=2, verbose=False)
    random = np.random.default_rng(1)
    prompt = random.integers(100, 40000, 512).tolist()
    for _ in range(5):
        model.reset()
        begin = time.perf_counter()
        model.eval(prompt)
        prefill = 512 / (time.perf_counter() - begin)
        model.reset()
        model.eval(prompt[:16])
        begin = time.perf_counter()
        for token in prompt[16:144]:
            model.eval([token])
        print(f"prefill {prefill:.0f} tokens/s, decode {128 / (time.perf_counter() - begin):.0f} tokens/s")


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    exact = "--dequantized" in sys.argv
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(arguments[0]) if arguments else cache / "emuchat/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    if "--speed" in sys.argv:
        speed(path)
        return
    compare(path, FIXTURES / "smollm2", exact)
    for tiny in sorted(FIXTURES.glob("tiny-llama-*.gguf")):
        compare(tiny, FIXTURES / tiny.stem, exact)


if __name__ == "__main__":
    main()
