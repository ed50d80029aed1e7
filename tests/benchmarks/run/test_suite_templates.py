import lzma
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.run.records import Manifest
from benchmarks.run.storage import ARCHIVE, parse
from benchmarks.run.suite import Suite, SuiteError
from benchmarks.run.suite_files import SUITES, load_suite
from benchmarks.run.suite_templates import write_out_tasks
from datasets.cache import PROJECT
from sig.registry import methods

Load = Callable[..., Suite]

FIELDS: dict[str, Any] = {
    "kind": "toy",
    "budgets": [10, 20],
    "metrics": ["toy-mean", "toy-curve", {"name": "toy-mean", "label": "again", "options": {"add": 1}}, "runtime"],
    "repetitions": 2,
}
OTHERS: dict[str, Any] = {"kind": "x", "budgets": [5], "metrics": ["runtime"], "repetitions": 7}
OPTIONS = {"features": 3, "style": "plain"}
TEMPLATES = """
[defaults]
kind = "toy"
repetitions = 2

[metrics]
costs = ["completeness", "runtime"]
more = { name = "toy-mean", options = { add = 1 } }
all = ["toy-mean", "more", "costs"]

[templates.small]
budgets = [10]
options = { features = 3, style = "plain" }
metrics = ["toy-mean"]

[templates.large]
extends = "small"
budgets = [10, 1000]
options = { features = 30 }
metrics = ["all"]
"""


def suite_with(tasks: str) -> str:
    return f'methods = ["toy-exact"]\ntasks = {tasks}\n{TEMPLATES}'


@pytest.mark.parametrize("name", ["default", "field", "pictures"])
def test_suites_are_those_that_are_published(name: str) -> None:
    """What is published has every task in full: none of it comes from a template."""
    file = PROJECT / "results" / name / ARCHIVE
    published = parse(Manifest, lzma.decompress(file.read_bytes()), str(file))
    assert of_the_project(load_suite(name)) == of_the_project(published.suite)


def of_the_project(suite: Suite) -> Suite:
    """The suite with the project's own methods, by label: ``"*"`` stands for all that are registered, those of tests
    among them, in the order in which their modules were imported."""
    own = [choice for choice in suite.methods if methods[choice.name].run.__module__.startswith("sig.methods.")]
    return suite.model_copy(update={"methods": sorted(own, key=lambda choice: choice.label)})


@pytest.mark.parametrize("file", sorted(SUITES.glob("*.toml")), ids=lambda file: file.stem)
def test_no_list_of_metrics_and_no_metric_with_options_stands_twice_in_a_suite(file: Path) -> None:
    content = tomllib.loads(file.read_text())
    tables = [*content.get("templates", {}).values(), *(task for task in content["tasks"] if isinstance(task, dict))]
    lists = [table["metrics"] for table in tables if "metrics" in table]
    named = content.get("metrics", {}).values()
    lists += [of for of in named if isinstance(of, list)]
    metrics = [of for of in named if isinstance(of, dict)] + [of for one in lists for of in one if isinstance(of, dict)]
    for found in (lists, metrics):
        assert [one for i, one in enumerate(found) if one in found[:i]] == []


def test_a_task_has_what_its_templates_state_and_it_does_not(suite_of: Load) -> None:
    suite = suite_of(
        suite_with('["small", {name = "b", extends = "large", options = {style = "truthful"}, repetitions = 5}]')
    )
    small, b = suite.tasks
    assert (small.name, small.kind, small.family) == ("small", "toy", "toy")
    assert (small.budgets, small.repetitions, small.options) == ([10], 2, {"features": 3, "style": "plain"})
    assert (b.budgets, b.repetitions, b.options) == ([10, 1000], 5, {"features": 30, "style": "truthful"})


def test_a_name_of_metrics_stands_for_all_that_it_names(suite_of: Load) -> None:
    (task,) = suite_of(suite_with('["large"]')).tasks
    assert [(metric.name, metric.label, metric.options) for metric in task.metrics] == [
        ("toy-mean", "toy-mean", {}),
        ("toy-mean", "more", {"add": 1}),
        ("completeness", "completeness", {}),
        ("runtime", "runtime", {}),
    ]


def test_a_single_metric_may_have_the_name_of_its_own_metric(suite_of: Load) -> None:
    text = suite_with('["small"]').replace("more =", "toy-mean =").replace('"more"', '"toy-mean"')
    (metric,) = suite_of(text).tasks[0].metrics
    assert (metric.name, metric.label, metric.options) == ("toy-mean", "toy-mean", {"add": 1})


def test_sections_change_no_task_that_uses_none_of_them(suite_of: Load) -> None:
    plain = 'methods = ["toy-exact"]\n[[tasks]]\nname = "t"\nkind = "toy"\nbudgets = [9]\nmetrics = ["runtime"]\n'
    assert suite_of(plain + TEMPLATES.replace("repetitions = 2", "")) == suite_of(plain)


@settings(deadline=None)
@given(
    layers=st.fixed_dictionaries(dict.fromkeys(FIELDS, st.integers(0, 3))),
    options=st.fixed_dictionaries(dict.fromkeys(OPTIONS, st.integers(0, 3))),
    cuts=st.lists(st.integers(0, len(FIELDS["metrics"])), max_size=3).map(sorted),
)
def test_it_is_no_matter_where_a_field_is_stated(
    layers: dict[str, int], options: dict[str, int], cuts: list[int]
) -> None:
    """Each in the defaults, one of two templates or the task, others below; the metrics in lists that name lists."""
    tables: list[dict[str, Any]] = [{}, {}, {"extends": "low"}, {"name": "t", "extends": "high"}]
    for name, layer in layers.items():
        tables[layer][name] = FIELDS[name]
        for lower in tables[:layer]:
            lower[name] = OTHERS[name]
    for name, layer in options.items():
        tables[layer].setdefault("options", {})[name] = OPTIONS[name]
    lists: dict[str, list[Any]] = {"all": FIELDS["metrics"]}
    for i, cut in enumerate(cuts):
        lists |= {f"list-{i}": lists["all"][:cut], "all": [f"list-{i}", *lists["all"][cut:]]}
    tables[layers["metrics"]]["metrics"] = ["all"]
    defaults, low, high, task = tables
    content = {"defaults": defaults, "templates": {"low": low, "high": high}, "metrics": lists, "tasks": [task]}
    assert write_out_tasks(content) == {"tasks": [{"name": "t", **FIELDS, "options": OPTIONS}]}


SMALL, LARGE = '["small"]', '["large"]'
COSTS = '["completeness", "runtime"]'


@pytest.mark.parametrize(
    ("tasks", "was", "is_now", "line"),
    [
        # names
        (
            '[{name = "a", extends = "smal"}]',
            "",
            "",
            "tasks[0].extends: unknown template 'smal'; did you mean 'small'?",
        ),
        ('["a"]', "", "", "tasks[0].extends: unknown template 'a'; expected one of large, small (task 'a')"),
        ('[{name = "a", extends = 3}]', "", "", "tasks[0].extends: unknown template 3; expected one of large, small"),
        (LARGE, '"small"', '"x"', "templates.large.extends: unknown template 'x'; expected one of large, small"),
        (
            '["small", "large"]',
            "[templates.small]",
            '[templates.small]\nextends = "large"',
            "templates.large.extends: 'small' extends 'large' extends 'small', expected an end; take one of them out "
            "(task 'small')",
        ),
        (LARGE, '"small"', '"large"', "templates.large.extends: 'large' extends 'large', expected an end"),
        (LARGE, COSTS, '["runtime", "all"]', "metrics.costs: 'all' names 'costs' names 'all', expected an end"),
        (
            LARGE,
            COSTS,
            '["costs"]',
            "metrics.costs: 'costs' names 'costs', expected an end; take one of them out (task",
        ),
        (SMALL, '["toy-mean"]', '["toy-meen"]', "tasks[0].metrics[0].name: unknown metric 'toy-meen'; did you mean"),
        (LARGE, "features = 30", "featurs = 30", "tasks[0].options.featurs: 'toy' has no option 'featurs'; did you"),
        # fields
        (SMALL, "budgets = [10]", "budget = [10]", "templates.small.budget: unknown field; did you mean 'budgets'?"),
        (SMALL, "budgets = [10]", "budgets = 10", "templates.small.budgets: 10, expected list; correct the value"),
        (SMALL, "budgets = [10]", 'seeds = "a b"', "templates.small.seeds: 'a b' cannot name a folder, expected"),
        (SMALL, "repetitions = 2", "repetitions = 0", "defaults.repetitions: 0, expected greater than 0; correct the"),
        (SMALL, "repetitions = 2", "repetition = 2", "defaults.repetition: unknown field; did you mean 'repetitions'?"),
        (SMALL, "repetitions = 2", 'extends = "small"', "defaults.extends: unknown field; "),
        (SMALL, "[templates.small]", "[template.x]\n[templates.small]", "template: unknown field; did you mean 'templ"),
        (SMALL, "[templates.small]", "[templates]\nx = 3\n[templates.small]", "templates.x: 3, expected"),
        (SMALL, "options = { add", "option = { add", "metrics.more[0].option: unknown field; did you mean 'options'?"),
        (SMALL, '{ name = "toy-mean", ', "{ ", "metrics.more[0].name: missing, expected a value; add it"),
        (SMALL, COSTS, "3", "metrics.costs: 3, expected list; correct the value"),
        (
            '[{name = "a", extend = "small"}]',
            "",
            "",
            "tasks[0].extend: unknown field; did you mean 'extends'?",
        ),
        ('[{name = "a"}]', "", "", "tasks[0].budgets: missing, expected a value; add it (task 'a')"),
        ('[{extends = "small"}]', "", "", "tasks[0].name: missing, expected a value; add it"),
        ("[3]", "", "", "tasks[0]: 3, expected a table such as {name = ...}; correct the entry"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_field(
    suite_of: Load, tasks: str, was: str, is_now: str, line: str
) -> None:
    assert was in TEMPLATES
    with pytest.raises(SuiteError) as error:
        suite_of(suite_with(tasks).replace(was, is_now) if was else suite_with(tasks))
    assert all("mine.toml: " in found and "\n" not in found for found in error.value.lines)
    assert any(line in found for found in error.value.lines), error.value.lines


def test_every_task_with_a_mistake_gets_a_line(suite_of: Load) -> None:
    with pytest.raises(SuiteError) as error:
        suite_of(suite_with('["a", "small", "b"]'))
    assert [line.split(": ")[1] for line in error.value.lines] == ["tasks[0].extends", "tasks[2].extends"]
