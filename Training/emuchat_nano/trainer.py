"""One step of training after another: of answers, and for a while of mentions alone (mentions.py)."""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .batches import IGNORED, Batch, SequenceMaker, collate
from .composed import COLOURS, NUMBERS, SIDES
from .examples import Examples, kind_of
from .mentions import BLOCK, SHARE, Mentions, mentioned
from .nano import Nano, WhitenedProjection
from .prompt import Prompts
from .spread import Spread
from .stages import rate, stage_at

SEED = 20261121
# At a greater rate the projection's rows soon grow longer than tokens' embeddings, and the decoder reads less of them.
RATES = {"projection": 5e-5, "decoder": 1.5e-3}
# A step of mentions alone is of so many times the pictures of a step of answers: it passes through half of the blocks.
MORE_PICTURES = 4
# How much more than another token one counts that settles a question (a side, a colour, a number, yes or no).
SETTLING = 4.0
STEPS_A_LINE = 10
SECONDS_A_CHECKPOINT = 100


class Trainer:
    """The model in training, and what it learns from; goes on from a checkpoint in the folder of the run."""

    def __init__(self, nano: Nano, examples: Examples, spread: Spread, prompts: Prompts, folder: Path) -> None:
        self.nano, self.examples, self.spread, self.prompts, self.folder = nano, examples, spread, prompts, folder
        self.projection = WhitenedProjection(nano.projection, spread.basis, spread.middle)
        self.mentions = Mentions(nano.decoder, prompts)
        self.settling = settling_weights(prompts, nano.decoder.embedding.shape[0])
        groups = [{"params": [one for one in part.parameters() if one.requires_grad]} for part in (self.projection, nano.decoder)]
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)
        self.noted: dict[str, dict[str, list[float]]] = {"loss": defaultdict(list), "settled": defaultdict(list)}

    def run(self, first: int, last: int, pictures: int) -> None:
        """Takes the steps from `first` to before `last`, each of so many pictures."""
        began = saved_at = time.monotonic()
        parameters = [one for group in self.optimiser.param_groups for one in group["params"]]
        for step in range(first, last):
            stage, inner = stage_at(step)
            self.examples.share(stage.shares)
            self.examples.chance.seed(f"{SEED} {step}")
            self.optimiser.zero_grad()
            (self._mentions(MORE_PICTURES * pictures) if inner in stage.mentions else self._answers(pictures)).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            for group, value in zip(self.optimiser.param_groups, RATES.values(), strict=True):
                group["lr"] = value * rate(step)
            self.optimiser.step()
            if (step + 1) % STEPS_A_LINE == 0:
                self._log(step + 1, time.monotonic() - began)
            if time.monotonic() - saved_at > SECONDS_A_CHECKPOINT or step + 1 == last:
                self.projection.fold_into(self.nano.projection)
                state = {"parameters": dict(self.nano.named_parameters()), "optimiser": self.optimiser.state_dict(), "step": step + 1}
                save_parameters(state, self.folder / "checkpoint.pt")
                saved_at = time.monotonic()

    def _answers(self, count: int) -> Tensor:
        """The loss of the answers about pictures, and of what they and their questions mention."""
        drawn = [self.examples.draw() for _ in range(count)]
        lines, conversations = [line for line, _ in drawn], [asked for _, asked in drawn]
        batch, pictures = self._batch(lines, conversations)
        shared, between = len(self.prompts.before), {BLOCK: torch.empty(0)}
        each = self.nano.loss(batch, pictures, shared, between)
        weights = self.settling[batch.targets[batch.targets != IGNORED]]
        self._note(lines, batch, each.detach(), weights)
        return (each * weights).sum() / weights.sum() + SHARE * self._brought(between[BLOCK], batch, lines)

    def _mentions(self, count: int) -> Tensor:
        """The loss of mentions alone, in questions that nobody answers."""
        lines = [self.examples.draw_several() for _ in range(count)]
        batch, pictures = self._batch(lines, [self.examples.questioner.mention(line["layout"]) for line in lines])
        between = {BLOCK: torch.empty(0)}
        self.nano.states(batch, pictures, len(self.prompts.before), between, blocks=BLOCK + 1)
        return self._brought(between[BLOCK], batch, lines)

    def _batch(self, lines: list[dict], conversations: list[list[list[tuple[str, str]]]]) -> tuple[Batch, Tensor]:
        """Sequences about pictures, and the pictures' rows."""
        chance = self.examples.chance
        maker = SequenceMaker(self.prompts, chance)
        nouns = [[word for word, _ in mentioned(line)] for line in lines]
        rows = [self.examples.rows[line["picture"]] for line in lines]
        batch = collate([maker.make(row, asked, of) for row, asked, of in zip(rows, conversations, nouns, strict=True)])
        return batch, self.projection(torch.stack([self.spread.picture(place, chance) for place in batch.pictures]))

    def _brought(self, hidden: Tensor, batch: Batch, lines: list[dict]) -> Tensor:
        """The loss of what mentions bring to mind: colours, sides and numbers."""
        brought = self.mentions.losses(hidden, batch, lines, len(self.prompts.before))
        for group, found in brought.items():
            self.noted["loss"][f"mentioned {group}"].append(found.detach().mean().item())
            self.noted["settled"][f"mentioned {group}"] += (found < math.log(2)).float().tolist()
        return sum((found.mean() for found in brought.values()), torch.zeros(()))

    def _note(self, lines: list[dict], batch: Batch, each: Tensor, weights: Tensor) -> None:
        """Keeps, by the kind of each picture, the mean loss of its answers and which of the words that settle them were likelier than not."""
        counts = (batch.targets != IGNORED).sum(1).tolist()
        for line, part, weight in zip(lines, each.split(counts), weights.split(counts), strict=True):
            for kind in (kind_of(line), "all"):
                self.noted["loss"][kind].append(part.mean().item())
            if (weight > 1).any():
                self.noted["settled"][kind_of(line)] += (part[weight > 1] < math.log(2)).float().tolist()

    def _log(self, step: int, seconds: float) -> None:
        means = {name: {kind: round(float(np.mean(one)), 4) for kind, one in sorted(found.items())} for name, found in self.noted.items()}
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps({"step": step, "seconds": round(seconds)} | means) + "\n")
        for found in self.noted.values():
            found.clear()


def settling_weights(prompts: Prompts, vocabulary: int) -> Tensor:
    """The weight of each token in the loss, [vocabulary]: words that settle a question count more than those around them."""
    weights = torch.ones(vocabulary)
    spaced = (f" {word}" for word in (*SIDES, *COLOURS, *NUMBERS[1:]))
    for word in ("Yes", "No", *spaced, *(word.capitalize() for word in NUMBERS[1:])):
        [token] = prompts.encode(word)  # each of them is one token
        weights[token] = SETTLING
    return weights


def save_parameters(saved: dict, file: Path) -> None:
    """Writes a checkpoint whole or not at all."""
    half = file.with_suffix(".part")
    torch.save(saved, half)
    half.rename(file)
