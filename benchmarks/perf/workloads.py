"""The networks and explicands that are timed: untrained, since weights do not matter to speed."""

import torch
from torch import nn

from datasets.mnist import load
from sig.explicand import Explicand
from training import task_gridworld as gridworld
from training import task_mnist as mnist

PLAYERS = 20


def vectors(batch: int) -> Explicand:
    """Inputs of 20 features, and an MLP 20-64-32-1 as in the GridWorld tasks."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(PLAYERS, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
        return Explicand(
            model=model.eval().requires_grad_(False),
            inputs=torch.rand(batch, PLAYERS),
            target=torch.zeros(batch, dtype=torch.long),
            background=torch.rand(256, PLAYERS),
            players=torch.arange(PLAYERS),
            rows_per_batch=gridworld.ROWS_PER_BATCH,
        )


def digits(batch: int) -> Explicand:
    """Digits, and the convolutional network and its probabilities as in the MNIST tasks."""
    images = load().held_out.images
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = mnist.make_network()
    model = nn.Sequential(network, nn.Softmax(1)).eval().requires_grad_(False)
    return Explicand(
        model=model,
        inputs=images[:batch],
        target=model(images[:batch]).argmax(1),
        background=images[-256:],
        players=torch.arange(images[0].numel()).view(images.shape[1:]),
    )
