"""Writes what the repository carries: `python -m emuchat_nano.artefact WORK --model GGUF --tower GGUF -o FILE`.

A GGUF of the norm, the projection, the names and the adapters, with the SHA-256 of the two files that they stand on.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFWriter


def write(parameters: dict[str, torch.Tensor], rank: int, model: Path, tower: tuple[str, str], out: Path) -> None:
    """Writes the artefact; `tower` is the encoder's file name and SHA-256."""
    writer = GGUFWriter(out, "emuchat-nano")
    writer.add_name("emuchat-nano")
    writer.add_basename("emuchat-nano")
    writer.add_size_label("225M")
    writer.add_license("apache-2.0")
    writer.add_description("A small built-in model that sees: CLIP ViT-B/16, a projection, and adapters of SmolLM2-135M-Instruct")
    writer.add_uint32("emuchat-nano.contract", 2)
    writer.add_string("emuchat-nano.decoder.file", model.name)
    writer.add_string("emuchat-nano.decoder.sha256", hashlib.sha256(model.read_bytes()).hexdigest())
    writer.add_string("emuchat-nano.vision.file", tower[0])
    writer.add_string("emuchat-nano.vision.sha256", tower[1])
    writer.add_uint32("emuchat-nano.adapter.rank", rank)
    writer.add_float32("emuchat-nano.adapter.alpha", float(rank))
    writer.add_uint32("emuchat-nano.picture_tokens", 50)
    writer.add_uint32("emuchat-nano.names", len(parameters["projection.memory.key.bias"]))
    writer.add_float32("emuchat-nano.norm_epsilon", 1e-5)
    for name, value in parameters.items():
        key = tensor_name(name)
        kind = np.float16 if value.ndim > 1 else np.float32
        writer.add_tensor(key, value.detach().numpy().astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensor_name(parameter: str) -> str:
    """A parameter's name in the file: `projection.up.weight` is `mm.up.weight`, `decoder.blocks.3.attn_q.lora_a` `blk.3.attn_q.lora_a`."""
    return parameter.replace("projection.", "mm.").replace("decoder.blocks.", "blk.")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tower", type=Path, required=True, help="the converted encoder, clip-vit-base-patch16.gguf")
    parser.add_argument("--name", default="nano")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    saved = torch.load(options.work / "runs" / options.name / "checkpoint.pt", weights_only=True)
    digest = hashlib.sha256(options.tower.read_bytes()).hexdigest()
    half = options.out.with_name(options.out.name + ".part")
    write(saved["parameters"], options.rank, options.model, (options.tower.name, digest), half)
    half.rename(options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes, step {saved['step']}")


if __name__ == "__main__":
    main()
