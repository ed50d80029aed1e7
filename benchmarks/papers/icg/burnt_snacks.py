"""ICG, section 5.1: each method on Burnt Snacks."""

from functools import partial
from typing import Final

from benchmarks.papers.claims import Bound, Superiority
from benchmarks.papers.icg.burnt_snacks_parts import (
    LIGHT,
    SHOWN_IN,
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
from benchmarks.papers.icg.tasks import BASELINES, SNACKS, SNACKS_LOGIT, SNACKS_PROBABILITY, ZERO_AND_MEAN
from benchmarks.papers.ledger import Item
from benchmarks.papers.measurements import compare_with_criteria, count_saliency_maps, judge_most
from benchmarks.papers.quantities import Quantity, score
from benchmarks.papers.verdicts import Range

SHOWN: Final = "in the pictures shown, as in Fig. 4"


def score_transfer(measure: str, metric: str = "attribution_transfer") -> Quantity:
    """A measure of attribution transfer."""
    return score(measure, metric, measure=measure, see=SHOWN_IN)


LOCALISATION: Final = score_transfer("localisation")
STRONGEST: Final = score_transfer("strongest")
FOUND: Final = score_transfer("found")
FOUND_OF_SEVERAL: Final = score_transfer("found-of-several")
DARK_SHARE: Final = score_transfer("dark")
BACKGROUND: Final = score_transfer("background", "attribution_strayed")
OVERLAP: Final = score_transfer("overlap")
LOCALISATION_BY_LIGHT: Final = restrict(LOCALISATION, "light square there", with_light)
STRONGEST_BY_LIGHT: Final = restrict(STRONGEST, "light square there", with_light)
LOCALISATION_ALONE: Final = restrict(LOCALISATION, "no light square", without_light)
LIGHT_OVER_DARK: Final = restrict(lead_over_dark(LIGHT), "light square there", with_light)
LIGHT_OVER_EVEN: Final = restrict(lead_over_even(LIGHT), "class 0, light square there", only_light)
UNEVEN: Final = restrict(measure_unevenness(), "class 0", without_dark)
LIGHTEST: Final = look_at_pictures("lightest gets the most", find_lightest)
OPPOSITE: Final = look_at_pictures("opposite light squares", find_opposite)
MIXED: Final = look_at_pictures("mixed signs", find_mixed)
DARK_ABOVE_LIGHT: Final = look_at_pictures("dark - light", compare_squares, (-2.0, 2.0))
AROUND_TRIANGLES: Final = look_at_pictures("around triangles", look_around_triangles, (-1.0, 1.0))

ENTRIES: Final = (
    Item("5.1, accuracy").measured(
        "A certainty-aware model is accurate on undamaged inputs",
        partial(compare_with_criteria, accuracy=Range(above=0.987)),
        on=SNACKS,
        see=("checks",),
        printed="98.7 %",
    ),
    Item("Fig. 4").measured(
        "Attributions of seven pictures by zero and mean baselines, Gaussian noise, expected gradients and ICG",
        count_saliency_maps,
        on=SNACKS,
        see=SHOWN_IN,
        reading="all methods at one budget; the allocation of Gaussian noise is tuned",
        printed="Gaussian noise of 50 baselines and 100 steps, expected gradients of 500 samples, the others 100 steps",
    ),
    Item("5.1, zero and mean").claimed(
        "Zero and mean baselines markedly show attribution transfer where a light square is present, in the "
        "probability",
        Bound(SNACKS_PROBABILITY, (LIGHT_OVER_DARK,), ZERO_AND_MEAN, above=0.0),
        reading="in class 1 with a light square, the light squares have a larger share of the positive attribution "
        "than the dark ones",
    ),
    Item("5.1, zero and mean, Fig. 4 C").claimed(
        "With the zero baseline only the light square is attributed, which is irrelevant",
        Bound(SNACKS_PROBABILITY, (LOCALISATION_BY_LIGHT,), ("ig-zero",), below=0.1),
        reading="where a light square is there, the largest attribution lies on a dark one in less than one picture "
        "of ten",
    ),
    Item("5.1, zero and mean, Fig. 4 G").claimed(
        "In class 0 with two light squares, the zero baseline gives one a negative and one a positive attribution",
        Bound(SNACKS_PROBABILITY, (OPPOSITE,), ("ig-zero",), above=0.5),
        reading=f"in more than half of the pictures with two or more, {SHOWN}",
    ),
    Item("5.1, expected gradients").claimed(
        "In no case do expected gradients identify the dark squares in the probability",
        Bound(SNACKS_PROBABILITY, (LOCALISATION_BY_LIGHT, STRONGEST_BY_LIGHT), ("expected-gradients",), below=0.1),
        reading="where a light square is there, in less than one picture of ten the largest attribution lies on a "
        "dark one, and a dark one is the strongest object",
    ),
    Item("5.1, expected gradients, Fig. 4 A").claimed(
        "Where no square is light enough to attract attribution, they show artifacts of sampling",
        Bound(SNACKS_PROBABILITY, (LOCALISATION_ALONE,), ("expected-gradients",), below=0.5),
        reading="without a light square, the largest attribution lies on a dark one in less than half of the pictures",
    ),
    Item("5.1, expected gradients").claimed(
        "They transfer attribution to the light squares",
        Bound(SNACKS_PROBABILITY, (LIGHT_OVER_DARK,), ("expected-gradients",), above=0.0),
        reading="where a light square is there, the light squares have a larger share of the positive attribution "
        "than the dark ones",
    ),
    Item("5.1, expected gradients").claimed(
        "They transfer it most strongly to the lightest square",
        Bound(SNACKS_PROBABILITY, (LIGHTEST,), ("expected-gradients",), above=0.5),
        reading="of two or more light squares beside a dark one, the lightest gets the most in more than half, "
        f"{SHOWN}",
    ),
    Item("5.1, expected gradients, Fig. 4 G").claimed(
        "In class 0 they strongly attribute a specific light square",
        Bound(SNACKS_PROBABILITY, (LIGHT_OVER_EVEN,), ("expected-gradients",), above=0.1),
        reading="where there is one, light squares have a share of the positive attribution that is more than 0.1 "
        "above that of their pixels; in Fig. 4 it is one picture of three",
    ),
    Item("5.1, ICG").claimed(
        "For class 0 attributions are very diffuse and largely uniform",
        Bound(SNACKS_PROBABILITY, (UNEVEN,), ("icg",), below=0.2),
        reading="less than 0.2 of the positive attribution would have to be moved for light squares, triangles and "
        "background to have the share of their pixels",
    ),
    Item("5.1, ICG").claimed(
        "For class 1 ICG always attributes a dark square",
        Bound(SNACKS_PROBABILITY, (STRONGEST, LOCALISATION), ("icg",), above=0.9),
        reading="in more than nine pictures of ten one is the strongest object, and has the largest attribution",
    ),
    Item("5.1, ICG").claimed(
        "The attributions are strong and precisely located",
        Bound(SNACKS_PROBABILITY, (DARK_SHARE,), ("icg",), above=0.5),
        reading="more than half of the positive attribution lies on the dark squares",
    ),
    Item("5.1, ICG").claimed(
        "Only one dark square is attributed even where several are present, in the probability",
        Bound(SNACKS_PROBABILITY, (FOUND_OF_SEVERAL,), ("icg",), below=0.6),
        reading="of two or three, less than 0.6 get over a fifth of the strongest object's attribution; one alone is "
        "0.42 in the mean",
    ),
    Item("5.1, Gaussian noise").claimed(
        "Additive Gaussian noise correctly attributes the location of the dark squares in class 1",
        Bound(SNACKS_PROBABILITY, (STRONGEST, LOCALISATION), ("ig-gaussian-noise",), above=0.8),
        reading="in more than eight pictures of ten a dark square is the strongest object, and has the largest "
        "attribution",
    ),
    Item("5.1, Gaussian noise").claimed(
        "Its attributions are noisy",
        Superiority(SNACKS, (BACKGROUND,), ("icg",), ("ig-gaussian-noise",)),
        reading="ICG leaves less of the positive attribution on the background",
    ),
    Item("5.1, Gaussian noise").claimed(
        "Its attributions are not as precisely localised to the squares as those of ICG",
        Superiority(SNACKS_PROBABILITY, (LOCALISATION, OVERLAP), ("icg",), ("ig-gaussian-noise",)),
        reading="the largest attributions of ICG lie on dark squares more often",
    ),
    Item("5.1, Gaussian noise").claimed(
        "All dark squares are attributed",
        Bound(SNACKS_PROBABILITY, (FOUND, FOUND_OF_SEVERAL), ("ig-gaussian-noise",), above=0.9),
        reading="more than nine of ten get over a fifth of the strongest object's attribution, also where there are "
        "several",
    ),
    Item("5.1, Gaussian noise").claimed(
        "In class 0 attribution focuses around the triangles",
        Bound(SNACKS_PROBABILITY, (AROUND_TRIANGLES,), ("ig-gaussian-noise",), above=0.0),
        reading=f"pixels within two of a triangle have more absolute attribution than others, {SHOWN}",
    ),
    Item("5.1, logits").measured(
        "For most methods logits show intermixed opposite attributions on both light and dark squares",
        partial(judge_most, Bound(SNACKS_LOGIT, (MIXED,), BASELINES, above=0.5)),
        on=SNACKS_LOGIT,
        see=SHOWN_IN,
        reading="for more than half of zero, mean, Gaussian noise and expected gradients: in more than half of the "
        f"pictures each sign has a tenth of the attribution on light, and on dark squares, {SHOWN}",
    ),
    Item("5.1, logits").claimed(
        "Dark squares have overall more positive attribution",
        Bound(SNACKS_LOGIT, (DARK_ABOVE_LIGHT,), BASELINES, above=0.0),
        reading=f"the mean over pixels of dark squares is above that of light ones, {SHOWN}",
    ),
    Item("5.1, logits").claimed(
        "ICG no longer misses squares: it attributes all dark squares clearly",
        Bound(SNACKS_LOGIT, (FOUND, FOUND_OF_SEVERAL), ("icg",), above=0.9),
        reading="more than nine of ten get over a fifth of the strongest object's attribution, also where there are "
        "several",
    ),
)
