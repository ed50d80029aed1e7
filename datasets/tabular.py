"""Tables of measurements that scikit-learn ships: breast cancer and wine.

``breast-cancer``: 569 cell samples, benign or malignant (Wolberg, Street and Mangasarian 1995), of which ten features
are taken, the means of ten measurements over a sample's nuclei; their standard errors and worst values are the others.
``wine``: 178 wines of three cultivars, 13 chemical measurements (Aeberhard and Forina 1991).

**Reading.** The rule is ours: all features where there are at most 13, since exact Shapley values take ``2**features``
rows; elsewhere those that are called a mean.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from datasets.digest import hash_bytes

Name = Literal["breast-cancer", "wine"]

LOADERS: Final[dict[Name, str]] = {"breast-cancer": "load_breast_cancer", "wine": "load_wine"}
MOST_FEATURES: Final = 13
HELD_OUT: Final = 1 / 3  # of the samples


@dataclass(frozen=True)
class MeasurementTable:
    """Samples with their classes.

    Attributes:
        features: as they were measured.
        labels: of the samples, 0, 1, ...
        names: of the features.
        sha256: of all of these.
    """

    features: Float[Tensor, "samples features"]
    labels: Int[Tensor, " samples"]
    names: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class Split:
    """Samples to train on and samples held out, on a scale on which the former have mean 0 and standard deviation 1.

    Attributes:
        train, train_labels, held_out, held_out_labels: the samples and their classes.
        input_range: whole numbers that every value lies between.
    """

    train: Float[Tensor, "train features"]
    train_labels: Int[Tensor, " train"]
    held_out: Float[Tensor, "held_out features"]
    held_out_labels: Int[Tensor, " held_out"]
    input_range: tuple[float, float]


@cache
def load(name: Name) -> MeasurementTable:
    """A table, with the features that the rule leaves.

    Raises:
        ModuleNotFoundError: without scikit-learn.
    """
    found = _find_loader(name)()
    names = [str(one) for one in found.feature_names]
    kept = [i for i, one in enumerate(names) if len(names) <= MOST_FEATURES or one.startswith("mean ")]
    features, labels = torch.from_numpy(found.data[:, kept]), torch.from_numpy(found.target).long()
    sha256 = hash_bytes(features.numpy().tobytes(), labels.numpy().tobytes(), "\n".join(names).encode())
    return MeasurementTable(features, labels, tuple(names[i] for i in kept), sha256)


def split(table: MeasurementTable, generator: Generator) -> Split:
    """A random third of the samples of each class held out."""
    held_out = choose_held_out(table.labels, generator)
    train = table.features[~held_out]
    scaled = ((table.features - train.mean(0)) / train.std(0, correction=0)).float()
    low, high = scaled.aminmax()
    return Split(
        scaled[~held_out],
        table.labels[~held_out],
        scaled[held_out],
        table.labels[held_out],
        (float(low.floor()), float(high.ceil())),
    )


def choose_held_out(labels: Int[Tensor, " samples"], generator: Generator) -> Bool[Tensor, " samples"]:
    """Marks of a random third of the samples of each class."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(1)
        order = torch.randperm(len(members), generator=generator)
        chosen[members[order[: round(HELD_OUT * len(members))]]] = True
    return chosen


def _find_loader(name: Name) -> Callable[[], Any]:
    try:
        from sklearn import datasets  # slow to import
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the table {name!r} comes with scikit-learn, which is not installed; pip install scikit-learn",
            name=error.name,
        ) from error
    loader: Callable[[], Any] = getattr(datasets, LOADERS[name])
    return loader
