import pickle
import re
import sys

import pytest
import torch

from sig.plugins import Registry, UnknownName, load_plugin
from sig.registry import Cost, Method, Trial, method, methods, metric, metrics

PLUGIN = """
from sig.registry import method

@method("{name}", family="mine", source="a paper", spend=("samples", "steps"))
def mine(e, *, samples: int = 2, steps: int = 10, generator):
    return e.inputs * 0
"""


@pytest.fixture
def forget():
    """Undo what a test registers."""
    list(methods)
    known_methods, known_metrics = dict(methods._entries), dict(metrics._entries)
    yield
    methods._entries, metrics._entries = known_methods, known_metrics


def test_every_method_of_the_design_is_found():
    names = {entry.name for entry in methods}
    assert names >= {
        *("gradient", "input-x-gradient", "random-attribution"),
        *("ig-zero", "ig-mean", "ig-middle", "ig-random", "ig-max-distance", "ig-blur", "ig-uniform-noise"),
        *("ig-gaussian-noise", "expected-gradients", "ig-background", "sig-algorithm1", "sig-size-uniform"),
        *("sig-game", "effective-shapley", "effective-sig", "bshap", "permutation-shapley", "kernel-shap"),
        *("captum/IntegratedGradients", "captum/GradientShap", "captum/KernelShap", "captum/Saliency"),
        "captum/FeatureAblation",
    }
    assert {entry.name for entry in metrics} >= {"spearman", "kendall", "iaccuracy", "completeness", "runtime"}


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UnknownName) as caught:
        methods["ig-zreo"]
    expected = "unknown method 'ig-zreo'; did you mean 'ig-zero'? (python -m benchmarks list methods)"
    assert str(caught.value) == expected
    assert str(pickle.loads(pickle.dumps(caught.value))) == expected
    with pytest.raises(UnknownName, match=r"unknown metric 'xyz'; expected one of .*iaccuracy"):
        metrics["xyz"]


def test_plugins_register_once(tmp_path, forget):
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(name="my-method"))
    load_plugin(file)
    load_plugin(file)
    assert methods["my-method"].family == "mine"
    assert {name: p.default for name, p in methods["my-method"].options.items()} == {"samples": 2, "steps": 10}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a file; give the path of a Python file with an @method in it"),
        ("x = 1", "registers nothing; decorate a function with @method"),
        (PLUGIN.format(name="ig-zero"), "there is already a method named 'ig-zero'; choose another name"),
    ],
)
def test_bad_plugins_are_named(tmp_path, forget, content, message):
    file = tmp_path / "bad.py"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_plugin(file)


def test_a_method_must_take_a_generator(forget):
    with pytest.raises(ValueError, match="method 'm' takes no keyword 'generator'; declare it as def f"):

        @method("m", family="f", source="s")
        def f(e):
            return e.inputs


def test_spend_must_name_options(forget):
    with pytest.raises(ValueError, match="method 'm' spends 'stesp', which is not one of its options: steps"):

        @method("m", family="f", source="s", spend=("stesp",))
        def f(e, *, steps: int = 3, generator):
            return e.inputs


@pytest.mark.parametrize(
    ("default", "error", "said"),
    [({}, TypeError, "none"), ({"steps": "x"}, TypeError, "'x'"), ({"steps": 0}, ValueError, "0")],
)
def test_spend_must_name_counts(forget, default, error, said):
    def f(e, *, samples: int = 2, steps: int, generator):
        return e.inputs

    f.__kwdefaults__ |= default
    expected = f"method 'm' spends 'steps', whose default is {said}, expected a whole number of at least 1; declare it"
    with pytest.raises(error, match=expected):
        method("m", family="f", source="s", spend=("samples", "steps"))(f)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(("name", "error"), [("", ValueError), (" ", ValueError), (5, TypeError)])
def test_names_are_texts(forget, name, error):
    def run(e, *, generator):
        return e.inputs

    with pytest.raises(error, match=f"a method is named {name!r}, expected text; write @method"):
        method(name, family="f", source="s")(run)
    with pytest.raises(error, match=f"a metric is named {name!r}, expected text; write @metric"):
        metric(name, better="lower", range=(0, 1))(run)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (20_000, {"samples": 200, "steps": 50}),
        (199, {"samples": 1, "steps": 50}),
        (15, {"samples": 1, "steps": 7}),
        (2, {"samples": 1, "steps": 1}),
    ],
)
def test_a_budget_of_forward_and_backward_rows_grows_the_first_option(budget, expected):
    assert methods["sig-game"].options_for(budget) == expected


def test_a_method_without_gradients_spends_all_rows_forward(forget):
    @method("forward-only", family="f", source="s", spend=("evaluations",), gradient=False)
    def forward_only(e, *, evaluations: int = 10, generator):
        return e.inputs

    assert methods["forward-only"].options_for(7) == {"evaluations": 7}
    assert methods["forward-only"].options_for(1) == {"evaluations": 1}


def test_options_that_are_chosen_already_take_the_place_of_defaults():
    assert methods["sig-game"].options_for(2000, steps=10) == {"samples": 100, "steps": 10}
    assert methods["sig-game"].options_for(2000, samples=7) == {}


def test_every_affordable_split_of_a_budget_is_tried():
    found = [(allocation["samples"], allocation["steps"]) for allocation in methods["sig-game"].allocations(1000)]
    assert found == [(500, 1), (250, 2), (100, 5), (50, 10), (20, 25), (10, 50), (5, 100)]
    assert methods["sig-game"].allocations(1000, steps=7) == [{"samples": 71, "steps": 7}]
    few = [(allocation["samples"], allocation["steps"]) for allocation in methods["sig-game"].allocations(10)]
    assert few == [(5, 1), (2, 2), (1, 5)]
    assert methods["ig-zero"].allocations(1000) == [{"steps": 500}]
    assert methods["sig-game"].allocations(1000, samples=7) == methods["gradient"].allocations(1000) == []


def test_budgets_need_a_row():
    with pytest.raises(ValueError, match="a budget of 1 rows cannot be spent by 'ig-zero'; expected at least 2 rows"):
        methods["ig-zero"].options_for(1)


def test_fixed_costs_take_no_budget():
    assert methods["gradient"].options_for(1000) == {}


def test_unknown_options_are_named(vector_explicand, generator):
    with pytest.raises(TypeError, match="method 'ig-zero' has no option 'stesp'; its options: steps"):
        methods["ig-zero"](vector_explicand, generator=generator, stesp=3)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda e: e.inputs[:, 0], "returned shape (3,), expected the inputs' shape (3, 8)"),
        (lambda e: e.inputs / 0, "returned NaN or infinity; look for a division by zero"),
    ],
)
def test_bad_attributions_are_named(vector_explicand, generator, forget, returned, message):
    @method("bad", family="f", source="s")
    def bad(e, *, generator):
        return returned(e)

    with pytest.raises(ValueError, match=re.escape(f"method 'bad' {message}")):
        methods["bad"](vector_explicand, generator=generator)


def test_complex_attributions_are_refused(vector_explicand, generator, forget):
    @method("bad", family="f", source="s")
    def bad(e, *, generator):
        return e.inputs + 1j

    with pytest.raises(
        TypeError, match=r"method 'bad' returned torch.complex64, expected real numbers; return its .real"
    ):
        methods["bad"](vector_explicand, generator=generator)


class Own(torch.Tensor):
    pass


@pytest.mark.parametrize("wrap", [lambda x: x.as_subclass(Own), torch.nn.Parameter])
def test_attributions_are_plain_tensors(vector_explicand, generator, forget, wrap):
    @method("own", family="f", source="s")
    def own(e, *, generator):
        return wrap(e.inputs.clone())

    found = methods["own"](vector_explicand, generator=generator)
    assert type(found) is torch.Tensor
    assert torch.equal(found, vector_explicand.inputs)


def test_a_metric_is_a_function_with_facts(forget):
    @metric("mine", better="lower", range=(0, 1))
    def mine(trial):
        return torch.zeros(1)

    assert metrics["mine"].better == "lower"
    with pytest.raises(ValueError, match="there is already a metric named 'mine'"):
        metric("mine", better="lower", range=(0, 1))(mine)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.tensor(0.5), "returned shape (), expected (3,); score each explicand"),
        (0.5, "returned shape float, expected (3,)"),
        (torch.tensor([0.0, 2.0, 1.0]), "gave 2, expected a score in its range 0 to 1; state the range that it has"),
        (torch.tensor([0.0, torch.inf, 1.0]), "gave inf, expected a finite number or NaN; look for a division by zero"),
    ],
)
def test_bad_scores_are_named(vector_explicand, forget, returned, message):
    metric("mine", better="lower", range=(0, 1))(lambda trial: returned)
    with pytest.raises(ValueError, match=re.escape(f"metric 'mine' {message}")):
        metrics["mine"](Trial(vector_explicand, vector_explicand.inputs, Cost(0.0, 0, 0, 0)))


def test_a_metric_that_draws_is_given_a_generator(vector_explicand, forget):
    @metric("draws", better="lower", range=(0, 1))
    def draws(trial, *, scale: float = 1.0, generator):
        return scale * torch.rand(len(trial.attribution), generator=generator)

    trial = Trial(vector_explicand, vector_explicand.inputs, Cost(0.0, 0, 0, 0))
    assert metrics["draws"].draws
    assert list(metrics["draws"].options) == ["scale"]
    first, again = (metrics["draws"](trial, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(first, torch.rand(3, generator=torch.Generator().manual_seed(3)).double())
    with pytest.raises(TypeError, match="metric 'draws' draws random numbers; pass generator="):
        metrics["draws"](trial)
    with pytest.raises(TypeError, match="metric 'draws' has no option 'scael'; its options: scale"):
        metrics["draws"](trial, scael=2.0, generator=torch.Generator())
    assert not metrics["spearman"].draws


def test_an_option_may_be_called_seed(vector_explicand, generator, forget):
    @method("seeded", family="f", source="s")
    def seeded(e, *, seed: int = 3, generator):
        return torch.full_like(e.inputs, seed)

    assert list(methods["seeded"].options) == ["seed"]
    assert methods["seeded"](vector_explicand, generator=generator, seed=8).unique().tolist() == [8]


def test_an_option_as_chosen_or_by_default():
    iaccuracy = metrics["iaccuracy"]
    assert iaccuracy.option({"removal": "mean"}, "removal") == "mean"
    assert iaccuracy.option({}, "removal") == "zero"
    assert iaccuracy.option({}, "no such") is None


def test_modules_that_lack_a_package_are_left_out_and_said(tmp_path, monkeypatch):
    package = tmp_path / "parts"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "whole.py").write_text("x = 1")
    (package / "lacking.py").write_text("import no_such_package_here")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[Method] = Registry("part", packages=["parts"])
    try:
        with pytest.raises(UnknownName, match=r"parts\.lacking was left out: it needs no_such_package_here"):
            registry["mine"]
        assert "parts.whole" in sys.modules
    finally:
        Registry.every.remove(registry)


def test_a_broken_module_is_no_lacking_package(tmp_path, monkeypatch):
    package = tmp_path / "broken_parts"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "bad.py").write_text("import broken_parts.nowhere")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[Method] = Registry("part", packages=["broken_parts"])
    try:
        with pytest.raises(ModuleNotFoundError, match="nowhere"):
            list(registry)
    finally:
        Registry.every.remove(registry)


@pytest.mark.usefixtures("as_users_run_it")
def test_facts_of_metrics_are_checked(forget):
    with pytest.raises(ValueError, match="metric 'm' is better 'more', expected 'lower' or 'higher'"):
        metric("m", better="more", range=(0, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"metric 'm' has range \(1, 0\), expected the smallest and the largest"):
        metric("m", better="lower", range=(1, 0))
