from collections.abc import Callable
from pathlib import Path

import pydantic
import pytest

from benchmarks.run.suite import MethodChoice, Suite, SuiteError, TaskChoice, tell_mistakes
from benchmarks.run.suite_files import load_suite, suite_names
from sig.registry import methods

TASK = """
[[tasks]]
name = "t"
kind = "toy"
budgets = [10, 20]
metrics = ["toy-mean"]
"""
GOOD = f'methods = ["toy-exact"]\n{TASK}'
Load = Callable[..., Suite]


def test_resolves_names_labels_and_repetitions(suite_of: Load) -> None:
    suite = suite_of(
        'methods = ["toy-exact", {name = "toy-exact", label = "twice", options = {scale = 2}}]\nrepetitions = 3'
        + TASK
        + '[[tasks]]\nname = "u"\nkind = "toy"\nbudgets = [7]\nmetrics = ["toy-mean"]\nrepetitions = 5'
    )
    assert suite.name == "mine"
    assert [(choice.name, choice.label, choice.options) for choice in suite.methods] == [
        ("toy-exact", "toy-exact", {}),
        ("toy-exact", "twice", {"scale": 2}),
    ]
    assert [task.repetitions for task in suite.tasks] == [3, 5]
    assert [task.headline for task in suite.tasks] == [20, 7]


def test_star_is_every_method_plug_ins_included(suite_of: Load) -> None:
    suite = suite_of(
        'methods = ["*", {name = "toy-exact", label = "twice", options = {scale = 2}}]\nexclude = ["toy-kills"]' + TASK
    )
    everything = [method.name for method in methods]
    assert "gradient" in everything
    assert [choice.label for choice in suite.methods] == [n for n in everything if n != "toy-kills"] + ["twice"]


def test_suite_survives_json(suite_of: Load) -> None:
    suite = suite_of(GOOD)
    assert Suite.model_validate_json(suite.model_dump_json()) == suite


METHODS = 'methods = ["toy-exact"]'
SWEEP = '[[tasks.sweeps]]\nname = "s"\nmethod = "toy-noise"\noption = "samples"\nvalues = [1, 2]'
BIG = '{name = "toy-exact", options = {scale = "big"}}'
TWICE = '"toy-mean", {name = "toy-mean", options = {add = 1}}'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("methods = [", "expected a TOML file"),
        # fields
        (METHODS, "tasks: missing, expected a value; add it"),
        ('methods = "*"' + TASK, "methods: '*', expected list; correct the value"),
        ("methods = []" + TASK, "methods: is empty, expected at least one entry; add one"),
        ("methods = [3]" + TASK, "methods[0]: 3, expected a table such as {name = ...}; correct the entry"),
        (METHODS + "\nrepetition = 1" + TASK, "repetition: unknown field; did you mean 'repetitions'?"),
        (METHODS + "\nrepetitions = 0" + TASK, "repetitions: 0, expected greater than 0; correct the value"),
        (METHODS + '\nname = "x y"' + TASK, "name: 'x y' cannot name a folder, expected letters"),
        (GOOD + "option = {}", "tasks[0].option: unknown field; did you mean 'options'?"),
        (GOOD.replace("[10, 20]", "[20, 10]"), "tasks[0].budgets: [20, 10] is not increasing, expected e.g. [50, 500]"),
        (GOOD.replace("[10, 20]", "[0, 10]"), "tasks[0].budgets[0]: 0, expected greater than 0; correct the value"),
        (GOOD.replace("[10, 20]", "10"), "tasks[0].budgets: 10, expected list; correct the value"),
        (GOOD.replace("[10, 20]", "[]"), "tasks[0].budgets: is empty, expected at least one entry; add one"),
        (GOOD.replace('"t"', '"a/b"'), "tasks[0].name: 'a/b' cannot name a folder, expected letters"),
        (GOOD.replace('"t"', '".."'), "tasks[0].name: '..' cannot name a folder, expected letters"),
        (GOOD + 'seeds = "a b"', "tasks[0].seeds: 'a b' cannot name a folder, expected letters"),
        (GOOD + "seeds = 3", "tasks[0].seeds: 3, expected string; correct the value"),
        (GOOD + SWEEP.replace("values", "value"), "tasks[0].sweeps[0].value: unknown field; did you mean 'values'?"),
        # names
        (GOOD.replace("exact", "exakt"), "methods[0].name: unknown method 'toy-exakt'; did you mean 'toy-exact'?"),
        (
            METHODS + '\nexclude = ["toy-kill"]' + TASK,
            "exclude[0]: unknown method 'toy-kill'; did you mean 'toy-kills'?",
        ),
        (GOOD.replace('"toy"', '"toi"'), "tasks[0].kind: unknown task 'toi'; did you mean 'toy'?"),
        (GOOD.replace("mean", "meen"), "tasks[0].metrics[0].name: unknown metric 'toy-meen'; did you mean 'toy-mean'?"),
        (GOOD + SWEEP.replace("noise", "nois"), "tasks[0].sweeps[0].method: unknown method 'toy-nois'; did you mean"),
        # labels
        (GOOD.replace("[", '["toy-exact", ', 1), "methods: label 'toy-exact' is used 2 times, expected once"),
        (GOOD + TASK, "tasks: name 't' is used 2 times, expected once; give each its own name"),
        (GOOD.replace('"toy-mean"', TWICE), "tasks[0].metrics: label 'toy-mean' is used 2 times, expected once"),
        (GOOD + SWEEP + "\n" + SWEEP, "tasks[0].sweeps: name 's' is used 2 times, expected once"),
        # options
        (
            GOOD.replace('"toy-exact"', BIG),
            "methods[0].options.scale: 'big', expected a valid number; correct the value",
        ),
        (GOOD.replace('"toy-exact"', BIG.replace("scale", "scal")), "'toy-exact' has no option 'scal'; did you mean"),
        (
            GOOD.replace('"toy-exact"', BIG.replace("options", "option")),
            "methods[0].option: unknown field; did you mean",
        ),
        (GOOD + "options = {featurs = 3}", "tasks[0].options.featurs: 'toy' has no option 'featurs'; did you mean"),
        (GOOD + 'options = {style = "x"}', "tasks[0].options.style: 'x', expected 'plain' or 'truthful'; correct the"),
        (
            GOOD.replace('"toy-mean"', TWICE.replace("add", "ad")),
            "metrics[1].options.ad: 'toy-mean' has no option 'ad'",
        ),
        (
            GOOD + SWEEP.replace("samples", "sample"),
            "tasks[0].sweeps[0].option: 'toy-noise' has no option 'sample'; did",
        ),
        (
            GOOD + SWEEP.replace("2]", '"b"]'),
            "tasks[0].sweeps[0].values[1]: 'b', expected a valid integer; correct the",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_the_field(suite_of: Load, text: str, line: str) -> None:
    with pytest.raises(SuiteError) as error:
        suite_of(text)
    assert all("mine.toml: " in found and "\n" not in found for found in error.value.lines)
    assert any(line in found for found in error.value.lines), error.value.lines


def test_every_mistake_gets_a_line(suite_of: Load) -> None:
    with pytest.raises(SuiteError) as error:
        suite_of('methods = ["a", "b"]' + TASK.replace("toy-mean", "c"))
    assert [line.split(": ")[1] for line in error.value.lines] == [
        "methods[0].name",
        "methods[1].name",
        "tasks[0].metrics[0].name",
    ]


def test_excluding_everything_is_a_mistake(suite_of: Load) -> None:
    names = ", ".join(f'"{method.name}"' for method in methods)
    with pytest.raises(SuiteError, match="nothing is left"):
        suite_of(f'methods = ["*"]\nexclude = [{names}]' + TASK)


def test_an_unknown_suite_is_answered_with_the_nearest() -> None:
    with pytest.raises(SuiteError, match=r"unknown suite 'smok'; did you mean 'smoke'\? \(python -m benchmarks list"):
        load_suite("smok")
    with pytest.raises(SuiteError, match=r"nowhere/x\.toml: no such file"):
        load_suite("nowhere/x.toml")


def test_restricting(suite_of: Load) -> None:
    suite = suite_of(
        'methods = ["toy-exact", "toy-noise", {name = "toy-exact", label = "twice"}]'
        + TASK
        + SWEEP
        + TASK.replace('"t"', '"u"')
    )
    only = suite.restricted(methods=["twice"], tasks=["t"], repetitions=4)
    assert [choice.label for choice in only.methods] == ["twice"]
    assert [(task.name, task.repetitions, task.sweeps) for task in only.tasks] == [("t", 4, [])]
    assert [choice.label for choice in suite.restricted(methods=["toy-exact"]).methods] == ["toy-exact", "twice"]
    assert suite.restricted(methods=["toy-noise"]).tasks[0].sweeps == suite.tasks[0].sweeps
    assert suite.restricted() == suite


def test_restricting_to_what_is_not_there(suite_of: Load) -> None:
    with pytest.raises(SuiteError) as error:
        suite_of(GOOD).restricted(methods=["toy-exakt"], tasks=["x"], repetitions=0)
    assert error.value.lines == [
        "unknown method in suite 'mine' 'toy-exakt'; did you mean 'toy-exact'?",
        "unknown task in suite 'mine' 'x'; expected one of t",
        "repetitions is 0, expected at least 1; leave it out for the suite's own number",
    ]


@pytest.mark.parametrize("name", suite_names())
def test_the_suites_of_the_project_load(name: str) -> None:
    suite = load_suite(name)
    assert suite.methods
    assert suite.description


def test_players_of_other_sizes_are_of_shapley_integrated_gradients_alone() -> None:
    suite = load_suite("pictures")
    sizes = [task for task in suite.tasks if task.name.startswith("imagenet-patch-")]
    assert {task.options["patch"] for task in sizes} == {16, 80}
    for task in sizes:
        assert {choice.label for choice in suite.methods if task.takes(choice.label)} == {
            "sig-game",
            "sig-size-uniform",
        }


def test_a_mistake_in_a_table_as_a_whole_is_one_line() -> None:
    with pytest.raises(pydantic.ValidationError) as error:
        TaskChoice.model_validate(3)
    assert tell_mistakes(error.value) == ["suite: 3, expected a table such as {name = ...}; correct the entry"]


def test_labels_default_to_names() -> None:
    assert MethodChoice.model_validate("a") == MethodChoice(name="a", label="a")


def test_a_path_without_folder_is_a_path(suite_of: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite_of(GOOD)
    monkeypatch.chdir(tmp_path)
    assert load_suite("mine.toml").name == "mine"
