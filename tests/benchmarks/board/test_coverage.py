"""How often the intervals of ``benchmarks.board.statistics`` hold the true mean, how often its test finds what is not
there, and how often two runs of one law are said to differ.

Scores are drawn as its model says: those of models vary about a mean, and those of explicands about their model's. The
table that comes of many draws is printed by ``python -m pytest -m slow -s tests/benchmarks/board/test_coverage.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import pytest

from benchmarks.board.statistics import Limits, has_changed, mean_interval, paired_p

MODELS = (3, 5, 10)
EXPLICANDS = (1, 10, 50)  # of each model
LEAST, MOST = 0.92, 0.05  # of the times that a 95 % interval holds the mean, and that a test at 5 % is wrong

Draw = Callable[[np.random.Generator, int, int], np.ndarray]


@dataclass(frozen=True)
class Law:
    """How scores are drawn, ``(models, explicands)``, about a mean over all models.

    ``least`` is how often an interval must hold it: less where a tail without a limit is seldom seen by few samples.
    """

    draw: Draw
    mean: float
    limits: Limits | None = (0.0, 1.0)
    least: float = LEAST


def draw_normal(rng: np.random.Generator, models: int, explicands: int, *, between: float) -> np.ndarray:
    return rng.normal(0, between, (models, 1)) + rng.normal(0, 1, (models, explicands))


def draw_shares(
    rng: np.random.Generator, models: int, explicands: int, *, a: float, b: float, within: float
) -> np.ndarray:
    mean = rng.beta(a, b, (models, 1))
    return rng.beta(within * mean, within * (1 - mean), (models, explicands))


def draw_hits(rng: np.random.Generator, models: int, explicands: int, *, a: float, b: float) -> np.ndarray:
    return (rng.random((models, explicands)) < rng.beta(a, b, (models, 1))).astype(float)


def draw_correlations(rng: np.random.Generator, models: int, explicands: int) -> np.ndarray:
    return 2 * draw_shares(rng, models, explicands, a=18, b=2, within=20) - 1


def draw_errors(rng: np.random.Generator, models: int, explicands: int, *, shape: float) -> np.ndarray:
    return rng.gamma(4, 1 / 4, (models, 1)) * rng.gamma(shape, 1 / shape, (models, explicands))


LAWS = {
    "normal, models vary as explicands do": Law(partial(draw_normal, between=1), 0, None),
    "normal, models hardly vary": Law(partial(draw_normal, between=0.1), 0, None),
    "shares": Law(partial(draw_shares, a=4, b=16, within=9), 0.2),
    "skewed shares": Law(partial(draw_shares, a=1, b=4, within=5), 0.2),
    "correlations near 1": Law(draw_correlations, 0.8, (-1.0, 1.0)),
    "hits and misses": Law(partial(draw_hits, a=5, b=5), 0.5),
    "few misses, most in few models": Law(partial(draw_hits, a=9, b=1), 0.9),
    "very few misses": Law(partial(draw_hits, a=57, b=3), 0.95),
    "errors": Law(partial(draw_errors, shape=3), 1, (0.0, np.inf)),
    "errors with a long tail": Law(partial(draw_errors, shape=0.8), 1, (0.0, np.inf), least=0.88),
}


def holds(low: float, high: float, mean: float) -> bool:
    return low - 1e-12 <= mean <= high + 1e-12  # False of NaN


def measure_coverage(law: Law, models: int, explicands: int, draws: int, seed: int = 0) -> float:
    """The share of draws whose interval holds the mean over all models."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(models), explicands)
    found = [mean_interval(law.draw(rng, models, explicands).ravel(), of, limits=law.limits) for _ in range(draws)]
    return float(np.mean([holds(interval.low, interval.high, law.mean) for interval in found]))


def measure_false_positives(law: Law, models: int, explicands: int, draws: int, seed: int = 0) -> float:
    """The share of draws in which two methods are told apart whose scores follow one law."""
    rng = np.random.default_rng(seed)
    a, b = (np.stack([law.draw(rng, models, explicands).ravel() for _ in range(draws)]) for _ in range(2))
    return float((paired_p(a, b, np.repeat(np.arange(models), explicands)) <= 0.05).mean())


def measure_changes(
    law: Law,
    models: int,
    explicands: int,
    draws: int,
    seed: int = 0,
    *,
    new: int | None = None,
    confidence: float = 0.95,
) -> float:
    """The share of draws in which two runs differ whose scores follow one law; the second has ``new`` models."""
    rng = np.random.default_rng(seed)
    counts = (models, new or models)
    apart = []
    for _ in range(draws):
        a, b = (
            mean_interval(
                law.draw(rng, count, explicands).ravel(),
                np.repeat(np.arange(count), explicands),
                limits=law.limits,
                confidence=confidence,
            )
            for count in counts
        )
        apart.append(has_changed(a, b))
    return float(np.mean(apart))


def measure_bootstrap(law: Law, models: int, explicands: int, draws: int, seed: int = 0) -> float:
    """Coverage of the percentile bootstrap over explicands (Efron 1979), which takes them as independent."""
    rng = np.random.default_rng(seed)
    held = []
    for _ in range(draws):
        x = law.draw(rng, models, explicands).ravel()
        means = x[rng.integers(0, len(x), (300, len(x)))].mean(1)
        low, high = np.quantile(means, [0.025, 0.975])
        held.append(holds(low, high, law.mean))
    return float(np.mean(held))


@pytest.mark.parametrize("explicands", [1, 20])
@pytest.mark.parametrize("name", LAWS)
def test_intervals_hold_the_mean_as_often_as_they_say(name: str, explicands: int) -> None:
    for models in MODELS:
        assert measure_coverage(LAWS[name], models, explicands, draws=400) >= LAWS[name].least


@pytest.mark.parametrize("explicands", [1, 20])
@pytest.mark.parametrize("name", LAWS)
def test_equal_methods_are_seldom_told_apart(name: str, explicands: int) -> None:
    for models in (2, *MODELS):
        rate = measure_false_positives(LAWS[name], models, explicands, draws=1000)
        assert rate <= MOST + 2 * np.sqrt(0.05 * 0.95 / 1000)  # two standard errors


@pytest.mark.parametrize(
    "name", ["normal, models vary as explicands do", "skewed shares", "few misses, most in few models"]
)
def test_runs_of_one_law_are_seldom_said_to_differ(name: str) -> None:
    for models in MODELS:
        rate = measure_changes(LAWS[name], models, 20, draws=300)
        assert rate <= MOST + 2 * np.sqrt(0.05 * 0.95 / 300)  # two standard errors


@pytest.mark.parametrize("name", ["shares", "hits and misses"])
def test_a_statement_about_one_model_holds_its_own_mean(name: str) -> None:
    law = LAWS[name]
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        scores = law.draw(rng, 1, 2000)[0]  # the mean of so many is the model's own
        interval = mean_interval(scores[:30], np.zeros(30, dtype=int), limits=law.limits)
        held.append(holds(interval.low, interval.high, float(scores.mean())))
    assert np.mean(held) >= LEAST


def test_explicands_taken_as_independent_make_intervals_too_narrow() -> None:
    law = LAWS["normal, models vary as explicands do"]
    assert measure_bootstrap(law, 5, 1, draws=400) < 0.89  # few samples
    assert measure_bootstrap(law, 5, 20, draws=400) < 0.6  # of few models


@pytest.mark.slow
def test_coverage_of_many_draws(capsys: pytest.CaptureFixture[str]) -> None:
    cases = [(name, explicands) for name in LAWS for explicands in EXPLICANDS]
    table = pd.DataFrame(index=pd.MultiIndex.from_tuples(cases, names=["law", "explicands"]))
    for heading, measure, draws in (
        ("covers", measure_coverage, 2000),
        ("false +", measure_false_positives, 5000),
        ("changes", measure_changes, 2000),
        ("bootstrap", measure_bootstrap, 300),
    ):
        for models in MODELS:
            table[f"{heading} {models}"] = [measure(LAWS[name], models, count, draws, 1) for name, count in cases]
    with capsys.disabled():
        print(f"\nshares of draws at {MODELS} models:\n{table.round(3).to_string()}")
    least = [LAWS[name].least for name, _ in cases]
    assert table.filter(like="covers").ge(least, axis=0).all(axis=None)
    assert (table.filter(like="false +") <= MOST + 2 * np.sqrt(0.05 * 0.95 / 5000)).all(axis=None)
    most = [MOST + LEAST - bound + 2 * np.sqrt(0.05 * 0.95 / 2000) for bound in least]  # more where intervals hold less
    assert table.filter(like="changes").le(most, axis=0).all(axis=None)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_of_many_means_of_one_law_seldom_any_is_said_to_have_changed(name: str) -> None:
    """Of twenty, each at a confidence of 1 - 0.05 / 20, in at most one pair of runs of twenty, of whatever sizes."""
    for models, new in ((3, 3), (5, 5), (10, 10), (5, 3), (10, 3)):
        rate = measure_changes(LAWS[name], models, 10, 4000, new=new, confidence=1 - 0.05 / 20)
        assert 20 * rate <= MOST + 2 * 20 * np.sqrt(0.0025 / 4000)
