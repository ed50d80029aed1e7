"""Data to train on, in batches that are gathered whole: for small networks many times faster than collating samples."""

from collections.abc import Callable, Iterator
from functools import cached_property

import pytorch_lightning as pl
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

Batch = tuple[Tensor, ...]


def _as_they_are(batch: Batch, generator: torch.Generator) -> Batch:
    return batch


class RandomBatches:
    """A whole training run: ``steps`` batches of ``size`` rows, in a new random order on every pass over the rows.

    Iterating again gives the same batches. The rows left over at the end of a pass are left out of it.

    Attributes:
        rows: tensors with one entry for each row, batched alike.
        augment: changes each batch, with the generator that it is given.

    Raises:
        ValueError: when one batch takes more rows than there are.
    """

    def __init__(
        self,
        *rows: Tensor,
        size: int,
        steps: int,
        seed: int,
        augment: Callable[[Batch, torch.Generator], Batch] = _as_they_are,
    ):
        if not 1 <= size <= len(rows[0]):
            raise ValueError(f"a batch takes {size} rows, expected 1 .. {len(rows[0])}; choose a smaller size")
        self.rows = rows
        self.size = size
        self.steps = steps
        self.seed = seed
        self.augment = augment

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(self.seed)
        per_pass = len(self.rows[0]) // self.size
        for step in range(self.steps):
            if step % per_pass == 0:
                order = torch.randperm(len(self.rows[0]), generator=generator).split(self.size)
            chosen = order[step % per_pass]
            yield self.augment(tuple(rows[chosen] for rows in self.rows), generator)


class FreshBatches:
    """A whole training run on data that is made as it goes: ``steps`` batches of ``size`` rows, none seen twice.

    Iterating again gives the same batches.

    Attributes:
        make: gives that many rows, from a generator.
        at_once: batches made in one call.
    """

    def __init__(
        self, make: Callable[[int, torch.Generator], Batch], *, size: int, steps: int, seed: int, at_once: int = 8
    ):
        self.make = make
        self.size = size
        self.steps = steps
        self.seed = seed
        self.at_once = at_once

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(self.seed)
        for start in range(0, self.steps, self.at_once):
            batches = min(self.at_once, self.steps - start)
            rows = self.make(batches * self.size, generator)
            yield from zip(*(part.split(self.size) for part in rows), strict=True)


class OrderedBatches:
    """All rows once, in their order, up to ``size`` at a time."""

    def __init__(self, *rows: Tensor, size: int):
        self._batches = list(zip(*(tensor.split(size) for tensor in rows), strict=True))

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._batches)


class TrainingData(pl.LightningDataModule):
    """Batches of inputs and targets to train on, and samples held out.

    Attributes:
        batches: those of a whole training run.
        inputs, targets: held out.
        make_held_out: gives both.
        features: the shape of a sample.
        classes: how many there are; 0 where targets are none.
        held_out_size: how many of them are validated at once.
    """

    def __init__(
        self,
        batches: RandomBatches | FreshBatches,
        inputs: Float[Tensor, "rows *features"],
        targets: Shaped[Tensor, " rows"],
        *,
        held_out_size: int = 500,
    ):
        super().__init__()
        self.batches = batches
        self.make_held_out: Callable[[], tuple[Tensor, Tensor]] = lambda: (inputs, targets)
        self.held_out_size = held_out_size

    @cached_property
    def inputs(self) -> Float[Tensor, "rows *features"]:
        return self._held_out[0]

    @cached_property
    def targets(self) -> Shaped[Tensor, " rows"]:
        return self._held_out[1]

    @property
    def features(self) -> tuple[int, ...]:
        return tuple(self.inputs.shape[1:])

    @property
    def classes(self) -> int:
        return len(self.frequencies)

    @cached_property
    def frequencies(self) -> Float[Tensor, " classes"]:
        """The classes' frequencies among the samples held out."""
        return torch.bincount(self.targets) / len(self.targets)

    @cached_property
    def _held_out(self) -> tuple[Tensor, Tensor]:
        return self.make_held_out()

    def train_dataloader(self) -> RandomBatches | FreshBatches:
        return self.batches

    def val_dataloader(self) -> OrderedBatches:
        return OrderedBatches(self.inputs, self.targets, size=self.held_out_size)


class DeferredData(TrainingData):
    """``TrainingData`` whose held-out samples are made when they are first used.

    A model that is loaded needs none: making them can take longer than explaining it.
    """

    def __init__(
        self,
        batches: RandomBatches | FreshBatches,
        make_held_out: Callable[[], tuple[Tensor, Tensor]],
        *,
        features: tuple[int, ...],
        classes: int = 0,
        held_out_size: int = 500,
    ):
        super().__init__(batches, torch.empty(0), torch.empty(0), held_out_size=held_out_size)
        self.make_held_out = make_held_out
        self._features, self._classes = features, classes

    @property
    def features(self) -> tuple[int, ...]:
        return self._features

    @property
    def classes(self) -> int:
        return self._classes
