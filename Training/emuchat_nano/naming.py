"""What the class token is called: a memory of the nouns trained on, fitted in closed form.

A picture's class token tells its name well (linear discriminant analysis: Fisher 1936), but no linear layer can hand that
on: behind one, the name is a third of what the token says, and adapters of rank 16 do not tell it from the rest. So the
token looks it up: an attention over one key for each noun, whose values are the embeddings of the nouns
(https://arxiv.org/abs/2012.14913 on layers as key-value memories). Composed pictures have keys of their own, which say
nothing.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from .embeddings import word_directions
from .examples import Examples, kind_of
from .language import NameMemory
from .prompt import Prompts
from .spread import Spread, normed

DAMPING = 0.5
# A discriminant takes the nouns to be spread alike and is surer than right; this makes it about as sure.
SOFTNESS = 8.0
# How long a name is in the class token's row, of whose length the rest is 3; embeddings of tokens are 2 to 3 long.
LENGTH = 4.0


def class_means(examples: Examples, spread: Spread) -> tuple[list[str], Tensor, Tensor]:
    """The nouns, and behind them the sorts of composed pictures; the mean class token of each [N, 768]; how tokens of a noun differ [M, 768]."""
    composed: dict[str, list[int]] = defaultdict(list)
    for line in examples.examples:
        if not line["source"]:
            kind = kind_of(line)
            # Blank pictures, noise and text are as far from one another as from anything.
            composed[line["asked"][0]["right"][0] if kind == "nothing" else kind].append(examples.rows[line["picture"]])
    tokens = {kind: normed(spread.features[rows, 0]) for kind, rows in composed.items()}
    nouns = sorted(spread.means)
    means = torch.stack([*(spread.means[noun][0] for noun in nouns), *(one.mean(0) for one in tokens.values())])
    differences = torch.stack([spread.difference(row)[0] for row in spread.others])
    return nouns, means, differences


def name_memory(examples: Examples, spread: Spread, embedding: Tensor, prompts: Prompts) -> NameMemory:
    """The memory for class tokens behind a norm without parameters of its own."""
    nouns, means, differences = class_means(examples, spread)
    means, differences = means.double(), differences.double()
    covariance = differences.T @ differences / len(differences)
    covariance += DAMPING * covariance.diag().mean() * torch.eye(len(covariance), dtype=torch.float64)
    keys = torch.linalg.solve(covariance, means.T).T
    memory = NameMemory(means.shape[1], len(means), embedding.shape[1])
    with torch.no_grad():
        memory.key.weight.copy_(keys / SOFTNESS)
        memory.key.bias.copy_(-0.5 * (keys * means).sum(1) / SOFTNESS)
        memory.value.weight.zero_()
        memory.value.weight[:, : len(nouns)] = LENGTH * word_directions(nouns, embedding, prompts).T
    return memory
