import math
import re
from dataclasses import replace

import pytest
import torch
from scipy import stats
from torch import nn

from datasets.problem import make_columns
from sig.certainty import CertaintyAware, with_certainty
from training import certainty_classifier
from training.batches import FreshBatches, TrainingData
from training.certainty_classifier import CertaintyClassifier, fit_certainty
from training.classifier import fit_network
from training.fit import NotConverged
from training.recipe import Bounds, ModelSpec, Recipe

RECIPE = Recipe(batch=128, samples=128 * 400, lr=0.02, damage="mixture")
LENIENT = Bounds(accuracy=0.0, neutrality_gap=None, absence_spread=None)


def three_quarters(count, generator):
    """Two features; class 1 where the first is above 1/4, so that its frequency is 3/4."""
    x = torch.rand(count, 2, generator=generator)
    return x, (x[:, 0] > 0.25).long()


def data(recipe, *, seed=0):
    held_out = three_quarters(2000, torch.Generator().manual_seed(1))
    return TrainingData(FreshBatches(three_quarters, size=recipe.batch, steps=recipe.steps, seed=0), *held_out)


def network():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))


SPEC = ModelSpec("toy", network, data, RECIPE, LENIENT)


def fit_toy(seed=0, compare=False, **change):
    spec = replace(SPEC, **change)
    return fit_certainty(spec, damage=spec.recipe.damage, compare=compare, seed=seed)


class Recorder(nn.Module):
    """Keeps what it is shown."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return self.weight.expand(len(x), 2)


def shown(recipe, batches=40, rows=256, features=2):
    """Values and certainties that a module with this recipe shows its network, and the values as they were."""
    recorder = Recorder()
    values = torch.rand(batches, rows, features, generator=torch.Generator().manual_seed(5))
    held_out = values[0], torch.arange(rows) % 2
    samples = TrainingData(FreshBatches(three_quarters, size=rows, steps=batches, seed=0), *held_out)
    module = CertaintyClassifier(recorder, samples, recipe=replace(recipe, batch=rows), bounds=LENIENT)
    for i, part in enumerate(values):
        module.training_step((part, torch.zeros(rows, dtype=torch.long)), i)
    seen = torch.stack(recorder.seen)
    return seen[:, :, 0], seen[:, :, 1], values


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield fit_toy(bounds=Bounds(accuracy=0.95), compare=True)


def test_without_damage_every_sample_is_shown_as_it_is() -> None:
    seen, certainties, values = shown(replace(RECIPE, damage="none"))
    assert torch.equal(seen, values)
    assert (certainties == 1).all()


@pytest.mark.parametrize("damage", ["mixture", "swap-bernoulli", "noise-continuous-bernoulli", "noise-uniform"])
def test_shares_of_undamaged_and_unknown_samples_are_those_of_the_recipe(damage) -> None:
    seen, certainties, values = shown(replace(RECIPE, damage=damage, undamaged=0.3, unknown=0.1, bf16=False))
    full, none = (certainties == 1).all(-1), (certainties == 0).all(-1)
    assert torch.equal(seen[full], values[full])
    if damage.startswith("noise"):  # certainties of damaged samples lie between 0 and 1
        assert full.float().mean() == pytest.approx(0.3, abs=0.02)
        assert none.float().mean() == pytest.approx(0.1, abs=0.02)
    else:  # a mean of U(0, 1) makes both Bernoulli certainties 1 (or 0) in a third of the damaged samples
        bernoulli = 0.6 / 3 * (0.5 if damage == "mixture" else 1.0)
        assert full.float().mean() == pytest.approx(0.3 + bernoulli, abs=0.02)
        assert none.float().mean() == pytest.approx(0.1 + bernoulli, abs=0.02)


def test_uniform_certainty_is_drawn_for_each_feature_and_its_mean_does_not_vary() -> None:
    seen, certainties, values = shown(replace(RECIPE, damage="noise-uniform", samples=10**6), batches=4, features=400)
    assert stats.kstest(certainties.flatten().numpy(), "uniform").pvalue > 0.01
    assert certainties.mean(-1).std().item() == pytest.approx((1 / 12 / 400) ** 0.5, rel=0.1)
    assert certainties.mean().item() == pytest.approx(0.5, abs=0.005)
    kept = (seen == values).double()
    for low in (0.0, 0.25, 0.5, 0.75):
        near = (certainties >= low) & (certainties <= low + 0.25)
        assert (kept - certainties)[near].mean().abs() < 4 * 0.5 / near.sum() ** 0.5
    assert stats.kstest(seen[seen != values].numpy(), "uniform").pvalue > 0.01


def test_values_at_certainty_one_are_true_and_those_at_zero_are_replaced() -> None:
    seen, certainties, values = shown(RECIPE)
    sure, unsure = certainties == 1, certainties == 0
    assert torch.equal(seen[sure], values[sure])
    assert (seen[unsure] != values[unsure]).all()


def test_the_share_of_damaged_samples_rises_along_the_ramp() -> None:
    _, certainties, _ = shown(replace(RECIPE, damage="noise-continuous-bernoulli", ramp=256 * 20, samples=10**6))
    damaged = (certainties != 1).any(-1).float().mean(1)
    assert damaged[0] == 0
    assert damaged[10].item() == pytest.approx(0.5, abs=0.12)
    assert (damaged[20:] == 1).all()


def test_dropout_rises_along_the_ramp_and_is_what_it_was_in_the_end() -> None:
    network = nn.Sequential(nn.Dropout(0.4), nn.Flatten(), nn.Linear(4, 2))
    samples = data(RECIPE)
    module = CertaintyClassifier(network, samples, recipe=replace(RECIPE, ramp=128 * 20), bounds=LENIENT)
    shares = []
    for i, batch in enumerate(samples.batches):
        module.training_step(batch, i)
        shares.append(network[0].p)
    assert shares[0] == 0
    assert shares[10] == pytest.approx(0.2)
    assert set(shares[20:]) == {0.4}


def test_damage_waits_for_the_release() -> None:
    _, certainties, _ = shown(replace(RECIPE, release=0.5, samples=10**6))  # the recorder's loss stays at log 2
    assert (certainties == 1).all()
    _, certainties, _ = shown(replace(RECIPE, release=0.7, samples=10**6))
    assert (certainties[0] == 1).all()
    assert (certainties[1:] != 1).any()


def test_a_network_that_stays_at_chance_is_given_up_and_every_seed_is_named() -> None:
    with pytest.raises(NotConverged, match="did not converge from 4 seeds") as error:
        fit_toy(network=Recorder, recipe=replace(RECIPE, release=0.5, samples=128 * 30))
    assert len(re.findall("the running loss is 0.6[89]", str(error.value))) == 4
    assert "seed 0: the running loss" in str(error.value)


def test_training_starts_again_from_another_seed_says_so_and_is_reused() -> None:
    def first_is_dead():
        made = network()
        if torch.initial_seed() == 0:
            for weights in made.parameters():
                nn.init.zeros_(weights)
        return made

    bounds = Bounds(accuracy=0.9, neutrality_gap=None, absence_spread=None)
    spec = replace(SPEC, network=first_is_dead, bounds=bounds)
    first, second = (fit_network(CertaintyClassifier, spec, seed=0) for _ in range(2))
    assert (first.reused, second.reused) == (False, True)
    assert first.metrics["restarts"] == second.metrics["restarts"] == 1
    assert first.metrics["accuracy"] > 0.9
    assert (first.curves["accuracy"].dropna() > 0.9).any()  # of the run that converged


def test_it_learns_what_can_be_known_and_at_certainty_none_the_frequencies(trained) -> None:
    assert trained.checks["accuracy"] > 0.95
    x = torch.rand(4000, 2, generator=torch.Generator().manual_seed(8))
    model = trained.model("probability")
    with torch.no_grad():
        at_none = model(with_certainty(x, torch.zeros_like(x)))[:, 1]
        only_second = model(with_certainty(x, torch.tensor([[0.0, 1.0]]).expand_as(x)))[:, 1]
        only_first = model(with_certainty(x, torch.tensor([[1.0, 0.0]]).expand_as(x)))[:, 1]
    assert at_none.mean().item() == pytest.approx(0.75, abs=0.05)
    assert at_none.std() < 0.04
    assert only_second.mean().item() == pytest.approx(0.75, abs=0.05)  # the second feature decides nothing
    assert ((only_first > 0.5) == (x[:, 0] > 0.25)).float().mean() > 0.95


def test_checks_are_what_they_say(trained) -> None:
    """Recomputed from the definitions, on other samples."""
    x, y = three_quarters(20_000, torch.Generator().manual_seed(9))
    held_out = data(RECIPE)
    model = trained.model("probability")
    swapped = with_certainty(torch.cat([x.flip(0), torch.rand_like(x)]), torch.zeros(2 * len(x), 2))
    with torch.no_grad():
        right = (model(x).argmax(1) == y).float().mean().item()
        at_none = model(swapped)
    gap = (at_none.mean(0) - held_out.frequencies).abs().max().item()
    assert trained.checks["accuracy"] == pytest.approx(right, abs=0.01)
    assert trained.checks["neutrality_gap"] == pytest.approx(gap, abs=0.015)
    assert trained.checks["absence_spread"] == pytest.approx(at_none.std(0).max().item(), abs=0.01)
    assert 0.75 < trained.checks["accuracy_damaged"] < trained.checks["accuracy"]
    assert held_out.frequencies.tolist() == pytest.approx([0.25, 0.75], abs=0.03)
    assert trained.checks["restarts"] == 0
    assert trained.checks["accuracy_without_damage"] > 0.97


def test_outputs_are_logits_or_their_softmax(trained) -> None:
    x = torch.rand(5, 2)
    probability, logit = trained.model("probability"), trained.model("logit")
    assert isinstance(probability, CertaintyAware)
    assert isinstance(logit, CertaintyAware)
    torch.testing.assert_close(probability(x), logit(x).softmax(1))
    assert not probability(x.requires_grad_()).isnan().any()
    assert not any(parameter.requires_grad for parameter in probability.parameters())


def test_the_band_of_predictions_collapses_onto_the_frequency(trained) -> None:
    band = make_columns("certainty", trained.series["certainty"])
    assert set(band) == {"certainty", "p05", "p25", "p50", "p75", "p95", "share"}
    assert band["certainty"].tolist() == pytest.approx([i / 10 for i in range(11)])
    width = band["p95"] - band["p05"]
    assert width[0] < 0.1 < 0.9 < width[-1]
    assert (band["p05"] <= band["p50"]).all()
    assert band["share"].tolist() == pytest.approx([0.75] * 11, abs=0.03)


def test_curves_follow_the_accuracy_on_undamaged_samples(trained) -> None:
    for name in ("training", "training-without-damage"):
        curve = trained.series[name]
        assert curve["images"][0] == RECIPE.batch
        assert curve["images"][-1] == RECIPE.steps * RECIPE.batch
        assert len(curve["images"]) >= RECIPE.probes
        assert curve["accuracy"][-1] > 0.95


def test_a_comparison_that_does_not_converge_costs_nothing_else(monkeypatch) -> None:
    fitted = []

    def fit_and_fail_without_damage(kind, spec, *, seed):
        fitted.append(spec.name)
        if spec.name.endswith("-undamaged"):
            raise NotConverged("made to fail")
        return fit_network(kind, spec, seed=seed)

    monkeypatch.setattr(certainty_classifier, "fit_network", fit_and_fail_without_damage)
    trained = fit_toy(recipe=replace(RECIPE, samples=128 * 20), compare=True)
    assert fitted == ["toy", "toy-undamaged"]
    assert math.isnan(trained.checks["accuracy_without_damage"])
    assert set(trained.series) == {"certainty", "training"}
    assert set(trained.provenance) == {"checkpoint"}


def test_training_does_not_end_in_a_silently_bad_model() -> None:
    recipe = replace(RECIPE, samples=128 * 60, damage="mixture")
    with pytest.raises(NotConverged, match=r"accuracy is 0\.\d+, expected at least 1\.1"):
        fit_toy(recipe=recipe, bounds=Bounds(accuracy=1.1))


def test_each_bound_that_is_missed_gets_a_line() -> None:
    measured = {"accuracy": 0.9, "neutrality_gap": 0.06, "absence_spread": 0.01}
    assert Bounds(accuracy=0.95).find_misses(measured) == [
        "accuracy is 0.9000, expected at least 0.95",
        "neutrality_gap is 0.0600, expected at most 0.05",
    ]
    assert Bounds(accuracy=0.9, neutrality_gap=None).find_misses(measured) == []
    assert Bounds(accuracy=0.9).find_misses({"accuracy": 0.9}) == []  # where certainty is not measured


def test_without_damage_the_network_goes_on_looking_at_values_of_certainty_none() -> None:
    undamaged = fit_toy(recipe=replace(RECIPE, damage="none"), bounds=Bounds(accuracy=0.95))
    assert undamaged.checks["absence_spread"] > 0.1


def test_the_same_seed_gives_the_same_weights_and_another_one_others(use_cache) -> None:
    short = replace(RECIPE, samples=128 * 20)
    checkpoints = []
    for place, seed in (("a", 0), ("b", 0), ("c", 1)):
        use_cache(place)
        checkpoints.append(fit_toy(recipe=short, seed=seed).provenance["checkpoint"])
    assert checkpoints[0] == checkpoints[1] != checkpoints[2]
