"""Pictures that we compose ourselves, with questions whose answers are exact: colour, number up to five, position.

Also those about which nothing can be told: blank ones, noise, and pages of text. Everything follows from the seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE = 224
COLOURS = {
    "red": (214, 32, 36), "orange": (245, 138, 24), "yellow": (248, 216, 40), "green": (44, 156, 64), "blue": (36, 84, 208),
    "purple": (128, 48, 168), "pink": (244, 136, 184), "brown": (120, 72, 36), "black": (16, 16, 16), "white": (250, 250, 250),
    "grey": (128, 128, 128),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "star", "heart", "ring", "cross", "diamond")
# Asked here and, anew at each draw, by layouts.py; their number is part of what the seed determines.
COLOUR_QUESTIONS = (
    "What colour {be} the {things}?",
    "What color {be} the {things}?",
    "Which colour {do} the {things} have?",
    "The {things} {be} what colour?",
)
NUMBER_QUESTIONS = ("How many {things} are there?", "How many {things} do you see?", "Count the {things}.", "How many {things} are in the picture?")
SIDES = ("left", "right", "above", "below")
NUMBERS = ("no", "one", "two", "three", "four", "five")


@dataclass
class Asked:
    """A question, its answer, and what it is scored by: the kind of question and the words that are right."""

    question: str
    answer: str
    kind: str = "other"
    right: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thing:
    """What lies where in a composed picture: its words (a colour and a shape, or a noun), its middle and its radius in pixels."""

    words: tuple[str, ...]
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Layout:
    """What is known of a picture: the colour of its background (or `scene`, or nothing), and the things that were placed."""

    background: str = ""
    things: tuple[Thing, ...] = ()


@dataclass
class Composed:
    """A picture, what can be asked about it, and what lies where in it."""

    picture: Image.Image
    asked: list[Asked]
    layout: Layout = Layout()


def shade(name: str, chance: random.Random) -> tuple[int, int, int]:
    """A shade of a named colour, near enough to keep the name."""
    spread = 10 if name in ("black", "white", "grey", "brown", "orange", "yellow") else 18
    return tuple(min(255, max(0, part + chance.randint(-spread, spread))) for part in COLOURS[name])  # type: ignore[return-value]


def draw_shape(draw: ImageDraw.ImageDraw, name: str, x: float, y: float, radius: float, fill: tuple[int, int, int]) -> None:
    """Draws a shape of the given radius around a point."""
    box = (x - radius, y - radius, x + radius, y + radius)
    if name == "circle":
        draw.ellipse(box, fill=fill)
    elif name == "ring":
        draw.ellipse(box, outline=fill, width=max(4, int(radius * 0.35)))
    elif name == "square":
        side = radius * 0.88
        draw.rectangle((x - side, y - side, x + side, y + side), fill=fill)
    elif name == "triangle":
        draw.polygon([(x, y - radius), (x + radius, y + radius * 0.8), (x - radius, y + radius * 0.8)], fill=fill)
    elif name == "diamond":
        draw.polygon([(x, y - radius), (x + radius * 0.7, y), (x, y + radius), (x - radius * 0.7, y)], fill=fill)
    elif name == "cross":
        arm = radius * 0.36
        draw.rectangle((x - arm, y - radius, x + arm, y + radius), fill=fill)
        draw.rectangle((x - radius, y - arm, x + radius, y + arm), fill=fill)
    elif name == "heart":
        half = radius * 0.55
        draw.ellipse((x - 2 * half, y - radius * 0.8, x, y + radius * 0.3), fill=fill)
        draw.ellipse((x, y - radius * 0.8, x + 2 * half, y + radius * 0.3), fill=fill)
        draw.polygon([(x, y - radius * 0.4), (x + 1.9 * half, y + radius * 0.05), (x, y + radius), (x - 1.9 * half, y + radius * 0.05)], fill=fill)
    else:
        angles = [np.pi * (index / 5 - 0.5) for index in range(10)]
        reach = [radius if index % 2 == 0 else radius * 0.42 for index in range(10)]
        draw.polygon([(x + r * np.cos(a), y + r * np.sin(a)) for a, r in zip(angles, reach, strict=True)], fill=fill)


def plural(noun: str) -> str:
    """The plural of the nouns that are drawn here."""
    irregular = {"mouse": "mice", "goose": "geese", "sheep": "sheep", "fish": "fish", "knife": "knives", "leaf": "leaves", "wolf": "wolves"}
    if noun in irregular:
        return irregular[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def article(noun: str) -> str:
    """The noun with its indefinite article."""
    return ("an " if noun[0] in "aeiou" and not noun.startswith(("uni", "eu", "one")) else "a ") + noun


@dataclass(frozen=True)
class Sticker:
    """A cut-out drawing that may stand in a composed picture in place of a shape."""

    noun: str
    file: Path

    def paste(self, canvas: Image.Image, x: float, y: float, radius: float) -> None:
        """Pastes the drawing, its longer side twice the radius, around a point."""
        with Image.open(self.file) as source:
            piece = source.convert("RGBA")
        piece = piece.crop(piece.getbbox())
        piece.thumbnail((int(2 * radius), int(2 * radius)), Image.Resampling.BICUBIC)
        canvas.paste(piece, (int(x - piece.width / 2), int(y - piece.height / 2)), piece)


class Composer:
    """Composes pictures from a seed; `stickers` are the drawings that may stand for shapes."""

    def __init__(self, seed: int, stickers: list[Sticker]) -> None:
        self.chance = random.Random(seed)
        self.noise = np.random.default_rng(seed)
        self.stickers = stickers

    def background(self, avoid: set[str]) -> tuple[Image.Image, str]:
        """A plain background in none of the colours to avoid, and its colour."""
        names = [name for name in COLOURS if name not in avoid]
        name = "white" if "white" in names and self.chance.random() < 0.5 else self.chance.choice(names)
        return Image.new("RGB", (SIDE, SIDE), shade(name, self.chance)), name

    def colour(self) -> Composed:
        """One thing in one colour."""
        chance = self.chance
        name, shape = chance.choice(list(COLOURS)), chance.choice(SHAPES)
        picture, behind = self.background({name})
        radius = chance.uniform(30, 90)
        x, y = (chance.uniform(radius, SIDE - radius) for _ in range(2))
        draw_shape(ImageDraw.Draw(picture), shape, x, y, radius, shade(name, chance))
        other = chance.choice([colour for colour in COLOURS if colour != name])
        wrong = chance.choice([one for one in SHAPES if one != shape])
        question = chance.choice(COLOUR_QUESTIONS).format(things=shape, be="is", do="does")
        asked = [
            Asked(question, f"The {shape} is {name}.", "colour", _colour_words(name)),
            Asked(
                chance.choice(["What shape is this?", "What is this?", "Which shape do you see?"]),
                f"This is {article(name)} {shape}.",
                "shape",
                (shape,),
            ),
            Asked(f"Is the {shape} {name}?", f"Yes, the {shape} is {name}.", "true", ("yes",)),
            Asked(f"Is the {shape} {other}?", f"No, the {shape} is {name}.", "false", ("no",)),
            Asked(f"Is there {article(wrong)} in the picture?", f"No, there is {article(name)} {shape}.", "false", ("no",)),
        ]
        return Composed(picture, asked, Layout(behind, (Thing((name, shape), x, y, radius),)))

    def number(self) -> Composed:
        """One to five of the same thing."""
        chance = self.chance
        count = chance.randint(1, 5)
        sticker = chance.choice(self.stickers) if self.stickers and chance.random() < 0.4 else None
        colour = chance.choice(list(COLOURS))
        picture, behind = self.background({colour} if sticker is None else {"black", "brown", "grey"})
        shape = chance.choice(SHAPES)
        draw = ImageDraw.Draw(picture)
        places = self._places(count)
        for x, y, radius in places:
            if sticker is None:
                draw_shape(draw, shape, x, y, radius, shade(colour, chance))
            else:
                sticker.paste(picture, x, y, radius)
        noun = shape if sticker is None else sticker.noun
        things = noun if count == 1 else plural(noun)
        verb = "is" if count == 1 else "are"
        other = chance.choice([one for one in range(1, 6) if one != count])
        other_verb, other_things = ("Is", noun) if other == 1 else ("Are", plural(noun))
        question = chance.choice(NUMBER_QUESTIONS).format(things=plural(noun))
        asked = [
            Asked(question, f"There {verb} {NUMBERS[count]} {things}.", "number", (NUMBERS[count], str(count))),
            Asked("What is in this picture?", f"{NUMBERS[count].capitalize()} {things}.", "other", (noun,)),
            Asked(f"{verb.capitalize()} there {NUMBERS[count]} {things}?", f"Yes, there {verb} {NUMBERS[count]}.", "true", ("yes",)),
            Asked(f"{other_verb} there {NUMBERS[other]} {other_things}?", f"No, there {verb} {NUMBERS[count]} {things}.", "false", ("no",)),
        ]
        words = (colour, shape) if sticker is None else (sticker.noun,)
        return Composed(picture, asked, Layout(behind, tuple(Thing(words, *place) for place in places)))

    def position(self) -> Composed:
        """Two different things, beside or above one another."""
        chance = self.chance
        level = chance.random() < 0.5
        radius = chance.uniform(28, 46)
        near, far = chance.uniform(radius + 4, 62), chance.uniform(SIDE - 62, SIDE - radius - 4)
        drift = chance.uniform(80, 144), chance.uniform(80, 144)
        first_place, second_place = ((near, drift[0]), (far, drift[1])) if level else ((drift[0], near), (drift[1], far))
        colours = chance.sample(list(COLOURS), 2)
        shapes = chance.sample(SHAPES, 2)
        use_stickers = bool(self.stickers) and chance.random() < 0.4
        picture, behind = self.background({"black", "brown", "grey"} if use_stickers else set(colours))
        draw = ImageDraw.Draw(picture)
        names: list[str] = []
        things: list[Thing] = []
        pair = self._two_stickers() if use_stickers else []
        for index, (x, y) in enumerate((first_place, second_place)):
            if use_stickers:
                pair[index].paste(picture, x, y, radius)
                names.append(pair[index].noun)
                things.append(Thing((pair[index].noun,), x, y, radius))
            else:
                draw_shape(draw, shapes[index], x, y, radius, shade(colours[index], chance))
                names.append(f"{colours[index]} {shapes[index]}" if chance.random() < 0.5 else shapes[index])
                things.append(Thing((colours[index], shapes[index]), x, y, radius))
        words = ("left", "right") if level else ("above", "below")
        phrases = ("to the left of", "to the right of") if level else ("above", "below")
        subject = chance.randint(0, 1)
        a, b = names[subject], names[1 - subject]
        choice = "to the left or to the right of" if level else "above or below"
        if chance.random() < 0.5:
            choice = "to the right or to the left of" if level else "below or above"
        places = [f"Is the {a} {choice} the {b}?", f"Is the {a} {choice} the {b}?", f"Where is the {a}, seen from the {b}?"]
        asked = [
            Asked(chance.choice(places), f"The {a} is {phrases[subject]} the {b}.", "position", (words[subject],)),
            Asked(f"What is {phrases[0]} the {names[1]}?", f"{article(names[0]).capitalize()}.", "other", (names[0].split()[-1],)),
            Asked(f"What is {phrases[1]} the {names[0]}?", f"{article(names[1]).capitalize()}.", "other", (names[1].split()[-1],)),
            Asked(f"Is the {a} {phrases[subject]} the {b}?", f"Yes, the {a} is {phrases[subject]} the {b}.", "true", ("yes",)),
            Asked(f"Is the {a} {phrases[1 - subject]} the {b}?", f"No, the {a} is {phrases[subject]} the {b}.", "false", ("no",)),
            Asked("What do you see?", f"{article(a).capitalize()} {phrases[subject]} {article(b)}.", "other", (a.split()[-1],)),
        ]
        return Composed(picture, asked, Layout(behind, tuple(things)))

    def nothing(self) -> Composed:
        """A blank picture, noise or text, and the answer that one cannot tell."""
        kind = self.chance.choice(("blank", "noise", "text", "text"))
        picture = {"blank": self._blank, "noise": self._noise, "text": self._text}[kind]()
        reasons = {
            "blank": ["the picture is blank", "it is one plain colour", "the picture is empty"],
            "noise": ["the picture is only noise", "there are only random dots"],
            "text": ["it is a picture of text, and I cannot read text", "it shows text, which I cannot read"],
        }[kind]
        questions = [
            "What is this?", "What do you see?", "What does this picture show?", "Describe the picture.", "What animal is this?",
            "Who is this?", "What is in this picture?", "What does it say?", "What is written here?", "What can you see here?",
        ]  # fmt: skip
        asked = [
            Asked(question, f"I cannot tell: {self.chance.choice(reasons)}.", "nothing", (kind,)) for question in self.chance.sample(questions, 3)
        ]
        return Composed(picture, asked)

    def _places(self, count: int) -> list[tuple[float, float, float]]:
        """Centres and radii of things that neither touch nor leave the picture."""
        chance = self.chance
        radius = chance.uniform(18, {1: 70, 2: 46, 3: 36, 4: 34, 5: 30}[count])
        while True:
            found: list[tuple[float, float, float]] = []
            for _ in range(200):
                x, y = (chance.uniform(radius + 3, SIDE - radius - 3) for _ in range(2))
                if all((x - other[0]) ** 2 + (y - other[1]) ** 2 > (2.6 * radius) ** 2 for other in found):
                    found.append((x, y, radius))
                    if len(found) == count:
                        return found
            radius *= 0.9

    def _two_stickers(self) -> list[Sticker]:
        first = self.chance.choice(self.stickers)
        return [first, self.chance.choice([one for one in self.stickers if one.noun != first.noun])]

    def _blank(self) -> Image.Image:
        name = self.chance.choice(("white", "black", "grey", *COLOURS))
        picture = Image.new("RGB", (SIDE, SIDE), shade(name, self.chance))
        if self.chance.random() < 0.3:
            other = Image.new("RGB", (SIDE, SIDE), shade(self.chance.choice(list(COLOURS)), self.chance))
            ramp = Image.linear_gradient("L").resize((SIDE, SIDE))
            return Image.composite(picture, other, ramp.rotate(90 * self.chance.randint(0, 3)))
        return picture

    def _noise(self) -> Image.Image:
        cells = self.chance.choice((224, 224, 112, 56, 28))
        grey = self.chance.random() < 0.4
        values = self.noise.integers(0, 256, (cells, cells, 1 if grey else 3), dtype=np.uint8)
        picture = Image.fromarray(np.repeat(values, 3 // values.shape[2], axis=2)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        return picture.filter(ImageFilter.GaussianBlur(1)) if self.chance.random() < 0.2 else picture

    def _text(self) -> Image.Image:
        chance = self.chance
        dark = chance.random() < 0.35
        paper, ink = (shade("black", chance), shade("white", chance)) if dark else (shade("white", chance), shade("black", chance))
        scale = chance.choice((2, 3, 4))
        picture = Image.new("RGB", (SIDE * scale, int(SIDE * scale * chance.choice((0.62, 1, 1.4)))), paper)
        draw = ImageDraw.Draw(picture)
        size = chance.choice((12, 14, 18, 24, 36))
        font = ImageFont.load_default(size)
        y = float(chance.randint(4, 30))
        while y < picture.height - size:
            if chance.random() < 0.88:
                words = " ".join(_word(chance) for _ in range(chance.randint(1, 14)))
                draw.text(
                    (chance.choice((8, 8, 24, 40)), y),
                    words,
                    fill=shade(chance.choice(list(COLOURS)), chance) if chance.random() < 0.1 else ink,
                    font=font,
                )
            y += size * 1.35
        return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _colour_words(name: str) -> tuple[str, ...]:
    return ("grey", "gray") if name == "grey" else ("purple", "violet") if name == "purple" else (name,)


def _word(chance: random.Random) -> str:
    parts = (
        "ta",
        "ne",
        "ri",
        "so",
        "mul",
        "en",
        "for",
        "the",
        "is",
        "co",
        "pre",
        "al",
        "ing",
        "er",
        "and",
        "of",
        "to",
        "de",
        "=",
        "()",
        "12",
        ".",
        "if",
    )
    return "".join(chance.choice(parts) for _ in range(chance.randint(1, 3)))
