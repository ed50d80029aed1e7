"""Attribution transfer: does attribution stay on the objects that decide the class, or move to others? (ICG, section 3)

In Burnt Snacks a dark square decides the class; light squares and triangles are *distractors*. An object is a connected
region of its mask, diagonal neighbours included. Shares are of the positive attribution.

Where an image has no dark square or no distractor, nothing can be transferred and the score is NaN; it is NaN too for a
share where nothing positive is attributed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from sig.metrics.regions import marked, share
from sig.registry import Trial, metric

FOUND = 0.2  # of the strongest object's attribution

Attribution = Float[Tensor, "batch *features"]
Mask = Bool[Tensor, "batch *features"]
Score = Float[Tensor, " batch"]
Kept = Literal["target-share", "dark", "localisation", "overlap", "strongest", "found", "found-of-several"]
Strayed = Literal["distractors", "light", "background", "light-alone"]


@dataclass(frozen=True)
class Scene:
    """Masks of what is where in each image."""

    dark: Mask
    light: Mask
    triangle: Mask

    @property
    def distractors(self) -> Mask:
        return self.light | self.triangle

    @property
    def background(self) -> Mask:
        return ~(self.dark | self.distractors)


@metric("attribution_transfer", better="higher", range=(0.0, 1.0), source="ICG, section 3")
def attribution_transfer(trial: Trial, *, measure: Kept = "target-share") -> Score:
    """The extent to which attribution stays on the dark squares, by one ``measure``.

    Args:
        measure: ``dark``, their share of the positive attribution; ``target-share``, the same without what lies on the
            background, dark / (dark + distractors); ``localisation``, whether the largest attribution lies on one;
            ``overlap``, how precisely it is localised: the share of the largest attributions, as many as the dark
            squares have features, that lies on them;
            ``strongest``, whether the object with the largest sum of attributions is one; ``found``, the share of the
            dark squares whose sum is over 20 % of the strongest object's; ``found-of-several``, the same for images
            with two or more, NaN elsewhere.

    Raises:
        NotApplicable: when the task does not mark the regions ``dark``, ``light`` and ``triangle``.
        ValueError: on an unknown measure.
    """
    scene = _scene(trial)
    scores = _measured(KEPT, measure, trial, scene)
    return torch.where(_present(scene.dark) & _present(scene.distractors), scores, torch.nan)


@metric("attribution_strayed", better="lower", range=(0.0, 1.0), source="ICG, section 3")
def attribution_strayed(trial: Trial, *, measure: Strayed = "distractors") -> Score:
    """The extent to which attribution strays from the dark squares, by one ``measure``.

    Args:
        measure: the share of the positive attribution that lies on ``distractors``, on the ``light`` squares, on the
            ``background``; or, ``light-alone``, on the light squares of images without a dark one (class 0), NaN
            elsewhere.

    Raises:
        NotApplicable: when the task does not mark the regions ``dark``, ``light`` and ``triangle``.
        ValueError: on an unknown measure.
    """
    scene = _scene(trial)
    scores = _measured(STRAYED, measure, trial, scene)
    if measure == "light-alone":
        return torch.where(~_present(scene.dark) & _present(scene.light), scores, torch.nan)
    return torch.where(_present(scene.dark) & _present(scene.distractors), scores, torch.nan)


def target_share(attribution: Attribution, scene: Scene) -> Score:
    """Positive attribution on the dark squares / that on dark squares and distractors; NaN where both are 0."""
    positive = attribution.clamp(min=0)
    return share(positive * (scene.dark | scene.distractors), scene.dark)


def localisation(attribution: Attribution, scene: Scene) -> Score:
    """1 where the largest attribution lies on a dark square, else 0; NaN where all attributions are equal."""
    values = attribution.flatten(1)
    largest = values.argmax(1, keepdim=True)
    hits = scene.dark.flatten(1).gather(1, largest).squeeze(1).double()
    return torch.where(values.amax(1) > values.amin(1), hits, torch.nan)


def overlap(attribution: Attribution, scene: Scene) -> Score:
    """The share of the k largest attributions, k the number of features of the dark squares, that lies on them.

    All of them would lie there if nothing outside were given as much. Of equal attributions, of which not all are among
    the k largest, each counts for its share. NaN where there is no dark square.
    """
    values, dark = attribution.flatten(1), scene.dark.flatten(1)
    k = dark.sum(1)
    least = values.sort(1, descending=True).values.gather(1, (k - 1).clamp(min=0).unsqueeze(1))
    above, equal = values > least, values == least
    of_equal = (k - above.sum(1)) / equal.sum(1)
    return ((above & dark).sum(1) + of_equal * (equal & dark).sum(1)).double() / k


def strongest(attribution: Attribution, scene: Scene) -> Score:
    """1 where the sum of attributions of some dark square is above that of every distractor, else 0."""
    sums = zip(object_sums(attribution, scene.dark), _distractor_sums(attribution, scene), strict=True)
    return _scores(attribution, [float(_largest(dark) > _largest(others)) for dark, others in sums])


def found(attribution: Attribution, scene: Scene) -> Score:
    """The share of the dark squares whose sum of attributions is over 20 % of the strongest object's.

    **Reading.** The strongest object may be of any kind. Where no object has a positive sum, no square is found.
    """
    shares = []
    for dark, others in zip(object_sums(attribution, scene.dark), _distractor_sums(attribution, scene), strict=True):
        bound = FOUND * max(_largest(dark), _largest(others), 0.0)
        shares.append(float((dark > bound).mean()) if len(dark) else np.nan)
    return _scores(attribution, shares)


def object_sums(attribution: Attribution, mask: Mask) -> list[Float[np.ndarray, " objects"]]:
    """Sums of each image's attribution over every object, a connected region of the mask."""
    images = zip(attribution.detach().cpu().double().numpy(), mask.cpu().numpy(), strict=True)
    return [_sums_of_image(values, marks) for values, marks in images]


def _found_of_several(attribution: Attribution, scene: Scene) -> Score:
    several = torch.tensor([len(sums) > 1 for sums in object_sums(attribution, scene.dark)], device=attribution.device)
    return torch.where(several, found(attribution, scene), torch.nan)


def _distractor_sums(attribution: Attribution, scene: Scene) -> list[Float[np.ndarray, " objects"]]:
    """Light squares and triangles apart, should they touch."""
    kinds = (object_sums(attribution, mask) for mask in (scene.light, scene.triangle))
    return [np.concatenate(sums) for sums in zip(*kinds, strict=True)]


def _sums_of_image(values: Float[np.ndarray, "*features"], marks: Bool[np.ndarray, "*features"]) -> np.ndarray:
    labels, count = ndimage.label(marks, structure=np.ones((3,) * marks.ndim))
    return np.asarray(ndimage.sum_labels(values, labels, np.arange(1, count + 1)), dtype=np.float64).reshape(count)


def _largest(sums: Float[np.ndarray, " objects"]) -> float:
    return float(sums.max(initial=-np.inf))


def _present(mask: Mask) -> Bool[Tensor, " batch"]:
    return mask.flatten(1).any(1)


def _scores(attribution: Attribution, values: list[float]) -> Score:
    return torch.tensor(values, dtype=torch.float64, device=attribution.device)


def _scene(trial: Trial) -> Scene:
    return Scene(*(marked(trial, name) for name in ("dark", "light", "triangle")))


Measure = Callable[[Attribution, Scene], Score]


def _share_on(kind: str) -> Measure:
    return lambda attribution, scene: share(attribution.clamp(min=0), getattr(scene, kind))


KEPT: dict[str, Measure] = {
    "target-share": target_share,
    "dark": _share_on("dark"),
    "localisation": localisation,
    "overlap": overlap,
    "strongest": strongest,
    "found": found,
    "found-of-several": _found_of_several,
}
STRAYED: dict[str, Measure] = {
    "distractors": _share_on("distractors"),
    "light": _share_on("light"),
    "background": _share_on("background"),
    "light-alone": _share_on("light"),
}


def _measured(measures: dict[str, Measure], measure: str, trial: Trial, scene: Scene) -> Score:
    if measure not in measures:
        raise ValueError(f"unknown measure {measure!r}; expected one of {', '.join(measures)}")
    return measures[measure](trial.attribution, scene)
