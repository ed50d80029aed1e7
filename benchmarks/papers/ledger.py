"""The ledger of the reproduction: a row for each thing that a paper says, and what this project does about it.

The papers' files have the rows. Each says where something stands, what the paper says there, and what is done about
it. What is ``claimed`` is put to the test; else it is ``measured``, most often as ``means`` of scores.
Arithmetic is ``computed``, or ``proved`` by a test of the code. What the paper leaves open has a reading
(``left_open``); some is ``untestable``, or ``schematic``. No number of a run is typed in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from benchmarks.board.aggregate import Board
from benchmarks.board.figures import Drawing
from benchmarks.board.tables import Table
from benchmarks.papers.claims import Claim
from benchmarks.papers.evidence import Selection, find_tasks
from benchmarks.papers.measurements import report_means
from benchmarks.papers.quantities import Quantity
from benchmarks.papers.verdicts import NOT_TESTABLE, PROVED, READING, SCHEMATIC, Finding
from benchmarks.run.suite import Paper


@dataclass(frozen=True)
class LedgerEntry:
    """A figure, a table or a claim of a paper, or what this project says or asks of it.

    Attributes:
        item: where it stands.
        says: what the paper says; of what is criticised or asked here, what is put to the test.
        by: from the board to what was found.
        tasks: that it looks at.
        see: names of pages and figures, in which ``{task}`` stands for each task looked at.
        reading: what makes it precise, where the paper does not.
        printed: the paper's numbers.
        command: that computes it, where that is not running its tasks.
    """

    item: str
    says: str
    by: Callable[[Board], Finding]
    tasks: Selection = find_tasks
    see: Sequence[str] = ()
    reading: str = ""
    printed: str = ""
    command: str = ""


@dataclass(frozen=True)
class Item:
    """A place in a paper: a figure, a theorem, a section. Its methods make the rows of what is said there.

    All take what the paper ``says``, and some a ``reading`` or the numbers ``printed`` (``LedgerEntry``).
    """

    name: str

    def claimed(self, says: str, claim: Claim, *, see: Sequence[str] | None = None, reading: str = "") -> LedgerEntry:
        """A claim that is put to the test, linked to what shows its scores, or to what there is to ``see`` instead."""
        shown = (*(claim.see if see is None else see), "claims")
        return LedgerEntry(self.name, says, claim, claim.tasks, shown, reading)

    def measured(
        self,
        says: str,
        measure: Callable[[Board, Sequence[str]], Finding],
        *,
        on: Selection = find_tasks,
        see: Sequence[str] = (),
        reading: str = "",
        printed: str = "",
    ) -> LedgerEntry:
        """What ``measure`` finds on tasks: numbers without a verdict, or a fact that is no mean of a sample."""
        return LedgerEntry(self.name, says, lambda board: measure(board, on(board)), on, see, reading, printed)

    def means(
        self,
        says: str,
        quantity: Quantity,
        methods: Sequence[str],
        *,
        on: Selection = find_tasks,
        reading: str = "",
    ) -> LedgerEntry:
        """Mean scores of methods without a verdict, linked to what shows them."""
        return self.measured(says, partial(report_means, quantity, methods), on=on, see=quantity.see, reading=reading)

    def computed(
        self, says: str, fact: Callable[[], Finding], *, test: str = "", reading: str = "", printed: str = ""
    ) -> LedgerEntry:
        """A fact that needs no run, found out once; ``test`` says where pytest finds tests of it."""
        found = cache(fact)
        command = f"pytest {test}" if test else ""
        return LedgerEntry(self.name, says, lambda board: found(), find_tasks, (), reading, printed, command)

    def proved(self, says: str, why: str, *, test: str) -> LedgerEntry:
        """A fact that tests of the code show."""
        return self.computed(says, lambda: Finding(why, PROVED), test=test)

    def left_open(self, says: str, reading: str) -> LedgerEntry:
        """What can be read in several ways, and how it is read here."""
        return self.computed(says, lambda: Finding(reading, READING))

    def schematic(self, says: str, where: str) -> LedgerEntry:
        """What shows no result, and what corresponds to it here."""
        return self.computed(says, lambda: Finding(where, SCHEMATIC))

    def untestable(self, says: str, why: str, *, on: Selection = find_tasks, see: Sequence[str] = ()) -> LedgerEntry:
        """What cannot be tested here, and why, with what there is to ``see`` instead."""
        return self.measured(says, lambda board, tasks: Finding(why, NOT_TESTABLE), on=on, see=see)


@dataclass(frozen=True)
class Publication:
    """A paper, and all that is said of it.

    Attributes:
        name: as suites and the ledger call it.
        title: and where it was published.
        says: figures, tables and claims of the paper.
        critique: what this project finds wrong in it.
        questions: what is asked here beyond it.
        tables: those that it prints, beside what the run gives.
        figures: those that make sense for it only.
    """

    name: Paper
    title: str
    says: Sequence[LedgerEntry]
    critique: Sequence[LedgerEntry] = ()
    questions: Sequence[LedgerEntry] = ()
    tables: Callable[[Board], Iterable[Table]] = lambda board: ()
    figures: Sequence[Callable[[Board], Iterable[Drawing]]] = ()

    @property
    def own(self) -> Sequence[LedgerEntry]:
        """The entries of this project, which no paper says."""
        return (*self.critique, *self.questions)

    @property
    def entries(self) -> Sequence[LedgerEntry]:
        """The whole of its part of the ledger."""
        return (*self.says, *self.own)
