"""Scores a run on what it was never trained on: `python -m emuchat_nano.evaluate WORK --model GGUF [--name RUN]`.

Prints and writes WORK/runs/RUN/scores.json; every answer stands beside it in answers.tsv. Beside each figure come its
baselines: the constant answer, shuffled pictures, and the nearest centroid of a noun's class tokens.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from .answer import answer_all
from .features import load_features
from .language import arithmetic
from .nano import Nano
from .prompt import Prompts
from .scoring import Expected, Scorer, commonest, interval, shuffled
from .wordnet import WordNet

WHAT = "What is this?"
PAIRS = 200

Ask = Callable[[list[tuple[int, str]]], list[str]]
Note = Callable[[str, list[str], list[str], list[str], list[str], list[bool]], None]


class Evaluation:
    """The pictures that scores are taken from, and what judges them."""

    def __init__(self, work: Path, features: Path) -> None:
        self.lines = [json.loads(line) for line in (work / "examples.jsonl").open(encoding="utf-8")]
        self.rows, self.features = load_features(work, features)
        self.scorer = Scorer(WordNet(work / "unpacked/wordnet-base/usr/share/wordnet"))

    def of(self, role: str) -> list[dict]:
        """The pictures with a place in the split."""
        return [line for line in self.lines if line["role"] == role and line["picture"] in self.rows]

    def named(self, role: str) -> tuple[list[int], list[Expected]]:
        """Rows and names of the pictures of groups (a) and (d)."""
        lines = self.of(role)
        expected = [Expected(line["source"]["noun"], tuple(line["source"]["others"])) for line in lines]
        return [self.rows[line["picture"]] for line in lines], expected

    def constant(self, expected: list[Expected]) -> float:
        """Share that one and the same answer gets right, the commonest noun of training."""
        best = commonest(line["source"]["noun"] for line in self.of("train") if line["source"])
        return float(np.mean([self.scorer.names(best.replace("_", " "), one) for one in expected]))

    def centroid(self, rows: list[int], expected: list[Expected]) -> float:
        """Share that the nearest centroid gets right: class tokens of training pictures, centred, by cosine."""
        classes: dict[str, list[np.ndarray]] = defaultdict(list)
        for line in self.of("train"):
            if line["source"]:
                classes[line["source"]["noun"]].append(self.features[self.rows[line["picture"]], 0].astype(np.float32))
        nouns = sorted(classes)
        middle = np.mean([feature for one in classes.values() for feature in one], axis=0)
        centroids = np.stack([_unit(np.mean(classes[noun], axis=0) - middle) for noun in nouns])
        said = [nouns[int(np.argmax(centroids @ _unit(self.features[row, 0].astype(np.float32) - middle)))] for row in rows]
        return float(np.mean([self.scorer.names(noun.replace("_", " "), one) for noun, one in zip(said, expected, strict=True)]))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / (np.linalg.norm(vector) + 1e-9)


def evaluate(nano: Nano, prompts: Prompts, data: Evaluation, most: int | None) -> tuple[dict, list[tuple[str, ...]]]:
    """All groups' scores, and every answer: group, picture, question, expected, answer, right."""
    scores: dict = {}
    told: list[tuple[str, ...]] = []

    def ask(asked: list[tuple[int, str]]) -> list[str]:
        return answer_all(nano, prompts, data.features, asked)

    def note(group: str, pictures: list[str], questions: list[str], expected: list[str], answers: list[str], right: list[bool]) -> None:
        told.extend((group, *map(str, cells)) for cells in zip(pictures, questions, expected, answers, map(int, right), strict=True))

    for group, role in (("a", "held-out"), ("d", "photographs")):
        lines = data.of(role)[:most]
        rows, expected = (part[:most] for part in data.named(role))
        answers = ask([(row, WHAT) for row in rows])
        right = [data.scorer.names(answer, one) for answer, one in zip(answers, expected, strict=True)]
        moved = [answers[index] for index in shuffled(len(answers))]
        control = [data.scorer.names(answer, one) for answer, one in zip(moved, expected, strict=True)]
        scores[group] = _score(right) | {
            "constant": data.constant(expected), "shuffled": float(np.mean(control)), "centroid": data.centroid(rows, expected),
        }  # fmt: skip
        note(group, [line["picture"] for line in lines], [WHAT] * len(rows), [one.noun for one in expected], answers, right)
    for kind in ("colour", "number", "position"):
        scores[f"b {kind}"] = _ask_kind(data, ask, note, kind, most)
    scores["c"] = _ask_pairs(data, ask, note, most)
    lines = data.of("nothing")[:most]
    asked = [(data.rows[line["picture"]], line["asked"][0]["question"]) for line in lines]
    answers = ask(asked)
    invented = [not data.scorer.admits(answer) for answer in answers]
    scores["e"] = {"invented": float(np.mean(invented)), "count": len(invented)}
    note("e", [line["picture"] for line in lines], [one[1] for one in asked], ["nothing"] * len(lines), answers, [not one for one in invented])
    return scores, told


def _ask_kind(data: Evaluation, ask: Ask, note: Note, kind: str, most: int | None) -> dict:
    """Group (b): one question a picture, with the constant answer and the shuffled control."""
    chosen = [(line, one) for line in data.of(kind)[:most] for one in line["asked"] if one["kind"] == kind]
    answers = ask([(data.rows[line["picture"]], one["question"]) for line, one in chosen])
    right = [data.scorer.says(answer, one["right"], kind) for answer, (_, one) in zip(answers, chosen, strict=True)]
    others = [chosen[place][0]["picture"] for place in shuffled(len(chosen))]
    moved = ask([(data.rows[other], one["question"]) for other, (_, one) in zip(others, chosen, strict=True)])
    control = [data.scorer.says(answer, one["right"], kind) for answer, (_, one) in zip(moved, chosen, strict=True)]
    often = commonest(one["right"][0] for _, one in chosen)
    note(
        f"b {kind}",
        [line["picture"] for line, _ in chosen],
        [one["question"] for _, one in chosen],
        [one["right"][0] for _, one in chosen],
        answers,
        right,
    )
    return _score(right) | {"constant": float(np.mean([often in one["right"] for _, one in chosen])), "shuffled": float(np.mean(control))}


def _ask_pairs(data: Evaluation, ask: Ask, note: Note, most: int | None) -> dict:
    """Group (c): a true and a false question about one picture, right only together; half about named pictures."""
    pairs = []
    named = data.of("held-out")[: PAIRS // 2]
    composed = [line for kind in ("colour", "number", "position") for line in data.of(kind)[: PAIRS // 6 + 1]]
    for line in [*named, *composed[: PAIRS // 2]][:most]:
        by_kind = {one["kind"]: one for one in reversed(line["asked"]) if one["kind"] in ("true", "false")}
        pairs.append((line, by_kind["true"], by_kind["false"]))
    asked = [(data.rows[line["picture"]], one["question"]) for line, *both in pairs for one in both]
    answers = ask(asked)
    single = [
        data.scorer.says(answers[2 * index + place], one["right"], one["kind"])
        for index, (_, *both) in enumerate(pairs)
        for place, one in enumerate(both)
    ]
    both_right = [single[2 * index] and single[2 * index + 1] for index in range(len(pairs))]
    pictures = [line["picture"] for line, *both in pairs for _ in both]
    expected = [one["right"][0] for _, *both in pairs for one in both]
    note("c", pictures, [question for _, question in asked], expected, answers, single)
    return _score(both_right) | {"constant": 0.0, "single": float(np.mean(single))}


def _score(right: list[bool]) -> dict:
    low, high = interval(sum(right), len(right))
    return {"right": float(np.mean(right)), "count": len(right), "interval": [round(low, 3), round(high, 3)]}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--name", default="nano")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--most", type=int, help="only so many pictures of each group")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    run = options.work / "runs" / options.name
    nano = Nano(options.model, options.rank, options.rank, arithmetic())
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    nano.load(saved["parameters"])
    data = Evaluation(options.work, options.features or options.work / "features")
    scores, told = evaluate(nano, Prompts(options.model), data, options.most)
    scores["step"] = saved["step"]
    (run / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    cells = [("group", "picture", "question", "expected", "answer", "right"), *told]
    (run / "answers.tsv").write_text("\n".join("\t".join(cell.replace("\n", " ").replace("\t", " ") for cell in row) for row in cells) + "\n")
    print(json.dumps(scores, indent=1))


if __name__ == "__main__":
    main()
