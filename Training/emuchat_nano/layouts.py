"""Questions about composed pictures, made anew at each draw from what is known to lie where.

A composed picture is asked a handful of questions when it is made; its layout answers many more, and each in many
wordings. So a picture whose features are computed once teaches more than once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from .composed import COLOUR_QUESTIONS, COLOURS, NUMBER_QUESTIONS, NUMBERS, SHAPES, SIDES, article, plural

Turn = tuple[str, str]
PHRASES = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"}
ENDS = {"left": "on the left", "right": "on the right", "above": "at the top", "below": "at the bottom"}
MENTIONS = ("What colour is the {}?", "Where is the {}?", "Is the {}", "The {} is")
BACKGROUND = ("What colour is the background?", "What color is the background?", "Which colour is behind the {}?")


class LayoutQuestioner:
    """Asks about a layout as it stands in examples.jsonl: the background's colour, and things with words, x and y."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def ask(self, layout: dict, count: int) -> list[Turn]:
        """So many different questions with their answers, those that the kind of picture was made for first."""
        things = layout["things"]
        makers = [self._number, self._one_kind] if are_alike(things) else [self._places, self._among_two]
        if len(things) == 1:
            makers = [self._one_kind, self._number]
        found: dict[str, str] = {}
        for number in range(4 * count):
            maker = makers[0] if number == 0 or self.chance.random() < 0.6 else makers[1]
            for question, answer in maker(layout):
                found.setdefault(question, answer)
            if len(found) >= count:
                break
        return list(found.items())[:count]

    def mention(self, layout: dict) -> list[list[Turn]]:
        """Words that mention what a layout shows, in two conversations whose answers are not wanted."""
        chance = self.chance
        nouns = [thing["words"][-1] for thing in layout["things"]]
        if are_alike(layout["things"]):
            asked = [question.format(things=plural(nouns[0])) for question in chance.sample(NUMBER_QUESTIONS, 2)]
        else:
            asked = [chance.choice(MENTIONS).format(noun) for noun in nouns]
            chance.shuffle(asked)
        return [[(question, "")] for question in asked]

    def _places(self, layout: dict) -> Iterator[Turn]:
        """Which of two things is where, seen from the other or in the picture."""
        chance = self.chance
        things = chance.sample(layout["things"], 2)
        a, b = (self._name(thing) for thing in things)
        here, there = phrases = PHRASES[side(*things)], PHRASES[side(*reversed(things))]
        one, other = chance.sample(phrases, 2)
        # As the answer to a colour: behind "is" comes what is asked.
        lies = here.removeprefix("to the ")
        said = f"The {a} is {lies} the {b}."
        yield self._one_of(
            (2, f"Is the {a} {one.removesuffix(' of')} or {other} the {b}?", said),
            (2, f"Where is the {a}, seen from the {b}?", said),
            (1, f"Where is the {a}?", said),
            (1, f"Is the {a} {here} the {b}?", f"Yes, the {a} is {lies} the {b}."),
            (1, f"Is the {a} {there} the {b}?", f"No, the {a} is {lies} the {b}."),
            (1, f"What is {there} the {a}?", f"{article(b).capitalize()}."),
            (1, f"What is {here} the {b}?", f"{article(a).capitalize()}."),
        )

    def _among_two(self, layout: dict) -> Iterator[Turn]:
        """One of two things by its place or its shape: what it is, its colour, whether it is there."""
        chance = self.chance
        thing, other = chance.sample(layout["things"], 2)
        end = ENDS[side(thing, other)]
        named = article(self._name(thing)).capitalize()
        yield self._one_of((1, f"What is {end}?", f"{named}."), (1, *self._presence(layout)))
        if len(thing["words"]) == 2:
            colour, shape = thing["words"]
            what = chance.choice(("What colour", "What color"))
            said = f"The {shape} is {colour}."
            yield self._one_of((1, f"{what} is the {shape}?", said), (1, f"{what} is the thing {end}?", said))
        if chance.random() < 0.4:
            a, b = self._name(thing), self._name(other)
            yield "What do you see?", f"{article(a).capitalize()} {PHRASES[side(thing, other)]} {article(b)}."

    def _number(self, layout: dict) -> Iterator[Turn]:
        """How many there are."""
        chance = self.chance
        noun, many, count = layout["things"][0]["words"][-1], plural(layout["things"][0]["words"][-1]), len(layout["things"])
        things, be = (noun, "is") if count == 1 else (many, "are")
        other = chance.choice([one for one in range(1, 6) if one != count])
        asked, others = ("Is", noun) if other == 1 else ("Are", many)
        said = f"There {be} {NUMBERS[count]} {things}."
        yield self._one_of(
            (4, chance.choice(NUMBER_QUESTIONS).format(things=many), said),
            (1, "What is in this picture?", f"{NUMBERS[count].capitalize()} {things}."),
            (1, f"{be.capitalize()} there {NUMBERS[count]} {things}?", f"Yes, there {be} {NUMBERS[count]}."),
            (1, f"{asked} there {NUMBERS[other]} {others}?", f"No, there {be} {NUMBERS[count]} {things}."),
        )

    def _one_kind(self, layout: dict) -> Iterator[Turn]:
        """Colour and shape of things that are all alike."""
        chance, words, count = self.chance, layout["things"][0]["words"], len(layout["things"])
        if len(words) == 1:
            yield self._presence(layout)
            return
        colour, shape = words
        named, be, do = (shape, "is", "does") if count == 1 else (plural(shape), "are", "do")
        wrong = chance.choice([one for one in COLOURS if one != colour])
        whole = ("What is this?", f"This is {article(colour)} {shape}.")
        if count > 1:
            whole = ("What do you see?", f"{NUMBERS[count].capitalize()} {colour} {named}.")
        yield self._one_of(
            (4, chance.choice(COLOUR_QUESTIONS).format(things=named, be=be, do=do), f"The {named} {be} {colour}."),
            (1, f"{be.capitalize()} the {named} {colour}?", f"Yes, the {named} {be} {colour}."),
            (1, f"{be.capitalize()} the {named} {wrong}?", f"No, the {named} {be} {colour}."),
            (1, *self._presence(layout)),
            (1, *whole),
            (1, chance.choice(BACKGROUND).format(named), f"The background is {layout['background']}."),
        )

    def _presence(self, layout: dict) -> Turn:
        """Whether a shape or a drawing is there."""
        chance, things = self.chance, layout["things"]
        thing = chance.choice(things)
        here = {one["words"][-1] for one in things}
        wrong = chance.choice([one for one in SHAPES if one not in here])
        count = len(things) if len(here) == 1 else 1
        named = f"is {article(self._name(thing))}" if count == 1 else f"are {NUMBERS[count]} {plural(thing['words'][-1])}"
        if chance.random() < 0.5:
            return f"Is there {article(wrong)} in the picture?", f"No, there {named}."
        return f"Is there {article(thing['words'][-1])} in the picture?", f"Yes, there {named}."

    def _name(self, thing: dict) -> str:
        """A drawing's noun, or a shape with or without its colour."""
        return " ".join(thing["words"]) if self.chance.random() < 0.5 else thing["words"][-1]

    def _one_of(self, *weighted: tuple[int, str, str]) -> Turn:
        """One of several questions with their answers, drawn by weight."""
        [(_, question, answer)] = self.chance.choices(weighted, [weight for weight, _, _ in weighted])
        return question, answer


def are_alike(things: list[dict]) -> bool:
    """Whether things are so many of one kind."""
    return all(thing["words"] == things[0]["words"] for thing in things)


def side(thing: dict, other: dict) -> str:
    """On which side of another a thing lies: above or below where it is farther that way than to the left or right."""
    level = abs(thing["x"] - other["x"]) > abs(thing["y"] - other["y"])
    axis, sides = ("x", SIDES[:2]) if level else ("y", SIDES[2:])
    return sides[thing[axis] > other[axis]]
