"""A hot path and its peers doing the same work in turns, so that a busy machine slows all of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from benchmarks.perf.saved_runs import PeerTimes

# Processor time: all work is on one thread, and waiting for a busy processor would count against the longer turns only.
TIMER = time.process_time

Work = Callable[[], Any]
Option = TypeVar("Option")


@dataclass(frozen=True)
class Peer:
    """Another way to do a hot path's work.

    Attributes:
        within: the largest absolute difference from our result that rounding explains; None when results are random.
        same: what we compute when the peer does not compute the very same as the work that is timed.
        at_least: the smallest ratio (peer / ours) that is good enough; None when any is.
        detail: the settings it was tuned to.
    """

    name: str
    run: Work
    within: float | None = None
    at_least: float | None = None
    detail: str = ""
    same: Work | None = None


def race(benchmark: BenchmarkFixture, ours: Work, *peers: Peer, turns: int, rounds: int | None = None) -> None:
    """Time ours over ``rounds`` (``turns`` unless given), and every peer once before each of the first ``turns``.

    Raises:
        AssertionError: when a peer's result is not ours.
    """
    warm_up = ours()
    expected = {peer.name: warm_up if peer.same is None else peer.same() for peer in peers}
    seconds: dict[str, list[float]] = {peer.name: [] for peer in peers}
    differences: dict[str, float] = {}

    def peers_turn() -> None:
        for peer in peers:
            if len(seconds[peer.name]) < turns:
                took, result = timed(peer.run)
                seconds[peer.name].append(took)
                if peer.within is not None:
                    differences[peer.name] = difference(expected[peer.name], result, at_most=peer.within)

    benchmark.pedantic(ours, setup=peers_turn, rounds=rounds or turns)  # type: ignore[no-untyped-call]
    benchmark.extra_info["peers"] = [
        PeerTimes(
            name=peer.name,
            seconds=seconds[peer.name],
            detail=peer.detail,
            at_least=peer.at_least,
            difference=differences.get(peer.name),
        ).model_dump()
        for peer in peers
    ]


def fastest(candidates: Mapping[Option, Work], *, turns: int = 3) -> Option:
    """The candidate with the smallest best time, each timed ``turns`` times in turns after a warm-up."""
    best = {option: float("inf") for option in candidates}
    for turn in range(turns + 1):
        for option, work in candidates.items():
            took, _ = timed(work)
            if turn:
                best[option] = min(best[option], took)
    return min(best, key=best.__getitem__)


def timed(work: Work) -> tuple[float, Any]:
    """Seconds and the result."""
    start = TIMER()
    result = work()
    return TIMER() - start, result


def difference(ours: Tensor, theirs: Tensor, *, at_most: float) -> float:
    """The largest absolute difference.

    Raises:
        AssertionError: when it is above ``at_most``, or the shapes differ.
    """
    assert ours.shape == theirs.shape, f"ours has shape {tuple(ours.shape)}, the peer's {tuple(theirs.shape)}"
    largest = float((ours - theirs).abs().max())
    assert largest <= at_most, f"the peer's result differs from ours by {largest:.2g}, expected at most {at_most:g}"
    return largest
