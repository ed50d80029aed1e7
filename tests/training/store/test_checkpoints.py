import random
import time
from concurrent.futures import ThreadPoolExecutor

import torch

from training.store.checkpoints import Checkpoint, Slot


def test_what_is_saved_is_loaded(cache) -> None:
    slot = Slot("model", {"seed": 0})
    assert slot.load() is None
    weights = {"a": torch.rand(3), "b": torch.arange(2)}
    with slot.locked() as scratch:
        saved = slot.save(weights, {"accuracy": 0.5}, scratch)
    loaded = slot.load()
    assert loaded is not None
    assert loaded.sha256 == saved.sha256
    assert loaded.metrics == {"accuracy": 0.5}
    assert all(torch.equal(loaded.weights[name], weights[name]) for name in weights)


def test_the_place_follows_from_the_facts_and_not_from_their_order() -> None:
    assert Slot("m", {"a": 1, "b": 2}).stem == Slot("m", {"b": 2, "a": 1}).stem
    assert Slot("m", {"a": 1, "b": 2}).stem != Slot("m", {"a": 1, "b": 3}).stem


def test_of_many_writers_one_trains_and_all_get_its_weights(cache) -> None:
    """Locks are held by open files, so that threads exclude each other as processes do."""
    trainings = []

    def train(writer: int) -> Checkpoint:
        slot = Slot("model", {"seed": 0})
        with slot.locked() as scratch:
            found = slot.load(warn=True)
            if found is None:
                trainings.append(writer)
                time.sleep(0.05)
                found = slot.save({"weights": torch.full((100,), random.random())}, {}, scratch)
        return found

    with ThreadPoolExecutor(8) as pool:
        checkpoints = list(pool.map(train, range(16)))
    assert len(trainings) == 1
    assert len({checkpoint.sha256 for checkpoint in checkpoints}) == 1


def test_a_reader_never_sees_half_a_checkpoint(cache) -> None:
    """Without a lock, while it is rewritten again and again: what is read is whole, or nothing."""
    slot = Slot("model", {"seed": 0})

    def rewrite() -> None:
        for value in range(50):
            with slot.locked() as scratch:
                slot.save({"weights": torch.full((1000,), value)}, {"value": float(value)}, scratch)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(rewrite)
        found = []
        while not writing.done():
            checkpoint = slot.load()
            if checkpoint is not None:
                found.append((checkpoint.weights["weights"].unique().tolist(), [checkpoint.metrics["value"]]))
        writing.result()
    assert len(found) > 0
    assert all(weights == value for weights, value in found)
