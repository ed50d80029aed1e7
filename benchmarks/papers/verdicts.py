"""Verdicts on what papers say, what was measured for them, and the range where it should lie."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

HELD: Final = "held"
NOT_HELD: Final = "not held"
UNDECIDED: Final = "undecided"
HELD_HERE: Final = "held (this model only)"
NOT_HELD_HERE: Final = "not held (this model only)"
TOO_FEW: Final = "too few models"
MEASURED: Final = "measured"
CRITERION: Final = "criterion"
PROVED: Final = "proved"
REPLACED: Final = "replaced"
READING: Final = "reading"
SCHEMATIC: Final = "schematic"
NOT_TESTABLE: Final = "not testable here"
NOT_RUN: Final = "not in this run"
VERDICTS: Final = {
    HELD: "every test of it held.",
    NOT_HELD: "at least one test went against it.",
    UNDECIDED: "no test went against it, but not every one held, or a method that it is about has no numbers.",
    HELD_HERE: "held, but a task of it has a single trained model: another might do otherwise.",
    NOT_HELD_HERE: "likewise, a test went against it for a single trained model.",
    TOO_FEW: "nothing is said of models by two of them.",
    MEASURED: "measured or drawn, but the paper says nothing of it that could be put to the test.",
    CRITERION: "models are trained anew until they meet it, so that it is no finding.",
    PROVED: "a fact of mathematics, computed exactly here or in a test that is named.",
    REPLACED: "what the paper has does not serve; something else takes its place.",
    READING: "the paper leaves it open; one reading was chosen.",
    SCHEMATIC: "explains something, and shows no result.",
    NOT_TESTABLE: "cannot be tested in this project, for the reason given.",
    NOT_RUN: "this run has no records of it.",
}
WORST_FIRST: Final = (NOT_HELD, NOT_HELD_HERE, UNDECIDED, TOO_FEW, HELD_HERE, HELD)
ENOUGH_MODELS: Final = 3  # without which nothing is said about models, unless there is one, and of that one alone


@dataclass(frozen=True)
class Finding:
    """The result of looking at a statement: what was measured, in words, and one of ``VERDICTS``."""

    measured: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Range:
    """The numbers above one and below another; infinite where nothing is said."""

    above: float = -np.inf
    below: float = np.inf

    def judge(self, low: float, high: float) -> str:
        """Held where all from ``low`` to ``high`` is within, not held where all is beyond an end, else undecided."""
        if self.above < low and high < self.below:
            return HELD
        return NOT_HELD if high < self.above or low > self.below else UNDECIDED

    def __str__(self) -> str:
        sides = (("above", self.above), ("below", self.below))
        return " and ".join(f"{side} {bound:g}" for side, bound in sides if np.isfinite(bound))


def list_measured(texts: Iterable[str], verdict: str = MEASURED) -> Finding:
    """One measurement after the other, empty ones left out; not in this run where there are none."""
    text = "; ".join(filter(None, texts))
    return Finding(text, verdict if text else NOT_RUN)


def conclude(text: str, true: bool) -> Finding:
    """A fact of arithmetic: proved where what was computed is so, else not held."""
    return Finding(text, PROVED if true else NOT_HELD)


def qualify(verdict: str, models: int) -> str:
    """The verdict of a test on so many trained models."""
    if models == 1:
        return {HELD: HELD_HERE, NOT_HELD: NOT_HELD_HERE}.get(verdict, verdict)
    return verdict if models >= ENOUGH_MODELS else TOO_FEW


def combine_verdicts(verdicts: Sequence[str]) -> str:
    """The verdict over several tests: the worst one, and undecided without any."""
    return next((verdict for verdict in WORST_FIRST if verdict in verdicts), UNDECIDED)
