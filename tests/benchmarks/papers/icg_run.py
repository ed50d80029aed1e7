"""A run made by hand on which everything that ICG claims holds, or nothing."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.run.fields import ColumnFacts, EncodedArray
from sig.metrics.regions import ELSEWHERE
from tests.benchmarks.run_maker import FACTS, WHERE, RunMaker, facts

METHODS = {
    **dict.fromkeys(("ig-zero", "ig-mean", "ig-middle", "ig-max-distance"), "integrated-gradients"),
    **dict.fromkeys(("ig-gaussian-noise", "expected-gradients"), "integrated-gradients"),
    **dict.fromkeys(("bshap", "shap"), "shapley"),
    "icg": "certainty-gradients",
}
BASELINES = ("ig-zero", "ig-mean", "ig-gaussian-noise", "expected-gradients")
EXPLICANDS, CLASS_1, WITH_LIGHT = 30, 20, 15  # of Burnt Snacks; those with a light square come first in class 1
SHOWN = [0, 1, 2, CLASS_1, CLASS_1 + 1, CLASS_1 + 2]
MORE_FACTS: dict[str, dict[str, Any]] = {
    "overlap": {"metric": "attribution_transfer", "options": {"measure": "overlap"}},
    "off_scores": {"metric": "local_minimum", "better": "lower", "range": (0, 9), "truth": "scores"},
    "dummies": {"metric": "strong_dummy_violation", "better": "lower"},
    "consistent": {"metric": "consistency"},
}
DAMAGES = {  # accuracy, neutrality gap, and images until the accuracy is 93 %
    "noise-uniform": (0.94, 0.2, 5000.0),
    "noise-bernoulli": (0.95, 0.05, 4000.0),
    "noise-continuous-bernoulli": (0.95, 0.04, 4000.0),
    "swap-bernoulli": (0.97, 0.05, 3000.0),
    "swap-continuous-bernoulli": (0.97, 0.05, 3000.0),
}


def icg_run(directory: Path, *, holds: bool = True, repetitions: int = 4) -> RunMaker:
    """The tasks of the ICG paper: all that it claims ``holds``, or none of it."""
    task = {"repetitions": repetitions, "budgets": [100], "reproduces": ["ICG"]}
    kinds: dict[str, dict[str, Any]] = {
        "bumps": {"kind": "two-feature"},
        "minimum": {"kind": "local-minimum"},
        "snacks": {"kind": "burnt-snacks", "options": {"output": "probability"}},
        "snacks-logit": {"kind": "burnt-snacks", "options": {"output": "logit"}},
        "digits": {"kind": "mnist-certainty"},
        "space": {"kind": "mnist-in-space"},
        **{damage: {"kind": "local-minimum", "options": {"damage": damage}} for damage in DAMAGES},
    }
    maker = RunMaker(directory, METHODS, {name: {**task, **kind} for name, kind in kinds.items()})
    for repetition in range(repetitions):
        rng = np.random.default_rng(repetition)
        _add_bumps(maker, repetition, rng, holds)
        _add_minimum(maker, repetition, rng, holds)
        for name in ("snacks", "snacks-logit"):
            _add_snacks(maker, name, repetition, rng, holds)
        _add_digits(maker, repetition, rng, holds)
        _add_space(maker, repetition, rng, holds)
        _add_damages(maker, repetition, rng, holds)
    return maker


def more_facts(column: str) -> ColumnFacts:
    """Those of ``run_maker``, and those that ICG needs beside them."""
    if column in FACTS:
        return facts(column)
    return facts("100%_right").model_copy(update={"label": column, **MORE_FACTS[column]})


def _cell(maker: RunMaker, task: str, repetition: int, label: str, scores: dict[str, Any], **outcome: Any) -> None:
    facts_of = {column: more_facts(column) for column in scores}
    maker.cell(task, repetition, label, {"100%_right": [1.0]}, budget=100, **outcome)
    maker.cells[-1] = maker.cells[-1].model_copy(update={"scores": scores, "facts": facts_of})


def _near(mean: float, rng: np.random.Generator, count: int = EXPLICANDS) -> list[float]:
    """Scores; equal where the mean is 0 or 1."""
    return [float(score) for score in mean + 0.1 * min(mean, abs(1 - mean)) * rng.standard_normal(count)]


def _model(kind: str, repetition: int, holds: bool, **checks: float) -> dict[str, Any]:
    """What is known of a trained model; that of a kind and repetition is the same in all tasks."""
    provenance = WHERE.model_copy(update={"data": {"checkpoint": f"{kind}{repetition}"}})
    accuracy = (0.991 if holds else 0.981) + 0.0005 * repetition
    low = (0.02 if holds else 0.06) + 0.001 * repetition
    known = {"accuracy": accuracy, "accuracy_without_damage": 0.992, "neutrality_gap": low, "absence_spread": low}
    return {"checks": {**known, "restarts": float(repetition == 1), **checks}, "provenance": provenance}


# ---- two features ------------------------------------------------------------------------------------------------

TRUTHS = {
    "bshap": [[0.0, 1.0], [0.0, 0.0]],
    "shap": [[-0.092, 0.658], [-0.217, -0.217]],
    "integrated_gradients": [[1.0, 0.0], [-1.0, 1.0]],
}


def _add_bumps(maker: RunMaker, repetition: int, rng: np.random.Generator, holds: bool) -> None:
    difference = np.linspace(-0.1, 0.1, 4)
    ig = np.sign(difference) * (1.0 if holds else 0.1)
    series = {"difference": difference, "ig_x1": -ig, "ig_x2": ig, "bshap_x1": 0 * ig, "bshap_x2": 0 * ig}
    shown = {"shown": [0, 1], "shown_inputs": EncodedArray.of([[0.6, 0.42], [0.75, 0.9]]), "shown_targets": [0, 0]}
    known = {"truths": TRUTHS, "series": {"reversal": {name: [*map(float, of)] for name, of in series.items()}}}
    maker.problem("bumps", repetition, features=(2,), **known, **shown, shown_predictions=[0, 0])
    maps = {"bshap": TRUTHS["bshap"], "shap": np.array(TRUTHS["shap"]) + 0.01 * repetition}
    maps |= {"ig-zero": np.array(TRUTHS["integrated_gradients"]) - 0.002, "expected-gradients": [[0.4, 0.3]] * 2}
    given = {"bshap": (0.0, 1.0), "ig-zero": (0.9, 0.1)}
    for label, values in maps.items():
        violation, consistent = given.get(label, (0.5, 0.5)) if holds else (0.4, 0.6)
        scores = {"dummies": _near(violation, rng), "consistent": _near(consistent, rng)}
        _cell(maker, "bumps", repetition, label, scores, maps=EncodedArray.of(values))


# ---- Local Minimum -----------------------------------------------------------------------------------------------

TABLE_2 = {  # attributions of the paper's input
    "ig-zero": (0.0, 0.001, 0.002, 1.0, -0.3, 0.4),
    "ig-gaussian-noise": (0.0, 0.0, -0.01, 1.0, -0.5, 0.04),
    "expected-gradients": (-0.3, -0.7, -0.8, 0.9, 0.1, 1.0),
    "icg": (-0.8, -0.8, -0.8, 1.0, 0.4, 0.9),
}


def _add_minimum(maker: RunMaker, repetition: int, rng: np.random.Generator, holds: bool) -> None:
    bshap = (-0.85, -0.84, -0.84, 1.0, 0.4, 0.98) if holds else (-0.85, -0.1, -0.84, 1.0, 0.4, 0.98)
    noisy = [value * (1 + 0.01 * rng.standard_normal()) for value in bshap]
    truths = {"scores": [(-0.75, -0.75, -0.75, 0.8, 0.6, 0.8)] * EXPLICANDS, "bshap": [noisy] * EXPLICANDS}
    inputs = EncodedArray.of([[0.1, 0.2, 0.3, 0.6, 0.7, 0.9]])
    model = _model("minimum", repetition, holds, boundary=0.49 + 0.005 * repetition)
    model["series"] = {"training": {"images": [2000.0], "accuracy": [0.98 if holds else 0.5]}}
    if not holds:
        model["series"]["training"]["images"] = [9000.0]
        model["checks"] |= {"accuracy": 0.9, "neutrality_gap": 0.5 + 0.01 * repetition}
    else:
        model["checks"]["neutrality_gap"] = 0.001 + 0.0001 * repetition
    shown = {"shown": [0], "shown_inputs": inputs, "shown_targets": [1], "shown_predictions": [1]}
    maker.problem("minimum", repetition, truths=truths, features=(6,), **shown, **model)
    maps = {**TABLE_2, "ig-mean": np.eye(6)[repetition] - np.eye(6)[repetition - 1]}  # another one in each repetition
    if not holds:
        maps = dict.fromkeys(maps, TABLE_2["icg"]) | {"icg": maps["ig-mean"]}
    for label in (*maps, "ig-max-distance"):
        near = 0.97 if (label == "icg") == holds else 0.5
        good = (label in ("icg", "expected-gradients")) == holds
        scores = {"order_bshap": _near(near, rng), "off_bshap": _near(1 - near, rng)}
        scores["off_scores"] = _near(0.05 if good else 0.7, rng)
        outcome = {}
        if label in maps:
            outcome["maps"] = EncodedArray.of([np.array(maps[label]) * (1 + 0.01 * rng.standard_normal(6))])
        _cell(maker, "minimum", repetition, label, scores, **outcome)


def _add_damages(maker: RunMaker, repetition: int, rng: np.random.Generator, holds: bool) -> None:
    for damage, (accuracy, gap, images) in DAMAGES.items():
        if not holds:  # the order turns about
            accuracy, gap, images = 1.9 - accuracy, 0.25 - gap if damage != "noise-uniform" else 0.01, 9000.0 - images
        images = images + 10 * rng.standard_normal()
        gap = gap * (1 + 0.01 * rng.standard_normal())
        model = _model(damage, repetition, holds, accuracy=accuracy + 0.001 * rng.standard_normal(), neutrality_gap=gap)
        series = {"training": {"images": [images / 2, images], "accuracy": [0.5, 0.95]}}
        maker.problem(damage, repetition, features=(6,), series=series, **model)
        _cell(maker, damage, repetition, "icg", {"order_bshap": _near(0.8 if holds else 0.2, rng)})


# ---- Burnt Snacks ------------------------------------------------------------------------------------------------

SQUARES = {"dark": np.s_[10:16, 5:11], "light": np.s_[10:16, 20:26], "lightest": np.s_[10:16, 35:41]}
LIGHTNESS = {"dark": 0.3, "light": 0.6, "lightest": 0.9}
TRIANGLE = np.pad(np.tril(np.ones((6, 6), dtype=bool)), ((30, 14), (30, 14)))
TRANSFER_COLUMNS = ("dark", "background", "peak", "object", "share_found", "of_several", "overlap")
TRANSFER_MEANS = {  # in the probability; in the logit ICG finds all
    "ig-zero": (0.1, 0.1, 0.0, 0.0, 0.1, 0.1, 0.1),
    "ig-mean": (0.1, 0.2, 0.0, 0.0, 0.1, 0.1, 0.1),
    "ig-gaussian-noise": (0.4, 0.6, 0.9, 1.0, 1.0, 1.0, 0.5),
    "expected-gradients": (0.1, 0.3, 0.0, 0.0, 0.1, 0.1, 0.1),
    "icg": (0.7, 0.2, 1.0, 1.0, 0.8, 0.3, 0.9),
}


def paint(*, dark: bool, triangle: bool = True) -> np.ndarray:
    """A picture with two light squares, of lightness 0.6 and 0.9."""
    picture = np.zeros((50, 50))
    for name, place in SQUARES.items():
        if dark or name != "dark":
            picture[place] = LIGHTNESS[name]
    picture[TRIANGLE] = 0.4 if triangle else 0.0
    return picture


def attribute(*, triangle: float = 0.0, elsewhere: float = 0.0, **squares: tuple[float, float]) -> np.ndarray:
    """What each pixel gets: of a square the left half and the right half."""
    given = np.full((50, 50), elsewhere)
    given[TRIANGLE] = triangle
    for name, (left, right) in squares.items():
        rows, columns = SQUARES[name]
        given[rows, columns.start : columns.start + 3] = left
        given[rows, columns.start + 3 : columns.stop] = right
    return given


def _add_snacks(maker: RunMaker, task: str, repetition: int, rng: np.random.Generator, holds: bool) -> None:
    pictures = np.stack([paint(dark=index < CLASS_1) for index in SHOWN])[:, np.newaxis]
    targets = [int(index < CLASS_1) for index in SHOWN]
    shown = {"shown": SHOWN, "shown_inputs": EncodedArray.of(pictures), "shown_targets": targets}
    model = _model("snacks", repetition, holds)
    even = _even_shares()
    classes = [1] * CLASS_1 + [0] * (EXPLICANDS - CLASS_1)
    about = {"features": (1, 50, 50), "even_shares": even, "targets": classes}
    maker.problem(task, repetition, **about, **shown, shown_predictions=targets, **model)
    for label, means in TRANSFER_MEANS.items():
        if task == "snacks-logit" and label == "icg":
            means = (0.7, 0.2, 1.0, 1.0, 1.0, 1.0, 0.9)
        near = [mean if holds else 1 - mean for mean in means]
        scores = {column: _near(mean, rng) for column, mean in zip(TRANSFER_COLUMNS, near, strict=True)}
        maps = EncodedArray.of(
            np.stack([_map(task, label, index < CLASS_1, rng, holds) for index in SHOWN])[:, np.newaxis]
        )
        _cell(maker, task, repetition, label, scores, maps=maps, part_shares=_shares(label, even, rng, holds))


def _even_shares() -> dict[str, list[float]]:
    index = np.arange(EXPLICANDS)
    parts = {"dark": 0.03 * (index < CLASS_1), "light": 0.05 * ((index < WITH_LIGHT) | (index >= CLASS_1))}
    parts["triangle"] = np.full(EXPLICANDS, 0.04)
    parts[ELSEWHERE] = 1 - parts["dark"] - parts["light"] - parts["triangle"]
    return {name: of.tolist() for name, of in parts.items()}


def _shares(label: str, even: dict[str, list[float]], rng: np.random.Generator, holds: bool) -> dict[str, Any]:
    """Those of ICG even in class 0, and on the dark squares in class 1; those of the others on light squares."""
    shares = {name: np.array(of) for name, of in even.items()}
    focused = "light" if (label != "icg") == holds else "dark"
    moved = 0.6 + 0.02 * rng.standard_normal(EXPLICANDS)
    class_1 = np.arange(EXPLICANDS) < CLASS_1
    moved = np.where(class_1 | ((label != "icg") == holds), moved, 0.01)
    shares[focused] = shares[focused] + moved
    shares[ELSEWHERE] = shares[ELSEWHERE] - moved
    return {name: of.tolist() for name, of in shares.items()}


def _map(task: str, label: str, dark: bool, rng: np.random.Generator, holds: bool) -> np.ndarray:
    if task == "snacks-logit" and dark:
        one, other = ((1.0, -0.3), (0.4, -0.4)) if holds else ((-1.0, -1.0), (1.0, 1.0))
        return attribute(dark=one, light=other, lightest=other) * rng.uniform(0.9, 1, (50, 50))
    if not dark and label == "ig-gaussian-noise":
        given = attribute(triangle=1.0, elsewhere=0.1) if holds else attribute(triangle=0.1, elsewhere=1.0)
        return given * rng.uniform(0.9, 1, (50, 50))
    low, high = (0.2, 1.0) if holds else (1.0, 0.2)
    if not dark and holds:
        low = -1.0
    return attribute(light=(low, low), lightest=(high, high))


# ---- digits ------------------------------------------------------------------------------------------------------


def _digit_map(share_off: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture of 4 x 8 pixels whose left half is lit, and an attribution of which this share lies on the other."""
    picture, given = np.zeros((4, 8)), np.full((4, 8), share_off / 16)
    picture[:, :4], given[:, :4] = 1.0, (1 - share_off) / 16
    return picture, given


def _add_digits(maker: RunMaker, repetition: int, rng: np.random.Generator, holds: bool) -> None:
    checks = {"slowdown": 2.0, "accuracy_damaged": 0.7} if holds else {"slowdown": 5.0, "accuracy_damaged": 0.99}
    checks |= dict.fromkeys(("suppressed_ig_zero", "suppressed_ig_one"), 0.01 if holds else 0.5)
    checks["suppressed_icg"] = 0.0
    noisy = {name: value + 0.001 * repetition for name, value in checks.items()}
    picture, _ = _digit_map(0)
    certainty = {"input": picture, "certainty": picture, **dict.fromkeys(("icg", "ig_zero", "ig_one"), picture)}
    absence = {name: values[:, :4].ravel().tolist() for name, values in {**certainty, "combined": picture}.items()}
    shown = {"shown": [0, 1], "shown_inputs": EncodedArray.of([[picture]] * 2), "shown_targets": [1, 2]}
    model = _model("digits", repetition, holds, **noisy)
    maker.problem(
        "digits",
        repetition,
        features=(1, 4, 8),
        series={"absence": absence},
        **shown,
        shown_predictions=[1, 2],
        **model,
    )
    for label in ("icg", "ig-middle", "ig-mean", "ig-gaussian-noise", "expected-gradients", "ig-zero"):
        off = 0.0 if (label == "ig-zero") == holds else 0.4 + 0.02 * repetition
        if not holds and off == 0.0:
            off = 0.02 + 0.001 * repetition
        maps = EncodedArray.of([[_digit_map(off)[1]]] * 2)
        _cell(maker, "digits", repetition, label, {"100%_right": [1.0, 1.0]}, maps=maps)


def _add_space(maker: RunMaker, repetition: int, rng: np.random.Generator, holds: bool) -> None:
    picture, _ = _digit_map(0)
    shown = {"shown": [0, 1], "shown_inputs": EncodedArray.of([[picture]] * 2), "shown_targets": [1, 2]}
    model = _model("space", repetition, holds, accuracy_right=0.97)
    maker.problem("space", repetition, features=(1, 4, 8), **shown, shown_predictions=[1, 2], **model)
    for label in ("icg", "ig-gaussian-noise", "expected-gradients"):
        shadow = _near(0.4 if (label == "expected-gradients") == holds else 0.1, rng)
        off = [share + (0.0 if holds else 0.2) for share in shadow[:2]]
        maps = EncodedArray.of([[_digit_map(share)[1]] for share in off])
        _cell(maker, "space", repetition, label, {"in_shadow": shadow}, maps=maps)
