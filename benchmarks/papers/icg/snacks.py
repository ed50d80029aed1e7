"""ICG, section 5.1: what it says of each method on Burnt Snacks."""

from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers import ledger
from benchmarks.papers.icg.claims import count_saliency_maps, judge_most
from benchmarks.papers.icg.pictures import (
    LIGHT,
    compare_squares,
    find_lightest,
    find_mixed,
    find_opposite,
    lead_over_dark,
    lead_over_even,
    look_around_triangles,
    look_at_pictures,
    measure_unevenness,
    only_light,
    restrict,
    with_light,
    without_dark,
    without_light,
)
from benchmarks.papers.interval_claims import Bound
from benchmarks.papers.ledger import REPLACED, Entry, Outcome, Side, format_ends
from benchmarks.papers.paired_claims import Comparison
from benchmarks.papers.quantities import Quantity, find_tasks, read_checks, score

SNACKS: Final = partial(find_tasks, kind="burnt-snacks", damage="mixture")
PROBABILITY: Final = partial(SNACKS, output="probability")
LOGIT: Final = partial(SNACKS, output="logit")
ZERO_AND_MEAN: Final = ("ig-zero", "ig-mean")
BASELINES: Final = ("ig-zero", "ig-mean", "ig-gaussian-noise", "expected-gradients")
SHOWN: Final = "in the pictures shown, as in Fig. 4"


def score_transfer(measure: str, metric: str = "attribution_transfer") -> Quantity:
    """A measure of attribution transfer."""
    return score(measure, metric, measure=measure)


LOCALISATION: Final = score_transfer("localisation")
STRONGEST: Final = score_transfer("strongest")
FOUND: Final = score_transfer("found")
FOUND_OF_SEVERAL: Final = score_transfer("found-of-several")
DARK_SHARE: Final = score_transfer("dark")
BACKGROUND: Final = score_transfer("background", "attribution_strayed")
OVERLAP: Final = score_transfer("overlap")
LIGHT_OVER_DARK: Final = restrict(lead_over_dark(LIGHT), "light square there", with_light)
LIGHT_OVER_EVEN: Final = restrict(lead_over_even(LIGHT), "class 0, light square there", only_light)
UNEVEN: Final = restrict(measure_unevenness(), "class 0", without_dark)
LIGHTEST: Final = look_at_pictures("lightest gets the most", find_lightest)
OPPOSITE: Final = look_at_pictures("opposite light squares", find_opposite)
MIXED: Final = look_at_pictures("mixed signs", find_mixed)
DARK_ABOVE_LIGHT: Final = look_at_pictures("dark - light", compare_squares, (-2.0, 2.0))
AROUND_TRIANGLES: Final = look_at_pictures("around triangles", look_around_triangles, (-1.0, 1.0))


def describe_networks(board: Board) -> Outcome:
    """How each network that the run has of Burnt Snacks trained."""
    networks = dict.fromkeys(
        str(task.options.get("network", "default"))
        for task in board.run.manifest.suite.tasks
        if task.kind == "burnt-snacks"
    )
    found = [text for name in networks if (text := _describe_network(board, name))]
    return Outcome("; ".join(found or ["this run has none"]), REPLACED)


def _describe_network(board: Board, name: str) -> str:
    tasks = [
        task.name
        for task in board.run.manifest.suite.tasks
        if task.kind == "burnt-snacks" and str(task.options.get("network", "default")) == name
    ]
    failed, accuracy = ledger.find_failed_seeds(board, tasks), read_checks(board, "accuracy", tasks)
    of_all = f"no usable model from {len(failed)} of {len(failed) + len(accuracy)} seeds" if failed else ""
    trained = f"accuracy {format_ends(accuracy)}" if len(accuracy) else ""
    parts = ", ".join(filter(None, [trained, ledger.count_trained_anew(board, tasks), of_all]))
    return f"{name} network: {parts}" if parts else ""


# ---- the ledger --------------------------------------------------------------------------------------------------

about: Callable[..., Entry] = partial(Entry, see=("regions-{task}", "saliency-{task}"))

ENTRIES: Final = (
    Entry(
        "5.1, accuracy",
        "A certainty-aware model is accurate on undamaged inputs",
        partial(ledger.ask_every_model, SNACKS, accuracy=Side(above=0.987)),
        see=("checks",),
        printed="98.7 %",
        tasks=SNACKS,
    ),
    about(
        "Fig. 4",
        "Attributions of seven pictures by zero and mean baselines, Gaussian noise, expected gradients and ICG",
        partial(count_saliency_maps, SNACKS),
        reading="all methods at one budget; the allocation of Gaussian noise is tuned",
        printed="Gaussian noise of 50 baselines and 100 steps, expected gradients of 500 samples, the others 100 steps",
        kind="figure",
        tasks=SNACKS,
    ),
    about(
        "5.1, zero and mean",
        "Zero and mean baselines markedly show attribution transfer where a light square is present, in the "
        "probability",
        Bound(PROBABILITY, (LIGHT_OVER_DARK,), ZERO_AND_MEAN, Side(above=0.0)),
        reading="in class 1 with a light square, the light squares have a larger share of the positive attribution "
        "than "
        "the dark ones",
    ),
    about(
        "5.1, zero and mean, Fig. 4 C",
        "With the zero baseline only the light square is attributed, which is irrelevant",
        Bound(PROBABILITY, (restrict(LOCALISATION, "light square there", with_light),), ("ig-zero",), Side(below=0.1)),
        reading="where a light square is there, the largest attribution lies on a dark one in less than one picture of "
        "ten",
    ),
    about(
        "5.1, zero and mean, Fig. 4 G",
        "In class 0 with two light squares, the zero baseline gives one a negative and one a positive attribution",
        Bound(PROBABILITY, (OPPOSITE,), ("ig-zero",), Side(above=0.5)),
        reading=f"in more than half of the pictures with two or more, {SHOWN}",
    ),
    about(
        "5.1, expected gradients",
        "In no case do expected gradients identify the dark squares in the probability",
        Bound(
            PROBABILITY,
            tuple(restrict(one, "light square there", with_light) for one in (LOCALISATION, STRONGEST)),
            ("expected-gradients",),
            Side(below=0.1),
        ),
        reading="where a light square is there, in less than one picture of ten the largest attribution lies on a dark "
        "one, and a dark one is the strongest object",
    ),
    about(
        "5.1, expected gradients, Fig. 4 A",
        "Where no square is light enough to attract attribution, they show artifacts of sampling",
        Bound(
            PROBABILITY,
            (restrict(LOCALISATION, "no light square", without_light),),
            ("expected-gradients",),
            Side(below=0.5),
        ),
        reading="without a light square, the largest attribution lies on a dark one in less than half of the pictures",
    ),
    about(
        "5.1, expected gradients",
        "They transfer attribution to the light squares",
        Bound(PROBABILITY, (LIGHT_OVER_DARK,), ("expected-gradients",), Side(above=0.0)),
        reading="where a light square is there, the light squares have a larger share of the positive attribution than "
        "the dark ones",
    ),
    about(
        "5.1, expected gradients",
        "They transfer it most strongly to the lightest square",
        Bound(PROBABILITY, (LIGHTEST,), ("expected-gradients",), Side(above=0.5)),
        reading=f"of two or more light squares beside a dark one, the lightest gets the most in more than half, "
        f"{SHOWN}",
    ),
    about(
        "5.1, expected gradients, Fig. 4 G",
        "In class 0 they strongly attribute a specific light square",
        Bound(PROBABILITY, (LIGHT_OVER_EVEN,), ("expected-gradients",), Side(above=0.1)),
        reading="where there is one, light squares have a share of the positive attribution that is more than 0.1 "
        "above "
        "that of their pixels; in Fig. 4 it is one picture of three",
    ),
    about(
        "5.1, ICG",
        "For class 0 attributions are very diffuse and largely uniform",
        Bound(PROBABILITY, (UNEVEN,), ("icg",), Side(below=0.2)),
        reading="less than 0.2 of the positive attribution would have to be moved for light squares, triangles and "
        "background to have the share of their pixels",
    ),
    about(
        "5.1, ICG",
        "For class 0 they are more diffuse and uniform than those of other methods",
        Comparison(PROBABILITY, (UNEVEN,), ("icg",), BASELINES),
        reading="less of the positive attribution would have to be moved for each part to have the share of its pixels",
        kind="asked here",
    ),
    about(
        "5.1, ICG",
        "For class 1 ICG always attributes a dark square",
        Bound(PROBABILITY, (STRONGEST, LOCALISATION), ("icg",), Side(above=0.9)),
        reading="in more than nine pictures of ten one is the strongest object, and has the largest attribution",
    ),
    about(
        "5.1, ICG",
        "The attributions are strong and precisely located",
        Bound(PROBABILITY, (DARK_SHARE,), ("icg",), Side(above=0.5)),
        reading="more than half of the positive attribution lies on the dark squares",
    ),
    about(
        "5.1, ICG",
        "Only one dark square is attributed even where several are present, in the probability",
        Bound(PROBABILITY, (FOUND_OF_SEVERAL,), ("icg",), Side(below=0.6)),
        reading="of two or three, less than 0.6 get over a fifth of the strongest object's attribution; one alone is "
        "0.42 in the mean",
    ),
    about(
        "5.1, Gaussian noise",
        "Additive Gaussian noise correctly attributes the location of the dark squares in class 1",
        Bound(PROBABILITY, (STRONGEST, LOCALISATION), ("ig-gaussian-noise",), Side(above=0.8)),
        reading="in more than eight pictures of ten a dark square is the strongest object, and has the largest "
        "attribution",
    ),
    about(
        "5.1, Gaussian noise",
        "Its attributions are noisy",
        Comparison(SNACKS, (BACKGROUND,), ("icg",), ("ig-gaussian-noise",)),
        reading="ICG leaves less of the positive attribution on the background",
    ),
    about(
        "5.1, Gaussian noise",
        "Its attributions are not as precisely localised to the squares as those of ICG",
        Comparison(PROBABILITY, (LOCALISATION, OVERLAP), ("icg",), ("ig-gaussian-noise",)),
        reading="the largest attributions of ICG lie on dark squares more often",
    ),
    about(
        "5.1, Gaussian noise",
        "All dark squares are attributed",
        Bound(PROBABILITY, (FOUND, FOUND_OF_SEVERAL), ("ig-gaussian-noise",), Side(above=0.9)),
        reading="more than nine of ten get over a fifth of the strongest object's attribution, also where there are "
        "several",
    ),
    about(
        "5.1, Gaussian noise",
        "In class 0 attribution focuses around the triangles",
        Bound(PROBABILITY, (AROUND_TRIANGLES,), ("ig-gaussian-noise",), Side(above=0.0)),
        reading=f"pixels within two of a triangle have more absolute attribution than others, {SHOWN}",
    ),
    about(
        "5.1, logits",
        "For most methods logits show intermixed opposite attributions on both light and dark squares",
        partial(judge_most, Bound(LOGIT, (MIXED,), BASELINES, Side(above=0.5))),
        tasks=LOGIT,
        reading="for more than half of zero, mean, Gaussian noise and expected gradients: in more than half of the "
        f"pictures each sign has a tenth of the attribution on light, and on dark squares, {SHOWN}",
    ),
    about(
        "5.1, logits",
        "Dark squares have overall more positive attribution",
        Bound(LOGIT, (DARK_ABOVE_LIGHT,), BASELINES, Side(above=0.0)),
        reading=f"the mean over pixels of dark squares is above that of light ones, {SHOWN}",
    ),
    about(
        "5.1, logits",
        "ICG no longer misses squares: it attributes all dark squares clearly",
        Bound(LOGIT, (FOUND, FOUND_OF_SEVERAL), ("icg",), Side(above=0.9)),
        reading="more than nine of ten get over a fifth of the strongest object's attribution, also where there are "
        "several",
    ),
)
