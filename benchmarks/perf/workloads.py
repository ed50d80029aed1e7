"""The networks and explicands that are timed: untrained, since weights do not matter to speed."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from datasets import burnt_snacks as snacks_data
from datasets import local_minimum as components_data
from datasets.mnist import load
from sig.certainty import CertaintyAware
from sig.explicand import Explicand
from training.explain import TrainedNetwork, explain
from training.tasks import burnt_snacks, gridworld, local_minimum, mnist

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


def components(batch: int) -> Explicand:
    """Samples of Local Minimum, and the network and its probabilities as in that task."""
    inputs, _ = components_data.generate(batch, torch.Generator().manual_seed(0))
    return _see_certainty(local_minimum.make_slim, inputs, local_minimum.ROWS_PER_BATCH)


def snacks(batch: int) -> Explicand:
    """Images of Burnt Snacks, and the small network and its probabilities as in that task."""
    images = snacks_data.generate(batch, torch.Generator().manual_seed(0)).images
    return _see_certainty(burnt_snacks.make_small, images, burnt_snacks.ROWS_PER_BATCH)


def _see_certainty(make: Callable[[], nn.Module], inputs: Tensor, rows_per_batch: int) -> Explicand:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = CertaintyAware(make(), tuple(inputs.shape[1:])).eval().requires_grad_(False)
    targets = torch.zeros(len(inputs), dtype=torch.long)
    trained = TrainedNetwork(network, {}, {})
    return explain(trained, inputs, target=targets, background=inputs, rows_per_batch=rows_per_batch).explicand
