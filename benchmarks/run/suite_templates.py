"""Sections of a suite file that state once what its tasks share: ``[defaults]``, ``[templates]`` and ``[metrics]``.

A task that ``extends`` a template has all that the template states and it does not itself; a template may extend
another, and what ``[defaults]`` state all tasks have. ``options`` are merged one by one, every other field is replaced.
A bare name among the tasks is a task of that name which extends the template of that name. In a list of metrics a name
of ``[metrics]`` stands for all that it names; a single metric there has its name for a label. So::

    methods = ["*"]
    tasks = [
      { name = "gridworld-2x2-r1", extends = "gridworld", options = { reward = "r1" } },
      { name = "gridworld-2x2-r2", extends = "gridworld", options = { reward = "r2" } },
    ]

    [metrics]
    costs = ["completeness", "runtime"]
    distance = { name = "local_minimum", options = { scale = "largest" } }

    [templates.gridworld]
    kind = "gridworld"
    options = { rows = 2, cols = 2 }
    budgets = [200, 2000]
    metrics = ["spearman", "distance", "costs"]
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import pydantic

from benchmarks.run.suite import (
    SharedSections,
    SuiteError,
    TaskChoice,
    explain_mistake,
    name_task,
    suggest_nearest,
    tell_mistakes,
)

Table = dict[str, Any]


def write_out_tasks(content: Mapping[str, Any]) -> Table:
    """The content of a suite file with every task in full, and without the sections that tasks share.

    Raises:
        SuiteError: with a line for each mistake in these sections; or else for each task with a template that is not
            there, or with templates or lists of metrics that come back to themselves.
    """
    shared = {name: content.get(name, {}) for name in SharedSections.model_fields}
    shared["metrics"] = _list_metrics(shared["metrics"])
    _require_sound(shared)
    rest = {name: value for name, value in content.items() if name not in shared}
    if not isinstance(rest.get("tasks"), list):
        return rest  # a mistake, which is told where the suite is validated
    tasks: list[Any] = []
    lines: list[str] = []
    for i, task in enumerate(rest["tasks"]):
        try:
            tasks.append(_write_out(task, f"tasks[{i}]", **shared))
        except SuiteError as error:
            lines += [line + name_task(task) for line in error.lines]
    if lines:
        raise SuiteError(lines)
    return {**rest, "tasks": tasks}


def _list_metrics(named: Any) -> Any:
    """The named metrics with each that stands alone in a list of its own, labelled by its name."""
    if not isinstance(named, dict):
        return named
    return {name: [{"label": name, **of}] if isinstance(of, dict) else of for name, of in named.items()}


def _require_sound(shared: Table) -> None:
    try:
        SharedSections.model_validate(shared)
    except pydantic.ValidationError as error:
        raise SuiteError(tell_mistakes(error)) from None
    lines = _tell_wrong_fields(shared["defaults"], ("defaults",))
    for name, template in shared["templates"].items():
        stated = {field: value for field, value in template.items() if field != "extends"}
        lines += _tell_wrong_fields(stated, ("templates", name))
    if lines:
        raise SuiteError(lines)


def _tell_wrong_fields(table: Table, where: tuple[str, ...]) -> list[str]:
    """A line for each mistake in a part of a task, of which any field may be missing."""
    try:
        TaskChoice.model_validate(table)
    except pydantic.ValidationError as error:
        mistakes = [m for m in error.errors(include_url=False) if m["type"] != "missing" or len(m["loc"]) > 1]
        return [explain_mistake((*where, *mistake["loc"]), mistake) for mistake in mistakes]
    return []


def _write_out(
    task: Any, where: str, defaults: Table, templates: Mapping[str, Table], metrics: Mapping[str, list[Any]]
) -> Any:
    if isinstance(task, str):
        task = {"name": task, "extends": task}
    if not isinstance(task, dict):
        return task  # a mistake, which is told where the suite is validated
    extended = _list_templates(task, where, templates)
    full = reduce(_merge, [defaults, *reversed(extended), task])
    full.pop("extends", None)
    if isinstance(full.get("metrics"), list):
        full["metrics"] = list(_name_metrics(full["metrics"], metrics))
    return full


def _merge(base: Table, over: Table) -> Table:
    merged = {**base, **over}
    if isinstance(base.get("options"), dict) and isinstance(over.get("options"), dict):
        merged["options"] = {**base["options"], **over["options"]}
    return merged


def _list_templates(table: Table, where: str, templates: Mapping[str, Table]) -> list[Table]:
    """The template that a table extends, the one that this extends, and so on."""
    names: list[str] = []
    while "extends" in table:
        name = table["extends"]
        if not isinstance(name, str) or name not in templates:
            raise SuiteError(
                [f"{where}.extends: unknown template {name!r}; {suggest_nearest(str(name), list(templates))}"]
            )
        _require_end([*names, name], f"{where}.extends", "extends")
        names.append(name)
        table, where = templates[name], f"templates.{name}"
    return [templates[name] for name in names]


def _name_metrics(entries: Sequence[Any], named: Mapping[str, list[Any]], within: Sequence[str] = ()) -> Iterator[Any]:
    """The entries of a list of metrics, with every name that is one of ``named`` replaced by what it stands for."""
    for entry in entries:
        if isinstance(entry, str) and entry in named:
            names = [*within, entry]
            _require_end(names, f"metrics.{names[-2]}" if within else "metrics", "names")
            yield from _name_metrics(named[entry], named, names)
        else:
            yield entry


def _require_end(names: Sequence[str], where: str, verb: str) -> None:
    *before, last = names
    if last in before:
        cycle = f" {verb} ".join(map(repr, names[before.index(last) :]))
        raise SuiteError([f"{where}: {cycle}, expected an end; take one of them out"])
