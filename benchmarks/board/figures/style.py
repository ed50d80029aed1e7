"""What all figures share: a name and a caption, their style, colours that the colour-blind can tell apart, panels."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

Colour = tuple[float, float, float]

CONTROL: Final[Colour] = (0.35, 0.35, 0.35)
FAINT: Final[Colour] = (0.78, 0.78, 0.78)
NARROWEST: Final = 6.0  # inches
LETTER: Final = 0.085  # inches, in the title of a panel
PANEL_SHARE: Final = 0.75  # of a panel's width, the rest being for the labels of its axes
INK: Final[Colour] = (0.15, 0.15, 0.15)


@dataclass(frozen=True)
class Drawing:
    """A figure, the stem of its file, and a line that says what it shows.

    Attributes:
        figure: of matplotlib.
        svg: in place of a figure of matplotlib, where it is drawn without that.
        pixels: made of pictures, so that it is saved as one; others are saved as vector graphics.
        few_colours: as a picture in few colours.
    """

    name: str
    caption: str
    figure: Figure = field(default_factory=Figure)
    svg: str = ""
    pixels: bool = False
    few_colours: bool = False

    @property
    def file(self) -> str:
        """Where it is saved, relative to the run's folder."""
        return f"figures/{self.name}.{'png' if self.pixels else 'svg'}"


@contextmanager
def apply_style() -> Iterator[None]:
    """Draw in the project's style; matplotlib's settings are put back afterwards."""
    settings: dict[Any, Any] = {"axes.titlesize": 10, "axes.labelsize": 9, "figure.titlesize": 12, "legend.fontsize": 8}
    settings |= {"font.sans-serif": ["DejaVu Sans", "Verdana"]}  # matplotlib brings the one, the other is as wide
    settings |= {"xtick.labelsize": 8, "ytick.labelsize": 8, "legend.frameon": False, "grid.color": "0.9"}
    with sns.axes_style("whitegrid"), sns.plotting_context("paper"), mpl.rc_context(settings):
        yield


def choose_family_colours(methods: pd.DataFrame) -> dict[str, Colour]:
    """A colour for each family, grey for controls."""
    families = methods.loc[~methods["control"], "family"].unique()
    colours = dict(zip(families, cycle(list_colours()), strict=False))
    return {family: colours.get(family, CONTROL) for family in methods["family"].unique()}


def list_colours() -> list[Colour]:
    """Seaborn's colours that the colour-blind can tell apart, without its grey, the most distinct first."""
    colours = sns.color_palette("colorblind")
    return [colours[i] for i in (0, 1, 2, 4, 9, 3, 8, 5, 6)]


def make_panels(count: int, *, columns: int, width: float, height: float, **share: Any) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` panels in rows of at most ``columns``, each of the size in inches or, when few, wider."""
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    size = max(NARROWEST, columns * width), rows * height + 0.3
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))
    grid = figure.subplots(rows, columns, squeeze=False, **share).flatten().tolist()
    for unused in grid[count:]:
        unused.remove()
    return figure, grid[:count]


def add_family_legend(
    figure: Figure, colours: dict[str, Colour], *, marker: str = "", further: Sequence[Any] = ()
) -> None:
    """What the colours of families mean, below the panels; then ``further`` handles."""
    handles: list[Any] = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=family)
        if marker
        else Patch(color=colour, label=family)
        for family, colour in colours.items()
    ]
    add_legend_below(figure, [*handles, *further])


def add_legend_below(figure: Figure, handles: Sequence[Any]) -> None:
    """A legend below all panels, in as many columns as there is space for; none where there is nothing to tell."""
    if not handles:
        return
    widest = max(len(handle.get_label()) for handle in handles)
    columns = int(figure.get_figwidth() / (0.5 + 0.07 * widest))
    figure.legend(handles=handles, loc="outside lower center", ncols=max(1, min(columns, len(handles))))


def name_panel(ax: Axes, name: str) -> None:
    """Name a panel of ``make_panels``, in as many lines as keep the name off those beside it."""
    figure, place = ax.get_figure(root=True), ax.get_subplotspec()
    assert figure is not None
    assert place is not None  # panels are made in a grid
    width = figure.get_figwidth() / place.get_gridspec().ncols
    ax.set_title(_wrap(name, int(PANEL_SHARE * width / LETTER)))


def label_height(ax: Axes, label: str, *, shared: bool) -> None:
    """Label the vertical axis of a panel; where the panels share it, of the first one in a row alone."""
    place = ax.get_subplotspec()
    ax.set_ylabel(label if not shared or place is None or place.is_first_col() else "")


def add_title(figure: Figure, title: str) -> None:
    """A title above all panels, in as many lines as it needs."""
    figure.suptitle(_wrap(title, int(figure.get_figwidth() / 0.1)))


def _wrap(text: str, most: int) -> str:
    """In lines of at most so many letters, broken at spaces, hyphens and underscores."""
    return textwrap.fill(text.replace("_", "_ "), max(1, most)).replace("_ ", "_")
