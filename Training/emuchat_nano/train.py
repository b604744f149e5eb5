"""Trains the projection and the adapters: `python -m emuchat_nano.train WORK --model GGUF --steps N`.

Next-token loss on the answers alone. Seeded; goes on from WORK/runs/NAME/checkpoint.pt, which is written every few
minutes, where there is one; `--start` takes an artefact's parameters to begin with. The projection is learned behind a
basis (spread.py), checkpoints hold it folded into the layer that ships.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .batches import IGNORED, PICTURE_ROWS, SequenceMaker, collate
from .composed import COLOURS, NUMBERS
from .examples import Examples, kind_of
from .features import load_features
from .language import arithmetic
from .nano import Nano, WhitenedProjection
from .places import SIDES, Words, add_places
from .prompt import Prompts
from .spread import Spread, normed

SEED = 20261121
RATES = {"projection": 3e-4, "decoder": 4e-4}
# How much more than another token one counts that settles a question (a side, a colour, a number, yes or no).
SETTLING = 4.0


def start_projection(nano: Nano, examples: Examples, features: np.ndarray, prompts: Prompts) -> None:
    """Starts the projection where ridge regression leads from pictures to the mean embedding of their names' tokens."""
    inputs, outputs = [], []
    for line in examples.examples:
        if line["source"]:
            rows = features[examples.rows[line["picture"]]].astype(np.float32)
            inputs += [rows[0], rows[1:].mean(0), rows[examples.chance.randrange(1, PICTURE_ROWS)]]
            name = nano.decoder.embedding[prompts.encode(" " + line["source"]["noun"].replace("_", " "))].float().mean(0)
            outputs += [name] * 3
    x = normed(np.stack(inputs))
    y = torch.stack(outputs)
    x = torch.cat((x, torch.ones(len(x), 1)), 1)
    weights = torch.linalg.solve(x.T @ x + 0.02 * len(x) * torch.eye(769), x.T @ y)
    nano.projection.up.weight.data.copy_(weights[:768].T)
    nano.projection.up.bias.data.copy_(weights[768])


def rate(step: int, steps: int) -> float:
    """Share of the full learning rate: a short rise, a plateau, a fall over the last three quarters."""
    return min(1.0, (step + 1) / 40, max(0.02, (steps - step) / (0.75 * steps)))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--features", type=Path)
    parser.add_argument("--name", default="nano")
    parser.add_argument("--start", type=Path, help="an artefact to go on from")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="fuse the blocks' operations (wants a C++ compiler; a quarter faster)")
    parser.add_argument("--until", type=int, help="stop before this step (to go on later)")
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
        nano.load_state_dict(saved["parameters"], strict=False)
    elif options.start:
        nano.load_artefact(options.start)
    else:
        start_projection(nano, examples, features, prompts)
        words = Words(nano.decoder.embedding.float().numpy(), prompts)
        add_places(nano.projection, spread, examples.examples, rows, words)
    projection = WhitenedProjection(nano.projection, spread.basis, spread.middle)
    groups = [{"params": list(part.parameters())} for part in (projection, nano.decoder)]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)
    if saved:
        optimiser.load_state_dict(saved["optimiser"])
    train(nano, projection, optimiser, examples, spread, prompts, options, run, saved["step"] if saved else 0)


def train(
    nano: Nano,
    projection: WhitenedProjection,
    optimiser: torch.optim.Optimizer,
    examples: Examples,
    spread: Spread,
    prompts: Prompts,
    options: argparse.Namespace,
    run: Path,
    first: int,
) -> None:
    """The loop, from step `first`."""
    began = saved_at = time.monotonic()
    losses: dict[str, list[float]] = defaultdict(list)
    settling = settling_weights(prompts, nano.decoder.embedding.shape[0])
    last = min(options.steps, options.until or options.steps)
    for step in range(first, last):
        chance = examples.chance
        chance.seed(f"{SEED} {step}")
        maker = SequenceMaker(prompts, chance)
        drawn = [examples.draw() for _ in range(options.batch)]
        batch = collate([maker.make(examples.rows[line["picture"]], asked) for line, asked in drawn])
        pictures = projection(torch.stack([spread.picture(place, chance) for place in batch.pictures]))
        each = nano.loss(batch, pictures, len(prompts.before))
        optimiser.zero_grad()
        weights = settling[batch.targets[batch.targets != IGNORED]]
        ((each * weights).sum() / weights.sum()).backward()
        nn.utils.clip_grad_norm_([one for group in optimiser.param_groups for one in group["params"]], 1.0)
        for group, value in zip(optimiser.param_groups, RATES.values(), strict=True):
            group["lr"] = value * rate(step, options.steps)
        optimiser.step()
        note_losses(losses, [kind_of(line) for line, _ in drawn], batch.targets, each.detach())
        if (step + 1) % 10 == 0:
            told = {kind: round(float(np.mean(found)), 4) for kind, found in sorted(losses.items())}
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": step + 1, "seconds": round(time.monotonic() - began), "loss": told}) + "\n")
            losses.clear()
        if time.monotonic() - saved_at > 100 or step + 1 == last:
            projection.fold_into(nano.projection)
            state = {"parameters": dict(nano.named_parameters()), "optimiser": optimiser.state_dict(), "step": step + 1}
            save_parameters(state, run / "checkpoint.pt")
            saved_at = time.monotonic()


def settling_weights(prompts: Prompts, vocabulary: int) -> Tensor:
    """The weight of each token in the loss, [vocabulary]: words that settle a question count more than those around them."""
    weights = torch.ones(vocabulary)
    spaced = (f" {word}" for word in (*SIDES, *COLOURS, *NUMBERS[1:]))
    for word in ("Yes", "No", *spaced, *(word.capitalize() for word in NUMBERS[1:])):
        [token] = prompts.encode(word)  # each of them is one token
        weights[token] = SETTLING
    return weights


def note_losses(losses: dict[str, list[float]], kinds: list[str], targets: Tensor, each: Tensor) -> None:
    """Keeps the mean loss of each picture's answers, by its kind."""
    counts = (targets != IGNORED).sum(1).tolist()
    for kind, part in zip(kinds, each.split(counts), strict=True):
        losses[kind].append(part.mean().item())
        losses["all"].append(part.mean().item())


def save_parameters(saved: dict, file: Path) -> None:
    """Writes a checkpoint whole or not at all."""
    half = file.with_suffix(".part")
    torch.save(saved, half)
    half.rename(file)


if __name__ == "__main__":
    main()
