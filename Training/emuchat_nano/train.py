"""Trains the projection and the adapters: `python -m emuchat_nano.train WORK --model GGUF --steps N`.

Next-token loss on the answers alone. Seeded; goes on from WORK/runs/NAME/checkpoint.pt, which is written every few
minutes, where there is one. Raising --steps lengthens a run: the rate falls over its last quarter only.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .batches import PICTURE_ROWS, Batch, SequenceMaker, collate
from .features import load_features
from .language import Decoder, Projection, arithmetic
from .prompt import Prompts

SEED = 20261121
RATES = {"projection": 1e-3, "decoder": 4e-4}


class Nano(nn.Module):
    """Projection and decoder: what answers about a picture."""

    def __init__(self, model: Path, rank: int, alpha: float, kind: torch.dtype) -> None:
        super().__init__()
        self.projection = Projection()
        self.decoder = Decoder(model, rank, alpha, kind)

    def embed(self, ids: Tensor, features: Tensor, starts: list[int]) -> Tensor:
        """Token embeddings [B, T, D] with each picture's 50 rows in their place."""
        embedding = self.decoder.embedding
        x = functional.embedding(ids, embedding).float()
        rows = self.projection(features)
        places = torch.tensor(starts)[:, None] + torch.arange(PICTURE_ROWS)
        return x.index_put((torch.arange(len(starts))[:, None].expand_as(places), places), rows)

    def loss(self, batch: Batch, features: Tensor) -> Tensor:
        """Mean loss over the answers' tokens."""
        hidden = self.decoder(self.embed(batch.ids, features, batch.starts), batch.positions, batch.mask)
        wanted = batch.targets != -100
        return functional.cross_entropy(self.decoder.logits(hidden[wanted]), batch.targets[wanted])

    def trained(self) -> dict[str, Tensor]:
        """The parameters that training changes, by name."""
        return dict(self.named_parameters())


class Examples:
    """Training pictures with their questions; draws named pictures more evenly over nouns than they come."""

    def __init__(self, work: Path, rows: dict[str, int], chance: random.Random) -> None:
        self.chance = chance
        lines = [json.loads(line) for line in (work / "examples.jsonl").open(encoding="utf-8")]
        self.examples = [line for line in lines if line["role"] == "train" and line["picture"] in rows]
        self.rows = rows
        nouns = Counter(line["source"]["noun"] for line in self.examples if line["source"])
        self.weights = [self._weight(line, nouns) for line in self.examples]

    @staticmethod
    def _weight(line: dict, nouns: Counter[str]) -> float:
        source = line["source"]
        if source is None:
            return 0.45
        return (1.6 if source["kind"] == "photograph" else 1.0) / nouns[source["noun"]] ** 0.4

    def draw(self, branches: int) -> tuple[int, list[list[tuple[str, str]]]]:
        """A picture's row, and conversations about it."""
        line = self.chance.choices(self.examples, self.weights)[0]
        asked = [(one["question"], one["answer"]) for one in line["asked"]]
        first = asked[0]
        rest = self.chance.sample(asked[1:], min(branches - 1, len(asked) - 1))
        conversations = [[first], *([one] for one in rest)]
        if len(conversations) > 2 and self.chance.random() < 0.3:
            conversations[0] = [first, conversations.pop()[0]]
        return self.rows[line["picture"]], conversations


def start_projection(nano: Nano, examples: Examples, features: np.ndarray, prompts: Prompts) -> None:
    """Starts the projection where ridge regression leads from pictures to the mean embedding of their names' tokens."""
    inputs, outputs = [], []
    for line in examples.examples:
        if line["source"]:
            rows = features[examples.rows[line["picture"]]].astype(np.float32)
            inputs += [rows[0], rows[1:].mean(0), rows[1 + examples.chance.randrange(49)]]
            name = nano.decoder.embedding[prompts.encode(" " + line["source"]["noun"].replace("_", " "))].float().mean(0)
            outputs += [name] * 3
    x = functional.layer_norm(torch.from_numpy(np.stack(inputs)), (768,), eps=1e-5)
    y = torch.stack(outputs)
    x = torch.cat((x, torch.ones(len(x), 1)), 1)
    weights = torch.linalg.solve(x.T @ x + 0.02 * len(x) * torch.eye(769), x.T @ y)
    nano.projection.up.weight.data.copy_(weights[:768].T)
    nano.projection.up.bias.data.copy_(weights[768])


def rate(step: int, steps: int) -> float:
    """Share of the full learning rate: a short rise, a plateau, a fall over the last quarter."""
    return min(1.0, (step + 1) / 40, max(0.02, (steps - step) / (0.25 * steps)))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--features", type=Path)
    parser.add_argument("--name", default="nano")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--branches", type=int, default=4)
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
    groups = [{"params": list(getattr(nano, part).parameters()), "lr": value} for part, value in RATES.items()]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)
    checkpoint = run / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        nano.load_state_dict(saved["parameters"], strict=False)
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["step"]
    else:
        start_projection(nano, examples, features, prompts)
    train(nano, optimiser, examples, features, prompts, options, run, first)


def train(
    nano: Nano,
    optimiser: torch.optim.Optimizer,
    examples: Examples,
    features: np.ndarray,
    prompts: Prompts,
    options: argparse.Namespace,
    run: Path,
    first: int,
) -> None:
    """The loop, from step `first`."""
    began = saved_at = time.monotonic()
    losses: list[float] = []
    for step in range(first, min(options.steps, options.until or options.steps)):
        examples.chance.seed(f"{SEED} {step}")
        maker = SequenceMaker(prompts, examples.chance)
        batch = collate([maker.make(*examples.draw(options.branches)) for _ in range(options.batch)])
        loss = nano.loss(batch, torch.from_numpy(features[batch.pictures].astype(np.float32)))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(nano.parameters(), 1.0)
        for group, value in zip(optimiser.param_groups, RATES.values(), strict=True):
            group["lr"] = value * rate(step, options.steps)
        optimiser.step()
        losses.append(loss.item())
        if (step + 1) % 10 == 0:
            line = {"step": step + 1, "loss": round(float(np.mean(losses[-10:])), 4), "seconds": round(time.monotonic() - began)}
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        if time.monotonic() - saved_at > 100 or step + 1 == min(options.steps, options.until or options.steps):
            save(nano, optimiser, step + 1, run / "checkpoint.pt")
            saved_at = time.monotonic()


def save(nano: Nano, optimiser: torch.optim.Optimizer, step: int, file: Path) -> None:
    """Writes a checkpoint whole or not at all."""
    half = file.with_suffix(".part")
    torch.save({"parameters": nano.trained(), "optimiser": optimiser.state_dict(), "step": step}, half)
    half.rename(file)


if __name__ == "__main__":
    main()
