"""Why a number differs: what the records of both say of where they come from, the most telling first."""

from collections.abc import Mapping
from typing import Final

from benchmarks.publish.verification import Cause
from benchmarks.run.fields import Provenance
from benchmarks.run.provenance import is_model
from benchmarks.run.records import CellRecord, CellSpec, ProblemRecord

Reason = tuple[Cause, str]

MACHINE: Final = ("processor", "instructions", "native_bf16", "device", "threads")
OF_MODELS: Final = ("MissingModel", "DamagedModel")  # errors of ``training.store.published``, as records name them


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
        was, is_now = published.provenance.data, again.provenance.data
        for cause in ("data", "model"):
            names = [name for name in sorted({*was, *is_now}) if is_model(name) == (cause == "model")]
            if changed := _list_changes({n: was.get(n) for n in names}, {n: is_now.get(n) for n in names}):
                return cause, f"SHA-256 of {changed}"
    if changed := _list_changes(_list_versions(published.provenance), _list_versions(again.provenance)):
        return "package", changed
    if planned is not None and planned != published.key:
        why = f"the code that makes the problem changed, its key is {_short(planned)} with this code"
        return "data", why + _mention_machine(published.provenance, again.provenance)
    return None


def _ask_machine(published: Provenance, again: Provenance) -> Reason:
    if changed := _list_machine_changes(published, again):
        return "processor", changed
    return "record", "data, model, code, packages and processor are those of the record, whose number was changed"


def _mention_machine(published: Provenance, again: Provenance) -> str:
    """Where the processor is another one as well as the code: how to tell which of them it is."""
    if changed := _list_machine_changes(published, again):
        return f"; or it is rounding on another processor ({changed}), which the published commit's code would tell"
    return ""


def _list_machine_changes(published: Provenance, again: Provenance) -> str:
    return _list_changes(*(one.model_dump(include=set(MACHINE)) for one in (published, again)))


def _list_versions(provenance: Provenance) -> dict[str, str]:
    return {"Python": provenance.python.rpartition(".")[0], **provenance.packages}


def _list_changes(was: Mapping[str, object], is_now: Mapping[str, object]) -> str:
    """What is not the same, such as ``torch 2.6.0, now 2.7.0``."""
    names = (name for name in dict.fromkeys([*was, *is_now]) if was.get(name) != is_now.get(name))
    return "; ".join(f"{name} {_short(was.get(name))}, now {_short(is_now.get(name))}" for name in names)


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}.." if len(text) == 64 else text
