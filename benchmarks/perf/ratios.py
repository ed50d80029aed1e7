"""Ratios of a run of the timings, and how they changed since earlier runs."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rich import box
from rich.table import Table
from rich.text import Text

from benchmarks.perf.saved_runs import HotPath, PeerTimes, SavedRun

# Between runs of the same code, ratios moved by up to a quarter while other work kept the machine busy, rarely by more.
REGRESSION = 0.30

Key = tuple[str, str]


@dataclass(frozen=True)
class RatioRow:
    """A hot path beside one of its peers, or alone, with its ratio in the runs before."""

    path: HotPath
    peer: PeerTimes | None
    before: float | None = None

    @property
    def ratio(self) -> float | None:
        """The factor by which ours is faster: the median over our rounds of the peer's turn before / ours, in seconds.

        Time and again the machine is slower for a while. That changes both of a pair and leaves their ratio.
        """
        if self.peer is None:
            return None
        turns, rounds = self.peer.seconds, self.path.stats.data
        return statistics.median(turns[min(i, len(turns) - 1)] / ours for i, ours in enumerate(rounds))

    @property
    def change(self) -> float | None:
        """The change of the ratio, as a share of what it was before."""
        return None if self.ratio is None or self.before is None else self.ratio / self.before - 1

    @property
    def regressed(self) -> bool:
        """Whether the ratio has dropped by more than ``REGRESSION``."""
        return self.change is not None and self.change < -REGRESSION

    @property
    def missed(self) -> bool:
        """Whether it is slower than it has to be."""
        if self.ratio is not None and self.peer is not None and self.peer.at_least is not None:
            return self.ratio < self.peer.at_least
        return self.path.extra_info.at_most is not None and self.path.stats.median > self.path.extra_info.at_most


def list_ratios(run: SavedRun, earlier: Iterable[SavedRun]) -> list[RatioRow]:
    """One row for each hot path and peer, beside its ratio in the latest earlier run that has it."""
    before: dict[Key, float] = {}
    for old in earlier:
        before |= {_key(row): row.ratio for row in list_ratios(old, ()) if row.ratio is not None}
    alone = [RatioRow(path, peer) for path in run.benchmarks for peer in path.extra_info.peers or (None,)]
    return [replace(row, before=before.get(_key(row))) for row in alone]


def make_table(compared: Iterable[RatioRow]) -> Table:
    """The rows for reading: what is slower than it has to be or than it was is red."""
    result = Table("hot path", "peer", box=box.SIMPLE)
    for column in ("ratio", "required", "change", "our median", "peer's median", "difference"):
        result.add_column(column, justify="right")
    for row in compared:
        result.add_row(*map(Text, _cells(row)), style="red" if row.missed or row.regressed else None)
    return result


def tell_regressions(compared: Iterable[RatioRow]) -> list[str]:
    """One line for each row that is slower than it has to be or than it was."""
    lines = []
    for row in compared:
        what, peer, ratio, required, change, ours, *_ = _cells(row)
        if row.missed:
            lines.append(f"{what}: {ratio or ours} beside {peer or 'no peer'}, required {required}")
        if row.regressed:
            lines.append(f"{what}: the ratio to {peer} changed by {change}, which is more than -{REGRESSION:.0%}")
    return lines


def _cells(row: RatioRow) -> tuple[str, ...]:
    peer, at_most = row.peer, row.path.extra_info.at_most
    required = f">= {peer.at_least:g} x" if peer and peer.at_least is not None else ""
    return (
        row.path.group,
        "" if peer is None else f"{peer.name} ({peer.detail})" if peer.detail else peer.name,
        "" if row.ratio is None else f"{row.ratio:,.0f} x" if row.ratio >= 100 else f"{row.ratio:.2f} x",
        required or ("" if at_most is None else f"<= {_time(at_most)}"),
        "" if row.change is None else f"{row.change:+.0%}",
        _time(row.path.stats.median),
        "" if peer is None else _time(peer.median),
        "" if peer is None or peer.difference is None else f"{peer.difference:.0e}",
    )


def _key(row: RatioRow) -> Key:
    return row.path.group, row.peer.name if row.peer else ""


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"
