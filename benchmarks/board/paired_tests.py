"""Paired tests of every method against every other one: on a task, in a family of tasks, and over all families.

The *result* of one is ``WIN, TIE, LOSS, UNDECIDED`` or ``NOT_MET``, of the method of a row against that of a column.
The order of all methods is by these, never by scores, which do not compare between tasks.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from benchmarks.board import statistics

WIN, TIE, LOSS, UNDECIDED, NOT_MET = "win", "tie", "loss", "undecided", ""
RESULTS: Final = (WIN, TIE, UNDECIDED, LOSS)
SIGNIFICANT: Final = 0.05
COUNTED: Final = {WIN: "wins", TIE: "ties", UNDECIDED: "undecided", LOSS: "losses"}
LEAST_FAMILIES: Final = 2  # in which a method has to meet rivals to have a tier

Results = Shaped[np.ndarray, "families methods methods"]


@dataclass(frozen=True)
class PairedTests:
    """Every method against every other one in a family of tasks, at one budget.

    Attributes:
        results: of the method of a row against that of a column, controls among them.
        controls: methods that do not see the model. All others are *rivals*.
    """

    results: pd.DataFrame
    controls: frozenset[str]

    @cached_property
    def rivals(self) -> list[str]:
        """The methods but controls."""
        return [str(method) for method in self.results.index if method not in self.controls]

    @cached_property
    def counts(self) -> dict[str, Counter[str]]:
        """How often each method, or control, has each result against rivals."""
        against = self.results[self.rivals].to_numpy(dtype=str).tolist()
        return {str(method): Counter(row) for method, row in zip(self.results.index, against, strict=True)}

    def count(self, method: str, *results: str) -> int:
        """How often a method has one of these results against rivals; of ``RESULTS`` where none is named."""
        counts = self.counts.get(method, Counter())
        return sum(counts[result] for result in results or RESULTS)

    def format_counts(self, method: str) -> str:
        """Wins/ties/losses against rivals; empty where the method has no score."""
        return "/".join(str(self.count(method, result)) for result in (WIN, TIE, LOSS)) * (method in self.counts)

    @cached_property
    def made(self) -> int:
        """How many tests between rivals there are."""
        return sum(self.count(method) for method in self.rivals) // 2

    @cached_property
    def undecided(self) -> int:
        """How many tests between rivals are undecided."""
        return sum(self.count(method, UNDECIDED) for method in self.rivals) // 2

    @property
    def decided(self) -> float:
        """The share of the tests between rivals that are won, lost or tied; 0 where there is none."""
        return (self.made - self.undecided) / max(self.made, 1)

    @cached_property
    def control(self) -> str:
        """The control that does best against rivals, of those with a score; empty where there is none."""
        controls = [name for name in self.counts if name in self.controls and self.count(name)]
        return max(controls, key=lambda name: self.count(name, WIN) - self.count(name, LOSS), default="")

    def against_control(self, *results: str) -> list[str]:
        """The rivals with one of these results against the best control, those that lose most tests first."""
        found = [method for method in self.rivals if self.control and self.results.loc[method, self.control] in results]
        return sorted(found, key=lambda method: -self.count(method, LOSS))

    def list_unbeaten(self, *, above_control: bool) -> list[str]:
        """The methods that lose to none and win, most wins first.

        Against rivals alone, or, where they have to be ``above_control``, against controls as well and the best of
        these in any case.
        """
        against = [str(name) for name in self.results.index if above_control or name not in self.controls]
        rows = self.results.loc[self.rivals, against].to_numpy(dtype=str).tolist()
        unbeaten = [m for m, row in zip(self.rivals, rows, strict=True) if WIN in row and LOSS not in row]
        if above_control and self.control:
            unbeaten = [method for method in unbeaten if self.results.loc[method, self.control] == WIN]
        return sorted(unbeaten, key=lambda method: -self.count(method, WIN))


def judge_task(
    scores: pd.DataFrame, models: Shaped[np.ndarray, " units"], better: Literal["lower", "higher"]
) -> pd.DataFrame:
    """The results of the methods that are the rows of ``scores``, on the units where both have one.

    A win or a loss is what ``benchmarks.board.statistics.paired_p`` tells apart at 5 %, Holm-corrected over all tests
    of either method: a method wins where the other one loses. Where it tells nothing apart there is a tie if the two
    share at least ``benchmarks.board.statistics.ENOUGH`` independent units, and nothing is decided if they share fewer.
    """
    pairs = statistics.compare_pairs(scores.to_numpy(dtype=float), models, better=better)
    corrected = statistics.holm(pairs.p)
    apart = np.maximum(corrected, corrected.T) <= SIGNIFICANT  # False of NaN
    results = np.select(
        [np.isnan(pairs.p), apart & (pairs.lead > 0), apart & (pairs.lead < 0), pairs.units >= statistics.ENOUGH],
        [NOT_MET, WIN, LOSS, TIE],
        UNDECIDED,
    )
    return pd.DataFrame(results, scores.index, scores.index)


def judge_family(tasks: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The results in a family of tasks, from those on its tasks, however many; nothing of none.

    A win is a win on some task and a loss on none, and a loss the reverse. A tie is one on every task where the two
    met. Otherwise nothing is decided, which is so too where each wins on a task.
    """
    methods = list(dict.fromkeys(method for results in tasks for method in results.index))
    if not methods:
        return pd.DataFrame()
    found = np.stack([results.reindex(methods, columns=methods, fill_value=NOT_MET).to_numpy() for results in tasks])
    won, lost, met = (found == WIN).any(0), (found == LOSS).any(0), (found != NOT_MET).any(0)
    tied = np.isin(found, [TIE, NOT_MET]).all(0)
    results = np.select([~met, won & lost, won, lost, tied], [NOT_MET, UNDECIDED, WIN, LOSS, TIE], UNDECIDED)
    return pd.DataFrame(results, methods, methods)


def order_methods(families: Sequence[PairedTests]) -> pd.DataFrame:
    """One row per method: what became of its paired tests over all families, and what order follows.

    ``method``; the numbers of ``wins, ties, undecided, losses`` against rivals, and of the ``families`` where it met
    any; its ``score``, (wins - losses) / rivals met as Copeland (1951) has it, the mean over families, 1 where it
    always wins and -1 where it always loses; the range ``low, high`` of the score when any one family, or any one
    rival, is left out; and its ``tier``.

    Methods are in the order of their scores, but only tiers are an order: whichever family or method is left out, each
    method of a tier scores above each of the next one, tier 1 being the best. One tier for all is no order. Controls
    and methods that meet rivals in fewer than two families have no tier; they come last.
    """
    names = list(dict.fromkeys(method for tests in families for method in tests.results.index))
    if not names:
        return pd.DataFrame(columns=["method", *COUNTED.values(), "families", "score", "low", "high", "tier"])
    results = (tests.results.reindex(names, columns=names, fill_value=NOT_MET) for tests in families)
    found = np.stack([result.to_numpy() for result in results])
    table = pd.DataFrame(
        {"method": names}
        | {said: [sum(of.count(name, result) for of in families) for name in names] for result, said in COUNTED.items()}
        | {"families": [sum(of.count(name) > 0 for of in families) for name in names]}
    )
    control = np.isin(names, list(frozenset().union(*(tests.controls for tests in families))))
    table["score"] = _score(found, ~control)
    left_out = np.stack([table["score"].to_numpy(), *_leave_one_out(found, ~control)])
    table["low"], table["high"] = np.fmin.reduce(left_out), np.fmax.reduce(left_out)
    ranked = ~control & (table["families"] >= LEAST_FAMILIES).to_numpy()
    table["tier"] = _find_tiers(left_out, ranked)
    keys: dict[str, Any] = {"control": control, "unranked": ~ranked}
    order = table.assign(**keys).sort_values(
        ["control", "unranked", "score"], ascending=[True, True, False], kind="stable"
    )
    return order.drop(columns=list(keys)).reset_index(drop=True)


def _score(found: Results, rivals: Bool[np.ndarray, " methods"]) -> Float[np.ndarray, " methods"]:
    """Mean over families of (wins - losses) / rivals met; NaN where none was met."""
    against = found[:, :, rivals]
    met = (against != NOT_MET).sum(2)
    balance = (against == WIN).sum(2) - (against == LOSS).sum(2)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(met > 0, balance / met, 0).sum(0) / (met > 0).sum(0))


def _leave_one_out(found: Results, rivals: Bool[np.ndarray, " methods"]) -> Iterator[Float[np.ndarray, " methods"]]:
    """Scores without each family, where there are several, and without each rival, which then has none itself."""
    for family in range(len(found) if len(found) > 1 else 0):
        yield _score(np.delete(found, family, axis=0), rivals)
    for method in np.flatnonzero(rivals):
        others = rivals.copy()
        others[method] = False
        scores = _score(found, others)
        scores[method] = np.nan
        yield scores


def _find_tiers(
    scores: Float[np.ndarray, "replicates methods"], ranked: Bool[np.ndarray, " methods"]
) -> Float[np.ndarray, " methods"]:
    """Tiers by the scores in all replicates, the first one being the whole; NaN for methods that are not ranked."""
    tiers = np.full(len(ranked), np.nan)
    order = np.flatnonzero(ranked)[np.argsort(-scores[0, ranked], kind="stable")]
    tier = 1
    for above, method in enumerate(order):
        if above:
            better, worse = scores[:, order[:above]], scores[:, order[above:]]
            least, most = np.fmin.reduce(better, 1), np.fmax.reduce(worse, 1)
            tier += not (least <= most + statistics.FLOAT64_ROUNDING).any()  # False of NaN
        tiers[method] = tier
    return tiers
