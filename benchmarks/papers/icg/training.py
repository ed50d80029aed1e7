"""ICG, sections A.3 to A.5: certainty training, MNIST, MNIST in Space, and how its networks were trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import pandas as pd

from benchmarks.board.aggregate import Board
from benchmarks.papers import ledger
from benchmarks.papers.icg.claims import count_saliency_maps, judge_every, report_checks
from benchmarks.papers.icg.minimum import BSHAP_RANKS, MINIMUM
from benchmarks.papers.icg.pictures import look_at_pictures, share_off_input
from benchmarks.papers.icg.snacks import SNACKS, describe_networks
from benchmarks.papers.interval_claims import Bound
from benchmarks.papers.ledger import NOT_TESTABLE, READING, Entry, Outcome, Side, list_measured
from benchmarks.papers.paired_claims import Comparison
from benchmarks.papers.quantities import (
    MODEL,
    Better,
    Limits,
    Quantity,
    check,
    collect_shown,
    find_tasks,
    make_unit_table,
    read_checks,
    score,
    subtract,
)

TRAINED: Final = partial(find_tasks, damage="mixture")  # as in the paper; other kinds of damage are there to compare
MNIST: Final = partial(TRAINED, kind="mnist-certainty")
SPACE: Final = partial(TRAINED, kind="mnist-in-space")
CROPS: Final = partial(TRAINED, kind="natural-crops")
LEARNT: Final = 0.93  # accuracy, the paper's on Local Minimum

# ---- kinds of damage ---------------------------------------------------------------------------------------------

DAMAGED: Final = partial(find_tasks, kind="local-minimum", network="slim")
UNIFORM, EXTENT, BINARY, COMBINED = "i.i.d. uniform certainty", "variable extent", "binary certainty", "combination"
NOISE, ADVERSARIAL = "noise data", "adversarial data"
KINDS: Final[Mapping[str, Sequence[str]]] = {
    UNIFORM: ("noise-uniform",),
    EXTENT: ("noise-continuous-bernoulli",),
    BINARY: ("noise-bernoulli",),
    NOISE: ("noise-bernoulli", "noise-continuous-bernoulli"),
    ADVERSARIAL: ("swap-bernoulli", "swap-continuous-bernoulli"),
    COMBINED: ("mixture",),
}


def compare_from(board: Board) -> list[str]:
    """The task whose models, trained with the mixture, stand for those of all kinds of damage; none without others."""
    others = [
        task
        for kind in KINDS.values()
        for damage in kind
        if damage != "mixture"
        for task in DAMAGED(board, damage=damage)
    ]
    return DAMAGED(board, damage="mixture")[:1] if others else []


def by_damage(
    name: str,
    read: Callable[[Board, Sequence[str]], pd.Series],
    *,
    better: Better = "higher",
    limits: Limits = (0.0, 1.0),
) -> Quantity:
    """What is read of the models by kind of damage, as if it were a method; the mean where a kind is of two."""

    def values(board: Board, task: str) -> pd.DataFrame:
        found = {kind: [read(board, DAMAGED(board, damage=one)) for one in damages] for kind, damages in KINDS.items()}
        means = {
            kind: pd.concat(parts, axis=1).dropna().mean(axis=1)
            for kind, parts in found.items()
            if all(map(len, parts))
        }
        return make_unit_table(means) if means else pd.DataFrame()

    return Quantity(name, values, better, limits)


def read_check_once(name: str) -> Callable[[Board, Sequence[str]], pd.Series]:
    """A check by repetition; of the first of several tasks."""

    def read(board: Board, tasks: Sequence[str]) -> pd.Series:
        found = read_checks(board, name, tasks)
        return found[~found.index.duplicated()]

    return read


def count_images(board: Board, tasks: Sequence[str]) -> pd.Series:
    """By repetition, thousands of training images until the accuracy first is ``LEARNT``; all where it never is."""
    found: dict[int, float] = {}
    for model in (one for one in board.models if one.task in tasks and one.series.get("training")):
        points = pd.DataFrame(model.series["training"], dtype=float)
        reached = points["accuracy"] >= LEARNT
        at = int(reached.to_numpy().argmax()) if reached.any() else len(points) - 1
        found.setdefault(model.repetition, float(points["images"].iloc[at]) / 1000)
    return pd.Series(found, dtype=float)


GAP_BY_DAMAGE: Final = by_damage("neutrality gap", read_check_once("neutrality_gap"), better="lower")
ACCURACY_BY_DAMAGE: Final = by_damage("accuracy", read_check_once("accuracy"))
IMAGES_BY_DAMAGE: Final = by_damage(
    f"thousand images to {LEARNT:.0%}", count_images, better="lower", limits=(0.0, float("inf"))
)


# ---- pictures of digits ------------------------------------------------------------------------------------------

OFF_DIGIT: Final = look_at_pictures("share on pixels that are 0", share_off_input)
SHADOW: Final = score("shadow", "shadow")
AWARE, UNAWARE = ("ig-mean", "expected-gradients"), ("ig-middle", "ig-gaussian-noise")


def correlate_with_icg(board: Board) -> Outcome:
    """How alike the maps of ICG are to those of methods that know the distribution, and of those that do not."""
    texts = []
    for task in (one for one in MNIST(board) if one in board.shown):
        shown = collect_shown(board, task)
        for kind, methods in (("aware", AWARE), ("unaware", UNAWARE)):
            alike = [
                shown["icg"].corrwith(shown[name], axis=1).mean() for name in methods if {name, "icg"} <= shown.keys()
            ]
            texts += [f"{sum(alike) / len(alike):.2f} with distribution-{kind} ones on {task}"] if alike else []
    return list_measured(texts)


# ---- the ledger --------------------------------------------------------------------------------------------------

ACCURACY_LOST: Final = subtract("accuracy lost", check("accuracy_without_damage"), check("accuracy"))
LOST_ON_DAMAGED: Final = subtract("accuracy - accuracy on damaged", check("accuracy"), check("accuracy_damaged"))
SLOWDOWN: Final = replace(check("slowdown"), limits=(0.0, float("inf")))
SUPPRESSED: Final = tuple(
    replace(check(name), better="lower", limits=(0.0, float("inf")))
    for name in ("suppressed_ig_zero", "suppressed_ig_one")
)
about_damage: Callable[..., Entry] = partial(Entry, see=("checks",))

# ---- natural pictures --------------------------------------------------------------------------------------------

ON_TARGET: Final = score("positive share on the target", "region_share", regions=["target"], measure="positive")
LOCALISED: Final = Comparison(CROPS, (ON_TARGET,), ("icg-smoothed",), ("expected-gradients",))  # the paper's, over 5


def judge_localisation(board: Board) -> Outcome:
    """On crops of photographs, where the run has them: more attribution is on the crop that decides the class."""
    if not CROPS(board):
        return Outcome("no Imagenette in this suite: a ResNet50 and its pictures are beyond two cores", NOT_TESTABLE)
    outcome = LOCALISED(board)
    stand_in = "in place of objects, one crop among others of photographs: " if outcome.measured else ""
    return replace(outcome, measured=f"{stand_in}{outcome.measured}")


ENTRIES: Final = (
    Entry(
        "A.3.1, eq. 2",
        "Information absence: with no certainty, predictions do not change with the values",
        partial(ledger.ask_every_model, TRAINED, absence_spread=Side(below=0.04)),
        see=("information-absence", "checks"),
        reading="the largest standard deviation over classes of the probabilities at certainty 0",
        kind="equation",
        tasks=TRAINED,
    ),
    Entry(
        "A.3.1",
        "Neutrality: with no certainty, predictions are the class frequencies",
        partial(ledger.ask_every_model, TRAINED, neutrality_gap=Side(below=0.05)),
        see=("information-absence", "checks"),
        reading="the largest difference over classes",
        tasks=TRAINED,
    ),
    Entry(
        "Fig. 7",
        "Where certainty is masked out, IG from 0 and from 1 leave out the same region as ICG does",
        Bound(MNIST, SUPPRESSED, (MODEL,), Side(below=0.1)),
        see=("suppressed-region", "checks"),
        reading="over a square in the middle, the mean absolute attribution is less than a tenth of what it is without "
        "the "
        "mask; that ICG leaves the square out is by construction",
        kind="figure",
    ),
    about_damage(
        "A.3.2, basic damage",
        "The basic damage function, i.i.d. uniform certainty and noise, can produce informative attributions",
        Bound(partial(DAMAGED, damage="noise-uniform"), (BSHAP_RANKS,), ("icg",), Side(above=0.5)),
        reading="on Local Minimum the rank correlation of ICG with BShap is above 0.5",
    ),
    about_damage(
        "A.3.2, variable extent",
        "With uniform random certainty models often widely violate neutrality",
        Bound(compare_from, (GAP_BY_DAMAGE,), (UNIFORM,), Side(above=0.05)),
        reading="on Local Minimum the mean gap is above the 0.05 up to which models are accepted here",
    ),
    about_damage(
        "A.3.2, variable extent",
        "Varying the extent of damage by the continuous Bernoulli law improves neutrality",
        Comparison(compare_from, (GAP_BY_DAMAGE,), (EXTENT,), (UNIFORM,)),
        reading="on Local Minimum, models of the same data and seed, both trained with noise",
    ),
    Entry(
        "A.3.2, variable extent",
        "The law is parameterised by its mean, whose inverse is calculated numerically",
        ledger.state(
            READING, "the inverse is tabulated once; sampled means equal the parameter in tests/sig/test_certainty.py"
        ),
    ),
    about_damage(
        "A.3.2, adversarial",
        "Adversarial damage trains certainty awareness faster and with more accuracy than random uniform damage",
        Comparison(compare_from, (ACCURACY_BY_DAMAGE, IMAGES_BY_DAMAGE), (ADVERSARIAL,), (NOISE,)),
        reading=f"on Local Minimum, means over both laws of certainty; speed is images until the accuracy is "
        f"{LEARNT:.0%}",
    ),
    about_damage(
        "A.3.2, binary",
        "Binary certainty improves the learning rate compared to uniform random damage",
        Comparison(compare_from, (IMAGES_BY_DAMAGE,), (BINARY,), (UNIFORM,)),
        reading=f"on Local Minimum, images until the accuracy is {LEARNT:.0%}, both trained with noise",
    ),
    about_damage(
        "A.3.2, combination",
        "Combining the kinds is most effective in terms of speed and final evaluation",
        Comparison(
            compare_from,
            (ACCURACY_BY_DAMAGE, IMAGES_BY_DAMAGE, GAP_BY_DAMAGE),
            (COMBINED,),
            (UNIFORM, EXTENT, BINARY, ADVERSARIAL),
        ),
        reading="on Local Minimum; final evaluation is by accuracy and by neutrality",
    ),
    Entry(
        "Fig. 8",
        "Damage training has not resulted in reduced accuracy on MNIST",
        Bound(MNIST, (ACCURACY_LOST,), (MODEL,), Side(below=0.005)),
        see=("damage-training", "checks"),
        reading="less than half a point is lost against the same network trained without damage",
        kind="figure",
    ),
    Entry(
        "Fig. 8",
        "Training with damage takes roughly twice as long",
        Bound(MNIST, (SLOWDOWN,), (MODEL,), Side(above=1.5, below=3.0)),
        see=("damage-training", "checks"),
        reading="between 1.5 and 3 times as many images to the same accuracy on undamaged inputs; both trainings "
        "follow one one-cycle schedule, where the rate of the paper is constant",
        kind="figure",
    ),
    Entry(
        "Fig. 8",
        "Evaluations on damaged inputs are significantly less accurate, as is to be expected",
        Bound(MNIST, (LOST_ON_DAMAGED,), (MODEL,), Side(above=0.0)),
        see=("checks",),
        kind="figure",
    ),
    Entry(
        "A.4.1, Fig. 9",
        "On Imagenette, ICG is more tightly localised than expected gradients",
        judge_localisation,
        see=("saliency-{task}",),
        kind="figure",
        tasks=CROPS,
    ),
    Entry(
        "A.4.2, Fig. 10",
        "Attributions of a digit by zero, middle and mean baselines, Gaussian noise, expected gradients and ICG",
        partial(count_saliency_maps, MNIST),
        see=("saliency-{task}",),
        kind="figure",
        tasks=MNIST,
    ),
    Entry(
        "A.4.2, Fig. 10",
        "The zero baseline is blind: only the digit itself is attributed, not the space around it",
        partial(judge_every, MNIST, OFF_DIGIT, "ig-zero", Side(below=0.001)),
        see=("saliency-{task}",),
        reading="so it is by construction, x - x' being 0 where the picture is 0",
        kind="figure",
        tasks=MNIST,
    ),
    Entry(
        "A.4.2, Fig. 10",
        "The other methods do attribute the space around the digit",
        Bound(
            MNIST,
            (OFF_DIGIT,),
            ("icg", "ig-middle", "ig-gaussian-noise", "expected-gradients", "ig-mean"),
            Side(above=0.1),
        ),
        see=("saliency-{task}",),
        reading="more than a tenth of the absolute attribution of the digits shown",
        kind="figure",
    ),
    Entry(
        "A.4.2, Fig. 10",
        "ICG shares characteristics with distribution-unaware methods, its strongest area with the aware ones",
        correlate_with_icg,
        see=("saliency-{task}",),
        reading="correlation of the maps over pixels; aware are mean and expected gradients, unaware middle and noise",
        kind="figure",
        tasks=MNIST,
    ),
    Entry(
        "A.4.2, Fig. 11",
        "A shadow of the training distribution is visible in expected gradients, and not in ICG",
        Comparison(SPACE, (SHADOW,), ("icg",), ("expected-gradients",)),
        see=("saliency-{task}",),
        reading="less of the absolute attribution lies where training varied and the input is empty; the canvas varies "
        "there in the background, so that expected gradients put something there by construction of x - x'",
        kind="figure",
    ),
    Entry(
        "A.4.2, Fig. 11",
        "A shadow of the training distribution is visible in expected gradients, and not in Gaussian noise",
        Comparison(SPACE, (SHADOW,), ("ig-gaussian-noise",), ("expected-gradients",)),
        see=("saliency-{task}",),
        reading="as for ICG",
        kind="figure",
    ),
    Entry(
        "A.4.2, Fig. 11",
        "The main attribution of expected gradients is more localised because of baseline blindness",
        Bound(
            SPACE,
            (subtract("off the digit, less shadow", OFF_DIGIT, SHADOW),),
            ("expected-gradients",),
            Side(below=0.01),
        ),
        see=("saliency-{task}",),
        reading="beside the shadow nothing off the digit is attributed",
        kind="figure",
    ),
    Entry(
        "A.4.2",
        "The model classifies digits in the right half, which training never showed",
        partial(report_checks, SPACE, ("accuracy", "accuracy_right")),
        see=("checks",),
        reading="accuracy on the left and on the right; the network is closed to a ring, which makes both the same",
        tasks=SPACE,
    ),
    Entry(
        "A.5, damage",
        "Damage data are noise or another input, certainty Bernoulli or continuous Bernoulli, in equal proportion",
        ledger.state(READING, "as in the paper, damage = mixture; the recipes also show a share of undamaged inputs"),
        kind="setting",
    ),
    Entry(
        "A.5, Fig. 12",
        "Burnt Snacks: convolutions of 32, 64, 128 and 128 channels with pooling, dense layers of 32, 16 and 2, "
        "dropout",
        describe_networks,
        tasks=SNACKS,
        see=("checks",),
        reading="networks and recipes are in training/tasks/burnt_snacks.py",
        kind="setting",
    ),
    Entry(
        "A.5, Fig. 13",
        "Local Minimum: six layers of 500 for each component, their sum, four layers of 20; several initial states "
        "did not converge",
        partial(report_checks, MINIMUM, ("accuracy", "restarts")),
        kind="setting",
        tasks=MINIMUM,
        see=("checks",),
        reading="slim networks, four layers of 64, take their place where a task does not say network = paper",
    ),
    Entry(
        "A.5, Fig. 14",
        "MNIST: a convolutional network, 60,000 training digits",
        partial(report_checks, MNIST, ("accuracy", "restarts")),
        see=("checks",),
        reading="strided convolutions take its place where a task does not say network = paper, and ten thousand "
        "embedded "
        "digits where it does not say full",
        kind="setting",
        tasks=MNIST,
    ),
    Entry(
        "A.5, Fig. 15",
        "MNIST in Space: a translation-invariant network on a wider canvas",
        ledger.state(
            READING, "a network that is slid along a canvas closed to a ring, see training/tasks/mnist_in_space.py"
        ),
        kind="setting",
    ),
)
