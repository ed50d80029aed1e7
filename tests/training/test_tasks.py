"""What holds for every task that trains a network, on networks that were trained for a few steps."""

import inspect
import sys
from dataclasses import replace
from typing import Any

import pydantic
import pytest
import torch

from datasets.problem import tasks
from sig.certainty import CertaintyAware, with_certainty
from tests.short_training import FEW_TRAINED, shorten_training
from training.fit import NotConverged

DIGITS: dict[str, Any] = {"digits": 10, "background": 30}
SMALL: dict[str, dict[str, Any]] = {  # options that keep problems small
    "burnt-snacks": {"images": 6, "background": 10},
    "local-minimum": {"inputs": 5, "background": 10},
    "mnist": DIGITS,
    "mnist-certainty": DIGITS,
    "mnist-in-space": DIGITS,
    "suppressors": {"images": 4, "background": 7},
    "tabular": {"inputs": 3, "background": 5},
    "natural-crops": {"pictures": 6, "background": 10},
    "gridworld": {"rows": 1, "cols": 2, "reward": "r2", "background": 7},
}
CERTAINTY = ("burnt-snacks", "local-minimum", "mnist-certainty", "mnist-in-space", "natural-crops")
CLASSIFIERS = ("mnist", "suppressors", "tabular", *CERTAINTY)

pytestmark = pytest.mark.usefixtures("short_training")


def prepare(name, seed=0, **options):
    alone = {"compare": False} if name in CERTAINTY else {}
    return tasks[name](seed=seed, **{**SMALL[name], **alone, **options})


def module_of(name):
    return sys.modules[inspect.unwrap(tasks[name].run).__module__]


def test_every_task_that_trains_is_tested_here() -> None:
    trains = {"fit", "fit_classifier", "fit_certainty"}
    found = {task.name for task in tasks if trains & vars(module_of(task.name)).keys()}
    assert found == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_is_the_same_problem_and_another_is_not(name, use_cache) -> None:
    problems = []
    for place, seed in (("a", 0), ("b", 0), ("a", 1)):
        use_cache(place)
        problems.append(prepare(name, seed))
    one, same, another = problems
    assert one.provenance == same.provenance
    for content in ("inputs", "target", "background", "players"):
        assert torch.equal(getattr(one.explicand, content), getattr(same.explicand, content))
    assert one.truths.keys() == same.truths.keys()
    assert all(torch.equal(one.truths[truth], same.truths[truth]) for truth in one.truths)
    assert another.provenance["checkpoint"] != one.provenance["checkpoint"]
    assert another.provenance.get("data") == one.provenance.get("data")
    assert not torch.equal(another.explicand.background, one.explicand.background)
    if name != "gridworld":  # which always explains the full coalition
        assert not torch.equal(another.explicand.inputs, one.explicand.inputs)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probability_and_logit_are_of_one_class_and_one_network(name) -> None:
    one, other = (prepare(name, output=output) for output in ("probability", "logit"))
    probability, logit = one.explicand, other.explicand
    assert one.provenance == other.provenance
    assert torch.equal(probability.inputs, logit.inputs)
    assert torch.equal(probability.target, logit.target)
    seen = [logit.inputs]
    if name in CERTAINTY:
        generator = torch.Generator().manual_seed(0)
        seen.append(with_certainty(logit.inputs, torch.rand(logit.inputs.shape, generator=generator)))
        assert not torch.allclose(logit.model(seen[0]), logit.model(seen[1]))
    for x in seen:
        z = logit.model(x)
        torch.testing.assert_close(probability.model(x), z.exp() / z.exp().sum(1, keepdim=True))
    if "mnist" in name:
        assert torch.equal(logit.model(logit.inputs).argmax(1), logit.target)


@pytest.mark.parametrize("name", CERTAINTY)
def test_the_comparison_is_another_model_that_can_be_left_out(name) -> None:
    compared, alone = (prepare(name, compare=compare) for compare in (True, False))
    assert isinstance(alone.explicand.model, CertaintyAware)
    assert {"accuracy", "accuracy_damaged", "neutrality_gap", "absence_spread", "restarts"} <= set(alone.checks)
    absence, slowdown = ({"absence"}, {"slowdown"}) if name == "mnist-certainty" else (set(), set())
    assert set(alone.series) == {"certainty", "training"} | absence
    assert set(compared.checks) - set(alone.checks) == {"accuracy_without_damage"} | slowdown
    assert set(compared.series) - set(alone.series) == {"training-without-damage"} | slowdown
    assert set(compared.provenance) - set(alone.provenance) == {"checkpoint_without_damage"}
    assert alone.provenance.items() <= compared.provenance.items()
    assert compared.provenance["checkpoint_without_damage"] != compared.provenance["checkpoint"]
    assert torch.equal(alone.explicand.inputs, compared.explicand.inputs)


@pytest.mark.parametrize("name", CERTAINTY)
def test_damage_makes_another_model(name, use_cache) -> None:
    mixture, noise = (prepare(name, damage=damage) for damage in ("mixture", "noise-bernoulli"))
    assert mixture.provenance["checkpoint"] != noise.provenance["checkpoint"]


@pytest.mark.parametrize("name", ["mnist", "mnist-certainty", "mnist-in-space"])
def test_tuning_digits_are_held_out_and_neither_explained_nor_in_the_background(name, few) -> None:
    problem = prepare(name)
    tuning, e = problem.tuning, problem.explicand
    assert tuning is not None
    assert len(tuning) == 4
    every = torch.cat([tuning, e.inputs, e.background])
    assert len(every.unique(dim=0)) == len(every)
    light = few.held_out.images.double().sum((1, 2, 3))  # is not changed by a move
    assert all(torch.isclose(light, here.double().sum()).any() for here in tuning)
    if name == "mnist-in-space":
        assert not tuning[..., :32].any()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_model_below_its_bounds_is_never_explained(name, monkeypatch) -> None:
    shorten_training(monkeypatch, change=lambda bounds: replace(bounds, accuracy=bounds.accuracy + 0.2))
    with pytest.raises(NotConverged, match=r"from 4 seeds; .*accuracy is 0\.\d+, expected at least 1\.[01]"):
        prepare(name)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "mnist",
            {"patch": 5},
            r"patch is 5, expected .* divides height 28 and width 28; choose 1 or 2 or 4",
        ),
        ("mnist", {"patch": 0}, "patch is 0"),
        ("mnist-certainty", {"patch": 5}, r"patch is 5, expected .* divides height 28 and width 28"),
        ("mnist-in-space", {"patch": 28}, r"patch is 28, expected .* divides height 32 and width 64"),
        ("burnt-snacks", {"patch": 7}, r"patch is 7, expected .* divides height 50"),
        ("natural-crops", {"patch": 7}, r"patch is 7, expected .* divides height 48"),
        *[
            (name, options, message)
            for name in ("mnist", "mnist-certainty", "mnist-in-space")
            for options, message in [
                ({"digits": 0}, r"0 digits were asked for, expected 1 \.\. "),
                (
                    {"digits": 1721},
                    r"1721 digits were asked for, expected 1 \.\. \d+ \(the rarest class has \d+\)",
                ),
                ({"background": 0}, r"background of 0 digits was asked for, expected 1 \.\. "),
                (
                    {"background": FEW_TRAINED + 1},
                    rf"background of {FEW_TRAINED + 1} digits was asked for, expected 1 \.\. {FEW_TRAINED}",
                ),
            ]
        ],
    ],
)
def test_bad_options_are_told_before_training(name, options, message, cache) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(name, **options)
    assert not cache.exists()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {"output": "odds"}) for name in CLASSIFIERS),
        *((name, {"damage": "other"}) for name in CERTAINTY),
        *((name, {"network": "other"}) for name in ("burnt-snacks", "local-minimum", "mnist-certainty")),
        ("local-minimum", {"inputs": -1}),
        ("gridworld", {"reward": "r3"}),
        ("gridworld", {"rows": "two"}),
        ("gridworld", {"colour": 1}),
    ],
)
def test_options_that_do_not_exist(name, options) -> None:
    with pytest.raises(pydantic.ValidationError, match=next(iter(options))):
        prepare(name, **options)
