"""Divides the named pictures into those trained on and those that scores are taken from, and writes the manifest.

Held out are 400 pictures of concepts that training sees in other pictures. Pictures that look alike stay on one side:
they are grouped by fingerprint first. The draw follows from the seed and the pictures' SHA-256, not from their order.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .collect import Named
from .pictures import fingerprint, is_cut_out, load
from .wordnet import WordNet

HELD_OUT = 400
# Pictures of a concept that training keeps at least.
LEFT = 3
ALIKE_BITS = 50
COLUMNS = ["sha256", "package", "path", "kind", "role", "noun", "phrase", "others", "cut_out", "group"]


@dataclass(frozen=True)
class Entry:
    """A row of the manifest: a picture, its names and its side of the split."""

    sha256: str
    package: str
    path: str
    kind: str
    role: str
    noun: str
    phrase: str
    others: tuple[str, ...]
    cut_out: bool
    group: int

    def row(self) -> str:
        """The tab-separated line."""
        cells = [self.sha256, self.package, self.path, self.kind, self.role, self.noun, self.phrase, "|".join(self.others)]
        return "\t".join([*cells, str(int(self.cut_out)), str(self.group)])

    @staticmethod
    def read(row: str) -> Entry:
        """The entry of a line that `row` wrote."""
        cells = row.split("\t")
        others = tuple(cells[7].split("|")) if cells[7] else ()
        return Entry(*cells[:7], others, cells[8] == "1", int(cells[9]))  # type: ignore[misc]


def read_manifest(file: Path) -> list[Entry]:
    """All entries of a manifest."""
    return [Entry.read(line) for line in file.read_text(encoding="utf-8").splitlines()[1:]]


def make_entries(named: list[Named], words: WordNet, seed: int) -> tuple[list[Entry], dict[str, Path]]:
    """Reads every picture once; drops damaged ones and exact copies; groups and splits. Also: the file of each SHA-256."""
    files: dict[str, Path] = {}
    known: list[tuple[str, Named, bool, int]] = []
    for one in named:
        content = one.file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest in files:
            continue
        try:
            picture = load(one.file)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
        if min(picture.size) < 24 or max(picture.size) > 5 * min(picture.size):
            continue
        files[digest] = one.file
        known.append((digest, one, is_cut_out(picture), fingerprint(picture)))
    groups = _groups([print_ for *_, print_ in known])
    roles = _roles(known, groups, words, seed)
    entries = [
        Entry(digest, one.package, one.path, one.kind, role, one.noun, one.phrase, one.others, cut_out, group)
        for (digest, one, cut_out, _), group, role in zip(known, groups, roles, strict=True)
    ]
    return sorted(entries, key=lambda entry: (entry.package, entry.path)), files


def _groups(prints: list[int]) -> list[int]:
    """Numbers of groups such that pictures alike in all but a few bits share one."""
    parent = list(range(len(prints)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for first, left in enumerate(prints):
        for second in range(first):
            if (left ^ prints[second]).bit_count() <= min(ALIKE_BITS, left.bit_count() // 3):
                parent[root(first)] = root(second)
    return [root(index) for index in range(len(prints))]


def _roles(known: list[tuple[str, Named, bool, int]], groups: list[int], words: WordNet, seed: int) -> list[str]:
    """`photographs`, `held-out`, `dropped` (alike to a photograph that scores are taken from) or `train`."""
    tested = {group for group, (_, one, *_) in zip(groups, known, strict=True) if one.role == "test"}
    left: dict[int, set[int]] = defaultdict(set)
    senses = [words.visible_sense(one.noun) for _, one, *_ in known]
    for group, sense in zip(groups, senses, strict=True):
        if sense is not None and group not in tested:
            left[sense.offset].add(group)
    held: set[int] = set()
    count = 0
    order = sorted(range(len(known)), key=lambda index: hashlib.sha256(f"{seed} {known[index][0]}".encode()).digest())
    for index in order:
        sense, group, one = senses[index], groups[index], known[index][1]
        if sense is None or one.role or group in tested or group in held or count >= HELD_OUT:
            continue
        members = [other for other in range(len(known)) if groups[other] == group]
        if len(members) == 1 and len(left[sense.offset]) > LEFT:
            left[sense.offset].discard(group)
            held.add(group)
            count += 1
    roles = []
    for (_, one, *_), group in zip(known, groups, strict=True):
        if one.role == "test":
            roles.append("photographs")
        elif group in tested:
            roles.append("dropped")
        else:
            roles.append("held-out" if group in held else "train")
    return roles
