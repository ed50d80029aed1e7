"""Who beats whom: every method against every other one, on a task, in a family of tasks, and over all families.

A *duel* is one of ``WIN, TIE, LOSS, UNDECIDED, NOT_MET``, of the method of a row against that of a column. The order of
all methods is by duels, never by scores, which do not compare between tasks.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from benchmarks.board import statistics

WIN, TIE, LOSS, UNDECIDED, NOT_MET = "win", "tie", "loss", "undecided", ""
SIGNIFICANT: Final = 0.05
COUNTED: Final = {"wins": WIN, "ties": TIE, "undecided": UNDECIDED, "losses": LOSS}
LEAST_FAMILIES: Final = 2  # in which a method has to meet rivals to have a place in an order of all

Duels = Shaped[np.ndarray, "families methods methods"]


def judge_task(
    scores: pd.DataFrame, models: Shaped[np.ndarray, " units"], better: Literal["lower", "higher"]
) -> pd.DataFrame:
    """The duels of the methods that are the rows of ``scores``, on the units where both have one.

    A win or a loss is what ``benchmarks.board.statistics.paired_p`` tells apart at 5 %, Holm-corrected over all duels
    of either method: a method wins where the other one loses. Where it tells nothing apart there is a tie if the two
    share at least ``benchmarks.board.statistics.ENOUGH`` independent units, and nothing is decided if they share fewer.
    """
    pairs = statistics.compare_pairs(scores.to_numpy(dtype=float), models, better=better)
    corrected = statistics.holm(pairs.p)
    apart = np.maximum(corrected, corrected.T) <= SIGNIFICANT  # False of NaN
    duels = np.select(
        [np.isnan(pairs.p), apart & (pairs.lead > 0), apart & (pairs.lead < 0), pairs.units >= statistics.ENOUGH],
        [NOT_MET, WIN, LOSS, TIE],
        UNDECIDED,
    )
    return pd.DataFrame(duels, scores.index, scores.index)


def judge_family(tasks: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The duels of a family, of those of its tasks, whatever their number.

    A win is a win on some task and a loss on none, and a loss the reverse. A tie is one on every task where the two
    met. Otherwise nothing is decided, which is so too where each wins on a task.
    """
    methods = list(dict.fromkeys(method for duels in tasks for method in duels.index))
    found = np.stack([duels.reindex(methods, columns=methods, fill_value=NOT_MET).to_numpy() for duels in tasks])
    won, lost, met = (found == WIN).any(0), (found == LOSS).any(0), (found != NOT_MET).any(0)
    tied = np.isin(found, [TIE, NOT_MET]).all(0)
    duels = np.select([~met, won & lost, won, lost, tied], [NOT_MET, UNDECIDED, WIN, LOSS, TIE], UNDECIDED)
    return pd.DataFrame(duels, methods, methods)


def order_methods(families: Mapping[str, pd.DataFrame], controls: Collection[str]) -> pd.DataFrame:
    """One row per method: what became of its duels over all families, and where that places it.

    ``method``; the numbers of ``wins, ties, undecided, losses`` against rivals, which are all other methods but
    controls, and of the ``families`` where it met any; its ``score``, (wins - losses) / rivals met as Copeland (1951)
    has it, the mean over families, 1 where it always wins and -1 where it always loses; the range ``low, high`` of the
    score when any one family, or any one rival, is left out; and its ``tier``.

    Methods are in the order of their scores, but only tiers are an order: whichever family or method is left out, each
    method of a tier scores above each of the next one, tier 1 being the best. One tier for all is no order. Controls
    and methods that meet rivals in fewer than two families have no tier; they come last.
    """
    names = list(dict.fromkeys(method for duels in families.values() for method in duels.index))
    if not names:
        return pd.DataFrame(columns=["method", *COUNTED, "families", "score", "low", "high", "tier"])
    found = np.stack([d.reindex(names, columns=names, fill_value=NOT_MET).to_numpy() for d in families.values()])
    control = np.isin(names, list(controls))
    against = found[:, :, ~control]
    table = pd.DataFrame({"method": names} | {of: (against == duel).sum((0, 2)) for of, duel in COUNTED.items()})
    table["families"] = (against != NOT_MET).any(2).sum(0)
    table["score"] = _score(found, ~control)
    left_out = np.stack([table["score"].to_numpy(), *_leave_one_out(found, ~control)])
    table["low"], table["high"] = np.fmin.reduce(left_out), np.fmax.reduce(left_out)
    placed = ~control & (table["families"] >= LEAST_FAMILIES).to_numpy()
    table["tier"] = _find_tiers(left_out, placed)
    keys: dict[str, Any] = {"control": control, "unplaced": ~placed}
    order = table.assign(**keys).sort_values(
        ["control", "unplaced", "score"], ascending=[True, True, False], kind="stable"
    )
    return order.drop(columns=list(keys)).reset_index(drop=True)


def _score(found: Duels, rivals: Bool[np.ndarray, " methods"]) -> Float[np.ndarray, " methods"]:
    """Mean over families of (wins - losses) / rivals met; NaN where none was met."""
    against = found[:, :, rivals]
    met = (against != NOT_MET).sum(2)
    balance = (against == WIN).sum(2) - (against == LOSS).sum(2)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(met > 0, balance / met, 0).sum(0) / (met > 0).sum(0))


def _leave_one_out(found: Duels, rivals: Bool[np.ndarray, " methods"]) -> Iterator[Float[np.ndarray, " methods"]]:
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
    scores: Float[np.ndarray, "replicates methods"], placed: Bool[np.ndarray, " methods"]
) -> Float[np.ndarray, " methods"]:
    """Tiers by the scores in all replicates, the first one being the whole; NaN for methods that are not placed."""
    tiers = np.full(len(placed), np.nan)
    order = np.flatnonzero(placed)[np.argsort(-scores[0, placed], kind="stable")]
    tier = 1
    for place, method in enumerate(order):
        if place:
            above, below = scores[:, order[:place]], scores[:, order[place:]]
            tier += not (np.fmin.reduce(above, 1) <= np.fmax.reduce(below, 1) + statistics.EQUAL).any()  # False of NaN
        tiers[method] = tier
    return tiers
