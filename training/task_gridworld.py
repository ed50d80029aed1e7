"""A network that learns the values of GridWorld's coalitions, and the task of explaining it (SIG, V; ES)."""

import hashlib
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics import R2Score

from datasets.gridworld import GridWorld
from datasets.problem import Problem, task
from sig.explicand import Explicand
from sig.games import coalition_matrix, shapley_values, table_players
from training.batches import OrderedBatches, RandomBatches
from training.fit import Fitted, fit

Reward = Literal["r1", "r2"]
ROWS_PER_BATCH = 4096
STEPS_PER_BATCH = 8


@dataclass(frozen=True)
class Recipe:
    """How a surrogate is trained: the share of coalitions it sees, rows per step, steps, and AdamW's settings."""

    share: float
    rows_per_step: int
    steps: int
    lr: float = 0.03
    weight_decay: float = 0.01

    @classmethod
    def for_players(cls, n: int) -> "Recipe":
        """The paper's shares, 50 % of the coalitions of up to 12 players and 40 % of those of more."""
        return cls(share=0.5, rows_per_step=256, steps=3000) if n <= 12 else cls(0.4, rows_per_step=512, steps=4000)


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

    def training_step(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
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

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        coalitions, values = batch
        self.r2.update(self(coalitions).squeeze(1).double(), values.double())
        self.log("r2", self.r2, on_epoch=True)

    def configure_optimizers(self) -> Any:
        lr, weight_decay = self.recipe.lr, self.recipe.weight_decay
        optimizer = AdamW(self.parameters(), lr=lr, weight_decay=weight_decay, fused=True)
        return [optimizer], [OneCycleLR(optimizer, lr, total_steps=self.recipe.steps)]


class Coalitions(pl.LightningDataModule):
    """A game's coalitions as 0/1 vectors: a random share to train on, the rest held out."""

    def __init__(self, values: Float[Tensor, " coalitions"], *, recipe: Recipe, seed: int):
        super().__init__()
        coalitions, targets = coalition_matrix(table_players(values)).float(), values.float()
        order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))
        shown, held_out = order.tensor_split([round(recipe.share * len(values))])
        self.mean, self.spread = targets[shown].mean().item(), targets[shown].std().item()
        self._batches = RandomBatches(
            coalitions[shown],
            targets[shown],
            size=min(STEPS_PER_BATCH * recipe.rows_per_step, len(shown)),
            steps=recipe.steps // STEPS_PER_BATCH,
            seed=seed,
        )
        self._held_out = OrderedBatches(coalitions[held_out], targets[held_out], size=ROWS_PER_BATCH)

    def train_dataloader(self) -> RandomBatches:
        return self._batches

    def val_dataloader(self) -> OrderedBatches:
        return self._held_out


@task("gridworld")
def gridworld(*, rows: int, cols: int, reward: Reward, background: int = 1500, seed: int) -> Problem:
    """A surrogate of the GridWorld game, explained at the full coalition.

    Truths are the exact Shapley values of the reward (``game``) and of the trained network (``model``). Checks are the
    network's R^2 on held-out coalitions and Spearman's rank correlation of its Shapley values with the reward's.

    Args:
        background: how many coalitions, each player in with probability one half.
    """
    values = _values(rows, cols, reward)
    n_players = table_players(values)
    fitted = fit_surrogate(values, name=f"gridworld-{rows}x{cols}-{reward}", seed=seed)
    generator = torch.Generator().manual_seed(seed)
    explicand = Explicand(
        model=fitted.module,
        inputs=torch.ones(1, n_players),
        target=torch.zeros(1, dtype=torch.long),
        background=torch.randint(2, (background, n_players), generator=generator).float(),
        players=torch.arange(n_players),
        rows_per_batch=ROWS_PER_BATCH,
    )
    truths = {
        "game": _game_truth(rows, cols, reward),
        "model": shapley_values(network_values(fitted.module, n_players)),
    }
    return Problem(
        explicand,
        truths={name: truth.unsqueeze(0) for name, truth in truths.items()},
        checks={
            "r2": fitted.metrics["r2"],
            "shapley_rank_correlation": float(spearmanr(truths["game"], truths["model"]).statistic),
        },
        provenance={"data": _sha256(values), "checkpoint": fitted.checkpoint},
    )


def fit_surrogate(
    values: Float[Tensor, " coalitions"], *, name: str, seed: int, recipe: Recipe | None = None
) -> Fitted[Surrogate]:
    """A surrogate of the game with these values; its metric ``r2`` is R^2 on the coalitions held out."""
    n_players = table_players(values)
    recipe = recipe or Recipe.for_players(n_players)
    data = Coalitions(values, recipe=recipe, seed=seed)
    return fit(
        lambda: Surrogate(n_players, mean=data.mean, spread=data.spread, recipe=recipe),
        data,
        name=name,
        config={"data": _sha256(values), **asdict(recipe)},
        seed=seed,
        accelerator="cpu",
    )


def network_values(network: Surrogate, n_players: int) -> Float[Tensor, " coalitions"]:
    """The network's output for each of the ``2**n_players`` coalitions, in the order of their masks."""
    rows = coalition_matrix(n_players).split(ROWS_PER_BATCH)
    with torch.no_grad():
        return torch.cat([network(coalitions.float()).squeeze(1) for coalitions in rows])


@cache
def _values(rows: int, cols: int, reward: Reward) -> Float[Tensor, " coalitions"]:
    return GridWorld(rows, cols, reward).values()


@cache
def _game_truth(rows: int, cols: int, reward: Reward) -> Float[Tensor, " players"]:
    """Shapley values rounded far above float64's error, so that players of equal value are tied."""
    return shapley_values(_values(rows, cols, reward)).round(decimals=10)


def _sha256(values: Tensor) -> str:
    return hashlib.sha256(values.numpy().tobytes()).hexdigest()
