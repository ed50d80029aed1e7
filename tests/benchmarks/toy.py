"""A plug-in with a task that needs no training, and methods that succeed, fail, refuse, and kill their worker."""

import os
import signal
import time
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from datasets.problem import Problem, task
from sig.explicand import Explicand
from sig.registry import NotApplicable, Trial, method, metric


@task("toy")
def toy(
    *,
    features: int = 4,
    breaks: Literal["", "raises", "kills"] = "",
    style: Literal["plain", "truthful"] = "plain",
    points: tuple[int, int] = (2, 2),
    seed: int,
) -> Problem:
    """A linear model with random weights, the large ones a region, and columns of ``points`` numbers."""
    if breaks == "kills":
        os.kill(os.getpid(), signal.SIGKILL)
    if breaks == "raises":
        raise RuntimeError(f"seed {seed} does\nnot train")
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(features, 2, generator=generator)
    explicand = Explicand(
        model=lambda x: x @ weights,
        inputs=torch.rand(3, features, generator=generator),
        target=torch.tensor([0, 1, 0]),
        background=torch.rand(5, features, generator=generator),
        players=torch.arange(features),
    )
    truth = (explicand.inputs * weights[:, explicand.target].T).double()
    truths = {"exact": truth, "reversed": -truth} if style == "truthful" else {}
    axis, loss = (torch.arange(count) / 10 for count in points)
    return Problem(
        explicand,
        truths,
        checks={"r2": 1.0},
        provenance={"weights": "abc"},
        shown=(0, 2),
        regions={"large": weights[:, explicand.target].T > 0.5},
        series={"training": {"images": axis, "loss": torch.where(loss > 0, loss, torch.nan)}},
    )


@method("toy-exact", family="toy", source="by hand")
def exact(e: Explicand, *, scale: float = 1.0, generator: torch.Generator) -> Tensor:
    """Gradient times input."""
    x = e.inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(e.scores(x, torch.arange(len(x))).sum(), x)
    return scale * gradient * e.inputs


@method("toy-noise", family="toy", source="by hand", spend=("samples", "steps"), control=True, gradient=False)
def noise(e: Explicand, *, samples: int = 3, steps: int = 5, generator: torch.Generator) -> Tensor:
    """A mean of random numbers, some from the global generator as careless libraries do."""
    own = torch.rand(samples * steps, *e.inputs.shape, generator=generator).mean(0)
    return own + torch.rand(e.inputs.shape)


@method("toy-fails", family="toy", source="by hand")
def fails(e: Explicand, *, generator: torch.Generator) -> Tensor:
    raise RuntimeError("a method\nthat fails")


@method("toy-refuses", family="toy", source="by hand")
def refuses(e: Explicand, *, generator: torch.Generator) -> Tensor:
    raise NotApplicable("no use here")


@method("toy-kills", family="toy", source="by hand")
def kills(e: Explicand, *, generator: torch.Generator) -> Tensor:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


@method("toy-slow", family="toy", source="by hand", spend=("rows",), gradient=False)
def slow(e: Explicand, *, rows: int = 1, seconds: float = 0.3, generator: torch.Generator) -> Tensor:
    time.sleep(seconds)
    return e.inputs * rows


@method("toy-fails-at-length", family="toy", source="by hand", spend=("rows",))
def fails_at_length(e: Explicand, *, rows: int = 1, generator: torch.Generator) -> Tensor:
    if rows > 20:
        raise RuntimeError("too long")
    return e.inputs * rows


@method("toy-flaky", family="toy", source="by hand")
def flaky(e: Explicand, *, marker: str, generator: torch.Generator) -> Tensor:
    """Fails until there is a file named ``marker``."""
    if not Path(marker).exists():
        raise RuntimeError("not yet")
    return e.inputs


@metric("toy-mean", better="higher", range=(-99, 99), unit="u")
def mean(trial: Trial, *, add: float = 0.0) -> Tensor:
    return trial.attribution.mean(1) + add


@metric("toy-distance", better="lower", range=(0, float("inf")), against_truth=True)
def distance(trial: Trial) -> Tensor:
    if trial.truth is None:
        raise NotApplicable("no truth")
    return (trial.attribution - trial.truth).abs().sum(1)


@metric("toy-region", better="higher", range=(-99, 99))
def region(trial: Trial) -> Tensor:
    """Attribution in the region."""
    return (trial.attribution * trial.regions["large"]).sum(1)


@metric("toy-curve", better="lower", range=(-99, 99), curve="share", judges=False)
def curve(trial: Trial) -> Tensor:
    return torch.stack([trial.attribution[:, 0], trial.attribution[:, 1], torch.full((3,), 0.25)], dim=1)


@metric("toy-undefined", better="lower", range=(0, 1))
def undefined(trial: Trial) -> Tensor:
    return torch.tensor([0.1, torch.nan, 1 / 3], dtype=torch.float64)


@metric("toy-broken", better="lower", range=(0, 1))
def broken(trial: Trial) -> Tensor:
    raise ZeroDivisionError("a metric that fails")


@metric("toy-infinite", better="lower", range=(0, 1))
def infinite(trial: Trial) -> Tensor:
    return torch.full((3,), torch.inf)


@metric("toy-scalar", better="lower", range=(0, 1))
def scalar(trial: Trial) -> Tensor:
    return torch.tensor(0.0)
