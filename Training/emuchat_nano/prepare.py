"""From packages to pictures and questions: `python -m emuchat_nano.prepare WORK`.

Writes into WORK the unpacked packages, pictures/*.png (224x224), and examples.jsonl: a line for each picture with its
place in the split and the questions asked about it. The manifest is written beside this package unless it is there;
where it is there, the pictures must agree with it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from dataclasses import asdict
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from . import collect
from .composed import Asked, Composed, Composer, Layout, Sticker
from .packages import fetch, read_packages
from .pictures import load, plain, variant
from .questions import Questioner
from .split import COLUMNS, Entry, make_entries, read_manifest
from .wordnet import WordNet

HERE = Path(__file__).resolve().parent.parent
SEED = 20261121
VIEWS = {"photograph": 9, "drawing": 3}
COMPOSED_TRAIN = {"colour": 500, "number": 1500, "position": 1400, "nothing": 350}
COMPOSED_TEST = {"colour": 67, "number": 67, "position": 66, "nothing": 60}
SCENES = ("plasma-workspace-wallpapers", "details", "paintings", "clickgame")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder for everything that is large")
    work = parser.parse_args().work
    folders = {package.name: fetch(package, work) for package in read_packages(HERE / "packages.tsv")}
    words = WordNet(folders["wordnet-base"] / "usr/share/wordnet")
    named = gather(work, folders, words)
    entries, files = make_entries(named, words, SEED)
    manifest = HERE / "manifest.tsv"
    if manifest.exists():
        entries = agreed(read_manifest(manifest), files, manifest)
    else:
        manifest.write_text("\n".join(["\t".join(COLUMNS), *(entry.row() for entry in entries)]) + "\n", encoding="utf-8")
    writer = Writer(work)
    add_named(writer, entries, files, words, scenes(folders, work / "unpacked/gcompris-pictures"))
    add_composed(writer, entries, files, words)
    writer.finish()


def gather(work: Path, folders: dict[str, Path], words: WordNet) -> list[collect.Named]:
    """Every named picture of every source."""
    namer = collect.Namer(words)
    gcompris = collect.unpack_gcompris(folders["gcompris-qt-data"], work / "unpacked/gcompris-pictures")
    named = [
        *collect.tuxpaint(folders["tuxpaint-stamps-default"], namer),
        *collect.openclipart(folders["openclipart-png"], folders["openclipart-svg"], namer),
        *collect.emoji(folders["fonts-noto-color-emoji"], folders["unicode-cldr-core"], namer, work / "emoji"),
        *collect.gcompris_words(gcompris, namer),
    ]
    checked = collect.corrected(named, HERE / "corrections.tsv")
    return [*checked, *collect.photographs(HERE / "photographs.tsv", work / "unpacked", gcompris)]


def agreed(entries: list[Entry], files: dict[str, Path], manifest: Path) -> list[Entry]:
    """The manifest's entries, if all of its pictures are at hand."""
    missing = [entry.path for entry in entries if entry.sha256 not in files]
    if missing:
        raise SystemExit(f"{manifest}: {len(missing)} of its pictures are not in the packages, first {missing[0]}")
    return entries


def scenes(folders: dict[str, Path], gcompris: Path) -> list[Image.Image]:
    """Photographs and paintings to set cut-out pictures before: none that scores are taken from."""
    tested = {entry.split("\t")[1] for entry in (HERE / "photographs.tsv").read_text(encoding="utf-8").splitlines()}
    wallpapers = folders["plasma-workspace-wallpapers"] / "usr/share/wallpapers"
    paths = [*wallpapers.glob("*/contents/images/2560x1600.*"), *(gcompris / "paintings").rglob("*.webp")]
    paths += [*(gcompris / "clickgame").rglob("f0*.webp"), *(gcompris / "clickgame").rglob("sea*.webp")]
    found = []
    for path in sorted(paths):
        inside = str(path.relative_to(gcompris if path.is_relative_to(gcompris) else folders["plasma-workspace-wallpapers"]))
        if inside not in tested:
            picture = load(path).convert("RGB")
            picture.thumbnail((480, 480))
            found.append(picture)
    return found


class Writer:
    """Writes pictures as PNGs, and collects the lines of examples.jsonl."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.lines: list[str] = []
        (work / "pictures").mkdir(parents=True, exist_ok=True)

    def add(self, name: str, role: str, made: Composed, entry: Entry | None = None) -> None:
        """One picture with its questions."""
        if not self.file(name).exists():
            self.save(name, made.picture, "")
        self.note(name, role, made.asked, made.layout, entry)

    def file(self, name: str) -> Path:
        """Where a picture lies."""
        return self.work / "pictures" / f"{name}.png"

    def background(self, name: str) -> str | None:
        """The background that a view was saved with, or None where it is not there."""
        if not self.file(name).exists():
            return None
        with Image.open(self.file(name)) as picture:
            return picture.info.get("background")

    def save(self, name: str, picture: Image.Image, background: str) -> None:
        """Writes a picture, and into it what its background is."""
        told = PngInfo()
        told.add_text("background", background)
        half = self.file(name).with_suffix(".part")
        picture.save(half, "PNG", compress_level=1, pnginfo=told)
        half.rename(self.file(name))

    def note(self, name: str, role: str, asked: list[Asked], layout: Layout, entry: Entry | None) -> None:
        """The line of a picture that is written."""
        source = None if entry is None else {"sha256": entry.sha256, "noun": entry.noun, "others": entry.others, "kind": entry.kind}
        line = {"picture": self.file(name).name, "role": role, "source": source, "asked": [asdict(one) for one in asked], "layout": asdict(layout)}
        self.lines.append(json.dumps(line))

    def finish(self) -> None:
        """Writes examples.jsonl whole: what is scored first, then a mixture, then the further views.

        In this order the first chunks of features suffice to try things while the others are computed.
        """
        self.lines.sort(key=_place)
        part = self.work / "examples.jsonl.part"
        part.write_text("\n".join(self.lines) + "\n", encoding="utf-8")
        part.rename(self.work / "examples.jsonl")
        print(f"{len(self.lines)} pictures with questions", file=sys.stderr)


def _place(line: str) -> tuple[int, bytes]:
    """Where a line stands: by how soon its picture is wanted, and mixed within that."""
    example = json.loads(line)
    name: str = example["picture"]
    stage = 0 if example["role"] != "train" else 1 if "-" not in name or name.endswith("-0.png") or not example["source"] else 2
    return stage, hashlib.sha256(name.encode()).digest()


def add_named(writer: Writer, entries: list[Entry], files: dict[str, Path], words: WordNet, backgrounds: list[Image.Image]) -> None:
    """Every picture of the manifest as it is, and varied views of those that are trained on: more of photographs and animals."""
    questioner = Questioner(words, [entry for entry in entries if entry.role == "train"], SEED)
    for count, entry in enumerate(entries):
        if count % 500 == 0:
            print(f"{count} of {len(entries)} pictures", file=sys.stderr, flush=True)
        if entry.role == "dropped":
            continue
        picture = load(files[entry.sha256])
        behind = "white" if entry.cut_out else ""
        writer.add(entry.sha256[:24], entry.role, Composed(plain(picture), questioner.ask(entry, behind), Layout(behind)), entry)
        if entry.role == "train":
            animal = (sense := words.visible_sense(entry.noun)) is not None and sense.file == 5
            for number in range(VIEWS[entry.kind] * (2 if animal and entry.kind == "drawing" else 1)):
                name = f"{entry.sha256[:24]}-{number}"
                background = writer.background(name)
                if background is None:
                    view, background = variant(picture, random.Random(f"{SEED} {entry.sha256} {number}"), backgrounds)
                    writer.save(name, view, background)
                writer.note(name, "train", questioner.ask(entry, background), Layout(background), entry)


def add_composed(writer: Writer, entries: list[Entry], files: dict[str, Path], words: WordNet) -> None:
    """The composed pictures, for training and for scores, from seeds of their own."""
    training = [entry for entry in entries if entry.role == "train"]
    stickers = [Sticker(entry.noun.replace("_", " "), files[entry.sha256]) for entry in training if _is_sticker(entry, words)]
    for role, counts, seed in (("train", COMPOSED_TRAIN, SEED + 1), ("test", COMPOSED_TEST, SEED + 2)):
        composer = Composer(seed, stickers)
        for kind, amount in counts.items():
            for number in range(amount):
                made: Composed = getattr(composer, kind)()
                writer.add(f"{kind}-{role}-{number:04d}", role if role == "train" else kind, made)


def _is_sticker(entry: Entry, words: WordNet) -> bool:
    """Whether a cut-out drawing may stand in composed pictures: a common, countable animal or thing."""
    sense = words.visible_sense(entry.noun)
    return entry.cut_out and entry.package == "fonts-noto-color-emoji" and sense is not None and sense.file in (5, 13) and "_" not in entry.noun


if __name__ == "__main__":
    main()
