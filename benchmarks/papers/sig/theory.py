"""SIG, sections I, III, IV and VI: what is proved or computed of games, weights and sampling."""

from functools import partial
from typing import Final

from benchmarks.papers import exact, ledger
from benchmarks.papers.interval_claims import Bound
from benchmarks.papers.ledger import PROVED, SCHEMATIC, Entry, Side, compute, state
from benchmarks.papers.quantities import find_tasks, score
from benchmarks.papers.sig.games import GAME, find_games

GAP: Final = score("completeness gap", "completeness")

ENTRIES: Final = (
    Entry(
        "Section I",
        "A zero baseline need not have a score near zero, F1(x) = x + 1; F2(x) = x^3 - 6 x^2 + 11 x - 6 has several "
        "roots to choose from",
        compute(exact.check_single_baselines),
        printed="F1(0) = 1; F2 = 0 at 1, 2, 3",
    ),
    Entry(
        "Eqs. 1, 4, 5",
        "A Shapley value is the mean marginal contribution, weighted by |S|! (n-|S|-1)! / n!",
        state(PROVED, "computed so, and equal to the mean over all permutations"),
        kind="equation",
        command="pytest tests/sig/test_games.py",
    ),
    Entry(
        "Eqs. 2, 3",
        "The Aumann-Shapley value is an integral along the diagonal, as IG is along the line from baseline to input",
        state(PROVED, "IG is computed as that integral, and equal to a slow one and to captum's"),
        kind="equation",
        command="pytest tests/sig/test_path.py",
    ),
    Entry(
        "Theorem 1",
        "The integral of IG over all features is F(x) - F(x')",
        Bound(find_tasks, (GAP,), ("ig-zero",), Side(below=0.01)),
        see=("leaderboard",),
        reading="attributions of IG from zero add up to that within 0.01 of the output, which is the error of the "
        "midpoint rule",
        kind="theorem",
    ),
    Entry(
        "Fig. 1",
        "Shapley values are computed along the edges between coalitions, IG along the straight line",
        state(SCHEMATIC, "no result is shown; how far the two are apart is measured in Fig. 3"),
        kind="figure",
    ),
    Entry(
        "Section IV, two features",
        "f(S1) and f(S2) are half of what each adds alone and half of what it adds to the other",
        compute(exact.check_two_features),
        kind="equation",
    ),
    Entry(
        "Observation 1",
        "The weight of a coalition depends on its size alone",
        state(PROVED, "equation 4 has the coalition in |S| only; one weight per size is computed"),
        kind="observation",
        command="pytest tests/sig/test_games.py",
    ),
    Entry(
        "Observation 2",
        "Over the coalitions without a player weights add up to 1, those of one size to 1/n; 1/w(k) = n C(n-1, k)",
        compute(exact.check_weights),
        kind="observation",
    ),
    Entry(
        "Observation 3",
        "What i adds to S can be approximated by IG from S to the complete set",
        compute(exact.compare_with_the_rest),
        reading="over all coalitions of the games of 2 x 2 and the players that they lack, the rank correlation of the "
        "two is above 0.9; IG of the multilinear extension (Owen 1972), so that no error of a network adds to it",
        kind="observation",
        command="pytest tests/benchmarks/papers/test_exact.py -k rest",
    ),
    Entry(
        "Section IV, appendix",
        "Proportional sampling is an unbiased estimator of the Shapley value",
        compute(exact.check_unbiasedness),
        reading="with the law of the proof, p_i(S) = 1 / (n C(n-1, |S|)), over the coalitions without player i",
        kind="theorem",
        command="pytest tests/sig/test_coalitions.py",
    ),
    Entry(
        "Fig. 2",
        "Coalitions are drawn in proportion to their weights; a patch of pixels is a player",
        state(SCHEMATIC, "as in sig/coalitions.py; pictures have patches as players"),
        kind="figure",
    ),
    Entry(
        "Algorithm 1",
        "Baselines from coalitions of sizes drawn in proportion to w(k), mean IG over them",
        partial(ledger.report_means, GAME, ("sig-algorithm1",), tasks=find_games),
        see=("spearman",),
        reading="sig-algorithm1, as printed",
        kind="algorithm",
        tasks=find_games,
    ),
    Entry(
        "Section IV, benefits",
        "Baselines make mini-batches, their number is free, and players may be patches with attributions per feature",
        state(PROVED, "paths are integrated in batches, samples is an option, attributions have the input's shape"),
        command="pytest tests/sig/methods/test_contract.py",
    ),
    Entry(
        "Section VI",
        "Sampling takes O(n^2) time",
        compute(exact.check_sampling_cost),
        reading="of Algorithm 1 without the passes through the model, which it does not change",
    ),
    Entry(
        "Appendix, Table 1",
        "The symbols of section IV",
        state(SCHEMATIC, "a list of symbols"),
        kind="table",
    ),
)
