import math
import re

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from sig.explicand import Explicand
from sig.metrics.attribution_transfer import object_sums
from sig.registry import Cost, NotApplicable, Trial, metrics

KEPT = ["target-share", "dark", "localisation", "overlap", "strongest", "found", "found-of-several"]
STRAYED = ["distractors", "light", "background", "light-alone"]

# Two dark squares (D, d), a light one (L) and a triangle (T) that is connected by a corner only.
PICTURE = """
DD..LL
DD..LL
......
d...T.
....TT
......
"""


def mask(letters: str) -> torch.Tensor:
    rows = PICTURE.split()
    return torch.tensor([[[character in letters for character in row] for row in rows]])


def paint(**values: float) -> torch.Tensor:
    """A picture with the given value on each pixel of a letter; ``rest`` on the background."""
    picture = torch.full((1, 6, 6), values.pop("rest", 0.0))
    for letter, value in values.items():
        picture[mask(letter)] = value
    return picture


def trial(*attributions: torch.Tensor, dark: str = "Dd", light: str = "L", triangle: str = "T") -> Trial:
    attribution = torch.stack(attributions)
    batch = len(attribution)
    e = Explicand(
        lambda x: x.flatten(1),
        attribution * 0,
        torch.zeros(batch).long(),
        attribution[:1] * 0,
        torch.arange(36).view(1, 6, 6),
    )
    regions = {
        name: mask(letters).expand(batch, 1, 6, 6)
        for name, letters in (("dark", dark), ("light", light), ("triangle", triangle))
    }
    return Trial(e, attribution, Cost(0.0, 0, 0, 0), regions=regions)


def scores(scored: Trial) -> dict[str, float]:
    kept = {m: metrics["attribution_transfer"](scored, measure=m).item() for m in KEPT}
    return kept | {m: metrics["attribution_strayed"](scored, measure=m).item() for m in STRAYED}


def test_by_hand():
    """Positive attribution: 8 on D, 0.5 on d, 4 on L, 3 on T, 4.5 spread over the background; some negative."""
    attribution = paint(D=2.0, d=0.5, L=1.0, T=1.0)
    background = ~mask("DdLT")
    attribution[background] = torch.tensor([4.5, -7.0] + [0.0] * 22)
    assert scores(trial(attribution)) == pytest.approx(
        {
            "dark": 8.5 / 20,
            "target-share": 8.5 / 15.5,
            "localisation": 0,  # 4.5 on the background is the largest
            "overlap": 4 / 5,  # the five largest: 4.5 on the background and the four of D
            "strongest": 1,
            "found": 0.5,  # 0.5 is less than a fifth of 8
            "found-of-several": 0.5,
            "distractors": 7 / 20,
            "light": 4 / 20,
            "background": 4.5 / 20,
            "light-alone": math.nan,
        },
        nan_ok=True,
    )


def test_a_strong_distractor_hides_the_dark_squares():
    scored = scores(trial(paint(D=0.1, d=3.0, L=5.0)))
    assert scored["strongest"] == 0
    assert scored["localisation"] == 0
    assert scored["found"] == 0  # 0.4 and 3 against a fifth of 20
    assert scores(trial(paint(D=0.1, d=4.5, L=5.0)))["found"] == 0.5


def test_negative_attribution_takes_nothing_from_a_share_but_counts_in_sums():
    attribution = paint(D=1.0, d=1.0, T=-1.0)
    attribution[0, 0, 0] = -5.0
    scored = scores(trial(attribution))
    assert scored["dark"] == 1
    assert scored["strongest"] == 1  # d; D sums to -2
    assert scored["found"] == 0.5


def test_equal_attributions_share_the_last_places():
    """Five pixels are dark: one place is left for d, the four of L and the background's, all at 1; the rest is at 0."""
    attribution = paint(D=2.0, d=1.0, L=1.0)
    attribution[0, 2, 0] = 1.0
    assert scores(trial(attribution))["overlap"] == pytest.approx((4 + 1 / 6) / 5)
    assert scores(trial(paint(D=2.0, d=1.5, L=1.0)))["overlap"] == 1
    assert scores(trial(paint(D=1.0, L=2.0, T=2.0)))["overlap"] == 0


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_attribution_that_is_the_same_everywhere_is_localised_by_chance_or_nowhere(value):
    scored = scores(trial(paint(D=value, d=value, L=value, T=value, rest=value)))
    assert scored["overlap"] == pytest.approx(5 / 36)
    assert math.isnan(scored["localisation"])


def test_one_dark_square_is_not_several():
    scored = scores(trial(paint(D=1.0), dark="D"))
    assert scored["found"] == 1
    assert math.isnan(scored["found-of-several"])


@pytest.mark.parametrize("regions", [{"dark": ""}, {"light": "", "triangle": ""}])
def test_undefined_without_a_dark_square_or_without_a_distractor(regions):
    scored = scores(trial(paint(L=1.0, rest=1.0), **regions))
    assert all(math.isnan(scored[measure]) for measure in (*KEPT, *STRAYED[:-1]))


def test_class_0_is_scored_by_its_light_squares():
    without_dark = trial(paint(L=2.0, T=4.0, d=3.0), dark="")
    assert scores(without_dark)["light-alone"] == pytest.approx(8 / 23)
    assert math.isnan(scores(trial(paint(L=1.0), dark="", light=""))["light-alone"])


def test_no_positive_attribution_has_no_shares_and_finds_nothing():
    scored = scores(trial(paint(D=-1.0, d=-2.0, L=-3.0, T=-1.0)))
    assert all(math.isnan(scored[m]) for m in ("dark", "target-share", "distractors", "light", "background"))
    assert (scored["strongest"], scored["found"]) == (1, 0)
    assert math.isnan(
        scores(trial(paint(rest=1.0, D=0.0, d=0.0, L=0.0, T=0.0)))["target-share"]
    )  # all of it on the background


def test_each_image_is_scored_apart():
    both = trial(paint(D=1.0), paint(L=1.0))
    assert metrics["attribution_transfer"](both).tolist() == [1, 0]
    assert metrics["attribution_transfer"](both, measure="found").tolist() == [0.5, 0]
    assert metrics["attribution_strayed"](both).tolist() == [0, 1]


def flood(values: torch.Tensor, marks: torch.Tensor) -> list[float]:
    """Sums over connected regions, one pixel after the other."""
    left, sums = {(int(r), int(c)) for r, c in marks.nonzero()}, []
    while left:
        todo, total = [left.pop()], 0.0
        while todo:
            row, column = todo.pop()
            total += values[row, column].item()
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            todo += near
        sums.append(total)
    return sorted(sums)


@given(st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_objects_are_connected_regions(seed):
    generator = torch.Generator().manual_seed(seed)
    marks = torch.rand(2, 1, 9, 9, generator=generator) < 0.3
    values = torch.randn(2, 1, 9, 9, generator=generator)
    for found, image, region in zip(object_sums(values, marks), values, marks, strict=True):
        assert sorted(found.tolist()) == pytest.approx(flood(image[0], region[0]))


@pytest.mark.parametrize("name", ["attribution_transfer", "attribution_strayed"])
@pytest.mark.usefixtures("as_users_run_it")
def test_unknown_measures_and_missing_regions_are_named(name):
    scored = trial(paint(D=1.0))
    with pytest.raises(ValueError, match="unknown measure 'lite'; expected one of "):
        metrics[name](scored, measure="lite")
    plain = Trial(scored.explicand, scored.attribution, scored.cost)
    with pytest.raises(NotApplicable, match="the task marks no region 'dark'"):
        metrics[name](plain)
    wrong = Trial(scored.explicand, scored.attribution, scored.cost, regions={"dark": mask("D")})
    with pytest.raises(ValueError, match=re.escape("region 'dark' has shape (1, 6, 6), expected the attribution's")):
        metrics[name](wrong)
