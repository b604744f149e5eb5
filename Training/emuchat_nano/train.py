"""Trains the projection and the adapters: `python -m emuchat_nano.train WORK --model GGUF`.

Next-token loss on the answers, and what words for things should bring to mind (mentions.py). Seeded; goes on from
WORK/runs/NAME/checkpoint.pt, which is written every few minutes, where there is one; `--start` takes an artefact's
parameters to begin with. The projection is learned behind a basis (spread.py), checkpoints hold it folded into the layer
that ships.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch

from .batches import PICTURE_ROWS
from .composed import SHAPES
from .embeddings import word_embeddings
from .examples import Examples
from .features import load_features
from .language import arithmetic
from .naming import name_memory
from .nano import Nano
from .places import Words, add_places
from .prompt import Prompts
from .spread import Spread, normed
from .stages import STEPS
from .trainer import SEED, Trainer


def start_projection(nano: Nano, examples: Examples, features: np.ndarray, prompts: Prompts) -> None:
    """Starts the projection where ridge regression leads from pictures to the mean embedding of their names' tokens.

    Regression shrinks: class tokens are brought to differ as much from one another as the names do.
    """
    inputs, nouns = [], []
    for line in examples.examples:
        if line["source"]:
            rows = features[examples.rows[line["picture"]]].astype(np.float32)
            inputs += [rows[0], rows[1:].mean(0), rows[examples.chance.randrange(1, PICTURE_ROWS)]]
            nouns.append(line["source"]["noun"])
    x = normed(np.stack(inputs))
    y = word_embeddings(nouns, nano.decoder.embedding, prompts).repeat_interleave(3, 0)
    x = torch.cat((x, torch.ones(len(x), 1)), 1)
    weights = torch.linalg.solve(x.T @ x + 0.02 * len(x) * torch.eye(769), x.T @ y)
    found = x @ weights
    middle = found.mean(0)
    longer = (y - y.mean(0)).norm(dim=1).mean() / (found - middle)[::3].norm(dim=1).mean()
    nano.projection.up.weight.data.copy_(longer * weights[:768].T)
    nano.projection.up.bias.data.copy_(longer * weights[768] + (1 - longer) * middle)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--features", type=Path)
    parser.add_argument("--name", default="nano")
    parser.add_argument("--start", type=Path, help="an artefact to go on from")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="fuse the blocks' operations (wants a C++ compiler; a quarter faster)")
    parser.add_argument("--until", type=int, default=STEPS, help=f"stop before this of the {STEPS} steps (to go on later)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    run = options.work / "runs" / options.name
    run.mkdir(parents=True, exist_ok=True)
    prompts = Prompts(options.model)
    nano = Nano(options.model, options.rank, options.rank, arithmetic())
    if options.compile:
        for block in nano.decoder.blocks:
            block.compile(dynamic=True)
    rows, features = load_features(options.work, options.features or options.work / "features")
    examples = Examples(options.work, rows, random.Random(SEED))
    spread = Spread(examples.examples, rows, features)
    checkpoint = run / "checkpoint.pt"
    saved = torch.load(checkpoint, weights_only=True) if checkpoint.exists() else None
    if saved:
        nano.load(saved["parameters"])
    elif options.start:
        nano.load_artefact(options.start)
    else:
        start_projection(nano, examples, features, prompts)
        nouns = {word for line in examples.examples for thing in line["layout"]["things"] for word in thing["words"][-1:]}
        words = Words(nano.decoder.embedding, prompts, sorted(nouns - set(SHAPES)))
        add_places(nano.projection, spread, examples.examples, rows, words)
        nano.projection.memory = name_memory(examples, spread, nano.decoder.embedding, prompts)
    trainer = Trainer(nano, examples, spread, prompts, run)
    if saved:
        trainer.optimiser.load_state_dict(saved["optimiser"])
    trainer.run(saved["step"] if saved else 0, min(options.until, STEPS), options.batch)


if __name__ == "__main__":
    main()
