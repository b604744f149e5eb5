"""How long training takes, what it sees in the meantime, and how fast it learns."""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """Some steps of training."""

    steps: int
    # The greatest share of the full learning rate.
    peak: float
    # How often each kind of picture is drawn.
    shares: dict[str, float]
    # Those of its steps that are of mentions alone (mentions.py).
    mentions: range


# Numbers are learned last: with half of the first stage's share, 61 % of them. Places come next to last, as sides do among
# what is mentioned: 67 % and 80 % after the first stage, so that the second has much of them. It costs numbers, from 79 % to
# 72 %; 250 further steps with 42 % of numbers left it so: of those that are trained on nine in ten are right.
STAGES = (
    Stage(1500, 1.0, {"photograph": 0.22, "drawing": 0.22, "colour": 0.03, "number": 0.38, "position": 0.11, "nothing": 0.04}, range(300, 550)),
    Stage(400, 0.5, {"photograph": 0.13, "drawing": 0.13, "colour": 0.04, "number": 0.26, "position": 0.41, "nothing": 0.03}, range(150)),
)
STEPS = sum(stage.steps for stage in STAGES)


def stage_at(step: int) -> tuple[Stage, int]:
    """The stage that a step belongs to, and which of its steps it is."""
    for stage in STAGES:
        if step < stage.steps:
            return stage, step
        step -= stage.steps
    raise ValueError("a step after the last")


def rate(step: int) -> float:
    """Share of the full learning rate: in each stage a short rise, a plateau, a fall over the last three quarters."""
    stage, step = stage_at(step)
    return stage.peak * min(1.0, (step + 1) / 40, max(0.02, (stage.steps - step) / (0.75 * stage.steps)))
