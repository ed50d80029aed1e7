"""What a score costs: every method at every budget, and those that nothing cheaper beats.

A panel for each task, drawn as SVG once: it stands on the page, whose style sheet has its colours, and in a figure.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from markupsafe import Markup

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.figures.style import Colour, Drawing, choose_family_colours
from benchmarks.board.leaderboard import FAR
from benchmarks.board.tables import BETTER, format_number

LEFT, RIGHT, TOP, BOTTOM, WIDTH, HEIGHT = 42, 12, 14, 30, 320, 200  # of a panel
MARGIN: Final = 0.1  # of a panel's height, above and below all points
DIGIT: Final = 7  # the width of a number and of a comma; what would stand upon the last text shares it
COLUMNS, GAP, HEAD, LINE, LETTER = 3, 24, 44, 14, 6.4  # of the figure: panels in a row, and lengths
STYLE: Final = """
text { font: 10px "DejaVu Sans", Verdana, sans-serif; fill: #57606a; }
.title, .head, .name, .number { fill: #1b1f24; }
.title { font-size: 15px; } .head { font-size: 12px; } .number { font-size: 11px; } .head, .number { font-weight: 700; }
.axis, .steps, polyline { fill: none; } .axis, .free { stroke: #57606a; } .grid { stroke: #d0d7de; }
.free { stroke-dasharray: 5 4; } .interval, .steps { stroke: #1b1f24; } .interval { stroke-width: .8; }
.steps { stroke-width: 1.4; } polyline { opacity: .45; stroke-width: .8; } .far { fill: #fff; }
"""


@dataclass(frozen=True)
class Panel:
    """A task and its score, drawn as the inside of an SVG of ``WIDTH`` x ``HEIGHT``.

    ``named`` are the methods on the frontier, the cheapest first and numbered so in the drawing, with score and cost.
    """

    task: str
    column: str
    better: str
    drawing: Markup
    named: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class PanelAxes:
    """From the least to the largest cost, on a logarithmic axis, and from the lowest to the highest score."""

    costs: tuple[float, float]
    scores: tuple[float, float]

    def x(self, cost: float) -> float:
        """Where a cost stands, in tenths."""
        low, high = map(math.log, self.costs)
        return round(LEFT + (math.log(cost) - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, score: float) -> float:
        """Where a score stands, in tenths; at the edge of the panel where it is beyond that."""
        low, high = self.scores
        share = MARGIN + (1 - 2 * MARGIN) * ((score - low) / (high - low) if high > low else 0.5)
        share = min(max(share, 0.0), 1.0)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def trace(self, points: pd.DataFrame) -> list[tuple[float, float]]:
        """Where points stand."""
        return [(self.x(cost), self.y(mean)) for cost, mean in zip(points["cost"], points["mean"], strict=True)]


def draw_frontiers(board: Board) -> Iterator[Drawing]:
    """The first judging column of every task over all budgets; of several implementations of a method the first."""
    panels = make_frontier_panels(board)
    if panels:
        title = "Score against cost, over all budgets"
        caption = (
            f"{title}: a row is an input that passes through the model, forward or backward. Numbered methods are "
            "better than everything as cheap or cheaper, with 95 % intervals; open points are far from their own limit "
            "and show the budget, not the method; dashed: without any row."
        )
        yield Drawing("frontier", caption, svg=plot_frontiers(panels, list_family_colours(board), title=title))


def make_frontier_panels(board: Board) -> list[Panel]:
    """A panel for each task that has points, in the order of the suite."""
    points = select_points(board).astype({"method": str, "task": str})
    families = list_family_colours(board)
    colours = {str(method): families[family] for method, family in board.methods["family"].items()}
    tasks = {task.name: points[points["task"] == task.name] for task in board.run.manifest.suite.tasks}
    return [_make_panel(task, part, colours) for task, part in tasks.items() if (part["cost"] > 0).any()]


def list_family_colours(board: Board) -> dict[str, str]:
    """The colour of each family."""
    return {family: write_colour(colour) for family, colour in choose_family_colours(board.methods).items()}


def write_colour(colour: Colour) -> str:
    """As in #0173b2."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)


def select_points(board: Board) -> pd.DataFrame:
    """Scores and costs of whatever does not compute the truth itself, by the first judging column of each task.

    A row for each task, method and budget, as in ``Board.summary``, with which scores are ``better``.
    """
    points = board.first_scores(board.summary)
    points = points[points["cost"].notna() & points["mean"].notna() & ~points["method"].isin(list(board.same_as))]
    truths = [row["method"] in board.exact(row["task"], row["column"]) for row in list_rows(points)]
    points = points[~np.array(truths, dtype=bool)]
    return points.merge(board.columns[["task", "column", "better"]], on=["task", "column"])


def find_frontier(points: pd.DataFrame) -> pd.DataFrame:
    """The points that are better than all others as cheap or cheaper, the cheapest first."""
    gain = points["mean"].where(points["better"] == "higher", -points["mean"])
    ordered = points.assign(gain=gain).dropna(subset="gain").sort_values(["cost", "gain"], ascending=[True, False])
    return ordered[~(ordered["gain"] <= ordered["gain"].cummax().shift())].drop(columns="gain")


# ---- a panel -----------------------------------------------------------------------------------------------------


def _make_panel(task: str, points: pd.DataFrame, colours: Mapping[str, str]) -> Panel:
    paid = points[points["cost"] > 0]
    axes = PanelAxes(
        (float(paid["cost"].min()) / 1.15, float(paid["cost"].max()) * 1.15),
        (float(points["mean"].min()), float(points["mean"].max())),
    )
    best = find_frontier(paid)
    parts = [
        *_draw_axes(axes),
        *_draw_free(points, axes),
        *(_draw_line(line, axes, colours[str(method)]) for method, line in paid.groupby("method", sort=False)),
        *_draw_intervals(best, axes),
        _draw_steps(best, axes),
        *(_draw_dot(row, axes, colours[row["method"]]) for row in list_rows(paid)),
        *_draw_numbers(best, axes),
    ]
    column, better = points[["column", "better"]].iloc[0]
    return Panel(task, str(column), BETTER[better], Markup("\n").join(parts), _name_best(best))


def _draw_axes(axes: PanelAxes) -> Iterator[Markup]:
    yield Markup(f'<path class="axis" d="M{LEFT} 10V{HEIGHT - BOTTOM}H{WIDTH - 8}"/>')
    low, high = map(math.log10, axes.costs)
    for power in range(math.ceil(low), math.floor(high) + 1):
        x = axes.x(10.0**power)
        yield Markup(f'<path class="grid" d="M{x} {TOP}V{HEIGHT - BOTTOM}"/>')
        yield Markup(f'<text x="{x}" y="{HEIGHT - 16}" text-anchor="middle">{10**power:,.0f}</text>')
    for score in dict.fromkeys(axes.scores):
        y = axes.y(score) + 3
        yield Markup(f'<text x="{LEFT - 4}" y="{y}" text-anchor="end">{format_number(score)}</text>')
    yield Markup(f'<text x="{WIDTH - 8}" y="{HEIGHT - 3}" text-anchor="end">rows per explicand</text>')


def _draw_free(points: pd.DataFrame, axes: PanelAxes) -> Iterator[Markup]:
    """The methods that use no row."""
    for y in sorted({axes.y(mean) for mean in points.loc[points["cost"] == 0, "mean"]}):
        yield Markup(f'<path class="free" d="M{LEFT} {y}H{WIDTH - 8}"/>')


def _draw_line(line: pd.DataFrame, axes: PanelAxes, colour: str) -> Markup:
    """A method through its budgets."""
    places = " ".join(f"{x},{y}" for x, y in axes.trace(line.sort_values("cost")))
    return Markup(f'<polyline points="{places}" stroke="{colour}"/>')


def _draw_intervals(best: pd.DataFrame, axes: PanelAxes) -> Iterator[Markup]:
    """Those of the frontier; they do not widen the panel, in which points would then be hard to tell apart."""
    for row in list_rows(best.dropna(subset=["low", "high"])):
        x = axes.x(row["cost"])
        yield Markup(f'<path class="interval" d="M{x} {axes.y(row["low"])}V{axes.y(row["high"])}"/>')


def _draw_steps(best: pd.DataFrame, axes: PanelAxes) -> Markup:
    """The frontier."""
    (x, y), *others = axes.trace(best)
    return Markup(f'<path class="steps" d="M{x} {y}{"".join(f"H{x}V{y}" for x, y in others)}H{WIDTH - RIGHT}"/>')


def _draw_dot(row: Mapping[str, Any], axes: PanelAxes, colour: str) -> Markup:
    """A method at a budget, open where it is far from its limit; a pointer over it tells which."""
    far = Markup(' class="far"') if row["distance"] > FAR else ""
    dot = Markup('<circle cx="{}" cy="{}" r="3" stroke="{}" fill="{}"{}><title>{}</title></circle>')
    title = f"{row['method']}: {format_number(row['mean'])} for {row['cost']:,.0f} rows"
    return dot.format(axes.x(row["cost"]), axes.y(row["mean"]), colour, colour, far, title)


def _draw_numbers(best: pd.DataFrame, axes: PanelAxes) -> Iterator[Markup]:
    """The numbers of methods on the frontier; one text for points that stand close together."""
    numbers = {method: str(i) for i, method in enumerate(best["method"].unique(), 1)}
    found: list[tuple[float, float, list[str]]] = []
    for method, (x, y) in zip(best["method"], axes.trace(best), strict=True):
        meets = found and x - found[-1][0] < DIGIT * 2 * len(found[-1][2]) and abs(y - found[-1][1]) < LINE
        texts = found.pop()[2] if meets else []
        found.append((x, y, list(dict.fromkeys([*texts, numbers[method]]))))
    rise = -6 if (best["better"] == "higher").all() else 13
    for x, y, texts in found:
        yield Markup(f'<text class="number" x="{round(x + 3, 1)}" y="{round(y + rise, 1)}">{",".join(texts)}</text>')


def _name_best(best: pd.DataFrame) -> list[tuple[str, str, str]]:
    last = best.drop_duplicates("method", keep="last").set_index("method").loc[best["method"].unique()]
    return [
        (str(method), format_number(mean), f"{cost:,.0f}")
        for method, mean, cost in zip(last.index, last["mean"], last["cost"], strict=True)
    ]


# ---- the figure --------------------------------------------------------------------------------------------------


def plot_frontiers(panels: Sequence[Panel], colours: Mapping[str, str], *, title: str) -> str:
    """All panels as one SVG, each with the methods on its frontier below; then what the colours of families mean."""
    columns = min(COLUMNS, len(panels))
    width, y = columns * (WIDTH + GAP) + GAP, HEAD + LINE
    parts = [Markup('<text class="title" x="{}" y="{}" text-anchor="middle">{}</text>').format(width // 2, 26, title)]
    for start in range(0, len(panels), columns):
        row = panels[start : start + columns]
        parts += [_place_panel(panel, GAP + i * (WIDTH + GAP), y) for i, panel in enumerate(row)]
        y += HEIGHT + (2 + max(len(panel.named) for panel in row)) * LINE + GAP
    legend, y = _draw_legend(colours, width, y - GAP // 2)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}">'
    ground = f'<rect width="{width}" height="{y}" fill="#fff"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", ground, *parts, *legend, "</svg>", ""])


def _place_panel(panel: Panel, x: int, y: int) -> Markup:
    head = Markup('<text class="head" x="{}" y="-4">{}: {} {}</text>').format(
        LEFT, panel.task, panel.column, panel.better
    )
    line = Markup('<text x="{}" y="{}"><tspan class="name">{} {}</tspan> {} · {} rows</text>')
    lines = [line.format(LEFT, HEIGHT + i * LINE, i, *named) for i, named in enumerate(panel.named, 1)]
    inside = Markup("\n").join([head, panel.drawing, *lines])
    return Markup('<g transform="translate({} {})">\n{}\n</g>').format(x, y, inside)


def _draw_legend(colours: Mapping[str, str], width: int, y: int) -> tuple[list[Markup], int]:
    """Families, and what is open or dashed, in as many lines as they need; and where these end."""
    entry = Markup('<circle cx="{}" cy="{}" r="4" fill="{}"/><text x="{}" y="{}">{}</text>')
    parts, x = [], GAP + LEFT
    for family, colour in colours.items():
        reach = round(LETTER * len(family)) + GAP
        if x + reach > width:
            x, y = GAP + LEFT, y + LINE
        parts.append(entry.format(x, y, colour, x + 8, y + 3, family))
        x += reach
    signs = f"open: more than {FAR:g} from its own limit; dashed: without any row; vertical lines: 95 % intervals"
    parts.append(Markup('<text x="{}" y="{}">{}</text>').format(GAP + LEFT - 4, y + LINE + 4, signs))
    return parts, y + 2 * LINE + 4
