"""Training sequences: one picture, and several conversations about it that do not see one another.

A sequence is the prompt up to the picture's end, shared, then branches; each branch's positions go on from the shared
part, and the mask lets it look at that and at itself. So a picture's 50 rows are computed once for several questions.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .prompt import Prompts

PICTURE_ROWS = 50
IGNORED = -100


@dataclass
class Sequence:
    """Token ids (0 in the picture's place), positions, targets (IGNORED outside answers) and the branch of each token.

    `mentions` are the last tokens of the words that were to be found, each with the word's place among them.
    """

    picture: int
    picture_start: int
    ids: list[int]
    positions: list[int]
    targets: list[int]
    branches: list[int]
    mentions: list[tuple[int, int]] = field(default_factory=list)


class SequenceMaker:
    """Makes sequences from questions and answers, in the wordings of separators that a chat produces."""

    def __init__(self, prompts: Prompts, chance: random.Random) -> None:
        self.prompts = prompts
        self.chance = chance

    def make(self, picture: int, conversations: list[list[tuple[str, str]]], words: Iterable[str] = ()) -> Sequence:
        """One sequence; a conversation is questions with their answers, the first of them behind the picture.

        `words` are those whose mentions are wanted.
        """
        behind = self.chance.random() < 0.1
        shared = list(self.prompts.before)
        if behind:
            shared += self.prompts.encode(conversations[0][0][0] + self.chance.choice((" ", "\n")))
            conversations = conversations[:1]
        start = len(shared)
        shared += [0] * PICTURE_ROWS
        count = len(shared)
        made = Sequence(picture, start, shared, list(range(count)), [IGNORED] * count, [0] * count)
        for number, conversation in enumerate(conversations):
            self._add_branch(made, number + 1, count, conversation, behind)
        for place, word in enumerate(words):
            tokens = self.prompts.encode(f" {word}")
            ends = range(count + len(tokens), len(made.ids) + 1)
            made.mentions += [(end - 1, place) for end in ends if made.ids[end - len(tokens) : end] == tokens]
        return made

    def _add_branch(self, made: Sequence, branch: int, position: int, conversation: list[tuple[str, str]], behind: bool) -> None:
        ids: list[int] = []
        targets: list[int] = []
        for turn, (question, answer) in enumerate(conversation):
            separator = self.chance.choice(("", "", " ", "\n"))
            asked = self.prompts.question("" if behind else question, "" if behind else separator)
            if turn:
                asked = self.prompts.follow_up(question)[1:]  # the end of the answer before is its last target already
            said = self.prompts.answer(answer)
            ids += asked + said
            targets += [IGNORED] * (len(asked) - 1) + said + [IGNORED]
        made.ids += ids
        made.targets += targets
        made.positions += range(position, position + len(ids))
        made.branches += [branch] * len(ids)


@dataclass
class Batch:
    """B sequences padded to T: ids, positions, targets [B, T], mask [B, 1, T, T], and where each picture stands.

    `mentions` as those of the sequences, each behind the number of its own.
    """

    ids: Tensor
    positions: Tensor
    targets: Tensor
    mask: Tensor
    pictures: list[int]
    starts: list[int]
    mentions: list[tuple[int, int, int]]


def collate(sequences: list[Sequence]) -> Batch:
    """Pads sequences; padding looks at itself alone, so that no row of the mask is empty."""
    length = max(len(one.ids) for one in sequences)
    count = len(sequences)
    ids = torch.zeros(count, length, dtype=torch.long)
    positions = torch.zeros(count, length, dtype=torch.long)
    targets = torch.full((count, length), IGNORED)
    branches = torch.full((count, length), -1)
    for row, one in enumerate(sequences):
        size = len(one.ids)
        ids[row, :size] = torch.tensor(one.ids)
        positions[row, :size] = torch.tensor(one.positions)
        targets[row, :size] = torch.tensor(one.targets)
        branches[row, :size] = torch.tensor(one.branches)
    own = branches[:, :, None] == branches[:, None, :]
    shared = (branches[:, None, :] == 0) & (branches[:, :, None] >= 0)
    earlier = torch.ones(length, length, dtype=torch.bool).tril()
    mask = (own | shared) & earlier | torch.eye(length, dtype=torch.bool)
    mentions = [(row, *mention) for row, one in enumerate(sequences) for mention in one.mentions]
    starts = [one.picture_start for one in sequences]
    return Batch(ids, positions, targets, mask[:, None], [one.picture for one in sequences], starts, mentions)
