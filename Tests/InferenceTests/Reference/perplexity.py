"""Compare perplexities with llama.cpp, through llama-cpp-python, on the same files.

    VENV/bin/pip install gguf numpy llama-cpp-python      # here 0.19.0, 2.4.6 and 0.3.36, CMAKE_ARGS=-DGGML_NATIVE=on
    make build
    VENV/bin/python Tests/InferenceTests/Reference/perplexity.py FOLDER [--threads N] [--text FILE]

FOLDER takes the language model in F16 and Q8_0, made from the dequantised Q4_1 file (420 MB). For each of the three
the text is scored by `bench perplexity` and by llama.cpp, by the rule of llama.cpp's own tool: windows of 512 tokens
after one another, each after an empty cache; the tokens of a window's second half but its first are scored, those
behind the last whole window are not. With --llama only the second is measured.

llama.cpp rounds activations to 8 bits (to F16 for F16 weights) before it multiplies, and keeps its cache in F16; the
engine computes in fp32. That is the difference to expect. --f32-cache makes llama.cpp's cache F32 too.
"""

import argparse
import ctypes
import json
import os
import subprocess
import time
from pathlib import Path

import gguf
import llama_cpp
import numpy as np

ROOT = Path(__file__).parent.parent.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
BUILT_IN = CACHE / "emuchat/models/SmolLM2-135M-Instruct.Q4_1.gguf"
TYPES = {
    "F16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}


def convert(target, quantization, file_type):
    """The built-in model with every matrix in another type; vectors stay F32."""
    reader = gguf.GGUFReader(BUILT_IN)
    partial = target.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "llama")
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        kind = field.types[0]
        value = int(file_type) if name == "general.file_type" else field.contents()
        writer.add_key_value(name, value, kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(tensor.shape[::-1])
        if values.ndim == 1:
            writer.add_tensor(tensor.name, values)
        else:
            writer.add_tensor(tensor.name, gguf.quantize(values, quantization), raw_dtype=quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(target)


def llama_cpp_perplexity(path, text, window, threads, f32_cache):
    parameters = llama_cpp.llama_model_default_params()
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    width = llama_cpp.llama_vocab_n_tokens(vocabulary)

    raw = text.encode()
    ids = (llama_cpp.llama_token * (len(raw) + 8))()
    add_bos = llama_cpp.llama_vocab_get_add_bos(vocabulary)
    count = llama_cpp.llama_tokenize(vocabulary, raw, len(raw), ids, len(ids), True, False)
    assert count >= 2 * window, count

    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = window
    parameters.n_threads = parameters.n_threads_batch = threads
    if f32_cache:
        parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
    context = llama_cpp.llama_init_from_model(model, parameters)
    batch = llama_cpp.llama_batch_init(window, 0, 1)
    first = window // 2
    total, scored = 0.0, 0
    for start in range(0, count - window + 1, window):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        part = list(ids[start : start + window])
        if add_bos:
            part[0] = llama_cpp.llama_vocab_bos(vocabulary)
        batch.n_tokens = window
        for index, token in enumerate(part):
            batch.token[index] = token
            batch.pos[index] = index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = index >= first
        assert llama_cpp.llama_decode(context, batch) == 0
        for index in range(first, window - 1):
            pointer = llama_cpp.llama_get_logits_ith(context, index)
            logits = np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), (width,))
            logits = logits.astype(np.float64)
            largest = logits.max()
            total -= logits[part[index + 1]] - largest - np.log(np.exp(logits - largest).sum())
            scored += 1
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    return {"perplexity": float(np.exp(total / scored)), "tokens": scored}


def own_perplexity(path, text_path, window, threads):
    bench = ROOT / ".build/release/bench"
    command = [bench, "perplexity", "--precision", "exact", "--model", path]
    command += ["--context", str(window), "--threads", str(threads), text_path]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--text", type=Path, default=Path(__file__).parent.parent / "Fixtures/king-james.txt")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--llama", action="store_true")
    parser.add_argument("--f32-cache", action="store_true")
    arguments = parser.parse_args()

    quiet = llama_cpp.llama_log_callback(lambda level, message, data: None)
    llama_cpp.llama_log_set(quiet, None)
    llama_cpp.llama_backend_init()
    models = {"Q4_1": BUILT_IN}
    for name, (quantization, file_type) in TYPES.items():
        models[name] = arguments.folder / f"SmolLM2-135M-Instruct.{name}.gguf"
        if not models[name].exists():
            convert(models[name], quantization, file_type)
    text = arguments.text.read_text()
    for name, path in models.items():
        begin = time.perf_counter()
        theirs = llama_cpp_perplexity(path, text, arguments.context, arguments.threads, arguments.f32_cache)
        line = f"{name:5} llama.cpp {theirs['perplexity']:.4f} ({time.perf_counter() - begin:.0f} s)"
        if not arguments.llama:
            begin = time.perf_counter()
            ours = own_perplexity(path, arguments.text, arguments.context, arguments.threads)
            assert ours["tokens"] == theirs["tokens"], (ours, theirs)
            difference = ours["perplexity"] / theirs["perplexity"] - 1
            line += f", here {ours['perplexity']:.4f} ({time.perf_counter() - begin:.0f} s), {100 * difference:+.3f} %"
        print(f"{line}, {theirs['tokens']} tokens", flush=True)


if __name__ == "__main__":
    main()
