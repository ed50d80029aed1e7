import sys

import numpy as np
import pytest
import torch
from sklearn import datasets as sklearn_datasets
from sklearn.preprocessing import StandardScaler

from datasets import tabular as data

NAMES = ["breast-cancer", "wine"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_wine_has_all_its_features() -> None:
    table, found = data.load("wine"), sklearn_datasets.load_wine()
    assert table.names == tuple(found.feature_names)
    np.testing.assert_array_equal(table.features, found.data)
    np.testing.assert_array_equal(table.labels, found.target)


def test_breast_cancer_has_the_means_of_ten_measurements() -> None:
    table, found = data.load("breast-cancer"), sklearn_datasets.load_breast_cancer()
    assert len(table.names) == 10
    measured = [name.removeprefix("mean ") for name in table.names]
    for name in measured:
        assert {f"mean {name}", f"{name} error", f"worst {name}"} <= set(found.feature_names)
    columns = [list(found.feature_names).index(name) for name in table.names]
    np.testing.assert_array_equal(table.features, found.data[:, columns])
    np.testing.assert_array_equal(table.labels, found.target)


@pytest.mark.parametrize("name", NAMES)
def test_a_split_is_on_the_scale_of_what_is_trained_on(name) -> None:
    table = data.load(name)
    split = data.split(table, seeded())
    held_out = data.choose_held_out(table.labels, seeded())
    scaler = StandardScaler().fit(table.features[~held_out])
    np.testing.assert_allclose(split.train, scaler.transform(table.features[~held_out]), atol=1e-5)
    np.testing.assert_allclose(split.held_out, scaler.transform(table.features[held_out]), atol=1e-5)
    assert torch.equal(split.train_labels, table.labels[~held_out])
    assert torch.equal(split.held_out_labels, table.labels[held_out])
    low, high = split.input_range
    both = torch.cat([split.train, split.held_out])
    assert low <= both.min() < low + 1
    assert high - 1 < both.max() <= high


@pytest.mark.parametrize("name", NAMES)
def test_a_random_third_of_each_class_is_held_out(name) -> None:
    labels = data.load(name).labels
    one, same, other = (data.choose_held_out(labels, seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    for label in labels.unique():
        members = labels == label
        assert abs(int((one & members).sum()) - int(members.sum()) / 3) <= 0.5


def test_tables_differ_in_their_hash() -> None:
    assert data.load("wine").sha256 != data.load("breast-cancer").sha256
    assert len(data.load("wine").sha256) == 64


def test_without_scikit_learn_there_is_a_remedy(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    data.load.cache_clear()
    with pytest.raises(ModuleNotFoundError, match="'wine' comes with scikit-learn, .* pip install scikit-learn"):
        data.load("wine")
