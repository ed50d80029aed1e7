"""Explicands whose model sees certainty."""

import pytest
import torch
from torch import nn

from sig.certainty import CertaintyAware
from sig.explicand import Explicand


@pytest.fixture
def aware_explicand() -> Explicand:
    """Three inputs of four features and a smooth network of the values and their certainties."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = nn.Sequential(nn.Flatten(), nn.Linear(8, 12), nn.Tanh(), nn.Linear(12, 2))
        return Explicand(
            model=CertaintyAware(network, (4,)).eval().requires_grad_(False),
            inputs=torch.rand(3, 4),
            target=torch.tensor([0, 1, 1]),
            background=torch.rand(10, 4),
            players=torch.arange(4),
            rows_per_batch=256,
            background_classes=torch.arange(10) % 2,
        )


@pytest.fixture
def aware_pictures() -> Explicand:
    """Two 1 x 6 x 6 pictures and a small convolutional network that sees certainty."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(64, 2))
        return Explicand(
            model=CertaintyAware(network, (1, 6, 6)).eval().requires_grad_(False),
            inputs=torch.rand(2, 1, 6, 6),
            target=torch.tensor([1, 0]),
            background=torch.rand(5, 1, 6, 6),
            players=torch.arange(36).view(1, 6, 6),
        )
