"""How people ask about a picture, and how the model is to answer: wordings, hypernyms, true and false pairs."""

from __future__ import annotations

import random

from .composed import Asked, article
from .split import Entry
from .wordnet import WordNet

WHAT = (
    "What is this?", "What is this?", "What is this?", "What do you see?", "What is in this picture?", "What does this picture show?",
    "What can you see in this image?", "what is it", "What's this?", "what is this", "What is shown here?", "Can you tell me what this is?",
    "What is in the photo?", "What am I looking at?", "Name what you see.", "Tell me what is in this picture.",
    "What's in the image?", "What object is this?", "What is the main thing in this picture?", "Identify this.",
)  # fmt: skip
ONE_WORD = ("What is this? Answer in one word.", "Name this in one word.", "One word: what is it?")
DESCRIBE = (
    "Describe this picture.",
    "Describe the image.",
    "Give a short description.",
    "Write a caption for this picture.",
    "Describe what you see.",
)
# Answered by "A drawing.", since "This is a drawing." came as the answer to what a picture shows.
MEDIUM = ("Is this a photograph or a drawing?", "Is this a drawing or a photo?", "Photo or drawing?")

# The everyday kinds worth telling, from special to general: the first that a sense descends from is told.
TOLD_KINDS = (
    "bird", "fish", "insect", "dog", "cat", "monkey", "ape", "reptile", "amphibian", "mammal", "fruit", "vegetable", "tree", "flower",
    "plant", "musical_instrument", "tool", "weapon", "boat", "ship", "aircraft", "car", "motor_vehicle", "vehicle", "furniture", "clothing", "hat",
    "building", "toy", "container", "machine", "device", "beverage", "dessert", "food", "person", "animal",
)  # fmt: skip


class Questioner:
    """Makes questions and answers about named pictures; `nouns` are those to draw false names from."""

    def __init__(self, words: WordNet, entries: list[Entry], seed: int) -> None:
        self.words = words
        self.chance = random.Random(seed)
        self.by_noun = {entry.noun: entry.phrase for entry in entries if words.visible_sense(entry.noun)}
        self.nouns = sorted(self.by_noun)
        self.kinds = {kind: words.senses[kind][0] for kind in TOLD_KINDS if kind in words.senses}
        self.kinds["dog"] = words.senses["dog"][0]
        self.above = {noun: words.ancestors(sense.offset) for noun in self.nouns if (sense := words.visible_sense(noun))}

    def kind_of(self, noun: str) -> str | None:
        """The everyday kind of a noun ("bird" for "owl"), none where there is none above it."""
        above = self.above.get(noun, set())
        for kind, offset in self.kinds.items():
            if offset in above and kind != noun and self.words.senses.get(noun, (0,))[0] != offset:
                return kind.replace("_", " ")
        return None

    def other_than(self, entry: Entry) -> str:
        """A noun that the picture does not show: nothing that it is a kind of, nor a kind of it. Often of a like sort."""
        own = self.above.get(entry.noun, set())
        senses = {self.words.senses[name][0] for name in (entry.noun, *entry.others) if name in self.words.senses}
        file = self.words.synsets[next(iter(senses))].file if senses else 0
        near = self.chance.random() < 0.4
        while True:
            noun = self.chance.choice(self.nouns)
            above = self.above[noun]
            sense = self.words.visible_sense(noun)
            if sense is None or (near and sense.file != file and self.chance.random() < 0.98):
                continue
            if not senses & above and sense.offset not in own and noun not in entry.others:
                return noun

    def ask(self, entry: Entry, background: str) -> list[Asked]:
        """Questions about one view of a picture, whose background is a colour's name, `scene`, or unknown."""
        chance, phrase, noun = self.chance, entry.phrase, entry.noun
        many = phrase.endswith("s") and not phrase.endswith("ss") and self.words.base(phrase) != noun
        named = phrase if many else article(phrase)
        be, this = ("are", "These") if many else ("is", "This")
        kind = self.kind_of(noun)
        answers = [f"{this} {be} {named}."] * 3 + [f"{named[0].upper()}{named[1:]}."]
        if kind is not None and not many:
            answers.append(f"This is {named}, a kind of {kind}.")
        asked = [Asked(chance.choice(WHAT), chance.choice(answers), "what", (noun, *entry.others))]
        other = self.other_than(entry)
        wrong = self.by_noun[other]
        exists = chance.choice(("Is there {} in the picture?", "Is this {}?", "Do you see {}?", "Does the picture show {}?"))
        asked.append(Asked(exists.format(article(phrase)), f"Yes, {this.lower()} {be} {named}.", "true", ("yes",)))
        asked.append(Asked(exists.format(article(wrong)), f"No, {this.lower()} {be} {named}.", "false", ("no",)))
        extra = [Asked(chance.choice(ONE_WORD), f"{phrase[0].upper()}{phrase[1:]}.", "what", (noun,))]
        medium = "drawing" if entry.kind == "drawing" else "photograph"
        tail = {"": "", "scene": ""}.get(background, f" on a {background} background")
        extra.append(Asked(chance.choice(DESCRIBE), f"{article(medium).capitalize()} of {named}{tail}.", "describe", (noun,)))
        extra.append(Asked(chance.choice(MEDIUM), f"A {medium}.", "medium", (medium,)))
        if tail:
            extra.append(
                Asked(
                    chance.choice(("What colour is the background?", "What color is the background?")),
                    f"The background is {background}.",
                    "colour",
                    (background,),
                )
            )
        if kind is not None:
            extra.append(Asked(chance.choice((f"What kind of {kind} is this?", f"Which {kind} is this?")), f"This is {named}.", "what", (noun,)))
            extra.append(Asked(f"Is this {article(kind)}?", f"Yes, this is {named}.", "true", ("yes",)))
        asked.append(chance.choice(extra))
        return asked
