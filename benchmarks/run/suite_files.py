"""Suite files: TOML, by name (``benchmarks/run/suites/<name>.toml``) or by path; checked, and resolved.

What ``load_suite`` returns is resolved against everything registered: every method is named (``"*"`` expanded), each
task has its repetitions, and there is no name and no option that does not exist. What several tasks share a file states
once (``benchmarks.run.suite_templates``); of that too nothing is left.
"""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydantic

from benchmarks.run.suite import (
    Choice,
    MethodChoice,
    Suite,
    SuiteError,
    Sweep,
    TaskChoice,
    list_unknown,
    suggest_nearest,
    tell_mistakes,
)
from benchmarks.run.suite_templates import write_out_tasks
from datasets.problem import Task, tasks
from sig.plugins import Registry, UnknownName
from sig.registry import methods, metrics

SUITES = Path(__file__).parent / "suites"


def suite_names() -> list[str]:
    """The suites that come with the project."""
    return sorted(path.stem for path in SUITES.glob("*.toml"))


def load_suite(name_or_path: str) -> Suite:
    """Read, check and resolve a suite, by name or by the path of a TOML file.

    Raises:
        SuiteError: when there is no such suite, or with one line for each mistake in it, as
            ``file: field: value, what was expected; remedy``.
    """
    path = _find(name_or_path)
    try:
        return _parse({"name": path.stem, **tomllib.loads(path.read_text())})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SuiteError([f"{_shown(path)}: {error}; expected a TOML file, see {_shown(SUITES)}"]) from None
    except SuiteError as error:
        raise SuiteError([f"{_shown(path)}: {line}" for line in error.lines]) from None


def _parse(content: dict[str, Any]) -> Suite:
    written_out = write_out_tasks(content)
    try:
        suite = Suite.model_validate(written_out)
    except pydantic.ValidationError as error:
        raise SuiteError(tell_mistakes(error, written_out.get("tasks", ()))) from None
    if lines := [f"{where}: {what}" for where, what in _mistakes(suite)]:
        raise SuiteError(lines)
    return _resolved(suite)


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if not path.is_file():
            raise SuiteError([f"{name_or_path}: no such file, expected a suite in TOML; see {_shown(SUITES)}"])
        return path
    lines = list_unknown([name_or_path], suite_names(), "suite")
    if lines:
        raise SuiteError([f"{lines[0]} (python -m benchmarks list suites)"])
    return SUITES / f"{name_or_path}.toml"


def _shown(path: Path) -> str:
    absolute = path.resolve()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(path)


def _resolved(suite: Suite) -> Suite:
    chosen: list[MethodChoice] = []
    for choice in suite.methods:
        if choice.name == "*":
            names = [method.name for method in methods if method.name not in suite.exclude]
            chosen += [MethodChoice(name=name, label=name) for name in names]
        else:
            chosen.append(choice)
    with_repetitions = [
        task.model_copy(update={"repetitions": task.repetitions or suite.repetitions}) for task in suite.tasks
    ]
    return suite.model_copy(update={"methods": chosen, "tasks": with_repetitions})


# ---- mistakes that only the registries can tell; pydantic finds the others -----------------------------------------

Mistakes = Iterator[tuple[str, str]]


def _mistakes(suite: Suite) -> Mistakes:
    """Pairs of a field and what is wrong with a name, a label or an option in it."""
    for i, choice in enumerate(suite.methods):
        if choice.name != "*":
            yield from _wrong_choice(methods, choice, f"methods[{i}]")
    for i, name in enumerate(suite.exclude):
        yield from _wrong_name(methods, name, f"exclude[{i}]")
    labels = [choice.label for choice in _resolved(suite).methods]
    yield from _repeated(labels, "methods", "label")
    if not labels:
        yield "methods", 'nothing is left of "*", expected at least one method; shorten exclude'
    yield from _repeated([task.name for task in suite.tasks], "tasks", "name")
    for i, task in enumerate(suite.tasks):
        mistakes = _wrong_task(task, labels, f"tasks[{i}]")
        yield from ((where, f"{what} (task {task.name!r})") for where, what in mistakes)


def _wrong_task(task: TaskChoice, labels: Sequence[str], where: str) -> Mistakes:
    yield from _wrong_choice(tasks, task, where, "kind")
    for name, named in (("exclude", task.exclude), ("only", task.only)):
        for j, label in enumerate(named):
            yield from ((f"{where}.{name}[{j}]", line) for line in list_unknown([label], labels, "method"))
    if task.limit is not None and task.limit <= task.headline:
        yield f"{where}.limit", f"{task.limit}, expected more rows than the largest budget; leave it out or raise it"
    for j, metric in enumerate(task.metrics):
        yield from _wrong_choice(metrics, metric, f"{where}.metrics[{j}]")
    yield from _repeated([metric.label for metric in task.metrics], f"{where}.metrics", "label")
    for j, sweep in enumerate(task.sweeps):
        yield from _wrong_sweep(sweep, f"{where}.sweeps[{j}]")
    yield from _repeated([sweep.name for sweep in task.sweeps], f"{where}.sweeps", "name")


def _wrong_name(registry: Registry[Any], name: str, where: str) -> Mistakes:
    try:
        registry[name]
    except UnknownName as error:
        yield where, str(error)


def _wrong_choice(registry: Registry[Any], choice: Choice | TaskChoice, where: str, field: str = "name") -> Mistakes:
    name = getattr(choice, field)
    wrong = list(_wrong_name(registry, name, f"{where}.{field}"))
    yield from wrong
    if not wrong:
        for option, value in choice.options.items():
            yield from _wrong_option(registry[name], option, value, f"{where}.options.{option}")


def _wrong_sweep(sweep: Sweep, where: str) -> Mistakes:
    wrong = list(_wrong_name(methods, sweep.method, f"{where}.method"))
    yield from wrong
    if wrong:
        return
    for option, value in sweep.options.items():
        yield from _wrong_option(methods[sweep.method], option, value, f"{where}.options.{option}")
    for i, value in enumerate(sweep.values):
        location = f"{where}.values[{i}]" if sweep.option in methods[sweep.method].options else f"{where}.option"
        yield from _wrong_option(methods[sweep.method], sweep.option, value, location)
        if location.endswith("option"):
            return


def _wrong_option(entry: Any, option: str, value: Any, where: str) -> Mistakes:
    known = entry.options
    if option not in known:
        yield where, f"{entry.name!r} has no option {option!r}; {suggest_nearest(option, list(known))}"
        return
    try:  # a task converts its options when it runs, a method or a metric takes them as written
        pydantic.TypeAdapter(known[option].annotation).validate_python(value, strict=not isinstance(entry, Task))
    except (pydantic.PydanticSchemaGenerationError, pydantic.PydanticUndefinedAnnotation):
        return
    except pydantic.ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Input should be ")
        yield where, f"{value!r}, expected {message}; correct the value"


def _repeated(names: Sequence[str], where: str, field: str) -> Mistakes:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield where, f"{field} {name!r} is used {names.count(name)} times, expected once; give each its own {field}"
