"""Tables of what there is: methods, metrics, tasks and suites, with the facts about each."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from benchmarks.run.cells import plan
from benchmarks.run.suite_files import load_suite, suite_names
from datasets import problem
from sig import registry


def methods() -> Table:
    """A row for each registered method. The options it *spends* decide how many model rows it takes."""
    rows = (
        (m.name, m.family + (" (control)" if m.control else ""), m.source, " x ".join(m.spend) or "fixed", _options(m))
        for m in registry.methods
    )
    return _table(("method", "family", "source", "spends", "options"), rows)


def metrics() -> Table:
    """A row for each registered metric."""
    rows = (
        (m.name, m.better, "{:g} to {:g}".format(*m.range), m.unit, _yes(m.judges), m.curve, m.source, _options(m))
        for m in registry.metrics
    )
    return _table(("metric", "better", "range", "unit", "judges", "curve over", "source", "options"), rows)


def tasks() -> Table:
    """A row for each registered kind of task."""
    rows = ((t.name, inspect.getdoc(inspect.unwrap(t.run)) or "", _options(t)) for t in problem.tasks)
    return _table(("task", "what", "options"), ((name, text.split("\n")[0], options) for name, text, options in rows))


def suites() -> Table:
    """A row for each suite that comes with the project, resolved with what is registered."""
    loaded = [load_suite(name) for name in suite_names()]
    rows = (
        (
            suite.name,
            suite.description,
            ", ".join(f"{task.name} x {task.repetitions}" for task in suite.tasks),
            str(len(suite.methods)),
            str(sum(len(group.cells) for group in plan(suite))),
        )
        for suite in loaded
    )
    return _table(("suite", "description", "tasks x repetitions", "methods", "cells"), rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*columns, box=box.SIMPLE)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _yes(fact: bool) -> str:
    return "yes" if fact else ""


def _options(entry: Any) -> str:
    return ", ".join(_option(parameter) for parameter in entry.options.values())


def _option(parameter: inspect.Parameter) -> str:
    required = parameter.default is parameter.empty
    return parameter.name if required else f"{parameter.name}={parameter.default!r}"
