"""Attributions of the same pictures by every method, side by side."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import seaborn as sns
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from benchmarks.board.aggregate import Board, Features, Maps, find_option
from benchmarks.board.figures.style import Drawing, add_title
from benchmarks.run.figure_data import MOST_COLOURED, is_coloured
from benchmarks.run.records import ProblemRecord
from datasets.problem import tasks

Colours = Float[np.ndarray, "shown height width rgba=4"]

GAP: Final = 2  # pixels between pictures
TILE: Final = 0.75  # inches, the side of a square picture; others have the same area
WIDEST: Final = 14.0  # inches
RISE: Final = 28  # degrees by which the names of methods rise
LETTER: Final = 0.065  # inches

COLOURED_TILE: Final = 0.6  # inches; noise over photographs takes many bytes
SOURCES: Final = {"imagenet": "the packages shapiq and scikit-image"}  # of a task's photographs, by its kind
RUN: Final = "python -m benchmarks run"
FULL: Final = 99  # percentile of a map's absolute values, from which on a colour is opaque
FADED: Final = 0.55  # of the contrast of a picture that is under a map
RED: Final = (0.80, 0.0, 0.05)
BLUE: Final = (0.0, 0.20, 0.85)
OWN_SCALE: Final = "each map has its own scale"
SCALES: Final = {  # by whether pictures are in colour
    False: OWN_SCALE,
    True: f"{OWN_SCALE}, opaque from the {FULL}th percentile of its absolute values on",
}


def draw_saliency(board: Board) -> Iterator[Drawing]:
    """Of the first repetition of each task that has pictures, of one or several channels."""
    for first, *_ in board.shown.values():
        problem = first.problem
        if len(problem.features) in (2, 3):
            output = find_option(tasks, problem.kind, problem.task_options, "output")
            title = f"{problem.task}: attributions" + (f" of the {output}" if output else "")
            coloured = is_coloured(problem.features)
            caption = f"{title}: red raises the output explained, blue lowers it; {SCALES[coloured]}."
            if problem.inputs_withheld:
                caption = f"{caption} {describe_withheld(problem, board.run.manifest.suite.name)}"
            drawn = slice(MOST_COLOURED if coloured else None)
            maps = {method: values[drawn] for method, values in first.maps.items()}
            figure = plot_saliency(first.inputs[drawn], maps, label_pictures(problem)[drawn], title=title)
            yield Drawing(f"saliency-{problem.task}", caption, figure, pixels=True, few_colours=coloured)


def plot_saliency(inputs: Features, maps: Mapping[str, Maps], labels: Sequence[str], *, title: str) -> Figure:
    """A row per picture, named by ``labels``; the picture first, then a column per method.

    Methods that find no space continue in a further panel. Red raises the output explained, blue lowers it; each map
    has its own scale, symmetric about 0. Attributions are summed over channels. Pictures of three channels, red, green
    and blue in [0, 1], are shown in colour, and under the maps in grey (``_lay_over``); maps of fewer places are
    enlarged to the pictures' size. Where pictures are withheld (NaN) there are the maps alone, as large as they are.
    """
    coloured, withheld = is_coloured(inputs.shape[1:]), is_withheld(inputs)
    shape = next(iter(maps.values())).shape if withheld else inputs.shape
    height, width = (side + GAP for side in shape[-2:])
    scale = (COLOURED_TILE if coloured else TILE) / math.sqrt(height * width)  # inches per pixel
    first = [] if withheld else ["input"]
    blocks = list(_split(list(maps), most=int(WIDEST / (scale * width)) - len(first)))
    columns = len(first) + len(blocks[0])
    name = LETTER * max(map(len, maps))
    beside = 0.4 + LETTER * max(map(len, labels)) + name * math.cos(math.radians(RISE)) - scale * width / 2
    above = 0.3 + name * math.sin(math.radians(RISE))
    size = columns * width * scale + beside, len(blocks) * (len(inputs) * height * scale + above) + 0.5
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.1))
    for ax, names in zip(figure.subplots(len(blocks), squeeze=False)[:, 0], blocks, strict=True):
        tiles = [*(colour_inputs(inputs) for _ in first), *(colour_maps(maps[name], inputs) for name in names)]
        shown = np.concatenate([_stack(column) for column in tiles], axis=1)
        ax.imshow(shown, interpolation="auto" if coloured else "nearest")  # of many pixels, none is left out
        ax.set_xlim(-0.5, columns * width - 0.5)  # the last panel, which may have fewer, at the scale of the others
        ax.set_yticks(height * (np.arange(len(inputs)) + 0.5), labels)
        _name_columns(ax, width * (np.arange(len(tiles)) + 0.5), [*first, *names])
    add_title(figure, title)
    return figure


def label_pictures(problem: ProblemRecord) -> list[str]:
    """The output explained of each picture, and the prediction where it is another."""
    pairs = zip(problem.shown_targets, problem.shown_predictions, strict=True)
    return [f"{target}" if target == predicted else f"{target} (pred. {predicted})" for target, predicted in pairs]


def _split(names: Sequence[str], *, most: int) -> Iterator[Sequence[str]]:
    """The names in as few runs of at most ``most`` as they need, as equal as can be, the longest first."""
    size = math.ceil(len(names) / math.ceil(len(names) / most))
    return (names[start : start + size] for start in range(0, len(names), size))


def _name_columns(ax: Axes, at: Float[np.ndarray, " columns"], names: Sequence[str]) -> None:
    ax.xaxis.tick_top()
    ax.set_xticks(at, names, rotation=RISE, ha="left", rotation_mode="anchor")
    ax.set_ylabel("output explained")
    ax.grid(visible=False)
    ax.tick_params(length=0)
    sns.despine(ax=ax, left=True, bottom=True)


def _sum_channels(pictures: Maps) -> Float[np.ndarray, "shown height width"]:
    return pictures.sum(1) if pictures.ndim == 4 else pictures


def is_withheld(inputs: Features) -> bool:
    """Whether pictures were left out when they were published (``benchmarks.board.aggregate.AttributionMaps``)."""
    return bool(np.isnan(inputs).all())


def describe_withheld(problem: ProblemRecord, suite: str) -> str:
    """Why the pictures of a task are not there, where they come from, and how to see them."""
    source = SOURCES.get(problem.kind) if problem.task_options.get("folder") is None else "a folder of pictures"
    where = f"The task reads them from {source}." if source else "The task says where they come from."
    return f"Photographs are withheld: others have rights in them. {where} A run of your own shows them: {RUN} {suite}."


def colour_inputs(inputs: Features) -> Colours:
    """Pictures in their colours, or in grey."""
    if not is_coloured(inputs.shape[1:]):
        return _colour_grey(inputs)
    return _make_opaque(np.moveaxis(inputs, 1, -1))


def colour_maps(attribution: Maps, inputs: Features) -> Colours:
    """Red for positive, blue for negative, each map on its own scale; over the picture if that is coloured."""
    return _lay_over(attribution, inputs) if is_coloured(inputs.shape[1:]) else _colour_diverging(attribution)


def _lay_over(attribution: Maps, inputs: Features) -> Colours:
    """Red for positive and blue for negative attributions over the picture in pale grey; on white if it is withheld.

    A colour is the less transparent the larger the attribution: opaque from the percentile ``FULL`` of the picture's
    absolute values on, so that a few large ones do not hide all others. Nothing is smoothed.
    """
    planes = _sum_channels(attribution)[..., np.newaxis]
    grey = np.ones_like(planes)
    if not is_withheld(inputs):
        grey = 1 - FADED * (1 - inputs.mean(1))[..., np.newaxis]
        planes = _enlarge(planes, inputs.shape[-2:])
    full = np.percentile(np.abs(planes), FULL, axis=(1, 2, 3), keepdims=True)
    largest = np.abs(planes).max(axis=(1, 2, 3), keepdims=True)
    full = np.where(full > 0, full, np.where(largest > 0, largest, 1))  # where nearly all are zero
    opacity = np.clip(np.abs(planes) / full, 0, 1)
    return _make_opaque((1 - opacity) * grey + opacity * np.where(planes > 0, RED, BLUE))


def _enlarge(planes: Float[np.ndarray, "shown rows columns 1"], size: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Each place as the square of pixels that it is of (``benchmarks.run.figure_data.pool``)."""
    k = -(-max(size) // max(planes.shape[1:3]))
    return planes.repeat(k, axis=1).repeat(k, axis=2)[:, : size[0], : size[1]]


def _make_opaque(colours: Float[np.ndarray, "shown height width rgb=3"]) -> Colours:
    return np.concatenate([np.clip(colours, 0, 1), np.ones_like(colours[..., :1])], axis=-1)


def _colour_grey(inputs: Features) -> Colours:
    """Black for 0 or, where there are negative values, for the lowest; white for the highest."""
    planes = _sum_channels(inputs)
    low, high = min(planes.min(), 0), planes.max()
    grey: Colours = colormaps["gray"]((planes - low) / (high - low if high > low else 1))
    return grey


def _colour_diverging(attribution: Maps) -> Colours:
    planes = _sum_channels(attribution)
    largest = np.abs(planes).max(axis=(1, 2), keepdims=True)
    return colormaps["RdBu_r"](0.5 + 0.5 * planes / np.where(largest > 0, largest, 1))


def _stack(column: Colours) -> Float[np.ndarray, "tall wide rgba=4"]:
    """The pictures one above the other, each with a white border."""
    gap = (GAP // 2, GAP // 2)
    return np.concatenate(list(np.pad(column, ((0, 0), gap, gap, (0, 0)), constant_values=1)))
