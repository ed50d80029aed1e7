"""Figures as PNG, where they are made of pictures."""

from pathlib import Path
from typing import Any, Final, cast

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI: Final = 150


def save_png(figure: Figure, file: Path) -> None:
    """Save the figure as PNG. ``savefig`` would draw it twice."""
    figure.set_dpi(DPI)
    cast(Any, FigureCanvasAgg(figure)).print_png(file)
