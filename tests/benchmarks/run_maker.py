"""Run folders made by hand, for what reads records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.run.fields import ColumnFacts, EncodedArray, Provenance, SweepPoint
from benchmarks.run.records import CellRecord, Manifest, ProblemRecord
from benchmarks.run.storage import RUN_MANIFEST, write
from benchmarks.run.suite import Suite
from sig.registry import Cost

WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
WHERE = Provenance(
    commit="0123456789abcdef",
    dirty=True,
    python="3.12.1",
    packages={"torch": "2.6.0", "numpy": "2.1.0"},
    device="cpu",
    processor="A processor",
    instructions="AVX2",
    native_bf16=False,
    threads=1,
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
    "dark": {"metric": "attribution_transfer", "options": {"measure": "dark"}},
    "distractors": {"metric": "attribution_strayed", "better": "lower"},  # the default
    "light": {"metric": "attribution_strayed", "better": "lower", "options": {"measure": "light"}},
    "background": {"metric": "attribution_strayed", "better": "lower", "options": {"measure": "background"}},
    "peak": {"metric": "attribution_transfer", "options": {"measure": "localisation"}},
    "object": {"metric": "attribution_transfer", "options": {"measure": "strongest"}},
    "share_found": {"metric": "attribution_transfer", "options": {"measure": "found"}},
    "of_several": {"metric": "attribution_transfer", "options": {"measure": "found-of-several"}},
    "order_scores": {"metric": "spearman", "range": (-1, 1), "truth": "scores"},
    "order_bshap": {"metric": "spearman", "range": (-1, 1), "truth": "bshap"},
    "off_bshap": {"metric": "local_minimum", "better": "lower", "range": (0, 9), "truth": "bshap"},
    "in_shadow": {"metric": "shadow", "better": "lower"},
    "ignored_share": {"metric": "dummy", "better": "lower", "judges": False},
    "apart": {"metric": "symmetry", "better": "lower", "range": (0, 2), "judges": False},
    "deletion": {"metric": "deletion", "better": "lower"},
    "certainty_deletion": {"metric": "certainty_deletion", "better": "lower"},
    "insertion": {"metric": "insertion"},
    "certainty_insertion": {"metric": "certainty_insertion"},
}


def facts(column: str) -> ColumnFacts:
    plain = {
        "label": column,
        "options": {},
        "truth": "",
        "better": "higher",
        "range": (0, 1),
        "unit": "",
        "source": "",
        "curve": "",
    }
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
            "same_as": "",
            "options": {},
            "budget": None,
            "distance": None,
            "headline": "sweep" not in outcome,
            "sweep": None,
            "metrics": [],
            "method_seed": 1,
            "attribution_key": f"{len(self.cells):08d}",
            "metric_keys": {},
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
            allocations=[],
            cells=[record.file for record in self.cells],
            started_at=WHEN,
            finished_at=WHEN if finished else None,
        )
        write(manifest, self.directory / RUN_MANIFEST)
        return self.directory

    def _problem(self, task: str, repetition: int) -> dict[str, Any]:
        kind, options = self.tasks[task].get("kind", "made-up"), self.tasks[task].get("options", {})
        identity = {"task": task, "kind": kind, "task_options": options, "repetition": repetition, "problem_seed": 1}
        key = f"{task}{repetition}"
        own_model = WHERE.model_copy(update={"data": {"checkpoint": key}})
        return identity | {"key": key, "status": "ok", "provenance": own_model}


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
    task = {"repetitions": 3, "budgets": [10, 100], "reproduces": ["SIG"]}
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
    rising = np.linspace(0, 1, 2 * 36).reshape(2, 1, 6, 6)
    pictures, falling = EncodedArray.of(rising), EncodedArray.of(-rising)
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
        maps = falling if label == "icg" else pictures
        outcome: dict[str, Any] = {"curves": {"iaccuracy": curve, "iaccuracy_mean": curve}, "maps": maps}
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


def certainty_run(directory: Path) -> RunMaker:
    """Certainty-aware models, two repetitions: two outputs of one on pictures of 6 x 12, and three features.

    The number of images at which accuracy is measured differs between repetitions; only "probability" has an accuracy
    without damage. On "probability" icg puts shares of 0.5, 0.1 and 0.2 on dark and light squares and triangles, and
    ig-zero 0.1, 0.8 and 0.1. On "minimum" icg attributes (2, 1, -4) and then (4, 4, 4), ig-zero nothing positive.
    """
    families = {"ig-zero": "integrated-gradients", "icg": "certainty"}
    task = {"repetitions": 2, "budgets": [100], "reproduces": ["ICG"]}
    snacks = {output: {**task, "kind": "burnt-snacks", "options": {"output": output}} for output in _OUTPUTS}
    maker = RunMaker(directory, families, {**snacks, "minimum": {**task, "kind": "local-minimum"}})
    for repetition in range(2):
        for output in _OUTPUTS:
            _add_snacks(maker, output, repetition)
        _add_minimum(maker, repetition)
    return maker


_OUTPUTS = ("probability", "logit")


def _add_snacks(maker: RunMaker, task: str, repetition: int) -> None:
    certainty = np.linspace(0, 1, 5)
    bands = {f"p{q:02}": 0.5 + (q - 50) / 100 * certainty * (1 - repetition / 4) for q in (5, 25, 50, 75, 95)}
    images = 100 * np.arange(1.0, 4.0) + 50 * repetition
    series: dict[str, dict[str, Any]] = {
        "certainty": {"certainty": certainty, **bands, "share": np.full(5, 0.5)},
        "training": {"images": images, "accuracy": 0.5 + images / 1000},
    }
    if task == "probability":
        series["training-without-damage"] = {"images": images, "accuracy": 0.6 + images / 1000}
    pictures = EncodedArray.of(np.linspace(0, 1, 2 * 72).reshape(2, 1, 6, 12))
    shown = {"shown": [0, 1], "shown_inputs": pictures, "shown_targets": [1, 0], "shown_predictions": [1, 0]}
    tables = {name: {column: [*values] for column, values in table.items()} for name, table in series.items()}
    maker.problem(task, repetition, series=tables, checks={"accuracy": 0.9}, features=(1, 6, 12), **shown)
    for label, dark, light, distractors in (("icg", 0.5, 0.1, 0.3), ("ig-zero", 0.1, 0.8, 0.9)):
        shares = {"dark": dark, "distractors": distractors, "light": light, "background": 1 - dark - distractors}
        scores: dict[str, list[float | None]] = {column: [value, None] for column, value in shares.items()}
        maker.cell(task, repetition, label, scores, budget=100, maps=pictures)


def _add_minimum(maker: RunMaker, repetition: int) -> None:
    shown = {"shown": [0], "shown_inputs": EncodedArray.of([[0.1, 0.7, 0.9]]), "shown_targets": [1]}
    truths = {"scores": [[-0.75, 0.6, 0.8], [0.0, 0.0, 0.0]], "bshap": [[-1.0, 0.5, 2.0], [0.0, 0.0, 0.0]]}
    maker.problem("minimum", repetition, truths=truths, features=(3,), **shown, shown_predictions=[1])
    attributions = {"icg": (2.0, 1.0, -4.0) if repetition == 0 else (4.0, 4.0, 4.0), "ig-zero": (-1.0, 0.0, -2.0)}
    for label, values in attributions.items():
        scores = {"100%_right": [0.5, 0.5]}
        maker.cell("minimum", repetition, label, scores, budget=100, maps=EncodedArray.of([values]))


ICG_METHODS = {
    "ig-zero": "integrated-gradients",
    "ig-mean": "integrated-gradients",
    "ig-gaussian-noise": "integrated-gradients",
    "expected-gradients": "integrated-gradients",
    "bshap": "shapley",
    "shap": "shapley",
    "icg": "certainty-gradients",
}
TRANSFER_COLUMNS = ("dark", "distractors", "background", "peak", "object", "share_found", "of_several")
TRANSFER_MEANS = {  # in the probability; in the logit all but Gaussian noise score as icg does
    "ig-zero": (0.1, 0.8, 0.1, 0.0, 0.0, 0.1, 0.1),
    "ig-mean": (0.1, 0.7, 0.2, 0.0, 0.0, 0.1, 0.1),
    "ig-gaussian-noise": (0.4, 0.0, 0.6, 0.7, 1.0, 1.0, 1.0),
    "expected-gradients": (0.1, 0.6, 0.3, 0.0, 0.0, 0.1, 0.1),
    "icg": (0.5, 0.0, 0.5, 1.0, 1.0, 0.8, 0.5),
}
TABLE_2 = {  # attributions of the paper's input
    "ig-zero": (0.0, 0.001, 0.002, 1.0, -0.3, 0.5),
    "ig-gaussian-noise": (0.0, 0.0, -0.1, 1.0, -0.5, 0.04),
    "expected-gradients": (-0.7, -0.7, -0.8, 0.9, 0.1, 1.0),
    "icg": (-0.8, -0.8, -0.8, 1.0, 0.4, 0.9),
}


def papers_run(directory: Path, *, holds: bool = True, repetitions: int = 4) -> RunMaker:
    """The tasks of the ICG paper, thirty explicands each: all that it claims ``holds``, or none of it."""
    task = {"repetitions": repetitions, "budgets": [100], "reproduces": ["ICG"]}
    kinds: dict[str, dict[str, Any]] = {
        "bumps": {"kind": "two-feature"},
        "minimum": {"kind": "local-minimum"},
        "snacks": {"kind": "burnt-snacks", "options": {"output": "probability"}},
        "snacks-logit": {"kind": "burnt-snacks", "options": {"output": "logit"}},
        "space": {"kind": "mnist-in-space"},
    }
    maker = RunMaker(directory, ICG_METHODS, {name: {**task, **kind} for name, kind in kinds.items()})
    for repetition in range(repetitions):
        rng = np.random.default_rng(repetition)
        _add_bumps(maker, repetition)
        _add_table_2(maker, repetition, rng, holds)
        for name in ("snacks", "snacks-logit"):
            _add_transfer(maker, name, repetition, rng, holds)
        maker.problem("space", repetition, **_model("space", repetition, holds))
        for label, share in (("icg", 0.1 if holds else 0.4), ("expected-gradients", 0.4 if holds else 0.1)):
            maker.cell("space", repetition, label, {"in_shadow": _near(share, rng)}, budget=100)
    return maker


def _near(mean: float, rng: np.random.Generator) -> list[float | None]:
    """Thirty scores; equal where the mean is 0 or 1."""
    return [float(score) for score in mean + 0.1 * min(mean, 1 - mean) * rng.standard_normal(30)]


def _model(kind: str, repetition: int, holds: bool) -> dict[str, Any]:
    """What is known of a trained model; that of a kind and repetition is the same in all tasks."""
    provenance = WHERE.model_copy(update={"data": {"checkpoint": f"{kind}{repetition}"}})
    return {"checks": _checks(repetition, holds), "provenance": provenance}


def _checks(repetition: int, holds: bool) -> dict[str, float]:
    accuracy = (0.991 if holds else 0.981) + 0.0005 * repetition
    low = (0.02 if holds else 0.06) + 0.001 * repetition
    checks = {"accuracy": accuracy, "accuracy_without_damage": 0.992, "neutrality_gap": low, "absence_spread": low}
    return {**checks, "restarts": float(repetition == 1)}


def _add_bumps(maker: RunMaker, repetition: int) -> None:
    truths = {
        "bshap": [[0.0, 1.0], [0.5, 0.5]],
        "shap": [[-0.092, 0.658], [0.283, 0.283]],
        "integrated_gradients": [[1.0, 0.0], [1.0, 0.0]],
    }
    shown = {"shown": [0, 1], "shown_inputs": EncodedArray.of([[0.6, 0.42], [0.4, 0.35]]), "shown_targets": [0, 0]}
    maker.problem("bumps", repetition, truths=truths, features=(2,), **shown, shown_predictions=[0, 0])
    maps = {"bshap": truths["bshap"], "shap": np.array(truths["shap"]) + 0.01 * repetition}
    maps |= {"ig-zero": np.array(truths["integrated_gradients"]) - 0.002, "expected-gradients": [[0.4, 0.3]] * 2}
    for label, values in maps.items():
        maker.cell("bumps", repetition, label, {"100%_right": [1.0, 1.0]}, budget=100, maps=EncodedArray.of(values))


def _add_table_2(maker: RunMaker, repetition: int, rng: np.random.Generator, holds: bool) -> None:
    bshap, scores = (-0.85, -0.84, -0.84, 1.0, 0.4, 0.98), (-0.75, -0.75, -0.75, 0.8, 0.6, 0.8)
    truths = {name: [values] * 30 for name, values in (("scores", scores), ("bshap", bshap))}
    shown = {"shown": [0], "shown_inputs": EncodedArray.of([[0.1, 0.2, 0.3, 0.6, 0.7, 0.9]]), "shown_targets": [1]}
    model = _model("minimum", repetition, holds)
    model["checks"]["boundary"] = 0.49 + 0.005 * repetition
    maker.problem("minimum", repetition, truths=truths, features=(6,), **shown, shown_predictions=[1], **model)
    maps = {**TABLE_2, "ig-mean": np.eye(6)[repetition] - np.eye(6)[repetition - 1]}  # another one in each repetition
    if not holds:
        maps |= {"icg": maps["ig-mean"], "ig-mean": TABLE_2["icg"], "ig-zero": TABLE_2["icg"]}
    for label, row in maps.items():
        near = 0.97 if (label == "icg") == holds else 0.5
        columns = {"order_scores": _near(near, rng), "order_bshap": _near(near, rng), "off_bshap": _near(1 - near, rng)}
        shown_map = EncodedArray.of([np.array(row) * (1 + 0.01 * rng.standard_normal(6))])
        maker.cell("minimum", repetition, label, columns, budget=100, maps=shown_map)


def _add_transfer(maker: RunMaker, task: str, repetition: int, rng: np.random.Generator, holds: bool) -> None:
    maker.problem(task, repetition, features=(1, 50, 50), **_model("snacks", repetition, holds))
    for label, means in TRANSFER_MEANS.items():
        chosen = means if task == "snacks" or label == "ig-gaussian-noise" else TRANSFER_MEANS["icg"]
        near = [mean if holds else 1 - mean for mean in chosen]
        scores = {column: _near(mean, rng) for column, mean in zip(TRANSFER_COLUMNS, near, strict=True)}
        maker.cell(task, repetition, label, scores, budget=100)
