"""Run folders made by hand, for what reads records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import (
    MANIFEST,
    CellRecord,
    ColumnFacts,
    EncodedArray,
    Manifest,
    ProblemRecord,
    Provenance,
    SweepPoint,
    write,
)
from benchmarks.suite import Suite
from sig.registry import Cost

WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
WHERE = Provenance(
    commit="0123456789abcdef",
    dirty=True,
    python="3.12.1",
    packages={"torch": "2.6.0", "numpy": "2.1.0"},
    device="cpu",
    data={},
    started_at=WHEN,
)
CURVE = {"metric": "iaccuracy", "better": "lower", "range": (0, 1), "curve": "share of features removed"}
FACTS: dict[str, dict[str, Any]] = {
    "spearman_game": {"metric": "spearman", "range": (-1, 1), "truth": "game"},
    "spearman_model": {"metric": "spearman", "range": (-1, 1), "truth": "model"},
    "iaccuracy": CURVE,
    "iaccuracy_mean": {**CURVE, "options": {"removal": "mean", "share": 0.5}},
    "100%_right": {"metric": "right"},
    "completeness": {"metric": "completeness", "better": "lower", "judges": False},
}


def facts(column: str) -> ColumnFacts:
    plain = {"options": {}, "truth": "", "better": "higher", "range": (0, 1), "unit": "", "source": "", "curve": ""}
    return ColumnFacts.model_validate({**plain, "judges": True, **FACTS[column]})


@dataclass
class RunMaker:
    """Collects records and writes them as a run.

    Attributes:
        directory: of the run.
        families: by method; "control" is that of controls.
        tasks: entries of the suite, by name.
    """

    directory: Path
    families: Mapping[str, str]
    tasks: Mapping[str, Mapping[str, Any]]
    problems: list[ProblemRecord] = field(default_factory=list)
    cells: list[CellRecord] = field(default_factory=list)

    def problem(self, task: str, repetition: int, **outcome: Any) -> None:
        self.problems.append(ProblemRecord.model_validate({**self._problem(task, repetition), **outcome}))

    def cell(
        self,
        task: str,
        repetition: int,
        label: str,
        scores: Mapping[str, Sequence[float | None]] | None = None,
        *,
        rows: float = 100,
        seconds: float = 0.5,
        **outcome: Any,
    ) -> None:
        """A cell, at the headline budget and ok unless told otherwise; ``rows`` and ``seconds`` are per explicand."""
        scores = scores or {}
        explicands = max(map(len, scores.values()), default=0)
        record = self._problem(task, repetition) | {
            "problem": f"{task}{repetition}",
            "label": label,
            "method": label,
            "family": self.families[label],
            "source": "made up",
            "control": self.families[label] == "control",
            "options": {},
            "budget": None,
            "headline": "sweep" not in outcome,
            "sweep": None,
            "metrics": [],
            "method_seed": 1,
            "key": f"{len(self.cells):08d}",
            "scores": scores,
            "facts": {column: facts(column) for column in scores},
            "cost": Cost(seconds * explicands, round(rows * explicands), 0, None) if explicands else None,
        }
        self.cells.append(CellRecord.model_validate({**record, **outcome}))

    def write(self, *, without: Sequence[str] = (), finished: bool = True) -> Path:
        """Write the run, but for the records of the methods ``without``, which the manifest lists nevertheless."""
        entry = {"kind": "made-up", "metrics": ["made-up"]}
        suite = Suite.model_validate(
            {
                "name": "made-up",
                "description": "A run made by hand.",
                "methods": list(self.families),
                "tasks": [{"name": name, **entry, **task} for name, task in self.tasks.items()],
            }
        )
        for problem in self.problems:
            write(problem, self.directory / problem.file)
        for cell in self.cells:
            if cell.label not in without:
                write(cell, self.directory / cell.file)
        manifest = Manifest(
            suite=suite,
            problems=[record.file for record in self.problems],
            cells=[record.file for record in self.cells],
            started_at=WHEN,
            finished_at=WHEN if finished else None,
        )
        write(manifest, self.directory / MANIFEST)
        return self.directory

    def _problem(self, task: str, repetition: int) -> dict[str, Any]:
        identity = {"task": task, "kind": "made-up", "task_options": {}, "repetition": repetition, "problem_seed": 1}
        return identity | {"key": f"{task}{repetition}", "status": "ok", "provenance": WHERE}


def small_run(directory: Path) -> RunMaker:
    """Two tasks, three repetitions, two budgets, a sweep, curves and maps; scores that can be checked by hand.

    On "game", an explicand per repetition: sig-game scores 0.9, 0.8, 1.0; ig-zero 0.1 less; the control 0; icg is
    skipped and broken fails. On "pictures", four explicands per repetition, lower is better: icg scores 0.2, sig-game
    0.1 and 0.3 in turn (the same in the mean), ig-zero 0.5, the control 0.9, broken 0.95 but fails in repetition 1.
    """
    families = {
        "ig-zero": "integrated-gradients",
        "sig-game": "shapley-integrated-gradients",
        "icg": "certainty",
        "random-attribution": "control",
        "broken": "mine_&_yours",
    }
    task = {"repetitions": 3, "budgets": [10, 100]}
    maker = RunMaker(directory, families, {"game": task, "pictures": task})
    for repetition, best in enumerate((0.9, 0.8, 1.0)):
        _add_game(maker, repetition, best)
        _add_pictures(maker, repetition)
    return maker


def _add_game(maker: RunMaker, repetition: int, best: float) -> None:
    truths = {"game": [[1.0, 2.0, 3.0]], "model": [[1.1, 1.9, 3.0 + 0.1 * repetition]]}
    maker.problem("game", repetition, truths=truths, checks={"r2": 0.97 + 0.01 * repetition}, features=(3,))
    for label, score in (("ig-zero", best - 0.1), ("sig-game", best)):
        for budget, lost in ((10, 0.3), (100, 0.0)):
            scores = {"spearman_game": [score - lost], "spearman_model": [score], "completeness": [2e-5]}
            maker.cell("game", repetition, label, scores, budget=budget, headline=budget == 100, rows=budget - 1)
    maker.cell("game", repetition, "random-attribution", {"spearman_game": [0.0], "spearman_model": [0.0]}, rows=0)
    maker.cell("game", repetition, "icg", status="skipped", reason="the model is not certainty-aware")
    maker.cell("game", repetition, "broken", status="failed", reason="ValueError: 5 % of <x|y>", headline=True)
    for value in (50, 200):
        sweep = SweepPoint(name="N", option="samples", value=value)
        maker.cell("game", repetition, "sig-game", {"spearman_game": [best - 10 / value]}, sweep=sweep)


def _add_pictures(maker: RunMaker, repetition: int) -> None:
    pictures = EncodedArray.of(np.linspace(0, 1, 2 * 36).reshape(2, 1, 6, 6))
    shown = {"shown": [0, 2], "shown_inputs": pictures, "shown_targets": [3, 4], "shown_predictions": [3, 5]}
    maker.problem("pictures", repetition, checks={"accuracy": 0.98}, features=(1, 6, 6), **shown)
    scores = {"ig-zero": [0.5] * 4, "sig-game": [0.1, 0.3] * 2, "icg": [0.2] * 4, "random-attribution": [0.9] * 4}
    for label, values in scores.items():
        columns: dict[str, list[float | None]] = {
            "iaccuracy": [*values],
            "iaccuracy_mean": [*values],
            "100%_right": [None, *(1 - value for value in values[1:])],
        }
        curve = EncodedArray.of([[1.0, 2 * value - 1.0] for value in values])
        outcome: dict[str, Any] = {"curves": {"iaccuracy": curve, "iaccuracy_mean": curve}, "maps": pictures}
        maker.cell(
            "pictures",
            repetition,
            label,
            columns,
            budget=100,
            rows=0 if label == "random-attribution" else 80,
            **outcome,
        )
    if repetition == 1:
        maker.cell("pictures", repetition, "broken", status="failed", reason="ValueError: 5 % of <x|y>")
    else:
        maker.cell("pictures", repetition, "broken", {"iaccuracy": [0.95] * 4})
