"""Greedy answers in PyTorch, many pictures at a time."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch

from .batches import PICTURE_ROWS
from .nano import Nano
from .prompt import Prompts

MOST_TOKENS = 16


@torch.inference_mode()
def answer_all(nano: Nano, prompts: Prompts, features: np.ndarray, asked: list[tuple[int, str]], batch: int = 24) -> list[str]:
    """The greedy answers to questions, each with the row of its picture in `features` [n, 50, 768]."""
    lengths: dict[int, list[int]] = defaultdict(list)
    tokens = [prompts.question(question) for _, question in asked]
    for index, ids in enumerate(tokens):
        lengths[len(ids)].append(index)
    answers = [""] * len(asked)
    for indices in lengths.values():
        for start in range(0, len(indices), batch):
            part = indices[start : start + batch]
            pictures = features[[asked[index][0] for index in part]].astype(np.float32)
            found = _greedy(nano, prompts, torch.from_numpy(pictures), [tokens[index] for index in part])
            for index, ids in zip(part, found, strict=True):
                answers[index] = prompts.decode(ids)
    return answers


def _greedy(nano: Nano, prompts: Prompts, features: torch.Tensor, tokens: list[list[int]]) -> list[list[int]]:
    """Greedy continuations of prompts of one length."""
    count = len(tokens)
    ids = torch.tensor([prompts.before + [0] * PICTURE_ROWS + one for one in tokens])
    x = nano.embed(ids, nano.projection(features), [len(prompts.before)] * count)
    caches: list[dict[str, torch.Tensor]] = [{} for _ in nano.decoder.blocks]
    positions = torch.arange(ids.shape[1]).expand(count, -1)
    found: list[list[int]] = [[] for _ in range(count)]
    ended = [False] * count
    for step in range(MOST_TOKENS):
        hidden = nano.decoder(x, positions, None, caches)[:, -1]
        following = nano.decoder.logits(hidden).argmax(-1)
        for row, token in enumerate(following.tolist()):
            ended[row] = ended[row] or token == prompts.end
            if not ended[row]:
                found[row].append(token)
        if all(ended):
            break
        x = nano.decoder.embedding[following][:, None]
        positions = torch.full((count, 1), ids.shape[1] + step)
    return found
