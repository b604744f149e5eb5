"""How pictures of one noun differ from one another: a basis in which that is alike in all directions, and varied pictures.

Two uses. The projection is learned behind a linear basis that whitens what tells nothing of the name, and is folded into
the one layer that ships. And a picture's features are varied by what sets another picture apart from its own noun's mean,
so that names are learned from more than the few pictures that each has (as linear discriminant analysis takes it).
"""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

DAMPING = 0.1
# Nouns with fewer pictures of their own do not tell how pictures differ.
LEAST_PICTURES = 3
MOST_VARIED = 0.8


def normed(features: np.ndarray) -> Tensor:
    """Features […, 768] behind a LayerNorm without parameters of its own, in fp32."""
    x = torch.from_numpy(features.astype(np.float32))
    return functional.layer_norm(x, x.shape[-1:], eps=1e-5)


class Spread:
    """The nouns' means and differences over training pictures; `lines` are those of examples.jsonl, `rows` their features' rows."""

    def __init__(self, lines: list[dict], rows: dict[str, int], features: np.ndarray) -> None:
        self.features = features
        self.noun_of: dict[int, str] = {}
        members: dict[str, list[int]] = defaultdict(list)
        originals: dict[str, set[str]] = defaultdict(set)
        for line in lines:
            if line["source"]:
                noun, row = line["source"]["noun"], rows[line["picture"]]
                self.noun_of[row] = noun
                members[noun].append(row)
                originals[noun].add(line["source"]["sha256"])
        self.means = {noun: normed(features[places]).mean(0) for noun, places in members.items()}
        known = [noun for noun in members if len(originals[noun]) >= LEAST_PICTURES]
        self.others = [place for noun in known for place in members[noun]]
        self.scale = {noun: (len(places) / max(1, len(places) - 1)) ** 0.5 for noun, places in members.items()}
        composed = [rows[line["picture"]] for line in lines if not line["source"]]
        self.basis, self.middle = self._whitening(composed)

    def difference(self, place: int) -> Tensor:
        """What sets a picture apart from its noun's mean: [50, 768]."""
        noun = self.noun_of[place]
        return (normed(self.features[place]) - self.means[noun]) * self.scale[noun]

    def picture(self, place: int, chance: random.Random) -> Tensor:
        """The normed rows [50, 768] of a picture; those of a named one are varied, their spread about the mean kept."""
        x = normed(self.features[place])
        noun = self.noun_of.get(place)
        if noun is None or chance.random() < 0.2:
            return x
        share = chance.uniform(0, MOST_VARIED)
        mean = self.means[noun]
        return mean + (1 - share**2) ** 0.5 * (x - mean) + share * self.difference(chance.choice(self.others))

    def _whitening(self, composed: list[int]) -> tuple[Tensor, Tensor]:
        """The symmetric matrix [768, 768] that whitens the rows, and their middle [768].

        Class tokens are whitened by how they differ within nouns, patches by how they differ at all: what a patch shows
        is wanted. The way from class tokens to patches tells nothing and counts as a difference too.
        """
        named = np.random.default_rng(0).choice(self.others, 1500).tolist()
        within = torch.stack([self.difference(place)[0] for place in named]).double()
        x = normed(self.features[[*named[:500], *composed[::3]]]).double()
        heads, patches = x[:, 0].mean(0), x[:, 1:].flatten(0, 1)
        apart = heads - patches.mean(0)
        spread = 0.5 * within.T @ within / len(within) + 0.5 * patches.T.cov() + 0.25 * apart.outer(apart)
        values, vectors = torch.linalg.eigh(spread)
        matrix = (vectors / (values + DAMPING * values.mean()).sqrt()) @ vectors.T
        return matrix.float(), (0.5 * (heads + patches.mean(0))).float()
