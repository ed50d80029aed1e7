import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.batches import DeferredData, FreshBatches, OrderedBatches, RandomBatches, TrainingData


@given(rows=st.integers(1, 30), data=st.data())
def test_random_batches_use_every_row_at_most_once_a_pass_and_keep_rows_together(rows, data) -> None:
    size = data.draw(st.integers(1, rows))
    per_pass = rows // size
    x = torch.arange(rows)
    batches = list(RandomBatches(x, x * 10, size=size, steps=2 * per_pass, seed=rows))
    assert len(batches) == 2 * per_pass
    for one_pass in (batches[:per_pass], batches[per_pass:]):
        used = torch.cat([batch[0] for batch in one_pass])
        assert len(used) == per_pass * size == len(used.unique())
    assert all(torch.equal(b, a * 10) for a, b in batches)


def drawn(seed: int) -> list[list[int]]:
    return [batch[0].tolist() for batch in RandomBatches(torch.arange(100), size=10, steps=20, seed=seed)]


def test_the_seed_decides_the_order_and_passes_differ() -> None:
    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)
    assert drawn(0)[:10] != drawn(0)[10:]


def test_augmentation_gets_each_batch_and_draws_anew() -> None:
    def noise(batch, generator):
        return (torch.rand(len(batch[0]), generator=generator),)

    first, second = RandomBatches(torch.zeros(4), size=4, steps=2, seed=0, augment=noise)
    assert not torch.equal(first[0], second[0])


@pytest.mark.parametrize("size", [0, 11])
def test_a_batch_of_more_rows_than_there_are(size) -> None:
    with pytest.raises(ValueError, match=rf"takes {size} rows, expected 1 .. 10; choose"):
        RandomBatches(torch.arange(10), size=size, steps=1, seed=0)


def test_ordered_batches_hold_all_rows_in_order() -> None:
    x = torch.arange(10)
    batches = OrderedBatches(x, -x, size=4)
    assert [len(a) for a, _ in batches] == [4, 4, 2]
    assert len(batches) == 3
    assert torch.equal(torch.cat([a for a, _ in batches]), x)
    assert torch.equal(torch.cat([b for _, b in batches]), -x)


def test_fresh_batches_are_never_the_same_rows_whatever_is_made_in_one_call() -> None:
    def make(count, generator):
        x = torch.rand(count, generator=generator)
        return x, -x

    def made(seed, at_once):
        return list(FreshBatches(make, size=4, steps=10, seed=seed, at_once=at_once))

    batches = made(0, 3)
    assert [len(a) for a, _ in batches] == [4] * 10
    assert len(torch.cat([a for a, _ in batches]).unique()) == 40
    assert all(torch.equal(b, -a) for a, b in batches)
    assert torch.equal(batches[5][0], made(0, 3)[5][0])
    assert not torch.equal(batches[5][0], made(1, 3)[5][0])
    assert len(FreshBatches(make, size=4, steps=10, seed=0)) == 10


def test_training_data_gives_its_batches_and_all_that_is_held_out() -> None:
    batches = RandomBatches(torch.rand(8, 3), torch.zeros(8), size=4, steps=2, seed=0)
    inputs, labels = torch.rand(5, 3), torch.tensor([1, 0, 1, 2, 1])
    data = TrainingData(batches, inputs, labels, held_out_size=2)
    assert data.train_dataloader() is batches
    held_out = list(data.val_dataloader())
    assert [len(x) for x, _ in held_out] == [2, 2, 1]
    assert torch.equal(torch.cat([x for x, _ in held_out]), inputs)
    assert torch.equal(torch.cat([y for _, y in held_out]), labels)
    assert data.frequencies.tolist() == pytest.approx([1 / 5, 3 / 5, 1 / 5])
    assert (data.features, data.classes) == ((3,), 3)


def test_held_out_samples_can_be_made_when_they_are_first_used() -> None:
    batches, made = RandomBatches(torch.rand(8, 3), torch.zeros(8), size=4, steps=2, seed=0), []

    def make() -> tuple[torch.Tensor, torch.Tensor]:
        made.append(1)
        return torch.ones(5, 3), torch.tensor([1, 0, 1, 1, 1])

    data = DeferredData(batches, make, features=(3,), classes=2)
    assert (data.features, data.classes, data.train_dataloader(), made) == ((3,), 2, batches, [])
    assert torch.equal(torch.cat([x for x, _ in data.val_dataloader()]), torch.ones(5, 3))
    assert data.frequencies.tolist() == pytest.approx([1 / 5, 4 / 5])
    assert made == [1]
