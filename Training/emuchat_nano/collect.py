"""Gathers named pictures from the unpacked packages: one reader for each kind of source.

A `Named` is a picture file, what it shows (a noun phrase and its head noun in WordNet) and under whose terms it is.
Names come from what the package itself says; photographs that carry no usable name are named in photographs.tsv.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from .qt_resources import read_resources
from .wordnet import WordNet


@dataclass(frozen=True)
class Named:
    """A picture and what it shows.

    `phrase` is how the answer names it ("golden retriever"), `noun` the dictionary form that it is scored by;
    `others` are further names that count as right. `role` is `test` or `train` where that is fixed beforehand.
    """

    package: str
    path: str
    file: Path
    phrase: str
    noun: str
    others: tuple[str, ...] = ()
    kind: str = "drawing"
    role: str = ""


class Namer:
    """Finds the thing to be seen that a title speaks of."""

    # Nouns that say what kind of file, style or use a picture is, and such as a picture alone cannot show.
    unwanted = frozenset(
        "icon clip art clipart image picture photo drawing cartoon symbol sign logo button frame border line outline"
        " silhouette lineart pattern set collection version color colour black white red green blue yellow gold silver"
        " size front back side top bottom thing object scene background template design shape figure element stuff item"
        " group part piece unit system model file folder action application software theme page map flag star arrow"
        " number letter person gradient vector open new user sd bo mo us ii iv tux gnome kde gnu linux web site office"
        " stock text world male female area base basic block character circle class cover dark domain edge field form"
        " france grid head home house_number key_signature left level light lot mark media medium mode network note"
        " order outside path place plan plate_number point position power process public range right round section"
        " service shadow space square standard state station stop store style table_of_contents take type variation view"
        " wall warning way west east north south work works zone road cone hummer elder cisco rana bar client sketch"
        " roman paint chess switch connector bullet_hole pantyhose mascot stone marker stand down potable nerd suit card"
        " decoration bubble chick baby_tux stop_sign gps hub eris martin_luther_king product kit effect wave end"
        " double_door bit turn opening cut blow band beat down tip dash crew guy friend mate expert master".split()
    )

    def __init__(self, words: WordNet) -> None:
        self.words = words

    def name(self, title: str) -> tuple[str, str] | None:
        """The phrase and its head noun: ("fire engine", "fire_engine") for "A red Fire_Engine 01"; None without one."""
        title = re.sub(r"\(.*?\)|\[.*?\]", " ", title)
        title = re.split(r"[.:;!?]|,| -+ | with | by | on | in | at | from | for | and | of ", title)[0]
        tokens = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", title).lower())
        tokens = [token for token in tokens if token not in ("a", "an", "the", "some", "my", "simple", "cartoon", "clipart", "icon")]
        if not tokens or len(tokens) > 5:
            return None
        for end in range(len(tokens), max(0, len(tokens) - 2), -1):
            for length in (3, 2, 1):
                if length <= end:
                    found = self._noun(tokens[end - length : end])
                    if found is not None:
                        return found.replace("_", " "), found
        return None

    def _noun(self, tokens: list[str]) -> str | None:
        base = self.words.base("_".join(tokens))
        if base is None or base in self.unwanted or len(base) < 3:
            return None
        sense = self.words.visible_sense(base)
        if sense is None or (sense.file == 18 and self._is_proper(sense.words, base)):
            return None
        return base

    def is_of(self, noun: str, files: tuple[int, ...]) -> bool:
        """Whether the noun's commonest sense is in one of these files of the lexicographers."""
        sense = self.words.visible_sense(noun)
        return sense is not None and sense.file in files

    @staticmethod
    def _is_proper(words: tuple[str, ...], base: str) -> bool:
        return words[0] != base and base not in words


# One word for one kind of thing, the one that people use: what training says is then the same for like pictures.
EVERYDAY = {
    "bunny": "rabbit", "plane": "airplane", "aircraft": "airplane", "phone": "telephone", "auto": "car", "lightbulb": "light bulb",
    "bulb": "light bulb", "bike": "bicycle", "gull": "seagull", "floppy": "floppy disk", "magnifier": "magnifying glass", "lorry": "truck",
    "dromedary": "camel", "rhino": "rhinoceros", "headstone": "gravestone", "tombstone": "gravestone", "fire truck": "fire engine",
    "burger": "hamburger", "eiffel tower": "tower", "chateau": "castle", "kid": "child", "mom": "woman", "lady": "woman", "young man": "man",
    "guy": "man", "grandpa": "old man", "gramma": "old woman", "jean": "jeans", "pedal cycle": "bicycle", "prune": "plum", "crawfish": "crayfish",
    "cayenne pepper": "pepper", "hot pepper": "pepper", "fries": "french fries", "cd": "disc", "compact disc": "disc", "optical disk": "disc",
    "wild boar": "boar", "polo shirt": "shirt", "t-shirt": "shirt", "flush toilet": "toilet", "water closet": "toilet", "race car": "racing car",
    "lady beetle": "ladybug", "lobster tail": "lobster", "cellular phone": "mobile phone", "tennis racquet": "tennis racket", "pool ball": "ball",
    "kiwi fruit": "kiwi", "mandarin orange": "mandarin", "capitol building": "capitol", "pine": "pine tree", "palm": "palm tree",
}  # fmt: skip


def everyday(one: Named) -> Named:
    """The picture under the everyday word, where there is one."""
    phrase = EVERYDAY.get(one.phrase)
    return one if phrase is None else replace(one, phrase=phrase, noun=one.noun if phrase == "jeans" else phrase.replace(" ", "_"))


def corrected(named: Iterator[Named] | list[Named], table: Path) -> Iterator[Named]:
    """With the names of corrections.tsv, given by looking at the pictures; `-` leaves one out."""
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    names = {path: name for _, path, name in rows}
    for one in named:
        name = names.get(one.path)
        if name is None:
            yield everyday(one)
        elif name != "-":
            yield replace(one, phrase=name, noun=name.replace(" ", "_"))


def tuxpaint(root: Path, namer: Namer) -> Iterator[Named]:
    """Stamps of Tux Paint: a PNG beside a text whose first line is one English sentence."""
    stamps = root / "usr/share/tuxpaint/stamps"
    refused = ("symbols", "flags", "roadsigns", "money", "graves", "weather/clouds")
    for file in sorted(stamps.rglob("*.png")):
        text = file.with_suffix(".txt")
        inside = file.relative_to(stamps).as_posix()
        if not text.exists() or inside.startswith(refused) or "/roadsigns/" in inside or "/flags/" in inside:
            continue
        named = namer.name(text.read_text(encoding="utf-8", errors="replace").splitlines()[0])
        if named is not None:
            kind = "drawing" if "cartoon" in inside or "toys" in inside else "photograph"
            yield Named("tuxpaint-stamps-default", inside, file, *named, kind=kind)


def openclipart(pictures: Path, sources: Path, namer: Namer) -> Iterator[Named]:
    """Open Clip Art: titles and keywords of the SVG, pixels of the PNG of the same name."""
    folder = pictures / "usr/share/openclipart/png"
    titles = sources / "usr/share/openclipart/svg"
    for file in sorted(folder.rglob("*.png")):
        inside = file.relative_to(folder)
        if inside.as_posix().startswith(_UNNAMED_FOLDERS):
            continue
        drawing = titles / inside.with_suffix(".svg")
        title, keywords = _clip_art_words(drawing) if drawing.exists() else ("", "")
        stem = re.sub(r"\d+", " ", inside.stem.replace("_", " "))
        named = None if not title or title.lower() == stem.strip() else namer.name(title)
        files = _FILES_OF_FOLDERS.get(inside.parts[0], ())
        if named is None or not (_supported(named[1], f"{keywords} {inside.parent}") or namer.is_of(named[1], files)):
            named = _first_supported(namer, stem, f"{keywords} {inside.parent}", files)
        if named is not None:
            yield Named("openclipart-png", inside.as_posix(), file, *named)


_UNNAMED_FOLDERS = (
    "shapes", "computer/icons", "computer/buttons", "special", "logos", "buttons", "signs_and_symbols/flags",
    "signs_and_symbols/map_symbols", "signs_and_symbols/led", "transportation/aiga-symbols", "transportation/roadsigns",
    "recreation/games/cards", "people/stickmen", "decorations", "geography/maps",
)  # fmt: skip


# What the folders of Open Clip Art hold, as files of WordNet's lexicographers.
_FILES_OF_FOLDERS = {
    "animals": (5,), "food": (13, 20), "plants": (20, 13), "transportation": (6,), "tools": (6,), "buildings": (6,),
    "containers": (6,), "computer": (6,), "electronics": (6,), "office": (6,), "recreation": (6,), "people": (18, 8),
    "geography": (17,), "education": (6,),
}  # fmt: skip


def _clip_art_words(drawing: Path) -> tuple[str, str]:
    """Title and keywords from the metadata of an SVG, by pattern: some of the files are not well-formed."""
    text = drawing.read_text(encoding="utf-8", errors="replace")[:20_000]
    title = re.search(r"<dc:title[^>]*>([^<]{2,80})</dc:title>", text)
    keywords = re.findall(r"<rdf:li[^>]*>([^<]{2,40})</rdf:li>", text)
    return (title.group(1).strip() if title else ""), " ".join(keywords)


def _supported(noun: str, text: str) -> bool:
    """Whether the text says the noun as well, so that a title and a keyword agree."""
    last = noun.split("_")[-1]
    return re.search(rf"\b{re.escape(last)}", text.lower().replace("_", " ")) is not None


def _first_supported(namer: Namer, stem: str, text: str, files: tuple[int, ...]) -> tuple[str, str] | None:
    """The first noun of a file's name that its keywords or folders say too, or that is of the folder's kind."""
    for token in re.findall(r"[a-z]{3,}", stem.lower()):
        named = namer.name(token)
        if named is not None and (_supported(named[1], text) or namer.is_of(named[1], files)):
            return named
    return None


def emoji(font: Path, annotations: Path, namer: Namer, out: Path) -> Iterator[Named]:
    """Noto Color Emoji, drawn at its one size, with the names that Unicode's CLDR gives in English."""
    face = ImageFont.truetype(str(next(font.rglob("NotoColorEmoji.ttf"))), 109)
    tree = ElementTree.parse(annotations / "usr/share/unicode/cldr/common/annotations/en.xml")
    out.mkdir(parents=True, exist_ok=True)
    for node in tree.iter("annotation"):
        characters = node.get("cp", "")
        if node.get("type") != "tts" or len(characters) > 2 or ord(characters[0]) < 0x2600 or not node.text:
            continue
        if re.search(r"flag|button|sign|clock|o’clock|arrow|hand|skin|keycap|symbol|square|circle|hair|mark|face with|family", node.text):
            continue
        named = namer.name(re.sub(r" face$", "", node.text))
        if named is None:
            continue
        file = out / ("-".join(f"{ord(one):x}" for one in characters) + ".png")
        if not file.exists():
            picture = Image.new("RGBA", (136, 128), (255, 255, 255, 0))
            ImageDraw.Draw(picture).text((0, 0), characters, font=face, embedded_color=True)
            if picture.getbbox() is None:
                continue
            picture.save(file)
        yield Named("fonts-noto-color-emoji", file.name, file, *named)


def gcompris_words(pictures: Path, namer: Namer) -> Iterator[Named]:
    """GCompris' vocabulary: drawings whose file name is the word."""
    refused = "animal arm back black blue brown child color dad ear eight eleven eyes face family five flies four friend gray green head"
    refused += " knee mauve mother neck nine one orange-color pink red reptile seven sister six sixteen skin son ten three twelve two white"
    refused += " yellow zero brother"
    for file in sorted((pictures / "lang/resource/words_sample").glob("*.webp")):
        named = namer.name(file.stem)
        if file.stem not in refused.split() and named is not None:
            yield Named("gcompris-qt-data", file.relative_to(pictures).as_posix(), file, *named)


def photographs(table: Path, unpacked: Path, gcompris: Path) -> Iterator[Named]:
    """The photographs of photographs.tsv: named by looking at them, their part in the split fixed there."""
    for line in table.read_text(encoding="utf-8").splitlines()[1:]:
        package, path, names, role = line.split("\t")
        first, *others = names.split("|")
        root = gcompris if package == "gcompris-qt-data" else unpacked / package
        nouns = tuple(other.replace(" ", "_") for other in others)
        yield Named(package, path, root / path, first, first.replace(" ", "_"), nouns, "photograph", role)


def unpack_gcompris(package: Path, out: Path) -> Path:
    """Writes the pictures out of GCompris' resource collections, once."""
    if not out.exists():
        half = out.with_name(out.name + ".part")
        for collection in sorted(package.rglob("*.rcc")):
            for name, content in read_resources(collection):
                inside = name.removeprefix("gcompris/src/activities/")
                if inside.endswith(".webp") and ".." not in inside and not inside.startswith("/"):
                    (half / inside).parent.mkdir(parents=True, exist_ok=True)
                    (half / inside).write_bytes(content)
        half.rename(out)
    return out
