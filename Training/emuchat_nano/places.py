"""A start for telling what lies where and how many there are, fitted in closed form.

The features of patches tell the one, class tokens the other, but in directions that a new projection passes on faintly. A
ridge regression from composed pictures, whose layouts are known, to the embeddings of the words makes them heard.
Where a patch is about as long as a token's embedding, the heads by which the language model finds an earlier mention of a
word find what lies under it in the picture, before any training.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from .composed import COLOURS, NUMBERS, SHAPES, SIDE, SIDES
from .embeddings import word_directions
from .language import Projection
from .layouts import are_alike
from .prompt import Prompts
from .spread import Spread, normed

CELLS = 7
SAMPLES = 8
RIDGE = 0.003
# The lengths of words' directions; embeddings of tokens are 2 to 3 long, and the fit passes on a part of what is asked.
NAME, COLOUR, ACROSS, NUMBER = 3.0, 4.5, 3.0, 3.5
# How much more than a patch a class token counts.
CLASS = 40.0


def covered(thing: dict) -> np.ndarray:
    """How much of each patch lies within a thing's circle: [49] from 0 to 1, from the top left."""
    places = (np.arange(CELLS * SAMPLES) + 0.5) * SIDE / (CELLS * SAMPLES)
    within = (places[None] - thing["x"]) ** 2 + (places[:, None] - thing["y"]) ** 2 < thing["radius"] ** 2
    return within.reshape(CELLS, SAMPLES, CELLS, SAMPLES).mean((1, 3)).reshape(-1)


class Words:
    """Directions [D] for words, of length 1: their embeddings, less what their group has in common.

    `nouns` are those of the drawings that stand in composed pictures.
    """

    def __init__(self, embedding: Tensor, prompts: Prompts, nouns: Iterable[str]) -> None:
        self.known: dict[str, np.ndarray] = {}
        for group in (tuple(nouns), SIDES, SHAPES, tuple(COLOURS), NUMBERS[1:]):
            self.known |= dict(zip(group, word_directions(group, embedding, prompts).numpy(), strict=True))

    def of_class(self, things: list[dict]) -> np.ndarray:
        """What the class token of a picture should tell: how many things there are, where they are all alike. [1, D]"""
        told = NUMBER * self.known[NUMBERS[len(things)]] if things and are_alike(things) else np.zeros_like(self.known[NUMBERS[1]])
        return told[None]

    def of_patches(self, things: list[dict]) -> np.ndarray:
        """What the patches of a picture should tell: [49, D]."""
        across = np.repeat(np.linspace(-1, 1, CELLS)[None], CELLS, 0).reshape(-1, 1)
        down = across.reshape(CELLS, CELLS).T.reshape(-1, 1)
        left, right, above, below = (self.known[side] for side in SIDES)
        told = ACROSS / 2 * (across * (right - left) + down * (below - above))
        for thing in things:
            *colour, noun = thing["words"]
            told = told + covered(thing)[:, None] * (NAME * self.known[noun] + sum(COLOUR * self.known[one] for one in colour))
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
        things = line["layout"]["things"]
        y = torch.from_numpy(np.concatenate((words.of_class(things), words.of_patches(things)))).double()
        share = torch.ones(50, 1, dtype=torch.float64)
        share[0] = CLASS
        products += (x * share).T @ x
        wanted += (x * share).T @ y
    damping = RIDGE * products[:768, :768].trace() / 768 * torch.eye(769, dtype=torch.float64)
    damping[-1, -1] = 0
    found = torch.linalg.solve(products + damping, wanted)
    with torch.no_grad():
        weight += found[:768].T.float()
        bias += found[768].float()
