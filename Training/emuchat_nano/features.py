"""Features of the prepared pictures, once and for all: `python -m emuchat_nano.features WORK --tower GGUF [--bench PROGRAM]`.

The encoder's file is the one that ships. With `--bench` the program itself computes them, int8 products and all; without,
PyTorch does: about twice as fast in bf16, slower where it has to be fp32 (language.arithmetic). `--compare CHUNK` tells
how far the two are apart.
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
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from .tower import Tower

CHUNK = 512
BATCH = 16


def picture_names(work: Path) -> list[str]:
    """The pictures' files in the order of examples.jsonl."""
    with (work / "examples.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["picture"] for line in lines]


def pooled(hidden: torch.Tensor) -> torch.Tensor:
    """[B, 197, 768] hidden states to [B, 50, 768]: the class token and means over 2x2 patches."""
    grid = hidden[:, 1:].unflatten(1, (7, 2, 7, 2)).mean((2, 4)).flatten(1, 2)
    return torch.cat((hidden[:, :1], grid), 1)


def features_of(tower: Tower, folder: Path, names: list[str]) -> np.ndarray:
    """[n, 50, 768] in F16."""
    parts = []
    for first in range(0, len(names), BATCH):
        pictures = []
        for name in names[first : first + BATCH]:
            with Image.open(folder / name) as picture:
                pictures.append(np.asarray(picture.convert("RGB")))
        parts.append(pooled(tower(torch.from_numpy(np.stack(pictures)))).half().numpy())
    return np.concatenate(parts)


def encode(names: list[str], work: Path, tower: Tower, out: Path) -> None:
    """Computes what is missing of these pictures, chunk by chunk."""
    out.mkdir(parents=True, exist_ok=True)
    for chunk in range(0, len(names), CHUNK):
        part = names[chunk : chunk + CHUNK]
        digest = hashlib.sha256("\n".join(part).encode()).hexdigest()
        file = out / f"features-{chunk // CHUNK:05d}.safetensors"
        if file.exists() and _digest(file) == digest:
            continue
        half = file.with_suffix(".part")
        save_file({"features": features_of(tower, work / "pictures", part)}, half, metadata={"lines_sha256": digest, "encoder": "torch"})
        half.rename(file)
        print(f"{chunk + len(part)} of {len(names)} pictures", file=sys.stderr, flush=True)


def compare(work: Path, tower: Tower, out: Path, chunk: int) -> None:
    """Prints the cosines between a chunk that is there and PyTorch's features of the same pictures."""
    names = picture_names(work)[chunk * CHUNK : (chunk + 1) * CHUNK]
    with safe_open(out / f"features-{chunk:05d}.safetensors", "np") as opened:
        there = opened.get_tensor("features").astype(np.float32)
    here = features_of(tower, work / "pictures", names).astype(np.float32)
    cosines = (there * here).sum(-1) / np.linalg.norm(there, axis=-1) / np.linalg.norm(here, axis=-1)
    print(f"cosine: mean {cosines.mean():.6f}, least {cosines.min():.6f}; of class tokens {cosines[:, 0].mean():.6f}")


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
    parser.add_argument("--tower", type=Path, required=True, help="clip-vit-base-patch16.gguf")
    parser.add_argument("--bench", type=Path, help="the program `bench`, to compute them with")
    parser.add_argument("--compare", type=int, metavar="CHUNK", help="compare a chunk that is there instead")
    parser.add_argument("--chunks", type=int, help="only so many of them: the first hold what is scored, every named picture and a view of it")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    out = arguments.out or arguments.work / "features"
    torch.set_num_threads(arguments.threads)
    if arguments.compare is not None:
        compare(arguments.work, Tower(arguments.tower), out, arguments.compare)
        return
    names = picture_names(arguments.work)[: arguments.chunks and arguments.chunks * CHUNK]
    if arguments.bench is None:
        encode(names, arguments.work, Tower(arguments.tower), out)
        return
    paths = arguments.work / "pictures.txt"
    paths.write_text("\n".join(str(arguments.work / "pictures" / name) for name in names) + "\n")
    command = [arguments.bench, "features", "--tower", arguments.tower, "--list", paths, "-o", out, "--chunk", str(CHUNK)]
    subprocess.run([*map(str, command), "--threads", str(arguments.threads)], check=True)


if __name__ == "__main__":
    main()
