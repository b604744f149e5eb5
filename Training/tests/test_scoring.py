"""Scoring, splitting and composing, without PyTorch: `python -m unittest discover -s Training/tests -t Training`."""

import os
import unittest
from pathlib import Path

from emuchat_nano.composed import COLOURS, Composer, article, plural
from emuchat_nano.scoring import Expected, Scorer, interval, shuffled
from emuchat_nano.split import read_manifest
from emuchat_nano.wordnet import WordNet

TRAINING = Path(__file__).resolve().parent.parent
WORDNET = Path(os.environ.get("EMUCHAT_WORDNET", "/usr/share/wordnet"))


class WithoutWordNet(unittest.TestCase):
    def test_settling_words(self):
        self.assertTrue(Scorer.says("The star is grey, not blue.", ("grey", "gray"), "colour"))
        self.assertFalse(Scorer.says("It is blue, or grey.", ("grey", "gray"), "colour"))
        self.assertTrue(Scorer.says("There are 3 dogs.", ("three", "3"), "number"))
        self.assertFalse(Scorer.says("I know.", ("no",), "false"))

    def test_admitting(self):
        self.assertTrue(Scorer.admits("I cannot tell: the picture is blank."))
        self.assertTrue(Scorer.admits("I can't tell what this is."))
        self.assertFalse(Scorer.admits("This is a page of a book about cans."))

    def test_controls(self):
        self.assertEqual(shuffled(4), [2, 3, 0, 1])
        low, high = interval(70, 100)
        self.assertTrue(0.6 < low < 0.7 < high < 0.8)

    def test_manifest_keeps_sides_apart(self):
        entries = read_manifest(TRAINING / "manifest.tsv")
        trained = {entry.group for entry in entries if entry.role == "train"}
        self.assertFalse(trained & {entry.group for entry in entries if entry.role in ("held-out", "photographs")})
        self.assertEqual(sum(entry.role == "held-out" for entry in entries), 400)
        self.assertGreaterEqual(sum(entry.role == "photographs" for entry in entries), 100)
        self.assertEqual(len({entry.sha256 for entry in entries}), len(entries))

    def test_composed_answers_follow_from_the_seed(self):
        for kind in ("colour", "number", "position", "nothing"):
            first, second = (getattr(Composer(7, []), kind)() for _ in range(2))
            self.assertEqual(first.asked, second.asked)
            self.assertEqual(first.picture.tobytes(), second.picture.tobytes())

    def test_composed_numbers_are_what_is_drawn(self):
        composer = Composer(3, [])
        for _ in range(40):
            made = composer.number()
            [count] = [one.right[1] for one in made.asked if one.kind == "number"]
            pixels = made.picture.load()
            background = pixels[0, 0]
            seen = [[pixels[x, y] != background for x in range(224)] for y in range(224)]
            if "ring" not in made.asked[0].question:
                self.assertEqual(_regions(seen), int(count), made.asked[0].question)

    def test_words(self):
        self.assertEqual([plural("bus"), plural("fish"), plural("berry"), plural("dog")], ["buses", "fish", "berries", "dogs"])
        self.assertEqual([article("owl"), article("unicorn"), article("dog")], ["an owl", "a unicorn", "a dog"])
        self.assertEqual(len(COLOURS), 11)


def _regions(seen):
    """Connected regions, by flooding."""
    count = 0
    for y, row in enumerate(seen):
        for x, there in enumerate(row):
            if there:
                count += 1
                waiting = [(x, y)]
                while waiting:
                    a, b = waiting.pop()
                    if 0 <= a < 224 and 0 <= b < 224 and seen[b][a]:
                        seen[b][a] = False
                        waiting += [(a + 1, b), (a - 1, b), (a, b + 1), (a, b - 1)]
    return count


@unittest.skipUnless((WORDNET / "data.noun").exists(), f"WordNet is not in {WORDNET}: set EMUCHAT_WORDNET")
class WithWordNet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scorer = Scorer(WordNet(WORDNET))

    def test_first_noun(self):
        for answer, noun in [
            ("This is a tiger.", "tiger"),
            ("It is a red fire engine on a road.", "fire_engine"),
            ("An orange.", "orange"),
            ("This is a picture of two dogs.", "dog"),
            ("There are three mice.", "mouse"),
        ]:
            self.assertEqual(self.scorer.first_noun(answer), noun, answer)
        self.assertIsNone(self.scorer.first_noun("I cannot tell."))

    def test_synonyms_and_kinds_count(self):
        for answer, noun, right in [
            ("This is a poodle.", "dog", True),
            ("This is a dog.", "poodle", False),
            ("An automobile.", "car", True),
            ("A seagull.", "bird", True),
            ("A penny.", "coin", True),
            ("These are a pair of scissors.", "scissors", True),
            ("A dog next to a cat.", "cat", False),
            ("This is a kitten.", "dog", False),
        ]:
            self.assertEqual(self.scorer.names(answer, Expected(noun)), right, answer)
        self.assertTrue(self.scorer.names("A cat.", Expected("kitten", ("cat",))))


if __name__ == "__main__":
    unittest.main()
