"""What a word for a thing should bring to mind: halfway through the decoder, the thing's colour, its side, how many there are.

Where two things lie in a picture, what is asked about one of them needs two steps: the word finds the thing's patches, and
what stands there is read at the word. The loss of the answer alone hardly teaches the first, since each of two guesses is
right half of the time. So the hidden state of each mention is asked as well, by the embeddings of the words
(https://arxiv.org/abs/1409.5185 on supervision between layers). Only training does this.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor
from torch.nn import functional

from .batches import Batch
from .composed import COLOURS, NUMBERS, SIDES, plural
from .language import Decoder, rms_norm
from .layouts import are_alike, side
from .prompt import Prompts

# The block whose output is asked: behind those whose heads find mentions, before those that read what a word stands for.
BLOCK = 16
SHARE = 0.5


def mentioned(line: dict) -> list[tuple[str, dict]]:
    """The words by which things of a picture are told apart, each with its thing as it stands in the layout."""
    things = line["layout"]["things"]
    if things and are_alike(things):
        noun = things[0]["words"][-1]
        return [(noun, things[0]), (plural(noun), things[0])]
    return [(thing["words"][-1], thing) for thing in things]


def brought_to_mind(thing: dict, things: list[dict]) -> dict[str, str]:
    """What is to be known of a thing among all that lie in the picture: its colour, and its side or how many there are."""
    told = {}
    if len(thing["words"]) == 2:
        told["colour"] = thing["words"][0]
    if are_alike(things):
        told["number"] = NUMBERS[len(things)]
    else:
        [other] = [one for one in things if one["words"] != thing["words"]]
        told["side"] = side(thing, other)
    return told


class Mentions:
    """Asks hidden states about what their words mention."""

    def __init__(self, decoder: Decoder, prompts: Prompts) -> None:
        self.decoder = decoder
        self.groups: dict[str, tuple[str, ...]] = {"colour": tuple(COLOURS), "side": SIDES, "number": NUMBERS[1:]}
        self.embeddings = {
            group: decoder.embedding[[prompts.encode(f" {word}")[0] for word in words]].float() for group, words in self.groups.items()
        }

    def losses(self, hidden: Tensor, batch: Batch, lines: list[dict], shared: int) -> dict[str, Tensor]:
        """The loss of each mention's colour, side and number, [N] each, from the block's output [B, T, D] behind `shared` tokens."""
        rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
        wanted: dict[str, list[int]] = defaultdict(list)
        known = [mentioned(line) for line in lines]
        for row, column, place in batch.mentions:
            _, thing = known[row][place]
            for group, word in brought_to_mind(thing, lines[row]["layout"]["things"]).items():
                rows[group].append((row, column - shared))
                wanted[group].append(self.groups[group].index(word))
        found = {}
        for group, places in rows.items():
            states = rms_norm(hidden[tuple(torch.tensor(places).T)], self.decoder.norm, self.decoder.epsilon)
            logits = states @ self.embeddings[group].T
            found[group] = functional.cross_entropy(logits, torch.tensor(wanted[group]), reduction="none")
        return found
