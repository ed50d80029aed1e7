"""SIG, sections I, III, IV and VI: what is proved or computed of games, weights and sampling."""

from typing import Final

from benchmarks.papers import game_facts
from benchmarks.papers.claims import Bound
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.ledger import Item
from benchmarks.papers.quantities import COMPLETENESS
from benchmarks.papers.sig.games import GAME, find_games

ENTRIES: Final = (
    Item("Section I").computed(
        "A zero baseline need not have a score near zero, F1(x) = x + 1; F2(x) = x^3 - 6 x^2 + 11 x - 6 has several "
        "roots to choose from",
        game_facts.check_single_baselines,
        printed="F1(0) = 1; F2 = 0 at 1, 2, 3",
    ),
    Item("Eqs. 1, 4, 5").proved(
        "A Shapley value is the mean marginal contribution, weighted by |S|! (n-|S|-1)! / n!",
        "computed so, and equal to the mean over all permutations",
        test="tests/sig/test_games.py",
    ),
    Item("Eqs. 2, 3").proved(
        "The Aumann-Shapley value is an integral along the diagonal, as IG is along the line from baseline to input",
        "IG is computed as that integral, and equal to a slow one and to captum's",
        test="tests/sig/test_path.py",
    ),
    Item("Theorem 1").claimed(
        "The integral of IG over all features is F(x) - F(x')",
        Bound(find_tasks, (COMPLETENESS,), ("ig-zero",), below=0.01),
        reading="attributions of IG from zero add up to that within 0.01 of the output, which is the error of the "
        "midpoint rule",
    ),
    Item("Fig. 1").schematic(
        "Shapley values are computed along the edges between coalitions, IG along the straight line",
        "no result is shown; how far the two are apart is measured in Fig. 3",
    ),
    Item("Section IV, two features").computed(
        "f(S1) and f(S2) are half of what each adds alone and half of what it adds to the other",
        game_facts.check_two_features,
    ),
    Item("Observation 1").proved(
        "The weight of a coalition depends on its size alone",
        "equation 4 has the coalition in |S| only; one weight per size is computed",
        test="tests/sig/test_games.py",
    ),
    Item("Observation 2").computed(
        "Over the coalitions without a player weights add up to 1, those of one size to 1/n; 1/w(k) = n C(n-1, k)",
        game_facts.check_weights,
    ),
    Item("Observation 3").computed(
        "What i adds to S can be approximated by IG from S to the complete set",
        game_facts.compare_with_the_rest,
        test="tests/benchmarks/papers/test_game_facts.py -k rest",
        reading="over all coalitions of the games of 2 x 2 and the players that they lack, the rank correlation of "
        "the two is above 0.9; IG of the multilinear extension (Owen 1972), so that no error of a network adds to it",
    ),
    Item("Section IV, appendix").computed(
        "Proportional sampling is an unbiased estimator of the Shapley value",
        game_facts.check_unbiasedness,
        test="tests/sig/test_coalitions.py",
        reading="with the law of the proof, p_i(S) = 1 / (n C(n-1, |S|)), over the coalitions without player i",
    ),
    Item("Fig. 2").schematic(
        "Coalitions are drawn in proportion to their weights; a patch of pixels is a player",
        "as in sig/coalitions.py; pictures have patches as players",
    ),
    Item("Algorithm 1").means(
        "Baselines from coalitions of sizes drawn in proportion to w(k), mean IG over them",
        GAME,
        ("sig-algorithm1",),
        on=find_games,
        reading="sig-algorithm1, as printed",
    ),
    Item("Section IV, benefits").proved(
        "Baselines make mini-batches, their number is free, and players may be patches with attributions per feature",
        "paths are integrated in batches, samples is an option, attributions have the input's shape",
        test="tests/sig/methods/test_contract.py",
    ),
    Item("Section VI").computed(
        "Sampling takes O(n^2) time",
        game_facts.check_sampling_cost,
        reading="of Algorithm 1 without the passes through the model, which it does not change",
    ),
    Item("Appendix, Table 1").schematic("The symbols of section IV", "a list of symbols"),
)
