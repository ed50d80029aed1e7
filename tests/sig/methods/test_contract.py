"""What every registered method promises, whatever it computes."""

import copy

import numpy as np
import pytest
import torch

from sig import games, path
from sig.explicand import Tally
from sig.registry import Cost, NotApplicable, Trial, methods, metrics

EXPLICANDS = ["vector_explicand", "picture_explicand", "aware_explicand"]
NAMES = [entry.name for entry in methods]
BUDGET = 120


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def attribute(name, e):
    try:
        return methods[name](e, generator=seeded(), **methods[name].options_for(BUDGET))
    except NotApplicable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("explicand", EXPLICANDS)
@pytest.mark.parametrize("name", NAMES)
class TestEveryMethod:
    def test_gives_one_finite_number_for_each_feature(self, request, name, explicand):
        e = request.getfixturevalue(explicand)
        attribution = attribute(name, e)
        assert attribution.shape == e.inputs.shape
        assert attribution.dtype == e.inputs.dtype
        assert torch.isfinite(attribution).all()
        assert not attribution.requires_grad

    def test_is_determined_by_its_generator(self, request, name, explicand):
        e = request.getfixturevalue(explicand)
        torch.manual_seed(1)
        first = attribute(name, e)
        torch.manual_seed(2)
        assert torch.equal(first, attribute(name, e))

    def test_leaves_model_inputs_and_global_random_state_alone(self, request, name, explicand):
        e = request.getfixturevalue(explicand)
        weights, inputs = copy.deepcopy(e.model.state_dict()), e.inputs.clone()
        torch_state, numpy_state = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
        attribute(name, e)
        assert all(torch.equal(weights[key], value) for key, value in e.model.state_dict().items())
        assert all(p.grad is None and not p.requires_grad for p in e.model.parameters())
        assert not e.model.training
        assert torch.equal(inputs, e.inputs)
        assert not e.inputs.requires_grad
        assert torch.equal(torch_state, torch.get_rng_state())
        assert (numpy_state == np.random.get_state(legacy=False)["state"]["key"]).all()  # noqa: NPY002

    def test_states_paths_that_can_be_scored(self, request, name, explicand):
        e = request.getfixturevalue(explicand)
        attribution = attribute(name, e)
        if e.tally.paths is None:
            pytest.skip("states no path")
        rows = e.tally.forward_rows
        assert torch.isfinite(path.completeness_gap(e, attribution)).all()
        assert e.tally.forward_rows == rows

    @pytest.mark.parametrize("budget", [2, 3, 100, 1000])
    def test_stays_within_its_budget(self, request, name, explicand, budget):
        """Forward and backward rows together, however the budget is allocated."""
        e = request.getfixturevalue(explicand)
        method = methods[name]
        if not method.spend:
            pytest.skip("has one fixed cost")
        allocations = method.allocations(budget) if budget == 100 else []
        for options in [method.options_for(budget), *allocations]:
            counted = e.with_tally(Tally())
            try:
                method(counted, generator=seeded(), **options)
            except NotApplicable:
                continue
            spent = counted.tally.forward_rows + counted.tally.backward_rows
            assert 0 < spent <= budget * len(e.inputs)
            assert (counted.tally.backward_rows > 0) == method.gradient


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_stated(name):
    entry = methods[name]
    assert entry.family
    assert entry.source
    assert entry.run.__doc__, "say what it computes"


def trials(e, budget, truth=None):
    """Scores-to-be of every method that can run, by name."""
    for entry in methods:
        try:
            attribution = entry(e, generator=seeded(), **entry.options_for(budget))
        except NotApplicable:
            continue
        yield entry, Trial(e, attribution, Cost(0.0, 0, 0, 0), truth)


CONTROLS = {entry.name for entry in methods if entry.control}


def split(scores):
    """The defined scores of methods that see the model, and of controls, which do not."""
    defined = {name: float(score) for name, score in scores.items() if not score.isnan()}
    controls = {name: score for name, score in defined.items() if name in CONTROLS}
    return {name: score for name, score in defined.items() if name not in CONTROLS}, controls


def test_controls_rank_last_against_the_truth(vector_explicand):
    """All features are 1, so that what sees the input alone orders nothing, and the classes' means are noise."""
    e = vector_explicand
    default = torch.zeros_like(e.inputs)
    e.inputs.fill_(1.0)
    with torch.no_grad():  # every feature counts, the later the more, so that there is an order to find
        e.model[0].weight.abs_().mul_(torch.linspace(0.1, 3, 8))
        e.model[2].weight.abs_()
    every = games.coalition_matrix(8).expand(3, -1, -1)
    truth = games.shapley_values(e.coalition_scores(every, default))
    found = list(trials(e, 800, truth))
    for name in ("spearman", "kendall"):
        informed, controls = split({m.name: metrics[name](trial).nanmean() for m, trial in found})
        assert set(controls) == {"random-attribution", "class-mean"}
        assert max(controls.values()) < min(informed.values()), name


def test_random_numbers_rank_last_on_iaccuracy(picture_explicand):
    """Of controls only random numbers must: where the class is where the light is, |x| finds it without the model."""
    found = list(trials(picture_explicand, 800))
    for removal in ("zero", "mean", "blur"):
        curves = {m.name: metrics["iaccuracy"](trial, removal=removal, share=0.5, points=33) for m, trial in found}
        informed, controls = split({name: curve.mean() for name, curve in curves.items()})
        assert controls["random-attribution"] == max({**informed, **controls}.values()), removal
        assert sorted(informed.values())[len(informed) * 3 // 4] < 0.9 * controls["random-attribution"], removal
        assert controls["input-magnitude"] < 0.75 * controls["random-attribution"], removal
