"""The oracles are enumerations, by hand or by itertools; each fact is also told apart from a false one."""

import itertools
import math

import pytest
import torch
from scipy.stats import spearmanr

from benchmarks.papers import game_facts
from benchmarks.papers.verdicts import Finding
from datasets.gridworld import GridWorld
from sig.effective import proportional_probability
from sig.games import coalition_matrix

FACTS = (
    game_facts.count_players,
    game_facts.check_single_baselines,
    game_facts.check_weights,
    game_facts.check_binomial,
    game_facts.check_two_features,
    game_facts.check_unbiasedness,
    game_facts.count_extremes,
    game_facts.check_sampling_cost,
    game_facts.count_published_rows,
    game_facts.check_factor,
    game_facts.describe_shares,
    game_facts.describe_network,
)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_facts_are_proved(fact):
    assert fact().verdict == "proved"


@pytest.mark.parametrize("fact", [game_facts.count_players, game_facts.check_weights, game_facts.count_extremes])
def test_other_numbers_of_players_would_show(fact, monkeypatch):
    """Of other games, what is counted is another number."""
    before = fact().measured
    monkeypatch.setattr(game_facts, "PLAYERS", {2: 3, 3: 4})
    found = fact()
    assert (found.measured != before) == (fact is not game_facts.count_players)  # which says what the game has
    assert (found.verdict == "not held") == (fact is game_facts.count_players)


def test_the_rest_of_an_additive_game_adds_just_what_players_add(monkeypatch):
    """Of v(S) = sum of a_i what i adds is a_i, and so is IG from any coalition to the complete set."""
    worth = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    monkeypatch.setattr(game_facts, "value_game", lambda cols, reward: coalition_matrix(3).double() @ worth)
    assert game_facts.compare_with_the_rest() == Finding(
        "rank correlation 1.00 on r1, 1.00 on r2 (claimed above 0.9)", "held"
    )


def test_the_rest_of_a_game_of_two_by_hand(monkeypatch):
    """Of v = 0, 0, 0, 2: added 0, 0 to nobody, 2 to either; IG from nobody 1, 1, from either 2. So the order is kept.

    Of v = 0, 3, 0, 2: added 3, 0 to nobody, -1 to the first, 2 to the second; IG 2.5, -0.5, -1, 2.
    """
    games = {"r1": [0.0, 0.0, 0.0, 2.0], "r2": [0.0, 3.0, 0.0, 2.0]}
    monkeypatch.setattr(game_facts, "value_game", lambda cols, reward: torch.tensor(games[reward]).double())
    assert game_facts.compare_with_the_rest().measured.startswith("rank correlation 1.00 on r1, 1.00 on r2")


def test_the_rest_can_turn_the_order_round(monkeypatch):
    """Of v(S) = max(0, 2 - |S|), nobody's 2 but for that: added -1 up to two players, 0 then; IG spreads it evenly."""
    values = (2 - coalition_matrix(3).sum(1).double()).clamp(min=0)
    monkeypatch.setattr(game_facts, "value_game", lambda cols, reward: values)
    added, integrated = [-1] * 9 + [0] * 3, [-2 / 3] * 3 + [-1 / 2] * 6 + [0] * 3
    expected = spearmanr(added, integrated).statistic
    found = game_facts.compare_with_the_rest()
    assert found.measured.startswith(f"rank correlation {expected:.2f} on r1")
    assert found.verdict == "not held"


def test_shares_of_the_extreme_sizes_by_hand(monkeypatch):
    """Of three players w = 1/3, 1/6, 1/3: four fifths of the draws have size 0 or 2."""
    monkeypatch.setattr(game_facts, "PLAYERS", {2: 3})
    assert game_facts.count_extremes().measured == "sizes 0 and n-1 together: 80.0% of 3 players"


def test_a_law_that_is_not_the_proofs_is_biased(monkeypatch):
    monkeypatch.setattr(math, "comb", lambda n, k: 2**n / (n + 1))  # all coalitions alike
    assert game_facts.check_unbiasedness().verdict == "not held"


def test_the_factor_by_listing_orders():
    """Of the 24 orders of four players, those in which x1 and x2 come first and x3 then."""
    orders = [one for one in itertools.permutations("1234") if set(one[:2]) == {"1", "2"} and one[2] == "3"]
    assert len(orders) / math.factorial(4) == pytest.approx(1 / 12)
    assert "= 1/12" in game_facts.check_factor().measured


def test_effective_coalitions_are_counted_one_by_one():
    values = GridWorld(2, 2, "r1").values().tolist()
    found = game_facts.count_effective(2, "r1")
    for player in (0, 5, 11):
        without = [mask for mask in range(2**12) if not mask >> player & 1]
        assert found[player] == sum(values[mask | 1 << player] != values[mask] for mask in without)


def test_theorem_2_is_evaluated_for_the_games(monkeypatch):
    monkeypatch.setattr(game_facts, "PLAYERS", {2: 12})
    text = game_facts.evaluate_theorem_2().measured
    p = proportional_probability(game_facts.count_effective(2, "r1"), coalitions=2**11, selected=819)
    assert text.startswith(f"{p:.1e} on 2 x 2 r1 (0 to 1,088 of 2,048 coalitions effective); ")
    assert 0 < p < 1e-10
