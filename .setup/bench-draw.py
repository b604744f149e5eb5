"""Drawing beside PyTorch: a step of Emu2-Gen's UNet and the decoding of a picture, in turns, medians and ratios.

usage: bench-draw.py BENCH WORK-FOLDER [--size N] [--runs N] [--threads N] [--rounds N] [--keep]

Run by `make bench-draw` with the Python that has the peer. Both have the published sizes with random weights. The
peer's figure is the better one of its two layouts of memory, found in each of its runs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
# Ours and the peer's precision, the type of our weights, and what is aimed at for a step and for the decoding.
PAIRS = [("fast", "bf16", "q8_0", 1.0, None), ("fast", "bf16", "f16", 1.0, None), ("exact", "fp32", "f16", 2.0, 1.5)]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr.strip()}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("work")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=2, help="in each process")
    parser.add_argument("--rounds", type=int, default=1, help="processes of each, in turns")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--keep", action="store_true", help="keep the models, several gigabytes")
    arguments = parser.parse_args()
    import diffusers
    import torch

    common = ["--threads", str(arguments.threads), "--runs", str(arguments.runs), "--size", str(arguments.size)]
    print(
        f"torch {torch.__version__}, diffusers {diffusers.__version__}; {arguments.size}x{arguments.size}, "
        f"{arguments.threads} threads, medians of {arguments.rounds} times {arguments.runs}, in seconds\n"
        f"{'':36} {'ours':>8} {'peer':>8} {'ratio':>6} {'goal':>7}"
    )
    ours, peers, models = {}, {}, {}
    for round_number in range(arguments.rounds):
        for precision, peer, weights, *_ in PAIRS:
            model = models.get(weights) or os.path.join(arguments.work, f"emu2-gen-decoder-{weights}.gguf")
            if not os.path.exists(model):
                shape = ["--shape", "emu2-gen-decoder", "--type", weights, "-o", model]
                run([arguments.bench, "synth", *shape])
            models[weights] = model
            result = run([arguments.bench, "draw", "--model", model, "--precision", precision, *common])["results"][0]
            ours.setdefault((precision, weights), []).append(result)
            if round_number == len(peers.get(peer, [])):
                command = [sys.executable, os.path.join(FOLDER, "peer-draw.py"), peer]
                numbers = [arguments.size, arguments.threads, arguments.runs]
                peers.setdefault(peer, []).append(run([*command, *map(str, numbers)]))
    for precision, peer, weights, *goals in PAIRS:
        results = ours[(precision, weights)]
        picture = statistics.median(result["picture_seconds"] for result in results)
        for part, goal in zip(("step", "decoding"), goals):
            mine = statistics.median(result[part]["seconds"] for result in results)
            theirs = statistics.median(result[part] for result in peers[peer])
            share = statistics.median(result[part]["share_of_limit"] for result in results)
            ratio = theirs / mine
            verdict = "" if goal is None else f">= {goal:.1f} {'ok' if ratio >= goal else 'missed'}"
            title = f"{part}, {precision} {weights} to {peer}"
            limit = f"{100 * share:.0f}% of {results[0][part]['limit']}"
            print(f"{title:36} {mine:8.2f} {theirs:8.2f} {ratio:6.2f} {verdict:14} {limit}")
        print(f"{'a picture in 50 steps':36} {picture / 60:8.1f} minutes")
    if not arguments.keep:
        for model in models.values():
            os.remove(model)


main()
