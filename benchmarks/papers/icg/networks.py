"""ICG, section A.5: its networks and how they were trained, and those that stand for them here."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers.evidence import read_checks
from benchmarks.papers.icg.tasks import DIGITS, MINIMUM, SNACKS
from benchmarks.papers.ledger import Item
from benchmarks.papers.measurements import count_trained_anew, find_failed_seeds, format_ends, report_checks
from benchmarks.papers.verdicts import REPLACED, Finding


def describe_networks(board: Board, tasks: Sequence[str]) -> Finding:
    """The accuracy and failed seeds of each network of these tasks, by the name that a task gives it."""
    networks: dict[str, list[str]] = {}
    for task in board.run.manifest.suite.tasks:
        if task.name in tasks:
            networks.setdefault(str(task.options.get("network", "default")), []).append(task.name)
    found = filter(None, (_describe_network(board, name, of_name) for name, of_name in networks.items()))
    return Finding("; ".join(found) or "this run has none", REPLACED)


def _describe_network(board: Board, name: str, tasks: Sequence[str]) -> str:
    failed, accuracy = find_failed_seeds(board, tasks), read_checks(board, "accuracy", tasks)
    trained = f"accuracy {format_ends(accuracy)}" if len(accuracy) else ""
    none = f"no usable model from {len(failed)} of {len(failed) + len(accuracy)} seeds" if failed else ""
    parts = ", ".join(filter(None, [trained, count_trained_anew(board, tasks), none]))
    return f"{name} network: {parts}" if parts else ""


ENTRIES: Final = (
    Item("A.5, damage").left_open(
        "Damage data are noise or another input, certainty Bernoulli or continuous Bernoulli, in equal proportion",
        "as in the paper, damage = mixture; the recipes also show a share of undamaged inputs",
    ),
    Item("A.5, Fig. 12").measured(
        "Burnt Snacks: convolutions of 32, 64, 128 and 128 channels with pooling, dense layers of 32, 16 and 2, "
        "dropout",
        describe_networks,
        on=SNACKS,
        see=("checks",),
        reading="networks and recipes are in training/tasks/burnt_snacks.py",
    ),
    Item("A.5, Fig. 13").measured(
        "Local Minimum: six layers of 500 for each component, their sum, four layers of 20; several initial states "
        "did not converge",
        partial(report_checks, ("accuracy", "restarts")),
        on=MINIMUM,
        see=("checks",),
        reading="slim networks, four layers of 64, take their place where a task does not say network = paper",
    ),
    Item("A.5, Fig. 14").measured(
        "MNIST: a convolutional network, 60,000 training digits",
        partial(report_checks, ("accuracy", "restarts")),
        on=DIGITS,
        see=("checks",),
        reading="strided convolutions take its place where a task does not say network = paper, and ten thousand "
        "embedded digits where it does not say full",
    ),
    Item("A.5, Fig. 15").left_open(
        "MNIST in Space: a translation-invariant network on a wider canvas",
        "a network that is slid along a canvas closed to a ring, see training/tasks/mnist_in_space.py",
    ),
)
