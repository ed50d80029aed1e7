"""How much attribution lies on which part of a Burnt Snacks picture, and what is seen in single pictures.

The shares on parts are of all explicands. What is said of single objects is looked up in the pictures shown, as the
paper does in its Fig. 4: a connected part of a Burnt Snacks picture that is not black is an object, of one lightness.
Dark squares are its rectangles below lightness 1/2, light squares those above.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy import ndimage

from benchmarks.board.aggregate import Board
from benchmarks.papers.quantities import Limits, Quantity
from sig.metrics.regions import ELSEWHERE

SHOWN_IN: Final = ("regions-{task}", "saliency-{task}")  # names of figures
BRIGHT: Final = 0.5
AROUND: Final = 2  # pixels
SOME: Final = 0.1  # of the absolute attribution, below which a sign does not count
DARK, LIGHT, TRIANGLE = "dark", "light", "triangle"
PARTS: Final = [DARK, LIGHT, TRIANGLE, ELSEWHERE]
EVERYWHERE: Final = np.ones((3, 3))  # neighbours, diagonal ones included

Marks = Bool[np.ndarray, "height width"]
Map = Float[np.ndarray, "height width"]

# ---- which explicands --------------------------------------------------------------------------------------------

Choice = Callable[[pd.DataFrame], "pd.Series[bool]"]  # of explicands, by the even shares of their parts


def with_dark(parts: pd.DataFrame) -> "pd.Series[bool]":
    """Class 1."""
    return parts[DARK] > 0


def without_dark(parts: pd.DataFrame) -> "pd.Series[bool]":
    """Class 0."""
    return parts[DARK] == 0


def with_light(parts: pd.DataFrame) -> "pd.Series[bool]":
    """Class 1, and a light square is there."""
    return (parts[DARK] > 0) & (parts[LIGHT] > 0)


def without_light(parts: pd.DataFrame) -> "pd.Series[bool]":
    """Class 1, and no light square is there."""
    return (parts[DARK] > 0) & (parts[LIGHT] == 0)


def only_light(parts: pd.DataFrame) -> "pd.Series[bool]":
    """Class 0, and a light square is there."""
    return (parts[DARK] == 0) & (parts[LIGHT] > 0)


def restrict(quantity: Quantity, where: str, choose: Choice) -> Quantity:
    """The quantity on the explicands chosen alone; ``where`` says on which."""

    def values(board: Board, task: str) -> pd.DataFrame:
        table, parts = quantity.values(board, task), read_even_shares(board, task)
        if table.empty or parts.empty:
            return pd.DataFrame()
        chosen = choose(parts).reindex(table.columns, fill_value=False)
        return table.loc[:, chosen.to_numpy()]

    return replace(quantity, name=f"{quantity.name}, {where}", values=values)


# ---- shares on the parts of a picture, of all explicands ---------------------------------------------------------


def read_even_shares(board: Board, task: str) -> pd.DataFrame:
    """The share of the pixels on each part; a row per ``(repetition, explicand)``, 0 for a part that is not there."""
    found = {p.repetition: pd.DataFrame(p.even_shares, dtype=float) for p in board.run.problems if p.task == task}
    return _join(found)


def read_part_shares(board: Board, task: str) -> dict[str, pd.DataFrame]:
    """The share of the positive attribution on each part, by method; rows as in ``read_even_shares``."""
    found: dict[str, dict[int, pd.DataFrame]] = {}
    for cell in board.run.cells:
        if cell.task == task and cell.headline and cell.part_shares:
            found.setdefault(cell.label, {})[cell.repetition] = pd.DataFrame(cell.part_shares, dtype=float)
    return {method: _join(of_method) for method, of_method in found.items()}


def _join(by_repetition: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """One table of all repetitions; the shares of a part that is in no explicand of a repetition are 0."""
    filled = {at: table for at, table in by_repetition.items() if len(table)}
    if not filled:
        return pd.DataFrame()
    tables = [table.reindex(columns=PARTS, fill_value=0.0) for table in filled.values()]
    return pd.concat(tables, keys=list(filled), names=["repetition", "explicand"])


def measure_shares(name: str, measure: Callable[[pd.DataFrame, pd.DataFrame], pd.Series], limits: Limits) -> Quantity:
    """A measure of a method's shares and the even ones, for each explicand."""

    def values(board: Board, task: str) -> pd.DataFrame:
        even, shares = read_even_shares(board, task), read_part_shares(board, task)
        if even.empty:
            return pd.DataFrame()
        return pd.DataFrame({method: measure(of.dropna(), even) for method, of in shares.items()}).T

    return Quantity(name, values, limits=limits, see=SHOWN_IN)


def lead_over_dark(part: str) -> Quantity:
    """The share on a part less that on the dark squares."""
    return measure_shares(f"{part} - dark", lambda shares, even: shares[part] - shares[DARK], (-1.0, 1.0))


def lead_over_even(part: str) -> Quantity:
    """The share on a part less that of its pixels."""
    return measure_shares(f"{part} - even", lambda shares, even: shares[part] - even[part], (-1.0, 1.0))


def measure_unevenness() -> Quantity:
    """Half the sum over parts of how far the share is from that of the pixels: 0 where attribution is spread evenly."""
    quantity = measure_shares("unevenness", lambda shares, even: (shares - even).abs().sum(axis=1) / 2, (0.0, 1.0))
    return replace(quantity, better="lower")


# ---- single objects, in the pictures shown -----------------------------------------------------------------------


@dataclass(frozen=True)
class SnacksPicture:
    """A picture of Burnt Snacks, in which objects are found by form and lightness."""

    lightness: Map

    @cached_property
    def objects(self) -> list[tuple[str, float, Marks]]:
        """Kind, lightness and pixels of each object."""
        labels, count = ndimage.label(self.lightness > 0, structure=EVERYWHERE)
        marks = (labels == number for number in range(1, count + 1))
        return [(self._name_kind(object_), float(self.lightness[object_].max()), object_) for object_ in marks]

    def of_kind(self, kind: str) -> list[Marks]:
        """The objects of a kind, the lightest last."""
        chosen = [(lightness, number) for number, (name, lightness, _) in enumerate(self.objects) if name == kind]
        return [self.objects[number][2] for _, number in sorted(chosen)]

    def on_kind(self, kind: str) -> Marks:
        """The pixels of all objects of a kind."""
        return np.asarray(np.any([np.zeros_like(self.lightness, dtype=bool), *self.of_kind(kind)], axis=0))

    def _name_kind(self, object_: Marks) -> str:
        if self.lightness[object_].max() >= BRIGHT:
            return LIGHT
        ((rows, columns),) = ndimage.find_objects(object_.astype(int))
        return DARK if object_[rows, columns].all() else TRIANGLE


Look = Callable[[SnacksPicture, Map], float]


def look_at_pictures(name: str, look: Look, limits: Limits = (0.0, 1.0), *, see: Sequence[str] = SHOWN_IN) -> Quantity:
    """What ``look`` sees in the attribution of each picture shown; NaN where there is nothing to see."""

    def values(board: Board, task: str) -> pd.DataFrame:
        if task not in board.shown:
            return pd.DataFrame()
        rows: dict[str, dict[tuple[int, int], float]] = {}
        for repetition, explicand, picture, maps in _list_shown(board, task):
            for method, attribution in maps.items():
                rows.setdefault(method, {})[repetition, explicand] = look(picture, attribution)
        return pd.DataFrame(rows).rename_axis(index=["repetition", "explicand"]).T

    return Quantity(name, values, limits=limits, see=see)


def _list_shown(board: Board, task: str) -> Iterator[tuple[int, int, SnacksPicture, dict[str, Map]]]:
    """Repetition, explicand, picture, and the attribution of each method."""
    for at in board.shown[task]:
        for number, explicand in enumerate(at.problem.shown):
            maps = {method: of_method[number, 0].astype(float) for method, of_method in at.maps.items()}
            yield at.problem.repetition, explicand, SnacksPicture(at.inputs[number, 0]), maps


def find_lightest(picture: SnacksPicture, attribution: Map) -> float:
    """1 where the lightest of two or more light squares beside a dark one gets the most, else 0."""
    squares = picture.of_kind(LIGHT)
    if len(squares) < 2 or not picture.of_kind(DARK):
        return np.nan
    return float(np.argmax([attribution[square].sum() for square in squares]) == len(squares) - 1)


def find_opposite(picture: SnacksPicture, attribution: Map) -> float:
    """1 where of two or more light squares without a dark one, one gets a positive and one a negative sum, else 0.

    Each at least a tenth of the largest absolute sum.
    """
    squares = picture.of_kind(LIGHT)
    if len(squares) < 2 or picture.of_kind(DARK):
        return np.nan
    sums = np.array([attribution[square].sum() for square in squares])
    least = SOME * np.abs(sums).max()
    return float(sums.max() > least and sums.min() < -least)


def find_mixed(picture: SnacksPicture, attribution: Map) -> float:
    """1 where both signs are on light squares, and both on dark ones, each at least a tenth of what lies there."""
    kinds = [attribution[picture.on_kind(kind)] for kind in (DARK, LIGHT)]
    if not all(len(values) for values in kinds):
        return np.nan
    return float(all(_smaller_sign(values) >= SOME for values in kinds))


def _smaller_sign(values: Float[np.ndarray, " pixels"]) -> float:
    """The share of the absolute attribution of that sign which has less of it, at most 1/2."""
    total = np.abs(values).sum()
    return float(min(values.clip(0).sum(), (-values).clip(0).sum()) / total) if total else 0.0


def compare_squares(picture: SnacksPicture, attribution: Map) -> float:
    """Mean attribution on the dark squares less that on the light ones, relative to the largest absolute one."""
    dark, light = (attribution[picture.on_kind(kind)] for kind in (DARK, LIGHT))
    largest = np.abs(attribution).max()
    return float((dark.mean() - light.mean()) / largest) if len(dark) and len(light) and largest else np.nan


def look_around_triangles(picture: SnacksPicture, attribution: Map) -> float:
    """Without a dark square: mean absolute attribution within two pixels of triangles, less that of other pixels.

    Relative to the sum of both, so that it is 1 where all lies there, and 0 where it is spread evenly.
    """
    triangles = picture.on_kind(TRIANGLE)
    if picture.of_kind(DARK) or not triangles.any():
        return np.nan
    around = ndimage.binary_dilation(triangles, EVERYWHERE, iterations=AROUND)
    near, far = (np.abs(attribution)[marks].mean() if marks.any() else 0.0 for marks in (around, ~around))
    return float((near - far) / (near + far)) if near + far else np.nan


def share_off_input(picture: SnacksPicture, attribution: Map) -> float:
    """The share of the absolute attribution on pixels that are 0."""
    mass = np.abs(attribution)
    return float(mass[picture.lightness == 0].sum() / mass.sum()) if mass.any() else np.nan
