"""Averages a run with an artefact: `python -m emuchat_nano.mix WORK --model GGUF --with FILE --name RUN --out RUN`.

What goes on from an artefact stays near enough to it for the mean of both to work, and the mean forgets less of what the
artefact knew than the run does (https://arxiv.org/abs/2109.01903).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .nano import Nano
from .trainer import save_parameters


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--with", type=Path, required=True, dest="artefact")
    parser.add_argument("--share", type=float, default=0.8, help="how much of the mean is the run's")
    parser.add_argument("--name", default="nano")
    parser.add_argument("--out", required=True)
    parser.add_argument("--rank", type=int, default=16)
    options = parser.parse_args()
    nano = Nano(options.model, options.rank, options.rank, torch.float32)
    nano.load_artefact(options.artefact)
    # As in checkpoints: the mean of two layers is that of what they do only behind the same norm.
    nano.projection.fold_norm()
    saved = torch.load(options.work / "runs" / options.name / "checkpoint.pt", weights_only=True)
    with torch.no_grad():
        for name, parameter in nano.named_parameters():
            parameter.lerp_(saved["parameters"][name], options.share)
    out = options.work / "runs" / options.out
    out.mkdir(parents=True, exist_ok=True)
    save_parameters({"parameters": dict(nano.named_parameters()), "step": saved["step"]}, out / "checkpoint.pt")


if __name__ == "__main__":
    main()
