"""How fast each stage learns and what is drawn in it."""

import json
import random
import tempfile
import unittest
from collections import Counter
from pathlib import Path

from emuchat_nano.examples import BRANCHES, Examples, kind_of
from emuchat_nano.stages import STAGES, STEPS, rate, stage_at

NOTHING = {"things": []}


class Stages(unittest.TestCase):
    def test_every_step_has_its_stage(self):
        counts = Counter(stage_at(step)[0].steps for step in range(STEPS))
        self.assertEqual(counts, {stage.steps: stage.steps for stage in STAGES})
        self.assertEqual([stage_at(step)[1] for step in (0, STAGES[0].steps - 1, STAGES[0].steps)], [0, STAGES[0].steps - 1, 0])
        self.assertRaises(ValueError, stage_at, STEPS)

    def test_each_stage_rises_shortly_and_falls(self):
        first = 0
        for stage in STAGES:
            rates = [rate(step) for step in range(first, first + stage.steps)]
            self.assertEqual(max(rates), stage.peak)
            self.assertLess(rates.index(max(rates)), 40)
            for one in (rates[0], rates[-1]):
                self.assertLess(one, 0.03 * stage.peak)
                self.assertGreater(one, 0)
            falling = rates[stage.steps // 4 :]
            self.assertEqual(falling, sorted(falling, reverse=True))
            first += stage.steps

    def test_shares_are_of_every_kind_and_one_together(self):
        for stage in STAGES:
            self.assertEqual(stage.shares.keys(), BRANCHES.keys())
            self.assertAlmostEqual(sum(stage.shares.values()), 1)


class Draws(unittest.TestCase):
    def test_kinds_are_drawn_as_often_as_their_shares_say(self):
        lines = [
            {"picture": f"{noun}-{one}", "source": {"kind": "drawing", "noun": noun}, "layout": NOTHING, "asked": []}
            for noun, count in (("ant", 1), ("bee", 9))
            for one in range(count)
        ]
        lines += [{"picture": f"nothing-{one}", "source": None, "layout": NOTHING, "asked": []} for one in range(2)]
        for line in lines:
            line |= {"role": "train", "asked": [{"question": "What is this?", "answer": "Something."}]}
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "examples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
            examples = Examples(Path(folder), {line["picture"]: row for row, line in enumerate(lines)}, random.Random(3))
        for shares in ({"drawing": 0.8, "nothing": 0.2}, {"drawing": 0.4, "nothing": 0.6}):
            examples.share(shares)
            drawn = [examples.draw()[0] for _ in range(4000)]
            counts = Counter(kind_of(line) for line in drawn)
            self.assertAlmostEqual(counts["drawing"] / 4000, shares["drawing"], delta=0.03)
            # Nouns are drawn by the roots of their counts: one of ant for three of bee.
            ants = sum(line["picture"].startswith("ant") for line in drawn)
            self.assertAlmostEqual(ants / counts["drawing"], 0.25, delta=0.04)


if __name__ == "__main__":
    unittest.main()
