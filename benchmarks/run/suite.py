"""Suites: tasks, methods, metrics, repetitions and budgets. ``benchmarks.run.suite_files`` reads them from files."""

import difflib
import itertools
import reprlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import pydantic
from pydantic import AfterValidator, Field, PositiveInt, StringConstraints, model_validator

LIMIT: Final = 8  # times the largest budget: what a method would give if cost were no matter


class SuiteError(ValueError):
    """A suite that cannot be run; ``lines`` holds one line for each thing wrong with it."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(lines))


class SuiteTable(pydantic.BaseModel):
    """A table of a suite file, which takes no field that it does not know."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, StringConstraints(min_length=1)]


class Choice(SuiteTable):
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


class Sweep(SuiteTable):
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


Paper = Literal["SIG", "ES", "ICG"]
FolderName = Annotated[str, AfterValidator(_folder_name)]


class TaskChoice(SuiteTable):
    """One task of a suite.

    Attributes:
        name: as on the leaderboard; it names a folder of records.
        seeds: tasks that give the same name here draw the same data, model and background in each repetition, so that
            e.g. two outputs of one trained model are explained on the same inputs; the task's own name where the file
            gives none.
        kind: the registered task.
        options: of that task.
        repetitions: independent repetitions; the suite's number where the file gives none.
        family: what kind of task it is, in the overall picture, in which all tasks of a family count as one; its kind
            where the file gives none.
        budgets: model rows per explicand, forward and backward ones together, at which each method that can spend more
            or less is run, increasing.
        limit: model rows per explicand that stand for as many as one could wish, when the distance of a method from its
            own limit is measured; eight times the largest budget where the file gives none.
        exclude: labels of methods that are not run on this task.
        only: labels of the methods that alone are run on it; all of the suite where the file names none.
        metrics: the scores computed.
        sweeps: methods run over several values of one option.
        gpu: on a cluster, only workers that offer a GPU run it (``dask worker --resources GPU=1``).
        reproduces: papers whose claims and ledger entries the task is evidence for; none where the file names none.
    """

    name: FolderName
    seeds: FolderName | None = None
    kind: str
    options: dict[str, Any] = {}
    repetitions: PositiveInt | None = None
    family: str = ""
    budgets: Annotated[list[PositiveInt], Field(min_length=1), AfterValidator(_increasing)]
    limit: PositiveInt | None = None
    exclude: list[str] = []
    only: list[str] = []
    metrics: Annotated[list[MetricChoice], Field(min_length=1)]
    sweeps: list[Sweep] = []
    gpu: bool = False
    reproduces: list[Paper] = []

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        return {"family": value["kind"], **value} if isinstance(value, dict) and "kind" in value else value

    def takes(self, label: str) -> bool:
        """Whether the method of this label is run on the task."""
        return label not in self.exclude and (not self.only or label in self.only)

    @property
    def headline(self) -> int:
        """The budget on which the leaderboard ranks: the last one."""
        return self.budgets[-1]

    @property
    def limit_budget(self) -> int:
        """The budget that stands for as many rows as one could wish."""
        return self.limit or LIMIT * self.headline


class Suite(SuiteTable):
    """A suite; one that ``benchmarks.run.suite_files.load_suite`` has resolved names every method that is run.

    Attributes:
        name: the file's stem where it gives no other; it names the folder of runs.
        description: one line for the leaderboard.
        methods: each label once.
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
        lines = list_unknown(methods, [*labels, *names], f"method in suite {self.name!r}")
        lines += list_unknown(tasks, [task.name for task in self.tasks], f"task in suite {self.name!r}")
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

    def with_metrics(self, names: Sequence[str]) -> "Suite":
        """The suite in which every task is scored by these metrics too, with their default options."""

        def extended(task: TaskChoice) -> TaskChoice:
            there = {metric.label for metric in task.metrics}
            more = [MetricChoice(name=name, label=name) for name in dict.fromkeys(names) if name not in there]
            return task.model_copy(update={"metrics": [*task.metrics, *more]})

        return self.model_copy(update={"tasks": [extended(task) for task in self.tasks]})


class SharedSections(SuiteTable):
    """The sections of a suite file that state what several tasks share (``benchmarks.run.suite_templates``).

    Attributes:
        defaults: fields that every task has.
        templates: fields that a task has which ``extends`` the template of that name.
        metrics: lists of metrics, by what other lists call them.
    """

    defaults: dict[str, Any] = {}
    templates: dict[str, dict[str, Any]] = {}
    metrics: dict[str, list[MetricChoice]] = {}


def list_unknown(names: Sequence[str], known: Sequence[str], kind: str) -> list[str]:
    """A line for each name that is not known."""
    return [f"unknown {kind} {name!r}; {suggest_nearest(name, known)}" for name in names if name not in known]


def suggest_nearest(name: str, known: Sequence[str]) -> str:
    """A remedy for an unknown name: the known one nearest to it, or else all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(sorted(set(known))) or 'none'}"


# ---- mistakes that pydantic finds ------------------------------------------------------------------------------------


def tell_mistakes(error: pydantic.ValidationError, tasks: Sequence[Any] = ()) -> list[str]:
    """A line for each mistake, as ``field: value, what was expected; remedy``, with the name of the task it is in."""
    lines = []
    for mistake in error.errors(include_url=False):
        match mistake["loc"]:
            case ("tasks", int(i), *_) if i < len(tasks):
                task = name_task(tasks[i])
            case _:
                task = ""
        lines.append(explain_mistake(mistake["loc"], mistake) + task)
    return lines


def name_task(task: Any) -> str:
    """The end of a line on a task in a file, such as `` (task 'mnist')``; empty for one without a name."""
    name = task.get("name") if isinstance(task, dict) else task
    return f" (task {name!r})" if isinstance(name, str) else ""


def explain_mistake(location: tuple[int | str, ...], mistake: Mapping[str, Any]) -> str:
    """A mistake, which pydantic describes, as ``field: value, what was expected; remedy``."""
    where = _dotted(location)
    value = mistake["input"]
    match mistake["type"]:
        case "extra_forbidden":
            return f"{where}: unknown field; {suggest_nearest(str(location[-1]), _fields_at(location[:-1]))}"
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
    fields: dict[int | str, list[str]] = {
        "methods": [*MethodChoice.model_fields],
        "metrics": [*MetricChoice.model_fields],
        "sweeps": [*Sweep.model_fields],
        "defaults": [*TaskChoice.model_fields],
        "templates": [*TaskChoice.model_fields, "extends"],
        "tasks": [*TaskChoice.model_fields, "extends"],
    }
    of_suite = [*Suite.model_fields, *SharedSections.model_fields]
    return next((fields[part] for part in reversed(location) if part in fields), of_suite)
