"""Which picture comes next in training, and what is asked about it."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

from .layouts import LayoutQuestioner, Turn

# The most questions about a picture of each kind.
BRANCHES = {"photograph": 4, "drawing": 4, "colour": 5, "number": 5, "position": 5, "nothing": 3}


def kind_of(line: dict) -> str:
    """Photograph or drawing, or what a picture was composed for."""
    return line["source"]["kind"] if line["source"] else line["picture"].split("-")[0]


class Examples:
    """Training pictures with their questions; draws named pictures more evenly over nouns than they come."""

    def __init__(self, work: Path, rows: dict[str, int], chance: random.Random) -> None:
        self.chance = chance
        self.questioner = LayoutQuestioner(chance)
        lines = [json.loads(line) for line in (work / "examples.jsonl").open(encoding="utf-8")]
        self.examples = [line for line in lines if line["role"] == "train" and line["picture"] in rows]
        self.rows = rows
        self.nouns = Counter(line["source"]["noun"] for line in self.examples if line["source"])
        self.several = {kind: [line for line in self.examples if kind_of(line) == kind] for kind in ("number", "position")}
        self.shares: dict[str, float] = {}
        self.weights: list[float] = []

    def share(self, shares: dict[str, float]) -> None:
        """Sets how often each kind of picture is drawn."""
        if shares == self.shares:
            return
        self.shares = shares
        weights = [self._weight(line) for line in self.examples]
        totals: Counter[str] = Counter()
        for line, weight in zip(self.examples, weights, strict=True):
            totals[kind_of(line)] += weight
        self.weights = [weight * shares[kind_of(line)] / totals[kind_of(line)] for line, weight in zip(self.examples, weights, strict=True)]

    def _weight(self, line: dict) -> float:
        return 1 / self.nouns[line["source"]["noun"]] ** 0.5 if line["source"] else 1.0

    def draw(self) -> tuple[dict, list[list[Turn]]]:
        """A picture's line, and conversations about it."""
        line = self.chance.choices(self.examples, self.weights)[0]
        branches = BRANCHES[kind_of(line)]
        if line["layout"]["things"]:
            turns = self.questioner.ask(line["layout"], branches)
        else:
            asked = [(one["question"], one["answer"]) for one in line["asked"]]
            turns = [asked[0], *self.chance.sample(asked[1:], min(branches - 1, len(asked) - 1))]
        conversations = [[turn] for turn in turns]
        if len(conversations) > 2 and self.chance.random() < 0.3:
            conversations[0].append(conversations.pop()[0])
        return line, conversations

    def draw_several(self) -> dict:
        """The line of a picture of two things, or of so many of one."""
        return self.chance.choice(self.several[self.chance.choice(list(self.several))])
