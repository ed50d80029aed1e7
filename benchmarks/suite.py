"""What to run: suite files.

A suite is a TOML file that lists tasks, methods, metrics, repetitions and budgets. ``load_suite`` reads one by name
(``benchmarks/suites/<name>.toml``) or by path and resolves it against everything registered, so that what it returns
names each method once (``"*"`` expanded), gives each task its repetitions, and holds no name that does not exist.
"""

import difflib
import inspect
import itertools
import reprlib
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, Field, PositiveInt, StringConstraints, model_validator

from datasets.problem import Task, tasks
from sig.registry import Registry, UnknownName, methods, metrics

SUITES = Path(__file__).parent / "suites"


class SuiteError(ValueError):
    """A suite that cannot be run; ``lines`` holds one line for each thing wrong with it."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(lines))


class Strict(pydantic.BaseModel):
    """A model that takes no field it does not know."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, StringConstraints(min_length=1)]


class Choice(Strict):
    """A registered thing under a label, with options of its own. In the file a bare name stands for no options."""

    name: Text
    label: Text
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"name": value}
        return {"label": value["name"], **value} if isinstance(value, dict) and "name" in value else value


class MethodChoice(Choice):
    """A method of the suite; ``label`` is its name on the leaderboard."""


class MetricChoice(Choice):
    """A metric of a task; ``label`` is its column on the leaderboard."""


class Sweep(Strict):
    """One method run over several values of one of its options, the others fixed.

    Attributes:
        name: what the sweep is called in figures.
        method: the method's registered name.
        option: the option that varies.
        values: the values it takes, in the order they are drawn.
        options: the other options; those left out keep the method's defaults.
    """

    name: Text
    method: str
    option: str
    values: Annotated[list[Any], Field(min_length=1)]
    options: dict[str, Any] = {}


def _increasing(values: list[int]) -> list[int]:
    if any(a >= b for a, b in itertools.pairwise(values)):
        raise ValueError(f"{values} is not increasing, expected e.g. [50, 500]; sort it and drop repeats")
    return values


def _folder_name(name: str) -> str:
    if not name or not all(c.isalnum() or c in "._-" for c in name) or not name[0].isalnum():
        raise ValueError(f"{name!r} cannot name a folder, expected letters, digits, '.', '_' and '-'; rename it")
    return name


FolderName = Annotated[str, AfterValidator(_folder_name)]


class TaskChoice(Strict):
    """One task of a suite.

    Attributes:
        name: as on the leaderboard; it names a folder of records.
        kind: the registered task.
        options: of that task.
        repetitions: independent repetitions; the suite's number where the file gives none.
        budgets: model rows per explicand at which each method that can spend more or less is run, increasing.
        metrics: the scores computed.
        sweeps: methods run over several values of one option.
    """

    name: FolderName
    kind: str
    options: dict[str, Any] = {}
    repetitions: PositiveInt | None = None
    budgets: Annotated[list[PositiveInt], Field(min_length=1), AfterValidator(_increasing)]
    metrics: Annotated[list[MetricChoice], Field(min_length=1)]
    sweeps: list[Sweep] = []

    @property
    def headline(self) -> int:
        """The budget on which the leaderboard ranks: the last one."""
        return self.budgets[-1]


class Suite(Strict):
    """A suite, as resolved by ``load_suite``.

    Attributes:
        name: the file's stem where it gives no other; it names the folder of runs.
        description: one line for the leaderboard.
        methods: every method that is run, each label once.
        exclude: names of methods that ``"*"`` leaves out.
        repetitions: of the tasks that give no number of their own.
        tasks: at least one, each name once.
    """

    name: FolderName
    description: str = ""
    methods: Annotated[list[MethodChoice], Field(min_length=1)]
    exclude: list[str] = []
    repetitions: PositiveInt = 1
    tasks: Annotated[list[TaskChoice], Field(min_length=1)]

    def restricted(
        self, *, methods: Sequence[str] = (), tasks: Sequence[str] = (), repetitions: int | None = None
    ) -> "Suite":
        """The part of the suite with these method labels (or names) and task names; empty means all.

        Raises:
            SuiteError: on a name that the suite does not hold.
        """
        labels = [choice.label for choice in self.methods]
        names = [choice.name for choice in self.methods]
        lines = _unknown(methods, [*labels, *names], f"method in suite {self.name!r}")
        lines += _unknown(tasks, [task.name for task in self.tasks], f"task in suite {self.name!r}")
        if repetitions is not None and repetitions < 1:
            lines.append(f"repetitions is {repetitions}, expected at least 1; leave it out for the suite's own number")
        if lines:
            raise SuiteError(lines)
        return self.model_copy(
            update={
                "methods": [c for c in self.methods if not methods or c.label in methods or c.name in methods],
                "tasks": [
                    task.model_copy(
                        update={
                            "repetitions": repetitions or task.repetitions,
                            "sweeps": [s for s in task.sweeps if not methods or s.method in methods],
                        }
                    )
                    for task in self.tasks
                    if not tasks or task.name in tasks
                ],
            }
        )


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
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SuiteError([f"{_shown(path)}: {error}; expected a TOML file, see {_shown(SUITES)}"]) from None
    try:
        suite = Suite.model_validate({"name": path.stem, **content})
    except pydantic.ValidationError as error:
        raise SuiteError([f"{_shown(path)}: {line}" for line in _explain(error)]) from None
    mistakes = [f"{_shown(path)}: {where}: {what}" for where, what in _mistakes(suite)]
    if mistakes:
        raise SuiteError(mistakes)
    return _resolved(suite)


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if not path.is_file():
            raise SuiteError([f"{name_or_path}: no such file, expected a suite in TOML; see {_shown(SUITES)}"])
        return path
    lines = _unknown([name_or_path], suite_names(), "suite")
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


# ---- mistakes that pydantic finds --------------------------------------------------------------------------------


def _explain(error: pydantic.ValidationError) -> list[str]:
    return [_explain_one(mistake["loc"], mistake) for mistake in error.errors(include_url=False)]


def _explain_one(location: tuple[int | str, ...], mistake: Mapping[str, Any]) -> str:
    where = _dotted(location)
    value = mistake["input"]
    match mistake["type"]:
        case "extra_forbidden":
            return f"{where}: unknown field; {_nearest(str(location[-1]), _fields_at(location[:-1]))}"
        case "missing":
            return f"{where}: missing, expected a value; add it"
        case "value_error":
            return f"{where}: {mistake['ctx']['error']}"
        case "too_short":
            return f"{where}: is empty, expected at least one entry; add one or leave the field out"
        case "model_type":
            return f"{where}: {reprlib.repr(value)}, expected a table such as {{name = ...}}; correct the entry"
        case _:
            expected = mistake["msg"].removeprefix("Input should be ").removeprefix("a valid ")
            return f"{where}: {reprlib.repr(value)}, expected {expected}; correct the value"


def _dotted(location: Sequence[int | str]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "suite"


def _fields_at(location: Sequence[int | str]) -> list[str]:
    """The fields of the table at a location such as ``("tasks", 0, "sweeps", 1)``."""
    models: dict[str, type[Strict]] = {
        "methods": MethodChoice,
        "metrics": MetricChoice,
        "tasks": TaskChoice,
        "sweeps": Sweep,
    }
    tables = [part for part in location if isinstance(part, str)]
    return list((models[tables[-1]] if tables else Suite).model_fields)


# ---- mistakes that only the registries can tell ------------------------------------------------------------------

Mistakes = Iterator[tuple[str, str]]


def _mistakes(suite: Suite) -> Mistakes:
    """Where and what is wrong with names, labels and options."""
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
        where = f"tasks[{i}]"
        yield from _wrong_choice(tasks, task, where, "kind")
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
        location = f"{where}.values[{i}]" if sweep.option in options_of(methods[sweep.method]) else f"{where}.option"
        yield from _wrong_option(methods[sweep.method], sweep.option, value, location)
        if location.endswith("option"):
            return


def _wrong_option(entry: Any, option: str, value: Any, where: str) -> Mistakes:
    known = options_of(entry)
    if option not in known:
        yield where, f"{entry.name!r} has no option {option!r}; {_nearest(option, list(known))}"
        return
    try:  # a task converts its options when it runs, a method or a metric takes them as written
        pydantic.TypeAdapter(known[option].annotation).validate_python(value, strict=not isinstance(entry, Task))
    except (pydantic.PydanticSchemaGenerationError, pydantic.PydanticUndefinedAnnotation):
        return
    except pydantic.ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Input should be ")
        yield where, f"{value!r}, expected {message}; correct the value"


def options_of(entry: Any) -> dict[str, inspect.Parameter]:
    """The options that a registered method, metric or task takes, by name."""
    function: Callable[..., Any] = entry.prepare if isinstance(entry, Task) else entry.run
    parameters = inspect.signature(function).parameters.values()
    given = {"generator", "seed"}
    return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in given}


def _repeated(names: Sequence[str], where: str, field: str) -> Mistakes:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield where, f"{field} {name!r} is used {names.count(name)} times, expected once; give each its own {field}"


def _unknown(names: Sequence[str], known: Sequence[str], kind: str) -> list[str]:
    return [f"unknown {kind} {name!r}; {_nearest(name, known)}" for name in names if name not in known]


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(sorted(set(known))) or 'none'}"
