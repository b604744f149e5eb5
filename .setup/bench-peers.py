"""Speed beside llama.cpp: both programs in turns on the same files, medians, ratios, shares of the machine's limits.

usage: bench-peers.py BENCH SMOLLM2-Q4_1.gguf WORK-FOLDER [--runs N] [--threads N] [--only TEXT]

Run by `make bench-peers` with the Python that has the peer. The peer's figure is the better one of its flash attention
and its repacking on or off, found by one run of each beforehand.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
WAYS = [(flash, repack) for flash in (0, 1) for repack in (0, 1)]
PREFILL, DECODE, FIRST, MEMORY = (
    "prefill_tokens_per_second",
    "decode_tokens_per_second",
    "first_token_seconds",
    "peak_rss_bytes",
)


def variant(source, target, name):
    """Writes a model's weights as another type, beside the same metadata: F16, Q8_0 or Q4_0 of what Q4_1 holds."""
    import gguf
    import numpy as np

    kinds = gguf.GGMLQuantizationType
    kind = {"f16": kinds.F16, "q8_0": kinds.Q8_0, "q4_0": kinds.Q4_0}[name]
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target + ".part", architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        array = field.types[0] == gguf.GGUFValueType.ARRAY
        writer.add_key_value(
            field.name, field.contents(), field.types[0], field.types[-1] if array else None
        )
    tensors = []
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).reshape(tuple(reversed(tensor.shape.tolist())))
        exact = len(tensor.shape) < 2
        stored = values.astype(np.float32) if exact else gguf.quantize(values, kind)
        tensors.append(stored)
        writer.add_tensor(tensor.name, stored, raw_dtype=kinds.F32 if exact else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(target + ".part", target)


class Bench:
    def __init__(self, arguments):
        self.program, self.runs, self.threads = arguments.bench, arguments.runs, arguments.threads
        self.work, self.only = arguments.work, arguments.only
        self.crashed = set()

    def run(self, command, may_crash=False):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode < 0 and may_crash:
            return None
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr.strip()}")
        return json.loads(done.stdout)

    def ours(self, model, prompt, generate, depth):
        return self.run(
            [self.program, "speed", "--model", model, "--prompt", str(prompt), "--generate", str(generate)]
            + ["--depth", str(depth), "--threads", str(self.threads), "--runs", "1"]
        )

    def peer(self, model, prompt, generate, depth, way):
        numbers = [prompt, generate, depth, self.threads, *way]
        command = [sys.executable, os.path.join(FOLDER, "peer-speed.py"), model, *map(str, numbers)]
        return self.run(command, may_crash=True)

    def compare(self, title, key, goal, model, prompt=16, generate=16, depth=0, peer_model=None, cost=None):
        """One line; `cost` is what a token takes of a limit, and the limit's name."""
        if self.only not in title:
            return
        peer_model = peer_model or model
        better = min if key in (FIRST, MEMORY) else max
        # Some builds of the peer crash on some CPUs with their repacked weights: such a way is none.
        results = {way: self.peer(peer_model, prompt, generate, depth, way) for way in WAYS if way not in self.crashed}
        for way in [way for way, result in results.items() if result is None]:
            print(f"the peer crashes with flash {way[0]} repack {way[1]}: left out", flush=True)
            self.crashed.add(way)
        tried = {way: result[key] for way, result in results.items() if result is not None}
        if not tried:
            sys.exit(f"{title}: the peer crashes in every way")
        best = better(tried, key=tried.get)
        mine, theirs = [], []
        for _ in range(self.runs):
            mine.append(self.ours(model, prompt, generate, depth)[key])
            theirs.append(self.peer(peer_model, prompt, generate, depth, best)[key])
        mine, theirs = statistics.median(mine), statistics.median(theirs)
        ratio = mine / theirs
        good = ratio <= goal if better is min else ratio >= goal
        share = ""
        if cost:
            amount, limit = cost
            share = f"{100 * mine * amount / self.limits[limit]:.0f}% of {limit.split('_')[0]}"
        unit = 1e6 if key == MEMORY else 1
        way = f"flash {best[0]} repack {best[1]}"
        verdict = "ok" if good else "missed"
        print(
            f"{title:44} {mine / unit:9.2f} {theirs / unit:9.2f} {ratio:6.2f} {'<=' if better is min else '>='} "
            f"{goal:4.2f} {verdict:6}  {share:16} {way}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("model")
    parser.add_argument("work")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default="", help="only the lines whose title holds this")
    arguments = parser.parse_args()
    import llama_cpp

    bench = Bench(arguments)
    files = {"q4_1": arguments.model}
    for name in ("q4_0", "q8_0", "f16"):
        files[name] = os.path.join(arguments.work, f"smollm2-{name}.gguf")
        if not os.path.exists(files[name]):
            variant(arguments.model, files[name], name)
    for name in ("q4_0", "q4_k"):
        files["1b-" + name] = os.path.join(arguments.work, f"llama-1.1b-{name}.gguf")
        if not os.path.exists(files["1b-" + name]):
            command = [arguments.bench, "synth", "--shape", "llama-1.1b", "--type", name, "-o", files["1b-" + name]]
            subprocess.run(command, check=True, capture_output=True)
    bench.limits = bench.run([arguments.bench, "limits", "--threads", str(arguments.threads)])
    print(
        f"llama-cpp-python {llama_cpp.__version__}, {llama_cpp.llama_print_system_info().decode().strip()}\n"
        f"{bench.limits['kernel']}, {arguments.threads} threads, medians of {arguments.runs}; limits: "
        f"int8 {bench.limits['int8_operations_per_second'] / 1e9:.0f}, "
        f"bf16 {bench.limits['bf16_operations_per_second'] / 1e9:.0f}, "
        f"fp32 {bench.limits['fp32_operations_per_second'] / 1e9:.0f} GOP/s, "
        f"memory {bench.limits['memory_read_bytes_per_second'] / 1e9:.1f} GB/s\n"
        f"{'':44} {'ours':>9} {'peer':>9} {'ratio':>6} {'goal':>7}"
    )
    reading, products = "memory_read_bytes_per_second", "int8_operations_per_second"
    size = {name: os.path.getsize(path) for name, path in files.items()}
    parameters = {"small": 134_515_008, "large": 1_100_048_384}

    bench.compare("SmolLM2 Q4_1 decode", DECODE, 1.8, files["q4_1"], generate=128, cost=(size["q4_1"], reading))
    bench.compare("SmolLM2 Q4_1 decode at depth 1024", DECODE, 2.0, files["q4_1"], generate=64, depth=1024)
    bench.compare(
        "SmolLM2 Q4_1 prefill 512 (peer's Q4_0)", PREFILL, 1.3, files["q4_1"], prompt=512, peer_model=files["q4_0"],
        cost=(2 * parameters["small"], products),
    )  # fmt: skip
    for name in ("q4_0", "q8_0"):
        title = f"SmolLM2 {name.upper()}"
        bench.compare(f"{title} decode", DECODE, 1.4, files[name], generate=128, cost=(size[name], reading))
        bench.compare(f"{title} decode at depth 1024", DECODE, 1.6, files[name], generate=64, depth=1024)
        bench.compare(
            f"{title} prefill 512", PREFILL, 1.5, files[name], prompt=512, cost=(2 * parameters["small"], products)
        )
    bench.compare("SmolLM2 F16 decode", DECODE, 1.05, files["f16"], generate=128, cost=(size["f16"], reading))
    bench.compare(
        "SmolLM2 F16 prefill 512", PREFILL, 1.3, files["f16"], prompt=512,
        cost=(2 * parameters["small"], "bf16_operations_per_second"),
    )  # fmt: skip
    for name in ("1b-q4_0", "1b-q4_k"):
        title = f"1.1B shape {name[3:].upper()}"
        bench.compare(f"{title} decode", DECODE, 1.1, files[name], generate=32, cost=(size[name], reading))
        bench.compare(
            f"{title} prefill 128", PREFILL, 2.0, files[name], prompt=128, cost=(2 * parameters["large"], products)
        )
    # Whole starts: the file is read, packed, and a prompt taken in.
    bench.compare("SmolLM2 Q4_1 first token, 445-token prompt", FIRST, 0.5, files["q4_1"], prompt=445, generate=1)
    bench.compare("SmolLM2 Q4_1 peak memory, context 2048 (MB)", MEMORY, 1.0, files["q4_1"], prompt=2040, generate=8)


main()
