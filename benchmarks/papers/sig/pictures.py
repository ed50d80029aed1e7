"""SIG, question 2: faces, photographs and digits, iAccuracy and the time that it takes."""

from dataclasses import replace
from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers.interval_claims import Bound, Closeness
from benchmarks.papers.ledger import NOT_TESTABLE, Entry, Side, state
from benchmarks.papers.paired_claims import Comparison
from benchmarks.papers.quantities import find_columns, find_tasks, relate, score
from benchmarks.papers.sig.games import NEAR, NOT_DIFFERENT, SIG_METHODS, SINGLE
from sig.metrics.removal import REMOVALS

ON_PICTURES: Final = ("sig-algorithm1", "sig-game")
ZERO_AND_MEAN: Final = ("ig-zero", "ig-mean")

REMOVED: Final = tuple(score(f"iaccuracy, {how}", "iaccuracy", removal=how, patch=0) for how in REMOVALS)
REMOVED_PATCHES: Final = tuple(score(f"iaccuracy, patch {n}", "iaccuracy", patch=n) for n in (1, 2, 3))
SECONDS: Final = score("seconds", "runtime")
SLOWER_THAN_ZERO: Final = relate("seconds over those of ig-zero", SECONDS, "ig-zero")
FASTER_THAN_RANDOM: Final = relate("seconds over those of ig-random", SECONDS, "ig-random")
ORGANS: Final = score("share on mouth and eyes", "region_share", regions=["mouth", "eyes"], measure="absolute")
OUTSIDE: Final = replace(
    score("share outside the face", "region_share", regions=["background"], measure="absolute"), better="lower"
)

MANY: Final = 500  # pictures
PHOTOGRAPHS: Final = "on photographs that packages ship and EfficientNet-Lite0; on digits in runs without them"
FACES: Final = "a network of expressions and faces of its demonstration, in place of the private ones; mouth and eyes"

find_imagenet: Final = partial(find_tasks, kind="imagenet")
find_faces: Final = partial(find_tasks, kind="faces", explain="distance")


def find_pictures(board: Board) -> list[str]:
    """Tasks whose features are removed."""
    return [task for task in find_tasks(board) if find_columns(board, task, "iaccuracy")]


def find_photographs(board: Board) -> list[str]:
    """Of ``find_pictures`` the photographs; all, as stand-ins, where the run has none."""
    pictures = find_pictures(board)
    return [task for task in find_imagenet(board) if task in pictures] or pictures


def find_by_the_hundred(board: Board) -> list[str]:
    """Of ``find_pictures`` those with as many pictures as the paper has, 500 or more; all where the run has none."""
    pictures = find_pictures(board)
    counts = {task.name: task.options.get("digits", 0) for task in board.run.manifest.suite.tasks}
    return [task for task in pictures if counts[task] >= MANY] or pictures


ENTRIES: Final = (
    Entry(
        "Fig. 5",
        "On faces SIG attends to eyes and lips more than the other baselines",
        Comparison(find_faces, (ORGANS,), ON_PICTURES, SINGLE),
        see=("saliency-{task}",),
        reading=f"{FACES} have a larger share of the absolute attribution",
        kind="figure",
    ),
    Entry(
        "Fig. 5, outside",
        "On faces the zero and mean baselines attend to regions outside the face too",
        Comparison(find_faces, (OUTSIDE,), ON_PICTURES, ZERO_AND_MEAN),
        see=("saliency-{task}",),
        reading="SIG has a smaller share of the absolute attribution there, on the same substitutes",
        kind="figure",
    ),
    Entry(
        "Fig. 6",
        "On a photograph SIG focuses on the bird, the others also on areas outside of it",
        state(NOT_TESTABLE, "nobody has marked the objects on the photographs; the maps are drawn, or those of digits"),
        see=("saliency-{task}",),
        kind="figure",
        tasks=find_photographs,
    ),
    Entry(
        "Fig. 7",
        "As the top features are removed, the iAccuracy of SIG is close to that of the mean and zero baselines",
        Closeness(find_photographs, REMOVED, ON_PICTURES, ZERO_AND_MEAN, NEAR),
        see=("curves-{task}",),
        reading=f"{PHOTOGRAPHS}; removed by zero, mean or blur, {NOT_DIFFERENT}",
        kind="figure",
    ),
    Entry(
        "Fig. 12",
        "With 500, 1000 and 1500 images SIG has almost the same iAccuracy as the zero and mean baselines",
        Closeness(find_by_the_hundred, REMOVED[:1], ON_PICTURES, ZERO_AND_MEAN, NEAR),
        see=("curves-{task}",),
        reading=f"on as many digits, or all digits of a run with fewer, removed by zero, {NOT_DIFFERENT}",
        kind="figure",
    ),
    Entry(
        "Fig. 13",
        "With patches removed, SIG performs almost as the zero and mean baselines do",
        Closeness(find_photographs, REMOVED_PATCHES, ON_PICTURES, ZERO_AND_MEAN, NEAR),
        see=("curves-{task}",),
        reading=f"{PHOTOGRAPHS}; squares of 2 to 4 pixels around the top ones, {NOT_DIFFERENT}; patch 0 is Fig. 7",
        kind="figure",
    ),
    Entry(
        "Abstract, question 2",
        "On pictures SIG gives a more accurate assessment of feature contributions than the other baselines",
        Comparison(find_pictures, REMOVED, ON_PICTURES, SINGLE),
        see=("curves-{task}",),
        reading="its iAccuracy is lower; the text of Fig. 7 only says close to zero and mean",
    ),
    Entry(
        "Abstract",
        "SIG yields more consistent explanations across applications, and adapts to various data types",
        state(NOT_TESTABLE, "no measure of it is stated; the games and the digits here are two data types"),
    ),
    Entry(
        "Fig. 9",
        "The running time of SIG closely mirrors that of the zero and mean baselines, where batches are possible",
        Bound(find_pictures, (SLOWER_THAN_ZERO,), (*ON_PICTURES, "ig-mean"), Side(above=0.75, below=1.25)),
        see=("runtime",),
        reading="at equal model rows, within a quarter of the time of IG from zero",
        kind="figure",
    ),
    Entry(
        "Fig. 9, random",
        "The running time of SIG outperforms the random baseline",
        Bound(find_pictures, (FASTER_THAN_RANDOM,), ON_PICTURES, Side(below=1.0)),
        see=("runtime",),
        reading="at equal model rows",
        kind="figure",
    ),
    Entry(
        "Fig. 9, variance",
        "The variance of its running time is slightly greater at first, and reduces as the number of images increases",
        state(NOT_TESTABLE, "each number of pictures is timed once; on shared machines times vary for other reasons"),
        kind="figure",
    ),
    Entry(
        "Abstract, cost",
        "SIG adapts to data types with minimal computational increase",
        Bound(find_tasks, (SLOWER_THAN_ZERO,), SIG_METHODS, Side(below=1.25)),
        see=("runtime",),
        reading="at equal model rows it takes less than a quarter more time than IG from zero",
    ),
)
