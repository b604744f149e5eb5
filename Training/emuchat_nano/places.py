"""A start for telling where things are: what patches show and on which side they lie, fitted in closed form.

The features of a patch tell both, but in directions that a new projection passes on faintly. A ridge regression from
composed pictures, whose layouts are known, to the embeddings of the words makes them heard; class tokens are left alone.
"""

from __future__ import annotations

import numpy as np
import torch

from .composed import COLOURS, SHAPES, SIDE
from .language import Projection
from .prompt import Prompts
from .spread import Spread, normed

CELLS = 7
SAMPLES = 8
SIDES = ("left", "right", "above", "below")
RIDGE = 0.003
# The length of a word's direction, beside what patches differ by otherwise.
SHARE = 0.5


def covered(thing: dict) -> np.ndarray:
    """How much of each patch lies within a thing's circle: [49] from 0 to 1, from the top left."""
    places = (np.arange(CELLS * SAMPLES) + 0.5) * SIDE / (CELLS * SAMPLES)
    within = (places[None] - thing["x"]) ** 2 + (places[:, None] - thing["y"]) ** 2 < thing["radius"] ** 2
    return within.reshape(CELLS, SAMPLES, CELLS, SAMPLES).mean((1, 3)).reshape(-1)


class Words:
    """Directions [D] for words, of length 1: their embeddings, less what their group has in common."""

    def __init__(self, embedding: np.ndarray, prompts: Prompts) -> None:
        self.known: dict[str, np.ndarray] = {}
        for group in (SIDES, SHAPES, tuple(COLOURS)):
            vectors = np.stack([embedding[prompts.encode(f" {word}")].mean(0) for word in group])
            apart = vectors - vectors.mean(0)
            self.known |= dict(zip(group, apart / np.linalg.norm(apart, axis=1, keepdims=True), strict=True))

    def of_patches(self, things: list[dict]) -> np.ndarray:
        """What the patches of a picture should tell: [49, D]."""
        across = np.repeat(np.linspace(-1, 1, CELLS)[None], CELLS, 0).reshape(-1, 1)
        down = across.reshape(CELLS, CELLS).T.reshape(-1, 1)
        left, right, above, below = (self.known[side] for side in SIDES)
        told = 0.5 * across * (right - left) + 0.5 * down * (below - above)
        for thing in things:
            if len(thing["words"]) == 2:
                told = told + covered(thing)[:, None] * sum(self.known[word] for word in thing["words"])
        return told


def add_places(projection: Projection, spread: Spread, lines: list[dict], rows: dict[str, int], words: Words) -> None:
    """Adds the fit to a projection whose norm has no parameters of its own (1 and 0)."""
    weight, bias = projection.up.weight, projection.up.bias
    composed = [line for line in lines if not line["source"]]
    named = [line for line in lines if line["source"]][::4]
    products = torch.zeros(769, 769, dtype=torch.float64)
    wanted = torch.zeros(769, weight.shape[0], dtype=torch.float64)
    for line in [*composed, *named]:
        x = torch.cat((normed(spread.features[rows[line["picture"]]]), torch.ones(50, 1)), 1).double()
        y = torch.from_numpy(np.concatenate((np.zeros((1, weight.shape[0])), words.of_patches(line["layout"]["things"])))).double()
        share = torch.ones(50, 1, dtype=torch.float64)
        share[0] = 10
        products += (x * share).T @ x
        wanted += (x * share).T @ y
    damping = RIDGE * products[:768, :768].trace() / 768 * torch.eye(769, dtype=torch.float64)
    damping[-1, -1] = 0
    found = torch.linalg.solve(products + damping, wanted)
    with torch.no_grad():
        patches = projection.up(normed(spread.features[[rows[line["picture"]] for line in composed[::8]]])[:, 1:]).flatten(0, 1)
        found *= SHARE * (patches - patches.mean(0)).norm(dim=1).mean()
        weight += found[:768].T.float()
        bias += found[768].float()
