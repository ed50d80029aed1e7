"""SIG, question 2 on photographs and digits: the iAccuracy as the top features are removed."""

from functools import partial
from typing import Any, Final

from benchmarks.board.aggregate import Board
from benchmarks.papers.claims import Closeness, Superiority
from benchmarks.papers.evidence import find_columns, find_tasks
from benchmarks.papers.ledger import Item
from benchmarks.papers.quantities import Quantity, score
from benchmarks.papers.sig.baselines import NEAR, NOT_DIFFERENT, SIG_ON_PICTURES, SINGLE_BASELINES, ZERO_AND_MEAN
from sig.metrics.removal import REMOVALS


def score_removal(name: str, **options: Any) -> Quantity:
    """The iAccuracy with these options of what is removed."""
    return score(f"iaccuracy, {name}", "iaccuracy", see=("curves-{task}",), **options)


REMOVED: Final = tuple(score_removal(how, removal=how, patch=0) for how in REMOVALS)
REMOVED_PATCHES: Final = tuple(score_removal(f"patch {n}", patch=n) for n in (1, 2, 3))

MANY: Final = 500  # pictures
PHOTOGRAPHS: Final = "on photographs that packages ship and EfficientNet-Lite0; on digits in runs without them"

find_imagenet: Final = partial(find_tasks, kind="imagenet")


def find_pictures(board: Board) -> list[str]:
    """Tasks whose features are removed."""
    return [task for task in find_tasks(board) if find_columns(board, task, "iaccuracy")]


def find_photographs(board: Board) -> list[str]:
    """The photographs among ``find_pictures``; all of these, as stand-ins, where the run has none."""
    pictures = find_pictures(board)
    return [task for task in find_imagenet(board) if task in pictures] or pictures


def find_by_the_hundred(board: Board) -> list[str]:
    """The tasks among ``find_pictures`` with as many pictures as the paper, 500 or more; all where the run has none."""
    pictures = find_pictures(board)
    counts = {task.name: task.options.get("digits", 0) for task in board.run.manifest.suite.tasks}
    return [task for task in pictures if counts[task] >= MANY] or pictures


ENTRIES: Final = (
    Item("Fig. 6").untestable(
        "On a photograph SIG focuses on the bird, the others also on areas outside of it",
        "nobody has marked the objects on the photographs; the maps are drawn, or those of digits",
        on=find_photographs,
        see=("saliency-{task}",),
    ),
    Item("Fig. 7").claimed(
        "As the top features are removed, the iAccuracy of SIG is close to that of the mean and zero baselines",
        Closeness(find_photographs, REMOVED, SIG_ON_PICTURES, ZERO_AND_MEAN, NEAR),
        reading=f"{PHOTOGRAPHS}; removed by zero, mean or blur, {NOT_DIFFERENT}",
    ),
    Item("Fig. 12").claimed(
        "With 500, 1000 and 1500 images SIG has almost the same iAccuracy as the zero and mean baselines",
        Closeness(find_by_the_hundred, REMOVED[:1], SIG_ON_PICTURES, ZERO_AND_MEAN, NEAR),
        reading=f"on as many digits, or all digits of a run with fewer, removed by zero, {NOT_DIFFERENT}",
    ),
    Item("Fig. 13").claimed(
        "With patches removed, SIG performs almost as the zero and mean baselines do",
        Closeness(find_photographs, REMOVED_PATCHES, SIG_ON_PICTURES, ZERO_AND_MEAN, NEAR),
        reading=f"{PHOTOGRAPHS}; squares of 2 to 4 pixels around the top ones, {NOT_DIFFERENT}; patch 0 is Fig. 7",
    ),
    Item("Abstract, question 2").claimed(
        "On pictures SIG gives a more accurate assessment of feature contributions than the other baselines",
        Superiority(find_pictures, REMOVED, SIG_ON_PICTURES, SINGLE_BASELINES),
        reading="its iAccuracy is lower; the text of Fig. 7 only says close to zero and mean",
    ),
    Item("Abstract").untestable(
        "SIG yields more consistent explanations across applications, and adapts to various data types",
        "no measure of it is stated; the games and the digits here are two data types",
    ),
)
