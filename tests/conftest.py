"""Small models to explain, shared by the tests, which leave nothing behind for each other."""

import gc
from collections.abc import Iterator
from zlib import crc32

import jaxtyping
import pytest
import torch
from torch import nn

from datasets.problem import tasks
from sig.explicand import Explicand
from sig.registry import methods, metrics
from tests.leftovers import no_process_left, nothing_left

torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """Have all registered that the project has, whichever tests run; and leave out of later collections of garbage what
    is imported by now, which takes them tenths of a second."""
    for registry in (methods, metrics, tasks):
        list(registry)
    gc.collect()
    gc.freeze()


# Torch's global generator is seeded, as pytest-randomly seeds those of Python and numpy, so that no test draws on from
# where another has stopped.


def pytest_runtest_setup(item: pytest.Item) -> None:
    torch.default_generator.manual_seed(crc32(item.nodeid.encode()))


def pytest_runtest_call(item: pytest.Item) -> None:
    torch.default_generator.manual_seed(crc32(item.nodeid.encode()))


@pytest.fixture(autouse=True, scope="module")
def _no_process_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with no_process_left(), nothing_left(tmp_path_factory.getbasetemp()):
        yield


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with nothing_left(tmp_path_factory.getbasetemp()):
        yield


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def vector_explicand() -> Explicand:
    """Three inputs of eight features, each its own player, and a smooth two-output network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(8, 16), nn.Softplus(), nn.Linear(16, 2)).eval().requires_grad_(False)
        return Explicand(
            model=model,
            inputs=torch.rand(3, 8),
            target=torch.tensor([0, 1, 0]),
            background=torch.rand(20, 8),
            players=torch.arange(8),
            rows_per_batch=64,
            background_classes=torch.arange(20) % 2,
        )


@pytest.fixture
def picture_explicand() -> Explicand:
    """Four 1 x 8 x 8 pictures of one of two shapes, told apart by matched filters; players are 2 x 2 patches.

    Class 0 has its shape on the left, class 1 on the right; the score grows with the light on the shape.
    """
    left, right = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    left[0, 1:5, 1:3] = 1
    right[0, 2:6, 5:7] = 1
    filters = nn.Linear(64, 3)
    model = nn.Sequential(nn.Flatten(), filters, nn.Softmax(1)).eval().requires_grad_(False)
    filters.weight.copy_(torch.stack([left.flatten(), right.flatten(), torch.full((64,), 0.01)]))
    filters.bias.copy_(torch.tensor([0.0, 0.0, 2.0]))
    draws = torch.Generator().manual_seed(2)
    shapes = torch.stack([left, right, left, right])
    inputs = (0.8 * shapes + 0.2 * torch.rand(4, 1, 8, 8, generator=draws)).clamp(0, 1)
    rows = torch.arange(8) // 2
    return Explicand(
        model=model,
        inputs=inputs,
        target=torch.tensor([0, 1, 0, 1]),
        background=0.3 * torch.rand(30, 1, 8, 8, generator=draws),
        players=(rows.unsqueeze(1) * 4 + rows).unsqueeze(0),
        rows_per_batch=100,
        background_classes=torch.arange(30) % 2,
    )


@pytest.fixture
def as_users_run_it() -> Iterator[None]:
    """Without the type checks that tests run with, so that the project's own errors are what one sees."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
