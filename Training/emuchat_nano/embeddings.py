"""Words as the language model's embeddings of their tokens."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from .prompt import Prompts


def word_embeddings(words: Iterable[str], embedding: Tensor, prompts: Prompts) -> Tensor:
    """The mean embedding of each word's tokens, [N, D] in fp32; words are joined by `_` or a space."""
    return torch.stack([embedding[prompts.encode(" " + word.replace("_", " "))].float().mean(0) for word in words])


def word_directions(words: Iterable[str], embedding: Tensor, prompts: Prompts) -> Tensor:
    """Those embeddings less what all have in common, of length 1: [N, D]."""
    vectors = word_embeddings(words, embedding, prompts)
    return functional.normalize(vectors - vectors.mean(0), dim=1)
