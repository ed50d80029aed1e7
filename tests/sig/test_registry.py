import pickle
import re

import pytest
import torch

from sig.registry import UnknownName, load_plugin, method, methods, metric, metrics

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
    assert methods["my-method"].options == {"samples": 2, "steps": 10}


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
    ("rows", "expected"),
    [
        (10_000, {"samples": 200, "steps": 50}),
        (99, {"samples": 1, "steps": 50}),
        (7, {"samples": 1, "steps": 7}),
        (1, {"samples": 1, "steps": 1}),
    ],
)
def test_a_budget_grows_the_first_option(rows, expected):
    assert methods["sig-game"].options_for(rows) == expected


def test_budgets_need_a_row():
    with pytest.raises(ValueError, match="a budget of 0 rows cannot be spent"):
        methods["ig-zero"].options_for(0)


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


def test_a_metric_is_a_function_with_facts(forget):
    @metric("mine", better="lower", range=(0, 1))
    def mine(trial):
        return torch.zeros(1)

    assert metrics["mine"].better == "lower"
    with pytest.raises(ValueError, match="there is already a metric named 'mine'"):
        metric("mine", better="lower", range=(0, 1))(mine)
