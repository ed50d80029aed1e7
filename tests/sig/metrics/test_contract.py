"""What every registered metric promises, whatever it measures."""

from dataclasses import replace

import pytest
import torch

from sig import path
from sig.explicand import Tally
from sig.guard import Guard
from sig.registry import Cost, NotApplicable, Trial, methods, metrics

EXPLICANDS = ["vector_explicand", "picture_explicand", "aware_explicand", "aware_pictures"]
NAMES = [entry.name for entry in metrics]
REGIONS = ["dark", "light", "triangle", "shadow", "mouth", "eyes", "informative", "ignored"]


def trial_of(e, method="ig-zero", seed=0) -> Trial:
    """A trial that knows everything a metric may ask for."""
    draws = torch.Generator().manual_seed(seed)
    counted = e.with_tally(Tally())
    options = methods[method].options_for(20)

    def attribute(other):
        return methods[method](other, generator=torch.Generator().manual_seed(seed), **options)

    attribution = attribute(counted)
    place = torch.arange(e.inputs[0].numel()).view(e.features).expand_as(e.inputs)
    twins = {"twin-a": place == 0, "twin-b": place == 1}
    marks = torch.randint(len(REGIONS) + 1, e.inputs.shape, generator=draws)
    return Trial(
        e,
        attribution,
        Cost(0.25, 20, 20, None),
        truth=torch.rand(len(e.inputs), e.n_players, generator=draws, dtype=torch.float64),
        regions={name: marks == i for i, name in enumerate(REGIONS)} | twins,
        change=path.change_along_paths(counted),
        paths=counted.tally.paths,
        attribute=lambda other: attribute(other.with_tally(Tally())),
    )


def score(name, trial):
    generator = torch.Generator().manual_seed(3) if metrics[name].draws else None
    try:
        return metrics[name](trial, generator=generator)
    except NotApplicable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("explicand", EXPLICANDS)
@pytest.mark.parametrize("name", NAMES)
class TestEveryMetric:
    def test_gives_one_score_in_its_range_for_each_explicand(self, request, name, explicand):
        e = request.getfixturevalue(explicand)
        values = score(name, trial_of(e))
        assert values.dtype == torch.float64
        assert len(values) == len(e.inputs)
        low, high = metrics[name].range
        defined = values[~values.isnan()]
        assert ((defined >= low - 1e-9) & (defined <= high + 1e-9)).all()

    def test_is_the_same_every_time_whatever_the_global_generator_holds(self, request, name, explicand):
        trial = trial_of(request.getfixturevalue(explicand))
        torch.manual_seed(1)
        first = score(name, trial)
        torch.manual_seed(2)
        assert torch.equal(first.nan_to_num(-9), score(name, trial).nan_to_num(-9))

    def test_leaves_everything_alone_and_counts_nothing(self, request, name, explicand):
        e = request.getfixturevalue(explicand)
        trial = trial_of(e)
        assert trial.truth is not None
        regions = {f"region {region}": mask for region, mask in trial.regions.items()}
        guard = Guard(e, {"attribution": trial.attribution, "truth": trial.truth, **regions})
        with guard.watch("the metric"):  # raises Interference otherwise
            score(name, trial)
        assert e.tally == Tally()

    def test_scores_explicands_of_which_there_is_one(self, request, name, explicand):
        e = request.getfixturevalue(explicand)
        assert len(score(name, trial_of(e.only(0)))) == 1


@pytest.mark.parametrize("explicand", EXPLICANDS)
@pytest.mark.parametrize("name", [entry.name for entry in metrics if entry.judges])
@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_attributing_the_same_everywhere_does_not_win(request, name, explicand, constant):
    """It is not scored, or no better than chance: worse than the best there is."""
    if constant and name == "consistency":
        pytest.skip("right to give something to all, where each raises the score somewhere")
    e = request.getfixturevalue(explicand)
    trial = trial_of(e)
    entry = metrics[name]
    values = score(name, replace(trial, attribution=torch.full_like(trial.attribution, constant)))
    best = entry.range[1] if entry.better == "higher" else entry.range[0]
    assert not (values == best).any()


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_stated(name):
    entry = metrics[name]
    low, high = entry.range
    assert low < high
    assert entry.source or not entry.judges, "say where it comes from"
    assert entry.run.__doc__, "say what it measures"
    assert all(option.default is not option.empty for option in entry.options.values()), "options have defaults"


@pytest.mark.parametrize("name", [entry.name for entry in metrics if entry.against_truth])
def test_without_a_truth_there_is_a_reason(name, vector_explicand):
    e = vector_explicand
    with pytest.raises(NotApplicable, match="truth|true"):
        metrics[name](Trial(e, e.inputs, Cost(0.0, 0, 0, 0)))
