"""The vocabulary of the suite, and the one object a method is given.

*Explicand*: an input to be explained. *Target*: the output explained. *Baseline*: the input a path starts from.
*Background*: a sample of the data distribution. *Player*: a group of features that enters a coalition as one.
*Coalition*: a set of players that keep the explicand's values. *Attribution*: one number for each feature.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sig.players import patch_players

Forward = Callable[[Tensor], Tensor]


@dataclass
class Tally:
    """The cost of an attribution, in model rows, and the paths along which it distributes the score.

    A *row* is one input passed through the model. ``paths`` are the ends of the paths a method attributed along,
    each ``(batch, paths, *features)`` with any number of paths: complete attributions sum to the mean score of the ends
    less that of the starts. Where paths count unequally, ``weights`` ``(batch, paths)`` says how much each does in that
    mean.
    """

    forward_rows: int = 0
    backward_rows: int = 0
    paths: tuple[Tensor, Tensor] | None = None
    weights: Tensor | None = None


@dataclass(frozen=True)
class Explicand:
    """A batch of inputs to explain, with all that a method may use to explain them.

    Attributes:
        model: maps ``(rows, *features)`` to ``(rows, outputs)``; one that sees certainty is a
            ``sig.certainty.CertaintyAware``.
        inputs: the inputs explained, ``(batch, *features)``.
        target: the output explained, one for each input.
        background: a sample of the data distribution, ``(samples, *features)``.
        players: the player each feature belongs to, ``0 .. n_players - 1``.
        input_range: the smallest and the largest value a feature may take.
        rows_per_batch: how many rows go through the model at once; it bounds memory and never changes the maths.
        tally: model rows used so far.
        background_classes: the class of each sample of the background, where that is known.

    Raises:
        ValueError: on NaN or infinite inputs or background, an empty background, shapes that do not fit, players that
            are not numbered from 0 without a gap, or inputs outside ``input_range``.
    """

    model: Forward
    inputs: Float[Tensor, "batch *features"]
    target: Int[Tensor, " batch"]
    background: Float[Tensor, "samples *features"]
    players: Int[Tensor, "*features"]
    input_range: tuple[float | int, float | int] = (0.0, 1.0)
    rows_per_batch: int = 1024
    tally: Tally = field(default_factory=Tally, compare=False)
    background_classes: Int[Tensor, " samples"] | None = None

    def __post_init__(self) -> None:
        features = tuple(self.inputs.shape[1:])
        _require_finite("inputs", self.inputs)
        _require_finite("background", self.background)
        if len(self.background) == 0:
            raise ValueError("background is empty, expected at least one sample; pass a sample of the training data")
        if tuple(self.background.shape[1:]) != features:
            raise ValueError(
                f"background samples have shape {tuple(self.background.shape[1:])}, expected {features} like the "
                "inputs; reshape the background"
            )
        if tuple(self.players.shape) != features:
            raise ValueError(
                f"players have shape {tuple(self.players.shape)}, expected {features}: one player number for each "
                "feature"
            )
        if self.target.shape != (len(self.inputs),):
            raise ValueError(
                f"target has shape {tuple(self.target.shape)}, expected ({len(self.inputs)},): one output for each "
                "input"
            )
        classes = self.background_classes
        if classes is not None and classes.shape != (len(self.background),):
            raise ValueError(
                f"background_classes has shape {tuple(classes.shape)}, expected ({len(self.background)},): one class "
                "for each sample of the background"
            )
        numbers = self.players.unique()
        if not torch.equal(numbers, torch.arange(len(numbers), device=numbers.device, dtype=numbers.dtype)):
            raise ValueError(f"players are numbered {numbers.tolist()}, expected 0 .. n-1 without a gap; renumber them")
        low, high = self.input_range
        if not low < high:
            raise ValueError(f"input_range is ({low}, {high}), expected a low value below a high one")
        if self.inputs.numel() and not (low <= self.inputs.min() and self.inputs.max() <= high):
            raise ValueError(
                f"inputs span [{self.inputs.min():.4g}, {self.inputs.max():.4g}], expected values inside input_range "
                f"({low}, {high}); rescale the inputs or state their range"
            )

    @classmethod
    def of(
        cls,
        model: Forward,
        inputs: Float[Tensor, "batch *features"],
        *,
        target: Int[Tensor, " batch"] | None = None,
        background: Float[Tensor, "samples *features"] | None = None,
        background_classes: Int[Tensor, " samples"] | None = None,
        players: Int[Tensor, "*features"] | int | None = None,
        input_range: tuple[float, float] | None = None,
        rows_per_batch: int = 64,
    ) -> "Explicand":
        """An explicand of any model, where what is not given is filled in.

        Args:
            target: the class that the model predicts.
            background: the inputs themselves; a sample of the training data says more.
            background_classes: unknown.
            players: a number for squares of so many pixels a side (``sig.players``); each feature its own.
            input_range: from the smallest to the largest value among inputs and background.

        Raises:
            ValueError: when the model is in training mode, or as ``Explicand`` does.
        """
        require_eval_mode(model)
        inputs = inputs.detach()
        background = inputs if background is None else background
        if input_range is None:
            values = torch.cat([inputs.flatten(), background.flatten()])
            input_range = (float(values.min()), float(values.max()))
        if not isinstance(players, Tensor):
            players = _as_players(players, tuple(inputs.shape[1:])).to(inputs.device)
        unknown = torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)
        e = cls(
            model, inputs, unknown if target is None else target, background, players, input_range, rows_per_batch,
            background_classes=background_classes,
        )  # fmt: skip
        if target is not None:
            return e
        with torch.no_grad():
            return replace(e, target=e.with_tally(Tally()).outputs(inputs).argmax(1))

    @property
    def features(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.inputs.shape[1:])

    @cached_property
    def n_players(self) -> int:
        return int(self.players.max()) + 1

    @cached_property
    def _players_are_features(self) -> bool:
        return self.players.ndim == 1 and torch.equal(self.players, torch.arange(self.n_players, device=self.device))

    @property
    def player_sizes(self) -> Int[Tensor, " players"]:
        """The number of features of each player."""
        return torch.bincount(self.players.flatten(), minlength=self.n_players)

    @property
    def device(self) -> torch.device:
        return self.inputs.device

    def with_tally(self, tally: Tally) -> "Explicand":
        """The same explicand, counting on another tally."""
        return replace(self, tally=tally)

    def only(self, index: int) -> "Explicand":
        """The one explicand at ``index``, counting on the same tally."""
        one = slice(index, index + 1)
        return replace(self, inputs=self.inputs[one], target=self.target[one])

    def outputs(self, x: Float[Tensor, "rows *features"]) -> Float[Tensor, "rows outputs"]:
        """All outputs of the model, batched and counted.

        Raises:
            ValueError: when the model does not return one row of finite outputs for each input row.
        """
        if len(x) <= self.rows_per_batch:
            return self._batch(x)
        return torch.cat([self._batch(chunk) for chunk in x.split(self.rows_per_batch)])

    def scores(self, x: Float[Tensor, "rows *features"], owner: Int[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """The target output F(x) of each row; ``owner`` is the explicand whose target counts for the row."""
        return self.outputs(x).gather(1, self.target[owner].unsqueeze(1)).squeeze(1)

    def coalition_scores(
        self, coalitions: Bool[Tensor, "batch samples players"], default: Float[Tensor, "batch *features"]
    ) -> Float[Tensor, "batch samples"]:
        """v(S) = F(x_S) for each coalition, where players outside S take the default's values."""
        batch, samples = coalitions.shape[:2]
        rows = torch.arange(batch * samples, device=self.device)
        flat, default = coalitions.flatten(0, 1), default.expand_as(self.inputs)
        with torch.no_grad():
            chunks = [
                self.scores(self._mix(flat[chunk], chunk // samples, default), chunk // samples)
                for chunk in rows.split(self.rows_per_batch)
            ]
        return torch.cat(chunks).view(batch, samples)

    def coalition_inputs(
        self, coalitions: Bool[Tensor, "batch samples players"], default: Float[Tensor, "batch *features"]
    ) -> Float[Tensor, "batch samples *features"]:
        """Players in the coalition keep the explicand's values, the others take the default's."""
        batch, samples = coalitions.shape[:2]
        owner = torch.arange(batch, device=self.device).repeat_interleave(samples)
        return self._mix(coalitions.flatten(0, 1), owner, default).view(batch, samples, *self.features)

    def player_sums(self, attribution: Float[Tensor, "batch *features"]) -> Float[Tensor, "batch players"]:
        """The attribution of each player: the sum over its features."""
        sums = attribution.new_zeros(len(attribution), self.n_players)
        return sums.index_add(1, self.players.flatten(), attribution.flatten(1))

    def spread_over_features(self, values: Float[Tensor, "batch players"]) -> Float[Tensor, "batch *features"]:
        """Each player's value shared equally among its features, so that ``player_sums`` gives the values back."""
        return (values / self.player_sizes)[:, self.players].to(self.inputs.dtype)

    def _mix(self, coalitions: Tensor, owner: Tensor, default: Tensor) -> Tensor:
        kept = coalitions if self._players_are_features else coalitions[:, self.players]
        if len(self.inputs) == 1:  # who owns all rows, so that nothing has to be copied for each
            return torch.where(kept, self.inputs, default)
        return torch.where(kept, self.inputs[owner], default[owner])

    def _batch(self, x: Tensor) -> Tensor:
        out = self.model(x)
        if out.ndim != 2 or len(out) != len(x):
            raise ValueError(
                f"the model returned shape {tuple(out.shape)} for {len(x)} rows, expected ({len(x)}, outputs); "
                "wrap a scalar model with .unsqueeze(1)"
            )
        if not torch.isfinite(out).all():
            bad = out[~torch.isfinite(out)][0].item()
            raise ValueError(f"the model returned {bad}, expected finite outputs; check its weights and input_range")
        self.tally.forward_rows += len(x)
        if out.requires_grad:
            out.register_hook(self._count_backward)
        return out

    def _count_backward(self, grad: Tensor) -> None:
        self.tally.backward_rows += len(grad)


def require_eval_mode(model: Forward) -> None:
    """Raise ``ValueError`` where the model, or a part of it, is in training mode."""
    parts = model.modules() if isinstance(model, nn.Module) else ()
    if any(part.training for part in parts):
        raise ValueError("the model is in training mode, where outputs change from call to call; call model.eval()")


def require_shape(what: str, values: Tensor, shape: tuple[int, ...], why: str) -> None:
    """Raise ``TypeError`` on what is no tensor, ``ValueError`` on one of another shape."""
    if not isinstance(values, Tensor):
        raise TypeError(f"{what} is of type {type(values).__name__}, expected a tensor of shape {shape}")
    if tuple(values.shape) != shape:
        raise ValueError(f"{what} has shape {tuple(values.shape)}, expected {shape}: {why} of every input")


def _as_players(patch: int | None, features: tuple[int, ...]) -> Int[Tensor, "*features"]:
    if patch is None:
        return torch.arange(math.prod(features)).view(features)
    if len(features) != 3:
        raise ValueError(f"patches need pictures (channels, height, width), the inputs have shape {features}")
    return patch_players((features[0], features[1], features[2]), patch)


def _require_finite(name: str, values: Tensor) -> None:
    if not torch.isfinite(values).all():
        position = tuple((~torch.isfinite(values)).nonzero()[0].tolist())
        raise ValueError(
            f"{name} hold {values[position].item()} at {position}, expected finite numbers; clean or impute them first"
        )
