"""One thing that is not as it was: where, both values, and the likely cause, which the records of both tell."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from pydantic import Field

from benchmarks.board.statistics import Interval
from benchmarks.board.tables import format_score
from benchmarks.run.fields import Provenance
from benchmarks.run.provenance import is_model
from benchmarks.run.records import CellRecord, CellSpec, Document, ProblemRecord

Cause = Literal[
    "data",  # other data, or other code that makes the problem of it
    "model",  # another trained model
    "method",  # other code of the method
    "metric",  # other code of the metric
    "processor",  # another processor or device, or other settings of it
    "package",  # other versions of Python or of packages
    "record",  # a record that is not what this code gives
    "report",  # a page or picture that is not what the records give
    "suite",  # another suite, lock or manifest
    "chance",  # models that differ by more than those of the published run
]
Reason = tuple[Cause, str]  # the cause, and what speaks for it
MACHINE: Final = ("processor", "instructions", "native_bf16", "device", "threads")
OF_MODELS: Final = ("MissingModel", "DamagedModel")  # errors of ``training.store.published``, as records name them


class Difference(Document):
    """One thing that is not as it was.

    Attributes:
        where: the file, the problem or the cell and what of it, or what a statement is about.
        was, now: both values, such as a file, a number, a mean with its interval, a rank, a verdict; None for nothing.
        metric: label of the metric whose number it is; empty where it is none's.
        cause: the likely one, ``Cause``; None where it is not asked for.
        why: what speaks for it.
    """

    where: str
    was: object
    now: object
    metric: str = ""
    cause: Cause | None = None
    why: str = ""

    def because(self, reason: Reason) -> "Difference":
        """The difference with its likely cause."""
        return self.model_copy(update={"cause": reason[0], "why": reason[1]})

    def __str__(self) -> str:
        values = f"{self.where}: was {format_value(self.was)}, now {format_value(self.now)}"
        return f"{values}; likely cause: {self.cause} ({self.why})" if self.cause else values


def compare_values(was: Mapping[str, object], now: Mapping[str, object], of: object = "") -> Iterator[Difference]:
    """A difference for each name, of something, whose value is another one, or is there in one of the two alone."""
    for name in dict.fromkeys([*was, *now]):
        if was.get(name) != now.get(name):
            where = f"{of}: {name}" if of else name
            yield Difference(where=where, was=was.get(name), now=now.get(name))


def format_value(value: object) -> str:
    """A value as text: a number with all its digits, a mean with those that its interval justifies."""
    if value is None:
        return "nothing"
    if isinstance(value, Interval):
        return format_score(value.mean, value.low, value.high)
    return str(value)


class Stage(Document):
    """The findings of a stage of verifying a published suite.

    Attributes:
        checked: how many of what.
        differences: in the order of the suite.
        largest: the largest difference of a score that was found, differences within the tolerance included.
        notes: what is not a difference, but worth knowing.
        seconds: that it took.
    """

    name: Literal["integrity", "derive", "rescore", "retrain"]
    checked: dict[str, int]
    differences: list[Difference] = Field(default_factory=list)
    largest: dict[str, float] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        checked = " and ".join(f"{count:,} {what}" for what, count in self.checked.items())
        found = f"{len(self.differences):,} differ" if self.differences else "as published"
        return f"{self.name}: {checked}: {found} ({self.seconds:.1f} s)"


# ---- the likely cause: what the records say of where they come from, the most telling first ----------------------


def find_cause_of_problem(published: ProblemRecord, again: ProblemRecord, planned: str | None) -> Reason:
    """The likely cause of a problem being another one; ``planned`` is the key it has with this code."""
    return _ask_problem(published, again, planned) or _ask_machine(published.provenance, again.provenance)


def find_cause(
    problems: tuple[ProblemRecord, ProblemRecord],
    cells: tuple[CellRecord, CellRecord],
    planned: CellSpec | None,
    label: str = "",
) -> Reason:
    """The likely cause of a cell's numbers being other ones, those of the metric ``label`` where it is one's.

    Of each pair the first is the published one. ``planned`` is what the cell is with this code, whose keys are hashes
    of code and versions of packages (``benchmarks.run.cells``); None where it cannot be planned.
    """
    published, again = cells
    if found := _ask_problem(*problems, None if planned is None else planned.problem):
        return found
    if planned is None:
        return "method", f"{published.method!r} can't be planned with this code"
    if planned.attribution_key != published.attribution_key:
        why = f"its code or options changed, its key is {_short(planned.attribution_key)} with this code"
        return "method", why + _mention_machine(published.provenance, again.provenance)
    if label and planned.metric_keys.get(label) != published.metric_keys.get(label):
        why = f"the code or options of {label!r} changed, data, model and method did not"
        return "metric", why + _mention_machine(published.provenance, again.provenance)
    return _ask_machine(published.provenance, again.provenance)


def _ask_problem(published: ProblemRecord, again: ProblemRecord, planned: str | None) -> Reason | None:
    if again.status == "failed" and again.reason.startswith(OF_MODELS):
        return "model", again.reason
    if again.status == published.status == "ok":
        changed = list(compare_values(published.provenance.data, again.provenance.data))
        for cause in ("data", "model"):
            if of_kind := [one for one in changed if is_model(one.where) == (cause == "model")]:
                return cause, f"SHA-256 of {_tell(of_kind)}"
    if others := _tell(compare_values(_list_versions(published.provenance), _list_versions(again.provenance))):
        return "package", others
    if planned is not None and planned != published.key:
        why = f"the code that makes the problem changed, its key is {_short(planned)} with this code"
        return "data", why + _mention_machine(published.provenance, again.provenance)
    return None


def _ask_machine(published: Provenance, again: Provenance) -> Reason:
    if changed := _list_machine_changes(published, again):
        return "processor", changed
    return "record", "data, model, code, packages and processor are those of the record, whose number was changed"


def _mention_machine(published: Provenance, again: Provenance) -> str:
    """A hint how to tell whether it is the code or the processor, where that is another one too; else empty."""
    if changed := _list_machine_changes(published, again):
        return f"; or it is rounding on another processor ({changed}), which the published commit's code would tell"
    return ""


def _list_machine_changes(published: Provenance, again: Provenance) -> str:
    return _tell(compare_values(*(one.model_dump(include=set(MACHINE)) for one in (published, again))))


def _list_versions(provenance: Provenance) -> dict[str, str]:
    return {"Python": provenance.python.rpartition(".")[0], **provenance.packages}


def _tell(changed: Iterable[Difference]) -> str:
    """The differences in a line, such as ``torch 2.6.0, now 2.7.0``."""
    return "; ".join(f"{one.where} {_short(one.was)}, now {_short(one.now)}" for one in changed)


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}.." if len(text) == 64 else text
