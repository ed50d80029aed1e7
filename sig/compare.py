"""Methods side by side on a model of your own, without the harness: attributions, scores, a table and a picture.

Every method gets the same model rows and is watched as on the board (``sig.guard``), so that none can touch another.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from tqdm.auto import tqdm

from sig.explicand import Explicand, require_shape
from sig.guard import AttributionResult, Guard, Interference
from sig.registry import Method, Metric, NotApplicable, Trial, methods, metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class MethodOutcome:
    """The attribution of one method, if there is one, its scores by metric, and why something is missing."""

    method: str
    attributed: AttributionResult | None = None
    scores: dict[str, Float[Tensor, " batch"]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class MethodComparison:
    """Attributions and scores of several methods; printed, or in a notebook, it is its table."""

    explicand: Explicand
    outcomes: list[MethodOutcome]

    @property
    def attributions(self) -> dict[str, Float[Tensor, "batch *features"]]:
        """The attributions by method, without those that could not attribute."""
        return {one.method: one.attributed.attribution for one in self.outcomes if one.attributed}

    @property
    def scores(self) -> pd.DataFrame:
        """A row for each explicand, and a column for each method and metric; NaN where a score is undefined."""
        scores = {(one.method, name): of.numpy() for one in self.outcomes for name, of in one.scores.items()}
        columns = pd.MultiIndex.from_tuples(scores, names=["method", "metric"])
        return pd.DataFrame(dict(enumerate(scores.values()))).set_axis(columns, axis=1).rename_axis("explicand")

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each method: means of scores, model ``rows`` and ``seconds`` for each explicand, and a ``note``."""
        batch = len(self.explicand.inputs)
        rows = []
        for one in self.outcomes:
            row: dict[str, Any] = {
                "method": one.method,
                **{name: of.nanmean().item() for name, of in one.scores.items()},
            }
            if one.attributed:
                row |= {"rows": one.attributed.cost.rows / batch}
                row |= {"seconds": one.attributed.cost.seconds / batch}
            rows.append({**row, "note": "; ".join(one.notes)})
        table = pd.DataFrame(rows, columns=None if rows else ["method"]).set_index("method")
        last = [name for name in ("rows", "seconds", "note") if name in table]
        return table[[*table.columns.drop(last), *last]]

    def draw(self, shown: int = 3) -> "Figure":
        """The first inputs and all attributions of them: as pictures, or as heat maps where features have one axis.

        Red raises the output explained, blue lowers it; each attribution is drawn on its own scale. Needs matplotlib.
        """
        from sig.drawing import draw_attributions

        maps = {name: of[:shown] for name, of in self.attributions.items()}
        if not maps:
            raise ValueError("there is no attribution to draw; the notes of the table say why")
        return draw_attributions(self.explicand.inputs[:shown], maps)

    def __str__(self) -> str:
        return self.table.to_string(float_format="{:.4g}".format)

    def _repr_html_(self) -> str:
        return str(self.table.to_html(float_format="{:.4g}".format))


def compare(
    e: Explicand,
    method_names: Sequence[str],
    metric_names: Sequence[str] = (),
    *,
    rows: int = 500,
    truth: Float[Tensor, "batch players"] | None = None,
    regions: Mapping[str, Bool[Tensor, "batch *features"]] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> MethodComparison:
    """Attribute by each method, spending ``rows`` model rows on each explicand, and score by each metric.

    Rows count forward and backward. A method with one fixed cost spends that. One that fails, or has no meaning here,
    gets a note and does not stop the others.

    Args:
        truth: for metrics that compare with a truth.
        regions: for metrics that look at regions.
        options: of methods and metrics, by name.
        seed: of everything random; the same for every method.

    Raises:
        UnknownName: on a name that nothing is registered under.
        ValueError: when ``rows`` pay for no input, the truth or a region has another shape, or options are given for
            what is not chosen.
    """
    for names in (method_names, metric_names):
        if isinstance(names, str):
            raise ValueError(f"{names!r} is a name, expected a list of names, as in [{names!r}]")
    chosen, judges = [methods[name] for name in method_names], [metrics[name] for name in metric_names]
    options = options or {}
    _require_fit(e, truth, regions or {})
    for name in options:
        if name not in (*method_names, *metric_names):
            raise ValueError(f"options are given for {name!r}, which is none of the methods and metrics chosen")
    task = _Conditions(e, rows, truth, regions or {}, options, seed)
    for method in chosen:
        method.options_for(rows)  # refuses a budget that nothing can spend, before any work
    return MethodComparison(
        e, [task.run(method, judges) for method in tqdm(chosen, desc="methods", disable=not progress)]
    )


@dataclass(frozen=True)
class _Conditions:
    explicand: Explicand
    rows: int
    truth: Tensor | None
    regions: Mapping[str, Tensor]
    options: Mapping[str, Mapping[str, Any]]
    seed: int

    @cached_property
    def guard(self) -> Guard:
        truth = {} if self.truth is None else {"truth": self.truth}
        return Guard(self.explicand, {**truth, **{f"region {name!r}": of for name, of in self.regions.items()}})

    def run(self, method: Method, judges: Sequence[Metric]) -> MethodOutcome:
        outcome = MethodOutcome(method.name)
        try:
            outcome.attributed = self._attribute(method)
        except Exception as error:  # a method may raise anything; the others go on
            outcome.notes.append(_reason(error))
            return outcome
        for metric in judges:
            try:
                outcome.scores[metric.name] = self._score(metric, method, outcome.attributed)
            except Exception as error:
                outcome.notes.append(f"{metric.name}: {_reason(error)}")
        return outcome

    def _attribute(self, method: Method) -> AttributionResult:
        fixed, spent = self._options(method)
        budget = self.rows if spent else None
        with self._seeded() as generator:
            return self.guard.attribute(method, {**fixed, **spent}, generator=generator, budget=budget)

    def _options(self, method: Method) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The options that are chosen, and those that spend the rows."""
        fixed = self.options.get(method.name, {})
        return fixed, method.options_for(self.rows, **fixed)

    def _score(self, metric: Metric, method: Method, found: AttributionResult) -> Float[Tensor, " batch"]:
        def attribute(other: Explicand) -> Tensor:
            fixed, spent = self._options(method)
            with self._seeded() as generator:
                return self.guard.attribute_again(method, {**fixed, **spent}, other, generator=generator)

        e, regions = self.explicand, self.regions
        trial = Trial(
            e, found.attribution, found.cost, self.truth, regions, found.change, found.paths, attribute=attribute
        )
        with self._seeded() as generator:
            values = self.guard.score(metric, trial, self.options.get(metric.name, {}), generator=generator)
        return values.mean(1) if metric.curve else values

    @contextmanager
    def _seeded(self) -> Iterator[Generator]:
        """A seeded generator; the global one, from which others' code may draw, is seeded too and then as before."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            yield Generator().manual_seed(self.seed)


def _require_fit(e: Explicand, truth: Tensor | None, regions: Mapping[str, Tensor]) -> None:
    if truth is not None:
        require_shape("truth", truth, (len(e.inputs), e.n_players), "one number for each player")
    for name, region in regions.items():
        require_shape(f"region {name!r}", region, tuple(e.inputs.shape), "a mark for each feature")


def _reason(error: Exception) -> str:
    plain = isinstance(error, NotApplicable | Interference)
    return str(error) if plain else f"{type(error).__name__}: {error}"
