"""A network that learns the values of GridWorld's coalitions, and the task of explaining it (SIG, V; ES)."""

from dataclasses import asdict, replace
from functools import cache, partial
from typing import Any, Final, Literal

import pytorch_lightning as pl
import torch
from jaxtyping import Bool, Float
from scipy.stats import spearmanr
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics import R2Score

from datasets.digest import hash_tensors
from datasets.gridworld import GridWorld
from datasets.problem import Problem, task
from sig.explicand import Explicand, Tally
from sig.games import coalition_matrix, shapley_values, table_players, value_table
from sig.path import contributions_along_edges
from training.batches import Batch, DeferredData, RandomBatches, TrainingData
from training.explain import TrainedNetwork, explain
from training.fit import FittedModule, fit
from training.recipe import Recipe
from training.session import current_session

Reward = Literal["r1", "r2"]

ROWS_PER_BATCH: Final = 4096
STEPS_PER_BATCH: Final = 8
TUNING, MOST_MISSING = 8, 3  # coalitions, and players that they lack
COALITIONS: Final = 100  # in the comparison of Theorem 3
SHARES: Final = {"small": 0.5, "large": 0.4}  # of the coalitions, to train on: the paper's, of 12 players and of 20
RECIPES: Final = {
    "small": Recipe(batch=256, samples=256 * 3000, lr=0.03),
    "large": Recipe(batch=512, samples=512 * 4000, lr=0.03),
}


class Surrogate(pl.LightningModule):
    """An MLP n-64-32-1 with ReLU, from a coalition as a 0/1 vector to its value.

    The network is trained on standardised values; the module's output is on the scale of the rewards.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, n_players: int, *, mean: float, spread: float, recipe: Recipe):
        super().__init__()
        self.automatic_optimization = False
        self.network = nn.Sequential(
            nn.Linear(n_players, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)
        )
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("spread", torch.tensor(spread))
        self.recipe = recipe
        self.r2 = R2Score()

    def forward(self, x: Float[Tensor, "rows players"]) -> Float[Tensor, "rows 1"]:
        standardised: Tensor = self.network(x)
        return self.mean + self.spread * standardised

    def training_step(self, batch: Batch) -> dict[str, Tensor]:
        # Lightning spends more on a batch than this network on a step, so that one batch brings several steps' rows.
        optimizer, schedule = self.optimizers(use_pl_optimizer=False), self.lr_schedulers()
        assert isinstance(optimizer, AdamW)
        assert isinstance(schedule, OneCycleLR)
        coalitions, values = batch
        targets = (values - self.mean) / self.spread
        for rows, wanted in zip(coalitions.chunk(STEPS_PER_BATCH), targets.chunk(STEPS_PER_BATCH), strict=True):
            loss = F.mse_loss(self.network(rows).squeeze(1), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        return {"loss": loss.detach()}

    def validation_step(self, batch: Batch) -> None:
        coalitions, values = batch
        self.r2.update(self(coalitions).squeeze(1).double(), values.double())
        self.log("r2", self.r2, on_epoch=True)

    def configure_optimizers(self) -> Any:
        optimizer, schedule = self.recipe.make_optimizer(self.parameters())
        return [optimizer], [schedule]


def make_data(recipe: Recipe, values: Float[Tensor, " coalitions"], *, share: float, seed: int) -> TrainingData:
    """A game's coalitions as 0/1 vectors, with their values: a random share to train on, the rest held out."""
    coalitions, targets = _coalitions(table_players(values)), values.float()
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))
    shown, held_out = order.tensor_split([round(share * len(values))])
    batches = RandomBatches(
        coalitions[shown].float(),
        targets[shown],
        size=min(STEPS_PER_BATCH * recipe.batch, len(shown)),
        steps=recipe.steps // STEPS_PER_BATCH,
        seed=seed,
    )
    return DeferredData(
        batches,
        lambda: (coalitions[held_out].float(), targets[held_out]),
        features=tuple(coalitions.shape[1:]),
        held_out_size=ROWS_PER_BATCH,
    )


def make_surrogate(data: TrainingData, *, recipe: Recipe) -> Surrogate:
    """An untrained surrogate on the scale of the values that it is trained on."""
    assert isinstance(data.batches, RandomBatches)
    coalitions, targets = data.batches.rows
    return Surrogate(coalitions.shape[1], mean=targets.mean().item(), spread=targets.std().item(), recipe=recipe)


@task("gridworld")
def gridworld(*, rows: int, cols: int, reward: Reward, background: int = 1500, seed: int) -> Problem:
    """A surrogate of the GridWorld game, explained at the full coalition.

    Truths are the exact Shapley values of the reward (``game``) and of the trained network (``model``). ``bshap`` is
    exact of the latter; against the former it is judged like any other method, and shows what the network's own error
    costs a faithful one. Checks are the network's R^2 on held-out coalitions, Spearman's rank correlation of its
    Shapley values with the reward's, and ``theorem_3_gap``; the series ``theorem-3`` is that of
    ``compare_along_edges``. For tuning there are coalitions that lack one to three players.

    Args:
        background: how many coalitions, each player in with probability one half.
    """
    values = _values(rows, cols, reward)
    n_players = table_players(values)
    fitted = fit_surrogate(values, name=f"gridworld-{rows}x{cols}-{reward}", seed=seed)
    generator = torch.Generator().manual_seed(seed)
    problem = explain(
        TrainedNetwork(fitted.module, {"r2": fitted.metrics["r2"]}, {"checkpoint": fitted.checkpoint}),
        torch.ones(1, n_players),
        target=torch.zeros(1, dtype=torch.long),
        background=torch.randint(2, (background, n_players), generator=generator).float(),
        output=None,
        rows_per_batch=ROWS_PER_BATCH,
        truths={"game": _game_truth(rows, cols, reward).unsqueeze(0), "model": shapley_from_empty},
        provenance={"data": hash_tensors(values)},
        tuning=draw_nearly_full(n_players, generator),
        exact={"model": ("bshap",)},
    )
    correlation = spearmanr(problem.truths["game"][0], problem.truths["model"][0]).statistic
    edges = compare_along_edges(problem.explicand)
    gap = (edges["integrated"] - edges["marginal"]).abs().max() / edges["marginal"].abs().max()
    checks = {"shapley_rank_correlation": float(correlation), "theorem_3_gap": float(gap)}
    return replace(problem, checks={**problem.checks, **checks}, series={"theorem-3": edges})


def draw_nearly_full(n_players: int, generator: Generator) -> Float[Tensor, "tuning players"]:
    """Coalitions that lack one, two or three players, in turn."""
    missing = 1 + torch.arange(TUNING).unsqueeze(1) % min(MOST_MISSING, n_players - 1)
    order = torch.rand(TUNING, n_players, generator=generator).argsort(1).argsort(1)
    return (order >= missing).float()


def compare_along_edges(e: Explicand) -> dict[str, Tensor]:
    """Two sums for each ``player`` that are equal where ES's Theorem 3 holds (Fig. 9 and B.2.2).

    They run over those of the background's first 100 coalitions that are without the player: ``marginal`` of what the
    player adds, and ``integrated`` of what IG from such a coalition to that with the player gives it, on the scale of
    the rewards. The check ``theorem_3_gap`` is their largest difference relative to the largest of the former.
    """
    coalitions = e.background[:COALITIONS] > 0
    absent = torch.zeros_like(e.inputs)
    marginal, integrated = contributions_along_edges(e.with_tally(Tally()), coalitions, absent)
    return {"player": torch.arange(e.n_players), "marginal": marginal[0], "integrated": integrated[0]}


def fit_surrogate(
    values: Float[Tensor, " coalitions"], *, name: str, seed: int, recipe: Recipe | None = None
) -> FittedModule[Surrogate]:
    """A surrogate of the game with these values; its metric ``r2`` is R^2 on the coalitions held out."""
    size = "small" if table_players(values) <= 12 else "large"
    recipe = recipe or RECIPES[size]
    return fit(
        partial(make_surrogate, recipe=recipe),
        partial(make_data, recipe, values, share=SHARES[size], seed=seed),
        name=name,
        config={"data": hash_tensors(values), "share": SHARES[size], **asdict(recipe)},
        seed=seed,
        session=current_session(),
        accelerator="cpu",
    )


def shapley_from_empty(e: Explicand) -> Float[Tensor, "batch players"]:
    """The exact Shapley values of the network's game, in which players that are out are 0."""
    return shapley_values(value_table(e, torch.zeros_like(e.inputs)))


@cache
def _coalitions(n_players: int) -> Bool[Tensor, "coalitions players"]:
    return coalition_matrix(n_players)


@cache
def _values(rows: int, cols: int, reward: Reward) -> Float[Tensor, " coalitions"]:
    return GridWorld(rows, cols, reward).values()


@cache
def _game_truth(rows: int, cols: int, reward: Reward) -> Float[Tensor, " players"]:
    """Shapley values rounded far above float64's error, so that players of equal value are tied."""
    return shapley_values(_values(rows, cols, reward)).round(decimals=10)
