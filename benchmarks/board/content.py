"""What a report says of a run, made once from its records; each format renders it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from benchmarks.board import leaderboard, run_tables
from benchmarks.board.advice import Advice, make_advice
from benchmarks.board.aggregate import STATUSES, Board
from benchmarks.board.figures import Drawing
from benchmarks.board.overview import make_overview_tables
from benchmarks.board.properties import Properties, make_properties
from benchmarks.board.tables import Table
from benchmarks.run.fields import Provenance
from benchmarks.run.records import Run


@dataclass(frozen=True)
class Supplement:
    """What a report shows beside the leaderboard.

    Attributes:
        drawings: figures, saved and captioned as the generic ones are, after them.
        sections: Markdown for ``leaderboard.md``, by heading.
        pages: whole files, by name.
        tables: for ``leaderboard.html``, by heading.
    """

    drawings: Sequence[Drawing] = ()
    sections: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Table]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportContent:
    """What a report says, whatever the format.

    Attributes:
        board: the aggregated run.
        overview: who leads, and the order of all methods where there are several tasks.
        tasks: the main table of each task, and that of its other scores and costs.
        scores: all scores with all their digits (``leaderboard.make_tidy_frame``).
        properties: which methods fail which tests.
        advice: what to use and what to avoid.
        failures, inapplicable, checks: what is to be said of the run beside its scores.
        facts: where the numbers come from, by name.
        warnings: what is missing from the run.
        drawings: ``name``, ``caption`` and ``file`` of every figure, relative to the run's folder.
        supplement: what is shown beside all this.
    """

    board: Board
    overview: Sequence[Table]
    tasks: Mapping[str, tuple[Table, Table]]
    scores: pd.DataFrame
    properties: Properties
    advice: Sequence[Advice]
    failures: Table
    inapplicable: Table
    checks: Table
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    drawings: Sequence[Mapping[str, str]]
    supplement: Supplement


def make_content(
    board: Board, drawings: Sequence[Mapping[str, str]] = (), supplement: Supplement | None = None
) -> ReportContent:
    """What the report of a board says that has these figures and this supplement."""
    run, properties = board.run, make_properties(board)
    return ReportContent(
        board=board,
        overview=make_overview_tables(board),
        tasks={
            task.name: (leaderboard.make_task_table(board, task.name), leaderboard.make_details_table(board, task.name))
            for task in run.manifest.suite.tasks
        },
        scores=leaderboard.make_tidy_frame(board),
        properties=properties,
        advice=make_advice(board, properties.frame),
        failures=run_tables.make_failures_table(run),
        inapplicable=run_tables.make_inapplicable_table(run),
        checks=run_tables.make_checks_table(run),
        facts=list_facts(run),
        warnings=list_warnings(run),
        drawings=drawings,
        supplement=supplement or Supplement(),
    )


def list_facts(run: Run) -> list[tuple[str, str]]:
    """Where the numbers come from, by name."""
    manifest, sources = run.manifest, [record.provenance for record in run.cells or run.problems]
    ended = f"finished {manifest.finished_at:%Y-%m-%d %H:%M %Z}" if manifest.finished_at else "not finished"
    packages = _join_distinct(
        ", ".join(f"{name} {is_at}" for name, is_at in source.packages.items()) for source in sources
    )
    return [
        ("Date", f"{_describe_times(sources)}last run started {manifest.started_at:%Y-%m-%d %H:%M %Z}, {ended}"),
        ("Commit", _join_distinct(map(_describe_commit, sources))),
        ("Device", _join_distinct(source.device for source in sources)),
        ("Processor", _join_distinct(map(_describe_processor, sources))),
        ("Python", _join_distinct(source.python for source in sources)),
        ("Packages", packages),
        ("Cells", count_cells(run)),
    ]


def _describe_times(sources: Sequence[Provenance]) -> str:
    """When the records were made, which is before the last run where that reused them."""
    times = [source.started_at for source in sources]
    return f"scored from {min(times):%Y-%m-%d %H:%M} to {max(times):%Y-%m-%d %H:%M %Z}; " if times else ""


def _describe_processor(source: Provenance) -> str:
    precision = "bfloat16 is native" if source.native_bf16 else "bfloat16 is not native"
    threads = f"{source.threads} thread" + ("" if source.threads == 1 else "s")
    return f"{source.processor} ({source.instructions}; {precision}; {threads})"


def _describe_commit(source: Provenance) -> str:
    if source.commit is None:
        return "none (not a git checkout)"
    return source.commit[:12] + (" with uncommitted changes" if source.dirty else "")


def _join_distinct(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def count_cells(run: Run) -> str:
    """How many cells have each status, in words."""
    found = pd.Series([cell.status for cell in run.cells], dtype=str).value_counts()
    counts: Mapping[str, Any] = {**found, "missing": len(run.manifest.cells) - len(run.cells)}
    return ", ".join(f"{counts.get(status, 0)} {status}" for status in STATUSES)


def list_warnings(run: Run) -> list[str]:
    """What is missing from a run that has not been finished, in sentences."""
    if run.missing:
        planned = len(run.manifest.cells) + len(run.manifest.problems)
        return [f"{len(run.missing)} of {planned} records are missing or unreadable; run the suite again."]
    return ["the run has not finished; run the suite again."] if run.manifest.finished_at is None else []
