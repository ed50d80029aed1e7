"""A trained network becomes a problem in one call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from datasets.problem import Problem, Series
from sig.certainty import CertaintyAware
from sig.explicand import Explicand, Tally

Output = Literal["probability", "logit"]
Truth = Tensor | Callable[[Explicand], Tensor]


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network, and what is known of it.

    Attributes:
        network: maps inputs to logits, or to any other scores; in eval mode, its weights without gradient.
        checks, provenance, series: as in ``datasets.problem.Problem``.
    """

    network: nn.Module
    checks: Mapping[str, float]
    provenance: Mapping[str, str]
    series: Mapping[str, Series] = field(default_factory=dict)

    def model(self, output: Output | None) -> nn.Module:
        """The model that methods explain: it gives the classes' probabilities, or what the network itself gives."""
        if output != "probability":
            return self.network
        if isinstance(self.network, CertaintyAware):
            aware = self.network
            return CertaintyAware(nn.Sequential(aware.network, nn.Softmax(1)), aware.features).eval()
        return nn.Sequential(self.network, nn.Softmax(1)).eval()


def explain(
    trained: TrainedNetwork,
    inputs: Float[Tensor, "batch *features"],
    *,
    background: Float[Tensor, "samples *features"],
    background_classes: Int[Tensor, " samples"] | None = None,
    target: Int[Tensor, " batch"] | None = None,
    output: Output | None = "probability",
    players: Int[Tensor, "*features"] | int | None = None,
    input_range: tuple[float, float] = (0.0, 1.0),
    rows_per_batch: int = 1024,
    truths: Mapping[str, Truth] | None = None,
    regions: Mapping[str, Bool[Tensor, "batch *features"]] | None = None,
    shown: Iterable[int] = (),
    checks: Mapping[str, float] | None = None,
    provenance: Mapping[str, str] | None = None,
    series: Mapping[str, Series] | None = None,
    tuning: Float[Tensor, "others *features"] | None = None,
    exact: Mapping[str, Sequence[str]] | None = None,
) -> Problem:
    """The problem of explaining a trained network's outputs for some inputs.

    Args:
        background: a sample of what it was trained on, of ``background_classes`` where these are known.
        target: the outputs explained; the predicted classes unless given.
        output: the probability of a class, or its logit; None for a network whose outputs are neither.
        players: the player of each feature, or a number for squares of so many pixels a side; each feature is its own
            unless given.
        truths: true attributions of the players by name, or functions that make them from the explicand.
        regions, shown, tuning, exact: as in ``datasets.problem.Problem``.
        checks, provenance, series: in addition to the network's own.

    Raises:
        ValueError: as ``Explicand`` and ``Problem`` do.
    """
    e = Explicand.of(
        trained.model(output),
        inputs,
        target=target,
        background=background,
        background_classes=background_classes,
        players=players,
        input_range=input_range,
        rows_per_batch=rows_per_batch,
    )
    return Problem(
        e,
        truths={name: _as_tensor(truth, e) for name, truth in (truths or {}).items()},
        checks={**trained.checks, **(checks or {})},
        provenance={**(provenance or {}), **trained.provenance},
        shown=tuple(shown),
        regions=regions or {},
        series={**trained.series, **(series or {})},
        tuning=tuning,
        exact=exact or {},
    )


def _as_tensor(truth: Truth, e: Explicand) -> Tensor:
    return truth if isinstance(truth, Tensor) else truth(e.with_tally(Tally()))
