"""What a run shows while it runs: a bar on a terminal, a line now and then elsewhere."""

from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.run.records import AllocationRecord, CellRecord, ProblemRecord

LINES = 10  # about so many where there is no terminal


class RunProgress:
    """Counts cells by what became of them: ok, skipped or failed, and how many of all were reused."""

    def __init__(self, total: int, console: Console) -> None:
        self.counts: Counter[str] = Counter()
        self._total = total
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[counts]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._row = self._bar.add_task("starting workers", total=total, counts="")

    def __enter__(self) -> "RunProgress":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    @property
    def done(self) -> int:
        """The number of cells that have a record."""
        return self.counts["ok"] + self.counts["skipped"] + self.counts["failed"]

    def reused(self, record: CellRecord) -> None:
        """Count a record that was there already."""
        self.counts["reused"] += 1
        self.counts[record.status] += 1
        self._bar.update(self._row, completed=self.done, counts=self.summary())

    def finished(self, record: ProblemRecord | AllocationRecord | CellRecord) -> None:
        """Count a record that has just been written, if it is a cell's, and show where the run stands."""
        if isinstance(record, CellRecord):
            self.counts[record.status] += 1
        where = (
            f"allocations of {record.task}"
            if isinstance(record, AllocationRecord)
            else f"{record.task} #{record.repetition}"
        )
        self._bar.update(self._row, completed=self.done, counts=self.summary(), description=where)
        if not self._console.is_terminal and isinstance(record, CellRecord) and self._is_line_due():
            self._console.print(f"{self.done}/{self._total} cells, now {where}: {self.summary()}", soft_wrap=True)

    def tell(self, what: str) -> None:
        """Say what is done besides, in one line."""
        self._console.print(what, soft_wrap=True)

    def summary(self) -> str:
        """The counts in words, such as ``300 ok (20 reused), 4 skipped, 1 failed``."""
        reused = f" ({self.counts['reused']} reused)" if self.counts["reused"] else ""
        return f"{self.counts['ok']} ok{reused}, {self.counts['skipped']} skipped, {self.counts['failed']} failed"

    def _is_line_due(self) -> bool:
        return self.done == self._total or self.done * LINES // self._total > (self.done - 1) * LINES // self._total
