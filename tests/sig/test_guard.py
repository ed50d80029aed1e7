import copy
import os
import warnings
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from sig import plugins
from sig.explicand import Explicand, Tally
from sig.guard import Guard, Interference
from sig.plugins import load_plugin
from sig.registry import Cost, NotApplicable, Trial, method, methods, metric, metrics

MISCONDUCT = Path(__file__).with_name("misconduct.py")
SAID = {  # of each method there
    "bad-writes-inputs": "changed inputs",
    "bad-writes-background": "changed background",
    "bad-writes-classes": "changed background_classes",
    "bad-writes-players": "changed players",
    "bad-writes-target": "changed target",
    "bad-leaves-gradients": "changed inputs",
    "bad-resizes-inputs": "changed inputs",
    "bad-changes-weights": "changed the model's",
    "bad-replaces-weights": "changed parameters of Linear",
    "bad-unfreezes-weights": "changed the model's",
    "bad-changes-buffers": "changed the model's",
    "bad-trains": "changed training of",
    "bad-leaves-hook": "changed forward hooks of",
    "bad-leaves-backward-hook": "backward hooks of Linear",
    "bad-replaces-forward": "changed forward of",
    "bad-calls-past-the-counter": "called the model on",
    "bad-calls-a-part": "called a part of the model by itself",
    "bad-resets-the-counter": "while 0 rows were counted",
    "bad-overspends": "expected at most its budget of 10",
    "bad-overspends-backward": "expected at most its budget of 10",
    "bad-switches-gradients-off": "changed torch's",
    "bad-leaves-a-global-hook": "changed torch's global forward hooks",
    "bad-leaves-autocast": "changed torch's",
    "bad-calls-forward": "called the model on",
    "bad-calls-parts-forward": "called a part of the model by itself",
    "bad-changes-and-raises": "changed inputs and raised RuntimeError: after changing the inputs; work on copies",
}
FINE = ["ig-zero", "sig-game", "kernel-shap", "captum/GradientShap", "expected-gradients", "class-mean"]


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """What a test registers is gone after it."""
    list(methods), list(metrics)
    before = dict(methods._entries), dict(metrics._entries)
    yield
    methods._entries, metrics._entries = before
    plugins._import_file.cache_clear()


@pytest.fixture
def e() -> Explicand:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Softplus(), nn.Linear(8, 2))
        model.eval().requires_grad_(False)
        e = Explicand(model, torch.rand(3, 5), torch.tensor([0, 1, 0]), torch.rand(6, 5), torch.arange(5))
        return replace(e, background_classes=torch.arange(6) % 2)


def attribute(guard: Guard, name: str) -> torch.Tensor:
    torch.manual_seed(1)
    spent = methods[name].options_for(10)
    options = methods[name].options_for(120) if name in FINE else spent
    budget = 120 if name in FINE else 10 if spent else None
    generator = torch.Generator().manual_seed(2)
    return guard.attribute(methods[name], options, generator=generator, budget=budget).attribution


@pytest.mark.parametrize("name", SAID)
def test_a_method_that_interferes_fails_with_its_reason_and_leaves_no_trace(e: Explicand, name: str) -> None:
    load_plugin(MISCONDUCT)
    guard = Guard(e)
    weights, inputs = copy.deepcopy(e.model.state_dict()), e.inputs.clone()  # type: ignore[attr-defined]
    before = [attribute(guard, fine) for fine in FINE]
    with pytest.raises(Interference, match=SAID[name]):
        attribute(guard, name)
    after = [attribute(guard, fine) for fine in FINE]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert torch.equal(e.inputs, inputs)
    assert not e.inputs.requires_grad
    assert torch.is_grad_enabled()
    state = e.model.state_dict()  # type: ignore[attr-defined]
    assert all(torch.equal(weights[key], value) for key, value in state.items())


@pytest.mark.parametrize("name", SAID)
def test_without_the_guard_the_plug_ins_do_leave_traces(e: Explicand, name: str) -> None:
    """Otherwise the test above would show nothing."""
    load_plugin(MISCONDUCT)
    if SAID[name].startswith(("called", "while", "expected at most")):
        pytest.skip("costs more than it says, and changes nothing")
    guard = Guard(e)
    with suppress(RuntimeError, ValueError):
        methods[name](e.with_tally(Tally()), generator=torch.Generator(), **methods[name].options_for(10))
    assert guard._put_back()
    assert not guard._put_back()


def test_what_a_method_costs_and_should_add_up_to(e: Explicand) -> None:
    found = Guard(e).attribute(methods["ig-zero"], {"steps": 20}, generator=torch.Generator(), budget=40)
    assert (found.cost.forward_rows, found.cost.backward_rows) == (60, 60)
    with torch.no_grad():
        change = e.model(e.inputs) - e.model(torch.zeros(3, 5))
    assert found.change is not None
    torch.testing.assert_close(found.change, change[torch.arange(3), e.target])
    assert found.attribution.dtype == torch.float32
    assert Guard(e).attribute(methods["gradient"], {}, generator=torch.Generator()).change is None
    assert e.tally == Tally()


def test_some_of_the_paths_are_kept(e: Explicand) -> None:
    alone = Guard(e).attribute(methods["ig-zero"], {"steps": 3}, generator=torch.Generator())
    assert alone.paths is not None
    torch.testing.assert_close(alone.paths[0], torch.zeros(3, 1, 5))
    torch.testing.assert_close(alone.paths[1], e.inputs.unsqueeze(1))
    many = Guard(e).attribute(methods["sig-size-uniform"], {"samples": 100, "steps": 1}, generator=torch.Generator())
    assert many.paths is not None
    assert many.paths[0].shape == many.paths[1].shape == (3, 32, 5)
    assert Guard(e).attribute(methods["gradient"], {}, generator=torch.Generator()).paths is None


def test_paths_of_inputs_with_many_players_are_not_kept() -> None:
    model = nn.Linear(13, 1).eval()
    e = Explicand(model, torch.rand(2, 13), torch.zeros(2, dtype=torch.long), torch.rand(3, 13), torch.arange(13))
    assert Guard(e).attribute(methods["ig-zero"], {"steps": 3}, generator=torch.Generator()).paths is None


def test_a_function_as_model_is_counted_too() -> None:
    e = Explicand(
        lambda x: x @ torch.ones(4, 2), torch.rand(2, 4), torch.tensor([0, 1]), torch.rand(3, 4), torch.arange(4)
    )
    guard = Guard(e)
    assert guard.attribute(methods["ig-zero"], {"steps": 7}, generator=torch.Generator()).cost.forward_rows == 14

    @method("past", family="f", source="s")
    def past(e, *, generator):
        e.model(e.inputs)
        return e.inputs * 1

    with pytest.raises(Interference, match="called the model on 2 rows while 0 rows were counted"):
        guard.attribute(methods["past"], {}, generator=torch.Generator())


def test_a_model_called_with_certainty_is_counted(aware_explicand: Explicand) -> None:
    found = Guard(aware_explicand).attribute(methods["icg"], {"steps": 9}, generator=torch.Generator(), budget=18)
    assert found.cost.forward_rows == 27


def test_reasons_and_errors_of_methods_pass_through(e: Explicand) -> None:
    with pytest.raises(NotApplicable, match="certainty-aware"):
        Guard(e).attribute(methods["icg"], {}, generator=torch.Generator())


def settings() -> tuple[object, ...]:
    deterministic = torch.get_deterministic_debug_mode()
    return list(warnings.filters), np.geterr(), deterministic, Path.cwd(), dict(os.environ)


@pytest.mark.parametrize("fails", [False, True])
def test_settings_of_the_process_are_put_back(e: Explicand, tmp_path: Path, fails: bool) -> None:
    @method("unsettles", family="f", source="s")
    def unsettles(e, *, generator):
        warnings.simplefilter("error")
        np.seterr(all="raise")
        torch.use_deterministic_algorithms(True)
        os.chdir(tmp_path)
        os.environ["UNSETTLED"] = os.environ.pop("PATH")
        if fails:
            raise RuntimeError("after changing the settings")
        return e.inputs.clone()

    before, guard = settings(), Guard(e)
    with pytest.raises(RuntimeError, match="after changing") if fails else nullcontext():
        guard.attribute(methods["unsettles"], {}, generator=torch.Generator())
    assert settings() == before


def test_a_metric_that_writes_fails_alone(e: Explicand) -> None:
    @metric("scribbles", better="lower", range=(0, 1))
    def scribbles(trial, *, into: str):
        {"truth": trial.truth, "region": trial.regions["here"], "inputs": trial.explicand.inputs}[into].fill_(0)
        return torch.zeros(len(trial.attribution))

    truth, here = torch.rand(3, 5).double(), torch.ones(3, 5, dtype=torch.bool)
    guard = Guard(e, {"truth": truth, "region 'here'": here})
    trial = Trial(e, torch.rand(3, 5), Cost(0.0, 0, 0, None), truth, {"here": here})
    before = truth.clone(), here.clone(), e.inputs.clone()
    for into, said in [("truth", "truth"), ("region", "region 'here'"), ("inputs", "inputs")]:
        with pytest.raises(Interference, match=f"metric 'scribbles' changed {said}; work on copies"):
            guard.score(metrics["scribbles"], trial, {"into": into})
    assert all(torch.equal(was, now) for was, now in zip(before, (truth, here, e.inputs), strict=True))


def test_the_tally_of_the_explicand_is_its_own(e: Explicand) -> None:
    e = replace(e, tally=Tally(forward_rows=4))
    guard = Guard(e)
    with pytest.raises(Interference, match="the block changed the counter"), guard.watch("the block"):
        e.tally.forward_rows = 1
    assert e.tally.forward_rows == 4


def test_a_method_may_reuse_its_own_tensor(e: Explicand) -> None:
    buffer = torch.zeros(3, 5)

    @method("buffered", family="f", source="s", spend=("steps",))
    def buffered(e, *, steps: int = 1, generator):
        return buffer.fill_(steps)

    guard, generator = Guard(e), torch.Generator()
    first = guard.attribute(methods["buffered"], {"steps": 1}, generator=generator).attribution
    guard.attribute(methods["buffered"], {"steps": 9}, generator=generator)
    assert first.unique().tolist() == [1]


def test_values_beyond_float32_are_refused(e: Explicand) -> None:
    @method("huge", family="f", source="s")
    def huge(e, *, generator):
        return torch.full(e.inputs.shape, 1e200, dtype=torch.float64)

    with pytest.raises(ValueError, match="method 'huge' returned values beyond float32"):
        Guard(e).attribute(methods["huge"], {}, generator=torch.Generator())


def test_options_may_have_any_name(e: Explicand) -> None:
    @method("named", family="f", source="s")
    def named(e, *, method: int = 1, budget: int = 1, options: int = 1, generator):
        return torch.full_like(e.inputs, method + budget + options)

    @metric("also-named", better="lower", range=(0, 99))
    def also_named(trial, *, metric: int = 1, seed: int = 1):
        return torch.full((len(trial.attribution),), float(metric + seed))

    guard, options = Guard(e), {"method": 2, "budget": 3, "options": 4}
    found = guard.attribute(methods["named"], options, generator=torch.Generator())
    assert found.attribution.unique().tolist() == [9]
    trial = Trial(e, found.attribution, found.cost)
    assert guard.score(metrics["also-named"], trial, {"metric": 5, "seed": 6}).tolist() == [11, 11, 11]


def test_a_metric_has_an_attribution_and_a_counter_of_its_own(e: Explicand) -> None:
    @metric("clips", better="lower", range=(-9, 9))
    def clips(trial):
        trial.attribution[trial.attribution < 0] = 0
        trial.regions.pop("here")
        return trial.explicand.scores(trial.explicand.inputs, torch.arange(3)).detach()

    @metric("totals", better="lower", range=(-9, 9))
    def totals(trial):
        return trial.attribution.sum(1) + trial.regions["here"].sum()

    attribution, regions = torch.tensor([[-1.0, 2, 0, 0, 0]] * 3), {"here": torch.zeros(3, 5, dtype=torch.bool)}
    guard, trial = Guard(e), Trial(e, attribution, Cost(0.0, 0, 0, None), None, regions)
    guard.score(metrics["clips"], trial, {})
    assert guard.score(metrics["totals"], trial, {}).tolist() == [1, 1, 1]
    assert e.tally == Tally()


def test_tensors_that_share_their_elements_are_put_back(e: Explicand) -> None:
    row = torch.rand(1, 5)
    e, region = replace(e, background=row.expand(6, 5)), torch.ones(1, 5).expand(3, 5)
    guard, before = Guard(e, {"region": region}), row.clone()

    def scribble() -> None:
        row.zero_()
        region.data = torch.zeros(3, 5)

    with pytest.raises(Interference, match="the block changed region and 1 more"), guard.watch("the block"):
        scribble()
    assert torch.equal(e.background, before.expand(6, 5))
    assert region.unique().tolist() == [1]
    with guard.watch("an honest block"):
        pass


def test_modules_behind_a_function_are_watched(e: Explicand) -> None:
    network = e.model
    behind = replace(e, model=lambda x: network(x).softmax(1))
    guard = Guard(behind)
    with pytest.raises(Interference, match="the block changed the model's weight"), guard.watch("the block"):
        network[0].weight.data.zero_()  # type: ignore[index]
    assert network[0].weight.any()  # type: ignore[index]


class Repeats(nn.Module):
    """The mean of its outputs for the input and for the input turned round."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network, self.inside = network, False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.inside:
            outputs: torch.Tensor = self.network(x)
            return outputs
        self.inside = True
        try:
            mean: torch.Tensor = (self(x) + self(x.flip(1))) / 2
            return mean
        finally:
            self.inside = False


class Remembers(nn.Module):
    """Keeps what it gave last."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.network(x)
        self.last = outputs
        return outputs


class Checkpointed(nn.Module):
    """Computes its inside again on the way back, instead of keeping it in memory."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = checkpoint(self.network, x, use_reentrant=False)
        return outputs


class Plain:
    """A model that is no module and has attributes."""

    def __init__(self, network: nn.Module):
        self.network, self.name = network, "mine"

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.network(x)
        return outputs


def trained(network: nn.Module) -> nn.Module:
    """With gradients left from training."""
    network.requires_grad_()
    network(torch.rand(4, 5)).sum().backward()
    return network


def with_nan(network: nn.Module) -> nn.Module:
    network.register_buffer("unknown", torch.tensor([torch.nan, 1.0]))
    return network


HONEST = {
    "trained": trained,
    "a buffer with NaN": with_nan,
    "dropout": lambda network: nn.Sequential(nn.Dropout(0.5), network).eval(),
    "calls itself": lambda network: Repeats(network).eval(),
    "remembers": lambda network: Remembers(network).eval(),
    "checkpointed": lambda network: Checkpointed(network).eval(),
    "a callable object": Plain,
    "a function": lambda network: lambda x: network(x),
    "a bound method": lambda network: network.forward,
    "script": lambda network: torch.jit.trace(network, torch.rand(2, 5)),
    "parallel": lambda network: nn.DataParallel(network).eval(),
    "shared": lambda network: nn.Sequential(network, nn.Linear(2, 5), network).eval().requires_grad_(False),
    "its own hook": lambda network: network.register_forward_hook(lambda m, i, out: 2 * out) and network,
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
@pytest.mark.parametrize("kind", HONEST)
def test_honest_methods_pass_on_any_model(e: Explicand, kind: str) -> None:
    guard = Guard(replace(e, model=HONEST[kind](e.model)))
    for name in FINE:
        first = attribute(guard, name)
        assert torch.equal(first, attribute(guard, name))
    if kind == "trained":
        assert all(weights.grad is not None for weights in e.model.parameters())  # type: ignore[attr-defined]


def test_the_whole_model_is_counted_on_the_way_back_too(e: Explicand) -> None:
    @method("calls-on-the-way-back", family="f", source="s")
    def calls_on_the_way_back(e, *, generator):
        x = e.inputs.clone().requires_grad_()
        outputs = e.outputs(x)
        outputs.register_hook(lambda gradient: e.model(e.inputs) * 0 + gradient)
        return torch.autograd.grad(outputs.sum(), x)[0]

    with pytest.raises(Interference, match="called the model on 6 rows while 3 rows were counted"):
        Guard(e).attribute(methods["calls-on-the-way-back"], {}, generator=torch.Generator())


def test_a_batch_that_fails_and_is_tried_again_in_parts_is_no_offence(e: Explicand) -> None:
    def limited(x: torch.Tensor) -> torch.Tensor:
        if len(x) > 2:
            raise MemoryError("too many rows")
        return x @ torch.ones(5, 2)

    @method("retries", family="f", source="s")
    def retries(e, *, generator):
        with suppress(MemoryError):
            e.outputs(e.inputs)
        for part in e.inputs.split(2):
            e.outputs(part)
        return e.inputs * 1

    cost = Guard(replace(e, model=limited)).attribute(methods["retries"], {}, generator=torch.Generator()).cost
    assert cost.forward_rows == 3
