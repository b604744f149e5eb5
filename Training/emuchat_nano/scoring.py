"""Scores answers about pictures: no model in here, only words.

A name is right when the first noun of the answer is the picture's noun, a synonym of it, or something that is a kind of
it (WordNet 3.0: any sense of the answer's noun at or below the expected noun's first sense that is a thing to be seen).
Groups: (a) held-out pictures of seen concepts, (b) composed pictures by colour, number and position, (c) pairs of a
true and a false question, (d) photographs, (e) pictures about which nothing can be told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .composed import COLOURS, NUMBERS
from .wordnet import STOP_WORDS, WordNet

# Ways of saying that nothing can be told; any other answer to a picture of group (e) is a confident invention.
_CANNOT = re.compile(
    r"\b(can(no|')t|can not|cannot|unable|not sure|unclear|nothing|blank|empty|only noise|random (dots|noise)|plain colou?r|picture of text)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Expected:
    """What a picture shows: its noun and further ones that count as right."""

    noun: str
    others: tuple[str, ...] = ()


class Scorer:
    """Judges answers with WordNet."""

    def __init__(self, words: WordNet) -> None:
        self.words = words

    def first_noun(self, answer: str) -> str | None:
        """The first noun of an answer, as the longest compound that WordNet has, without colours and numbers before it."""
        tokens = re.findall(r"[a-z]+(?:['-][a-z]+)*", answer.lower())
        skipped = STOP_WORDS | set(COLOURS) | set(NUMBERS) | {"kind", "sort", "type", "group", "pair", "yes", "small", "large", "big", "gray"}
        place = 0
        while place < len(tokens):
            for length in range(min(3, len(tokens) - place), 0, -1):
                base = self.words.base("_".join(tokens[place : place + length]))
                if base is None or (length == 1 and tokens[place] in skipped) or tokens[place] in ("a", "an", "the", "of"):
                    continue
                if length > 1 and not self._is_thing(base):
                    continue
                return base
            place += 1
        fruit_or_metal = [token for token in tokens if token in COLOURS]
        return fruit_or_metal[0] if fruit_or_metal else None

    def _is_thing(self, base: str) -> bool:
        return self.words.visible_sense(base, among=3) is not None

    def names(self, answer: str, expected: Expected) -> bool:
        """Whether the answer's first noun names what is expected."""
        said = self.first_noun(answer)
        if said is None:
            return False
        return any(self.is_a(said, noun) for noun in (expected.noun, *expected.others))

    def is_a(self, said: str, expected: str) -> bool:
        """Whether a noun is the expected one, a synonym or a hyponym."""
        said, expected = (self.words.base(noun) or noun for noun in (said, expected))
        if said == expected:
            return True
        sense = self.words.visible_sense(expected, among=3)
        offset = sense.offset if sense is not None else self.words.senses.get(expected, (0,))[0]
        return any(offset in self.words.ancestors(other) for other in self.words.senses.get(said, ()))

    @staticmethod
    def says(answer: str, right: Iterable[str], kind: str) -> bool:
        """Whether the first word of the answer that could settle the question is a right one (colour, number, place)."""
        settling = {
            "colour": (*COLOURS, "gray", "violet"),
            "number": (*NUMBERS[1:], *map(str, range(1, 10)), "six", "seven", "eight"),
            "position": ("left", "right", "above", "below"),
            "true": ("yes", "no"),
            "false": ("yes", "no"),
        }[kind]
        found = [token for token in re.findall(r"[a-z]+|\d+", answer.lower()) if token in settling]
        return bool(found) and found[0] in tuple(right)

    @staticmethod
    def admits(answer: str) -> bool:
        """Whether the answer says that it cannot tell, or that there is nothing to tell."""
        return _CANNOT.search(answer) is not None


def commonest(nouns: Iterable[str]) -> str:
    """The constant answer that would be right most often: the baseline that needs no picture."""
    return Counter(nouns).most_common(1)[0][0]


def shuffled(count: int) -> list[int]:
    """For the control: each question gets the picture of another, half the list away."""
    return [(index + count // 2) % count for index in range(count)]


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share."""
    if count == 0:
        return 0.0, 1.0
    share, z = right / count, 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * ((share * (1 - share) + z * z / (4 * count)) / count) ** 0.5 / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)
