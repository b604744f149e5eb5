"""The nouns of WordNet 3.0: senses, synonyms, what a thing is a kind of.

Reads the files that Debian's `wordnet-base` installs (`index.noun`, `data.noun`, `noun.exc`); offsets and pointers are
those of wndb(5WN). Only the relations that naming and scoring need are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Files of the lexicographers, by the number in the second field of data.noun: those that hold things one can see.
VISIBLE_FILES = {5: "animal", 6: "artifact", 8: "body", 13: "food", 17: "object", 18: "person", 19: "phenomenon", 20: "plant"}

_SUFFIXES = (("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ses", "s"), ("zes", "z"), ("ies", "y"), ("men", "man"), ("s", ""))


@dataclass(frozen=True)
class Synset:
    """One sense: its words, what it is a kind of (offsets), and the lexicographers' file."""

    offset: int
    file: int
    words: tuple[str, ...]
    parents: tuple[int, ...]


class WordNet:
    """Nouns by word, and senses by offset."""

    def __init__(self, folder: Path) -> None:
        self.senses: dict[str, tuple[int, ...]] = {}
        self.synsets: dict[int, Synset] = {}
        self.irregular: dict[str, str] = {}
        for line in (folder / "index.noun").read_text(encoding="latin-1").splitlines():
            if not line.startswith(" "):
                fields = line.split()
                count = int(fields[2])
                self.senses[fields[0]] = tuple(int(offset) for offset in fields[-count:])
        for line in (folder / "data.noun").read_text(encoding="latin-1").splitlines():
            if not line.startswith(" "):
                synset = _parse(line)
                self.synsets[synset.offset] = synset
        for line in (folder / "noun.exc").read_text(encoding="latin-1").splitlines():
            plural, *singulars = line.split()
            self.irregular[plural] = singulars[0]

    def base(self, word: str) -> str | None:
        """The dictionary form of a noun ("dogs": "dog"), or None where WordNet has none. Words are joined by `_`."""
        word = word.lower().replace(" ", "_").replace("-", "_")
        if word in self.senses and word not in self.irregular:
            return word
        if word in self.irregular and self.irregular[word] in self.senses:
            return self.irregular[word]
        if word in self.senses:
            return word
        for suffix, ending in _SUFFIXES:
            if word.endswith(suffix) and len(word) > len(suffix) + 2:
                candidate = word[: len(word) - len(suffix)] + ending
                if candidate in self.senses:
                    return candidate
        return None

    def ancestors(self, offset: int) -> set[int]:
        """The sense itself and everything that it is a kind of."""
        found: set[int] = set()
        waiting = [offset]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(self.synsets[current].parents)
        return found

    def visible_sense(self, word: str, among: int = 1) -> Synset | None:
        """The first of a word's `among` commonest senses that is a thing to be seen."""
        base = self.base(word)
        for offset in self.senses.get(base or "", ())[:among]:
            if self.synsets[offset].file in VISIBLE_FILES:
                return self.synsets[offset]
        return None


# Short words that WordNet also knows as nouns ("a" is the blood group, "in" the inch).
STOP_WORDS = frozenset(
    "a an the i in it is as at be am are was or on no so do he she we us me my his her its of to by up out off this"
    " that these those there can cannot not and with for from but what which who how one two three four five have"
    " has had will may must sorry see tell show shows here kind picture image photo photograph drawing cartoon"
    " illustration".split()
)


def _parse(line: str) -> Synset:
    """One line of data.noun: offset, file, part of speech, words with their lexical ids, pointers, gloss."""
    parts = line.partition(" | ")[0].split()
    count = int(parts[3], 16)
    words = tuple(parts[4 + 2 * index].lower() for index in range(count))
    place = 4 + 2 * count
    pointers = int(parts[place])
    parents = []
    for index in range(pointers):
        symbol, offset, *_ = parts[place + 1 + 4 * index : place + 5 + 4 * index]
        if symbol in ("@", "@i"):
            parents.append(int(offset))
    return Synset(int(parts[0]), int(parts[1]), words, tuple(parents))
