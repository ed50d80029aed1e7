import itertools

import pytest
import torch
from scipy.stats import spearmanr

from datasets.gridworld import GridWorld
from datasets.problem import Problem
from sig.registry import methods
from training.batches import RandomBatches
from training.tasks.gridworld import RECIPES, SHARES, Surrogate, gridworld, make_data


@pytest.fixture(scope="module")
def problem(tmp_path_factory) -> Problem:
    """The harder reward on the small grid."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_CACHE", str(tmp_path_factory.mktemp("cache")))
        return gridworld(rows=2, cols=2, reward="r2", seed=0)


def by_permutations(values: torch.Tensor, n: int) -> list[float]:
    """Shapley values as the mean marginal contribution over all orders of the players."""
    totals = [0.0] * n
    orders = list(itertools.permutations(range(n)))
    for order in orders:
        mask = 0
        for player in order:
            totals[player] += (values[mask | 1 << player] - values[mask]).item()
            mask |= 1 << player
    return [total / len(orders) for total in totals]


def test_the_network_learns_the_game(problem) -> None:
    assert problem.checks["r2"] >= 0.99
    assert problem.checks["shapley_rank_correlation"] >= 0.97


def test_checks_are_those_of_the_explained_model(problem) -> None:
    values = GridWorld(2, 2, "r2").values()
    predicted = problem.explicand.model(torch.tensor(list(itertools.product((0.0, 1.0), repeat=12))).flip(1)).squeeze(1)
    everywhere = 1 - ((predicted - values) ** 2).sum() / ((values - values.mean()) ** 2).sum()
    assert problem.checks["r2"] == pytest.approx(everywhere.item(), abs=0.005)
    correlation = spearmanr(problem.truths["game"][0], problem.truths["model"][0]).statistic
    assert problem.checks["shapley_rank_correlation"] == pytest.approx(correlation)


def test_the_explicand_is_the_full_coalition(problem) -> None:
    explicand = problem.explicand
    assert torch.equal(explicand.inputs, torch.ones(1, 12))
    assert set(explicand.background.unique().tolist()) == {0, 1}
    assert 0.45 < explicand.background.mean() < 0.55
    assert explicand.n_players == 12
    assert problem.shown == ()


def test_truths_of_a_small_game_by_permutations(short_training) -> None:
    problem = gridworld(rows=1, cols=2, reward="r2", seed=0)
    values = GridWorld(1, 2, "r2").values()
    assert problem.truths["game"][0].tolist() == pytest.approx(by_permutations(values, 4))
    learned = torch.stack(
        [problem.explicand.model(torch.tensor([[float(mask >> i & 1) for i in range(4)]]))[0, 0] for mask in range(16)]
    )
    assert problem.truths["model"][0].tolist() == pytest.approx(by_permutations(learned, 4), abs=1e-5)


def test_players_that_mirror_each_other_are_tied_in_the_truth(problem) -> None:
    """Reflected in the diagonal, the 2x2 grid is the same: cell 1 is cell 2, down is right, up is left."""
    players = GridWorld(2, 2, "r2").players
    cells, actions = {0: 0, 1: 2, 2: 1, 3: 3}, {"up": "left", "left": "up", "down": "right", "right": "down"}
    truth = problem.truths["game"][0]
    for i, (cell, action) in enumerate(players):
        assert truth[i] == truth[players.index((cells[cell], actions.get(action, action)))]


def test_bshap_is_the_truth_of_the_network_and_not_of_the_game(problem) -> None:
    assert problem.exact == {"model": ("bshap",)}
    generator = torch.Generator().manual_seed(0)
    found = methods["bshap"](problem.explicand, evaluations=2**12, generator=generator)
    torch.testing.assert_close(found.double(), problem.truths["model"], rtol=1e-5, atol=1e-5)
    assert (found - problem.truths["game"]).abs().max() > 1e-3


def test_tuning_inputs_are_coalitions_that_lack_one_to_three_players(problem) -> None:
    assert set(problem.tuning.unique().tolist()) == {0, 1}
    assert (12 - problem.tuning.sum(1)).tolist() == [1, 2, 3, 1, 2, 3, 1, 2]
    assert len(problem.tuning.unique(dim=0)) == 8


def test_marginal_contributions_and_integrals_between_neighbours_agree(problem) -> None:
    edges = problem.series["theorem-3"]
    assert edges["player"].tolist() == list(range(12))
    coalitions = problem.explicand.background[:100]
    for player in (0, 7):
        without = coalitions[coalitions[:, player] == 0]
        joined = without.clone()
        joined[:, player] = 1
        model = problem.explicand.model
        expected = (model(joined) - model(without)).double().sum().item()
        assert edges["marginal"][player].item() == pytest.approx(expected, rel=1e-4, abs=1e-4)
    largest = (edges["integrated"] - edges["marginal"]).abs().max() / edges["marginal"].abs().max()
    assert problem.checks["theorem_3_gap"] == pytest.approx(largest.item())
    assert problem.checks["theorem_3_gap"] < 0.02


@pytest.mark.parametrize(("rows", "cols", "size", "share"), [(2, 2, "small", 0.5), (2, 3, "large", 0.4)])
def test_training_sees_its_share_of_the_coalitions_and_the_rest_is_held_out(rows, cols, size, share) -> None:
    values = GridWorld(rows, cols, "r1").values()
    n = GridWorld(rows, cols, "r1").n_players
    data = make_data(RECIPES[size], values, share=SHARES[size], seed=3)
    masks = 2 ** torch.arange(n)
    assert isinstance(data.batches, RandomBatches)
    shown, targets = data.batches.rows
    held_out = data.inputs
    assert len(shown) == round(share * 2**n)
    shown_masks, held_out_masks = (shown.long() * masks).sum(1), (held_out.long() * masks).sum(1)
    assert torch.equal(torch.cat([shown_masks, held_out_masks]).sort().values, torch.arange(2**n))
    assert torch.equal(targets, values[shown_masks].float())


def test_the_surrogate_is_on_the_scale_of_the_rewards() -> None:
    surrogate = Surrogate(3, mean=-5.0, spread=2.0, recipe=RECIPES["small"])
    x = torch.rand(4, 3)
    assert torch.allclose(surrogate(x), -5 + 2 * surrogate.network(x))


@pytest.mark.parametrize("grid", [{"rows": 1, "cols": 1}, {"rows": 3, "cols": 3}])
def test_grids_that_are_too_small_or_too_large(grid) -> None:
    with pytest.raises(ValueError, match=r"grid .*expected"):
        gridworld(**grid, reward="r1", seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("reward", ["r1", "r2"])
@pytest.mark.parametrize(("rows", "cols", "r2"), [(2, 2, 0.99), (2, 3, 0.97)])
def test_every_repetition_of_the_paper_s_environments_is_learned(rows, cols, r2, reward) -> None:
    for seed in range(10):
        checks = gridworld(rows=rows, cols=cols, reward=reward, seed=seed).checks
        assert checks["r2"] >= r2
        assert checks["shapley_rank_correlation"] >= 0.97
