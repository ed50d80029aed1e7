"""Which methods fail which tests: properties that attributions should have, each with the score that tests it.

Computed from records alone. A property is passed or failed where the whole 95 % interval of the score lies on one side
of the threshold, and open otherwise; where a score has no interval as all its units are equal, they are it. Of several
tasks that test a property one failed is a fail, and one open leaves the rest open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pandas as pd

from benchmarks.board.aggregate import Board, find_option, list_rows
from benchmarks.board.tables import NONE, Cell, Table, make_table
from benchmarks.run.records import CellRecord
from datasets.problem import tasks
from sig.registry import metrics

Verdict = Literal["pass", "fail", "open", "n/a", "-"]

TITLE: Final = "Which methods fail which tests"
LEAD: Final = (
    "Pass or fail: the whole 95 % interval, over models where there are several, lies on one side of the threshold; "
    "open: it does not. Of several tasks the one that misses most is shown, with how many of them say so: one failed "
    "is a fail. n/a: the score has no meaning for the method. -: not measured."
)
CAUTION: Final = (
    "Each test looks at one thing: passing all of them does not make an attribution right, and no rank follows. "
    "All is measured at the headline budget; more rows may close a gap."
)
LEFT_OPEN: Final = 2  # units below which nothing can be said


@dataclass(frozen=True)
class Criterion:
    """What passes.

    Attributes:
        name: of the property that is tested.
        asks: the question, in a sentence.
        metric: registered name of the score.
        comparison, threshold: what the score has to be.
        reason: for the threshold.
        options, truth: of the column; any options where none are named.
        kinds: of the tasks that test it; any where none is named.
        task_options: of these tasks.
    """

    name: str
    asks: str
    metric: str
    comparison: Literal["at most", "at least"]
    threshold: float
    reason: str
    options: Mapping[str, Any] = field(default_factory=dict)
    truth: str = ""
    kinds: Sequence[str] = ()
    task_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def limit(self) -> str:
        """What the score has to be, in words."""
        return f"{self.comparison} {self.threshold:g}"

    def judge(self, mean: float, low: float, high: float, units: int) -> Verdict:
        """What an interval says; the mean stands for it where it is unknown, as that of equal scores without limits."""
        if units < LEFT_OPEN:
            return "open"
        low, high = (mean if pd.isna(end) else end for end in (low, high))
        good, bad = (high <= self.threshold, low > self.threshold)
        if self.comparison == "at least":
            good, bad = (low >= self.threshold, high < self.threshold)
        return "pass" if good else "fail" if bad else "open"

    def miss(self, mean: float) -> float:
        """How far a score is on the wrong side; negative on the right one."""
        return mean - self.threshold if self.comparison == "at most" else self.threshold - mean


CRITERIA: Final = (
    Criterion(
        "completeness",
        "Do attributions add up to the change of the output along the method's own paths?",
        metric="completeness",
        comparison="at most",
        threshold=0.05,
        reason="a twentieth of outputs whose size is about 1",
        kinds=("units", "local-minimum", "tabular"),
    ),
    Criterion(
        "dummy",
        "Do features that the network ignores get nothing?",
        metric="dummy",
        comparison="at most",
        threshold=0.1,
        reason="rounding is far below, and 60 inputs without any violation leave 0.06 open",
    ),
    Criterion(
        "symmetry",
        "Do equal features that the network cannot tell apart get the same?",
        metric="symmetry",
        comparison="at most",
        threshold=0.1,
        reason="rounding is far below, and 120 inputs without any violation leave 0.06 open",
    ),
    Criterion(
        "transfer",
        "Of what falls on objects, does most fall on those that decide the class?",
        metric="attribution_transfer",
        options={"measure": "target-share"},
        comparison="at least",
        threshold=0.75,
        reason="three quarters; attributing at random puts 0.4 there",
        kinds=("burnt-snacks",),
    ),
    Criterion(
        "shadow",
        "Does a place that is empty, but was not in training, get little?",
        metric="shadow",
        comparison="at most",
        threshold=0.2,
        reason="less than half of what attributing the same everywhere puts there, 0.45",
    ),
    Criterion(
        "model",
        "Do attributions change when all weights are drawn anew?",
        metric="randomisation",
        comparison="at most",
        threshold=0.5,
        reason="1 is a method that never looks at the weights, 0.1 to 0.3 independent ones of so few features",
    ),
    Criterion(
        "suppressors",
        "Are the strongest features informative, and not those that help the network to cancel noise?",
        metric="truth_precision",
        comparison="at least",
        threshold=0.5,
        reason="most of them; by chance it is an eighth or less",
        kinds=("suppressors",),
        task_options={"noise": "correlated"},
    ),
    Criterion(
        "saturation",
        "Do features share what any of them would bring about alone?",
        metric="spearman",
        truth="shapley",
        comparison="at least",
        threshold=0.9,
        reason="a gradient that vanishes where enough is enough puts features of the largest effect last",
        kinds=("units",),
        task_options={"unit": "saturated"},
    ),
)


@dataclass(frozen=True)
class PropertyVerdict:
    """A method by a property.

    Attributes:
        verdict: of all tasks together.
        score, interval: of the task that misses most, or is nearest to it, among those that say so; no interval where
            there is one model, and nothing where nothing is measured.
        of: how many tasks say so, of how many, where these are several.
        miss: how far the score is on the wrong side of the threshold.
    """

    verdict: Verdict
    score: str = ""
    interval: str = ""
    of: str = ""
    miss: float | None = None

    @property
    def order(self) -> str:
        """By which a column is sorted: what misses most first, what is not measured last."""
        return "999" if self.miss is None else f"{-self.miss:z.4f}"

    @property
    def style(self) -> str:
        """The name of its look on the page."""
        return self.verdict if self.verdict in ("pass", "fail", "open") else "none"

    @property
    def text(self) -> str:
        """All of it in words."""
        return " ".join(filter(None, [self.verdict, self.score, self.interval, self.of]))


@dataclass(frozen=True)
class PropertyRow:
    """A method by all properties, ``fails`` of ``decided`` ones failed."""

    method: str
    control: bool
    verdicts: Sequence[PropertyVerdict]

    @property
    def fails(self) -> int:
        return sum(one.verdict == "fail" for one in self.verdicts)

    @property
    def decided(self) -> int:
        return sum(one.verdict in ("pass", "fail") for one in self.verdicts)


@dataclass(frozen=True)
class Properties:
    """Methods by properties, of those criteria whose score the run has; ``frame`` is ``make_properties_frame``."""

    frame: pd.DataFrame
    criteria: Sequence[Criterion]
    rows: Sequence[PropertyRow]
    notes: Sequence[str]


def make_properties(board: Board) -> Properties:
    """Every method that anything is measured of, in the order of ``Board.methods``; no rows where the run tests
    nothing."""
    frame = make_properties_frame(board)
    criteria = [one for one in CRITERIA if (frame["property"] == one.name).any()]
    rows = []
    for method in map(str, board.methods.index):
        own = frame[frame["method"] == method]
        verdicts = [_combine(one, list_rows(own[own["property"] == one.name])) for one in criteria]
        if any(one.verdict in ("pass", "fail", "open") for one in verdicts):
            rows.append(PropertyRow(method, method in board.controls, verdicts))
    return Properties(frame, criteria, rows, [*(_describe(one, frame) for one in criteria), CAUTION])


def make_properties_table(properties: Properties) -> Table:
    """Methods by properties as a table; what fails is strong."""
    rows = [
        [
            f"{row.method} (control)" if row.control else row.method,
            f"{row.fails} of {row.decided}",
            *(Cell(one.text, strong=one.verdict == "fail") for one in row.verdicts),
        ]
        for row in properties.rows
    ]
    header = ["method", "fails", *(one.name for one in properties.criteria)]
    return make_table(TITLE, header, rows, properties.notes, LEAD)


def make_properties_frame(board: Board) -> pd.DataFrame:
    """A row for each property, method and task that tests it, at the headline budget: ``property, method, task, column,
    comparison, threshold, mean, low, high, models, units, verdict, reason``; the last says why nothing is measured."""
    summary = board.summary[board.summary["headline"]]
    found = {(str(row["task"]), str(row["method"]), str(row["column"])): row for row in list_rows(summary)}
    cells: dict[tuple[str, str], list[CellRecord]] = {}
    for cell in board.run.cells:
        if cell.headline:
            cells.setdefault((cell.task, cell.label), []).append(cell)
    rows = [
        {
            **{"property": one.name, "method": method, "task": task, "column": column},
            **{"comparison": one.comparison, "threshold": one.threshold},
            **_measure(one, found.get((task, method, column)), cells.get((task, method), []), column),
        }
        for one in CRITERIA
        for task, column in _find_columns(board, one)
        for method in map(str, board.methods.index)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS: Final = [
    *("property", "method", "task", "column", "comparison", "threshold"),
    *("mean", "low", "high", "models", "units", "verdict", "reason"),
]


def _find_columns(board: Board, criterion: Criterion) -> Iterable[tuple[str, str]]:
    """The columns that test a property, by task."""
    for facts in list_rows(board.columns[board.columns["metric"] == criterion.metric]):
        task, chosen = board.tasks[facts["task"]], facts["options"]
        options = (find_option(metrics, criterion.metric, chosen, name) for name in criterion.options)
        of_task = (find_option(tasks, task.kind, task.options, name) for name in criterion.task_options)
        fits = [
            facts["truth"] == criterion.truth,
            not criterion.kinds or task.kind in criterion.kinds,
            list(options) == list(criterion.options.values()),
            list(of_task) == list(criterion.task_options.values()),
        ]
        if all(fits):
            yield task.name, facts["column"]


def _measure(
    criterion: Criterion, row: Mapping[str, Any] | None, cells: Sequence[CellRecord], column: str
) -> dict[str, Any]:
    """What a method scores in a column, and the verdict; or why there is no score."""
    if row is not None and row["units"]:
        numbers = {name: row[name] for name in ("mean", "low", "high", "models", "units")}
        verdict = criterion.judge(row["mean"], row["low"], row["high"], row["units"])
        return {**numbers, "verdict": verdict, "reason": ""}
    if row is not None:
        return {"verdict": "n/a", "reason": "undefined on every input"}
    for cell in cells:
        if cell.status == "skipped":
            return {"verdict": "n/a", "reason": cell.reason}
        if cell.status == "ok" and column in cell.metric_notes:
            return {"verdict": "n/a", "reason": cell.metric_notes[column]}
    return {"verdict": NONE, "reason": next((cell.reason for cell in cells), "")}


def _combine(criterion: Criterion, rows: Sequence[Mapping[str, Any]]) -> PropertyVerdict:
    """One verdict of those of several tasks."""
    measured = [row for row in rows if row["verdict"] in ("pass", "fail", "open")]
    if not measured:
        return PropertyVerdict("n/a" if any(row["verdict"] == "n/a" for row in rows) else "-")
    verdict: Verdict = next(v for v in ("fail", "open", "pass") if any(row["verdict"] == v for row in measured))
    same = [row for row in measured if row["verdict"] == verdict]
    worst = max(same, key=lambda row: criterion.miss(row["mean"]))
    score, *ends = (f"{worst[name]:z.2f}" for name in ("mean", "low", "high"))
    interval = f"[{', '.join(ends)}]" if worst["models"] > 1 and not pd.isna(worst["low"]) else ""
    of = f"{len(same)}/{len(measured)}" if len(measured) > 1 else ""
    return PropertyVerdict(verdict, score, interval, of, criterion.miss(worst["mean"]))


def _describe(criterion: Criterion, frame: pd.DataFrame) -> str:
    """A criterion in a line, with the tasks that test it."""
    own = frame[frame["property"] == criterion.name]
    columns, of = (", ".join(own[name].unique()) for name in ("column", "task"))
    return f"{criterion.name}: {criterion.asks} {columns} {criterion.limit}, on {of}: {criterion.reason}."
