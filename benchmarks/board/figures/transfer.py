"""On what each method puts its positive attribution in pictures of objects (ICG, section 3)."""

from typing import Final

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.board.figures.style import FAINT, Colour, headline, legend_below, palette, panels

WHERE: Final[dict[str, tuple[str, Colour]]] = {
    "dark": ("dark squares", palette()[0]),
    "light": ("light squares", palette()[6]),
    "triangles": ("triangles", palette()[1]),
    "background": ("background", FAINT),
}


def transfer_bars(shares: pd.DataFrame, methods: pd.DataFrame, *, title: str) -> Figure:
    """A panel per task: for each method a bar of its mean shares, which together are all of the positive attribution.

    ``shares`` has a row per task and method: ``task, method`` and a column for each of ``WHERE``; ``methods`` is
    ``Board.methods``.
    """
    tasks = list(shares["task"].unique())
    shown = [method for method in methods.index if method in set(shares["method"])]
    figure, axes = panels(len(tasks), columns=3, width=3.9, height=1.3 + 0.2 * len(shown), sharey=True)
    for ax, task in zip(axes, tasks, strict=True):
        part = shares[shares["task"] == task].set_index("method").reindex(shown)
        left = pd.Series(0.0, part.index)
        for where, (_, colour) in WHERE.items():
            ax.barh(range(len(shown)), part[where], left=left, color=colour, linewidth=0)
            left += part[where]
        ax.set(title=task, xlabel="share of the positive attribution", xlim=(0, 1), ylim=(len(shown) - 0.5, -0.5))
        ax.set_yticks(range(len(shown)), shown)
        ax.grid(visible=False)
    headline(figure, title)
    legend_below(figure, [Patch(color=colour, label=label) for label, colour in WHERE.values()])
    return figure
