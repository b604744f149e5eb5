"""Questions made from layouts: what they say must be what is drawn."""

import random
import re
import unittest
from dataclasses import asdict

from emuchat_nano.composed import COLOURS, NUMBERS, Composer, article, plural
from emuchat_nano.layouts import LayoutQuestioner

SIDES = {"left": ("x", -1), "right": ("x", 1), "above": ("y", -1), "below": ("y", 1), "top": ("y", -1), "bottom": ("y", 1)}


class Layouts(unittest.TestCase):
    def asked(self, kind):
        """Layouts of a kind, and what is asked about each."""
        composer, questioner = Composer(11, []), LayoutQuestioner(random.Random(5))
        for _ in range(60):
            layout = asdict(getattr(composer, kind)().layout)
            yield layout, questioner.ask(layout, 6)

    def test_as_many_as_wanted_and_each_once(self):
        for kind in ("colour", "number", "position"):
            for _, asked in self.asked(kind):
                self.assertLessEqual(len(asked), 6)
                self.assertGreaterEqual(len(asked), 4)
                self.assertEqual(len({question for question, _ in asked}), len(asked))

    def test_places_are_those_of_the_layout(self):
        seen = 0
        for layout, asked in self.asked("position"):
            by_shape = {thing["words"][1]: thing for thing in layout["things"]}
            for question, answer in asked:
                found = re.match(r"(?:Yes, the|No, the|The) (?:\w+ )?(\w+) is (left|right|above|below)", answer)
                if found:
                    thing = by_shape[found[1]]
                    [other] = [one for one in layout["things"] if one is not thing]
                    axis, sign = SIDES[found[2]]
                    self.assertGreater(sign * (thing[axis] - other[axis]), 0, (layout, question, answer))
                    seen += 1
                found = re.match(r"What (?:is|colou?r is the thing) (?:on|at) the (\w+)\?", question)
                if found:
                    axis, sign = SIDES[found[1]]
                    there = max(layout["things"], key=lambda thing: sign * thing[axis])
                    self.assertTrue(any(word in answer for word in there["words"]), (layout, question, answer))
        self.assertGreater(seen, 100)

    def test_numbers_and_colours_are_those_of_the_layout(self):
        for kind in ("number", "colour"):
            for layout, asked in self.asked(kind):
                colour, shape = layout["things"][0]["words"]
                count = NUMBERS[len(layout["things"])]
                for question, answer in asked:
                    told = [word for word in re.findall(r"[a-z]+", answer.lower()) if word in NUMBERS[1:]]
                    self.assertTrue(all(word == count for word in told), (question, answer))
                    named = [word for word in re.findall(r"[a-z]+", answer.lower()) if word in COLOURS]
                    behind = "background" in answer
                    self.assertTrue(all(word == (layout["background"] if behind else colour) for word in named), (question, answer))
                    one = len(layout["things"]) == 1
                    things, be = (shape, "Is") if one else (plural(shape), "Are")
                    agrees = (
                        f"{be} there {count} {things}?",
                        f"{be} the {things} {colour}?",
                        f"Is there {article(shape)} in the picture?",
                    )
                    if answer.startswith(("Yes", "No")):
                        self.assertEqual(answer.startswith("Yes"), question in agrees, (question, answer))

    def test_everything_is_mentioned(self):
        composer, questioner = Composer(11, []), LayoutQuestioner(random.Random(5))
        for _ in range(30):
            layout = asdict(composer.position().layout)
            asked = " ".join(question for [(question, _)] in questioner.mention(layout))
            self.assertTrue(all(thing["words"][1] in asked for thing in layout["things"]), (layout, asked))
            layout = asdict(composer.number().layout)
            noun = plural(layout["things"][0]["words"][1])
            self.assertTrue(all(noun in question for [(question, _)] in questioner.mention(layout)))

    def test_neither_yes_nor_no_is_the_rule(self):
        said = [answer.split(",")[0] for kind in ("colour", "number", "position") for _, asked in self.asked(kind) for _, answer in asked]
        yes, no = said.count("Yes"), said.count("No")
        self.assertTrue(0.4 < yes / (yes + no) < 0.6, (yes, no))


if __name__ == "__main__":
    unittest.main()
