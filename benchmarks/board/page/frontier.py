"""Score against cost, a panel for each task, as the page draws it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from benchmarks.board.aggregate import Board, list_rows
from benchmarks.board.figures.frontier import find_frontier, select_points
from benchmarks.board.figures.style import Colour, choose_family_colours
from benchmarks.board.leaderboard import FAR
from benchmarks.board.page.charts import Domain, find_domain
from benchmarks.board.tables import BETTER, format_number

LEFT, RIGHT, TOP, BOTTOM, WIDTH, HEIGHT = 42, 12, 14, 30, 320, 200
CLOSE: Final = 14  # numbers nearer than this to the last one share its text


@dataclass(frozen=True)
class Dot:
    """A method at a budget: where it stands, its colour, and what a pointer over it tells."""

    x: float
    y: float
    colour: str
    far: bool
    title: str


@dataclass(frozen=True)
class Panel:
    """What is drawn of a task.

    Attributes:
        task, column, better: of the score.
        dots: every method at every budget.
        lines: through the budgets of each method, as points of a polyline, with their colours.
        steps: the frontier, as an SVG path.
        numbers: places and texts of the numbers on the frontier.
        named: the methods on the frontier in that order, the cheapest first, with score and cost.
        free: heights of the methods that use no row.
        ticks_x, ticks_y: places and texts on the axes.
    """

    task: str
    column: str
    better: str
    dots: Sequence[Dot]
    lines: Sequence[tuple[str, str]]
    steps: str
    numbers: Sequence[tuple[float, float, str]]
    named: Sequence[tuple[str, str, str]]
    free: Sequence[float]
    ticks_x: Sequence[tuple[float, str]]
    ticks_y: Sequence[tuple[float, str]]


def make_panels(board: Board) -> list[Panel]:
    """A panel for each task that has points, in the order of the suite."""
    points = select_points(board).astype({"method": str, "task": str})
    colours = {family: write_colour(colour) for family, colour in choose_family_colours(board.methods).items()}
    of_method = {str(method): colours[family] for method, family in board.methods["family"].items()}
    tasks = [task.name for task in board.run.manifest.suite.tasks]
    parts = {task: points[points["task"] == task] for task in tasks}
    return [_make_panel(task, part, of_method) for task, part in parts.items() if (part["cost"] > 0).any()]


def list_family_colours(board: Board) -> dict[str, str]:
    """The colour of each family."""
    return {family: write_colour(colour) for family, colour in choose_family_colours(board.methods).items()}


def write_colour(colour: Colour) -> str:
    """As in #0173b2."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)


def _make_panel(task: str, points: pd.DataFrame, colours: Mapping[str, str]) -> Panel:
    paid = points[points["cost"] > 0]
    costs, scores = _find_ends(paid["cost"]), find_domain(points["mean"].tolist())
    x = {cost: _place_x(cost, costs) for cost in paid["cost"]}
    y = {mean: _place_y(mean, scores) for mean in points["mean"]}
    best = find_frontier(paid)
    return Panel(
        task=task,
        column=str(points["column"].iloc[0]),
        better=BETTER[points["better"].iloc[0]],
        dots=[_make_dot(row, x[row["cost"]], y[row["mean"]], colours) for row in list_rows(paid)],
        lines=[_make_line(line, x, y, colours[str(method)]) for method, line in paid.groupby("method", sort=False)],
        steps=_draw_steps(best, x, y),
        numbers=_place_numbers(best, x, y),
        named=_name_best(best),
        free=sorted({y[mean] for mean in points.loc[points["cost"] == 0, "mean"]}),
        ticks_x=[(_place_x(cost, costs), f"{cost:,.0f}") for cost in _list_powers(costs)],
        ticks_y=[(_place_y(score, scores), format_number(score)) for score in dict.fromkeys(scores)],
    )


def _find_ends(costs: pd.Series) -> Domain:
    return float(costs.min()) / 1.15, float(costs.max()) * 1.15


def _place_x(cost: float, ends: Domain) -> float:
    low, high = map(math.log, ends)
    return round(LEFT + (math.log(cost) - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)


def _place_y(score: float, ends: Domain) -> float:
    low, high = ends
    share = (score - low) / (high - low) if high > low else 0.5
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _list_powers(ends: Domain) -> list[float]:
    low, high = (math.log10(end) for end in ends)
    return [10.0**power for power in range(math.ceil(low), math.floor(high) + 1)]


def _make_dot(row: Mapping[str, object], x: float, y: float, colours: Mapping[str, str]) -> Dot:
    method, distance = str(row["method"]), float(str(row["distance"]))
    title = f"{method}: {format_number(float(str(row['mean'])))} for {float(str(row['cost'])):,.0f} rows"
    return Dot(x, y, colours[method], distance > FAR, title)


def _make_line(line: pd.DataFrame, x: Mapping[float, float], y: Mapping[float, float], colour: str) -> tuple[str, str]:
    ordered = line.sort_values("cost")
    pairs = zip(ordered["cost"], ordered["mean"], strict=True)
    return " ".join(f"{x[cost]},{y[mean]}" for cost, mean in pairs), colour


def _draw_steps(best: pd.DataFrame, x: Mapping[float, float], y: Mapping[float, float]) -> str:
    pairs = list(zip(best["cost"], best["mean"], strict=True))
    (cost, mean), *others = pairs
    return f"M{x[cost]} {y[mean]}" + "".join(f"H{x[c]}V{y[m]}" for c, m in others) + f"H{WIDTH - RIGHT}"


def _place_numbers(
    best: pd.DataFrame, x: Mapping[float, float], y: Mapping[float, float]
) -> list[tuple[float, float, str]]:
    """One text for points of the frontier that stand close together."""
    numbers = {method: str(i) for i, method in enumerate(best["method"].unique(), 1)}
    found: list[tuple[float, float, list[str]]] = []
    for row in list_rows(best):
        at = x[row["cost"]], y[row["mean"]]
        texts = found.pop()[2] if found and at[0] - found[-1][0] < CLOSE else []
        found.append((*at, list(dict.fromkeys([*texts, numbers[row["method"]]]))))
    rise = -6 if (best["better"] == "higher").all() else 13
    return [(round(at_x + 3, 1), round(at_y + rise, 1), ",".join(texts)) for at_x, at_y, texts in found]


def _name_best(best: pd.DataFrame) -> list[tuple[str, str, str]]:
    last = best.drop_duplicates("method", keep="last").set_index("method").loc[best["method"].unique()]
    return [
        (str(method), format_number(mean), f"{cost:,.0f}")
        for method, mean, cost in zip(last.index, last["mean"], last["cost"], strict=True)
    ]
