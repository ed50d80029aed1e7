"""ES: Shapley values, and baselines for IG, from effective coalitions."""

from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers import exact
from benchmarks.papers.figures.along_edges import draw_along_edges
from benchmarks.papers.interval_claims import Bound, Closeness
from benchmarks.papers.ledger import (
    NOT_TESTABLE,
    PROVED,
    READING,
    SCHEMATIC,
    Entry,
    Outcome,
    Publication,
    Side,
    compute,
    list_measured,
    report_means,
    state,
)
from benchmarks.papers.paired_claims import Comparison, Steadiness
from benchmarks.papers.quantities import MODEL, check, find_tasks, score, subtract
from benchmarks.papers.sig.games import GAME, NEAR, NOT_DIFFERENT, SINGLE, emulate, find_games
from benchmarks.papers.sig.pictures import (
    FACES,
    ORGANS,
    PHOTOGRAPHS,
    REMOVED,
    SECONDS,
    SLOWER_THAN_ZERO,
    find_faces,
    find_photographs,
)
from benchmarks.papers.sig.theory import GAP

SIGS: Final = ("effective-sig", "sig-game")
PROPOSAL_1, PROPOSAL_2, BOTH = "sig-game", "sig-game-from-default", "sig-game-both"
POSITIVE, NEGATIVE = (
    score(f"{sign} share on mouth and eyes", "region_share", regions=["mouth", "eyes"], measure=sign)
    for sign in ("positive", "negative")
)
SIGNS_APART: Final = subtract("positive less negative share on mouth and eyes", POSITIVE, NEGATIVE)
GAP_ALONG_EDGES: Final = check("theorem_3_gap", limits=(0.0, float("inf")))


def list_environments(board: Board) -> Outcome:
    """The games of the run."""
    return list_measured([", ".join(find_games(board))])


THEORY: Final = (
    Entry(
        "Fig. 1",
        "Shapley values are computed along the edges between coalitions, IG along the straight line, a shortcut",
        state(SCHEMATIC, "no result is shown"),
        kind="figure",
    ),
    Entry(
        "Eqs. 1 to 3",
        "Shapley value, Aumann-Shapley value and IG",
        state(PROVED, "as in SIG; equal to the mean over permutations, and to a slow integral and captum's"),
        kind="equation",
        command="pytest tests/sig/test_games.py tests/sig/test_path.py",
    ),
    Entry(
        "Section 4.1.2",
        "With two features, the Shapley value of one is half of what it adds alone and half of what it adds to the "
        "other",
        compute(exact.check_two_features),
        kind="equation",
    ),
    Entry(
        "Theorem 1",
        "IG is the Aumann-Shapley value along the straight path from baseline to input",
        Bound(find_tasks, (GAP,), ("ig-zero",), Side(below=0.01)),
        see=("leaderboard",),
        reading="attributions of IG from zero add up to F(x) - F(x') within 0.01 of the output",
        kind="theorem",
    ),
    Entry(
        "Section 4.2, effective coalitions",
        "Coalitions to which a player adds nothing do not influence its Shapley value",
        state(PROVED, "their terms of equation 1 are 0; the estimate from the others converges to a multiple of it"),
        kind="definition",
        command="pytest tests/sig/test_effective.py -k effective",
    ),
    Entry(
        "Eq. 4",
        "A group of coalitions with one contribution and size is drawn in proportion to its number times w(k)",
        state(PROVED, "each group gets that share of the draws, rounded up or down"),
        kind="equation",
        command="pytest tests/sig/test_effective.py",
    ),
    Entry(
        "Theorem 2",
        "The probability that proportional sampling is correct: the effective coalitions found are in proportion to "
        "those that there are",
        compute(exact.evaluate_theorem_2),
        reading="of a random 40 % of the coalitions without each player, a_1 : .. : a_N = e_1 : .. : e_N as in A.2, "
        "with the denominators that the printed formula lacks; by simulation in the tests",
        kind="theorem",
        command="pytest tests/sig/test_effective.py -k theorem_2",
    ),
    Entry(
        "Theorem 3",
        "IG between S and S + i for player i exactly equals what i adds to S, where the gradient is constant between",
        Bound(find_games, (GAP_ALONG_EDGES,), (MODEL,), Side(below=0.01)),
        see=("along-edges", "checks"),
        reading="summed over 100 coalitions, they differ by less than 1 % of the largest sum",
        kind="theorem",
    ),
    Entry(
        "Algorithm 1",
        "Ratios of Shapley values from effective coalitions, drawn in proportion",
        partial(report_means, GAME, ("effective-shapley", "permutation-shapley"), tasks=find_games),
        see=("spearman",),
        reading="draws are shared among the players by effective weight, and summed, so that the estimate converges to "
        "a multiple of the Shapley values",
        kind="algorithm",
        tasks=find_games,
    ),
    Entry(
        "Algorithm 2",
        "SIG: mean IG from effective coalitions",
        partial(report_means, GAME, ("effective-sig", "sig-game"), tasks=find_games),
        see=("spearman",),
        reading="effective-sig; sig-game draws from all coalitions",
        kind="algorithm",
        tasks=find_games,
    ),
)

GAMES: Final = (
    Entry(
        "Section 5, environments",
        "Four games, of 12, 12, 20 and 20 players",
        list_environments,
        see=("leaderboard",),
        printed="12, 12, 20, 20",
        reading="the paper does not state them; GridWorld's four, as in SIG, have these numbers of players",
        kind="setting",
        tasks=find_games,
    ),
    Entry(
        "Section 5, training",
        "Networks are trained on 50 % of the coalitions of 12 players, and on 40 % of those of 20",
        compute(exact.describe_shares),
        printed="50 %, 40 %",
        kind="setting",
        command="pytest tests/training/tasks/test_gridworld.py",
    ),
    Entry(
        "Abstract",
        "ES approximates the ratios between Shapley values well",
        Bound(find_games, (GAME,), ("effective-shapley",), Side(above=0.9)),
        see=("spearman",),
        reading="the rank correlation is above 0.9 in each game",
    ),
    Entry(
        "Fig. 2",
        "ES performs better than the zero, mean and random baselines",
        Comparison(find_games, (GAME,), ("effective-shapley", "effective-sig"), SINGLE),
        see=("spearman",),
        reading="both ES itself and IG from its coalitions",
        kind="figure",
    ),
    Entry(
        "Fig. 2, stability",
        "ES is more stable than the other three baselines",
        Steadiness(find_games, (GAME,), ("effective-shapley", "effective-sig"), SINGLE),
        see=("spearman",),
        reading="its score varies less between repetitions",
        kind="figure",
    ),
    *(
        Entry(
            f"Fig. 8, B.2, 2 x {cols}",
            "A network trained on part of the coalitions perfectly replaces the utility function",
            emulate(cols, r2),
            see=("network-against-reward", "checks"),
            reading=f"R^2 on coalitions held out, and that of the Shapley values, are above {r2}",
            kind="figure",
        )
        for cols, r2 in ((2, 0.99), (3, 0.97))
    ),
    Entry(
        "Fig. 9, B.2.2",
        "Accumulated over coalitions, IG between S and S + i is what i adds, so that a network links the two linearly",
        Bound(find_games, (GAP_ALONG_EDGES,), (MODEL,), Side(below=0.01)),
        see=("along-edges", "checks"),
        reading="summed over 100 coalitions, they differ by less than 1 % of the largest sum",
        kind="figure",
    ),
    Entry(
        "Abstract, SIG",
        "SIG performs much better than common baselines at similar computational costs",
        Comparison(find_games, (GAME,), ("effective-sig",), SINGLE),
        see=("spearman",),
        reading="in games, at equal model rows, those that value coalitions included",
    ),
    Entry(
        "Section 5, time",
        "The time of SIG is close to that of the other baselines",
        Bound(find_tasks, (SLOWER_THAN_ZERO,), ("effective-sig", PROPOSAL_1), Side(below=1.25)),
        see=("runtime",),
        reading="at equal model rows, less than a quarter more than IG from zero",
    ),
)

PROPOSALS: Final = (
    Entry(
        "Proposal 1",
        "Coalitions are the baselines, the input is the end",
        partial(report_means, GAME, (PROPOSAL_1, BOTH), tasks=find_games),
        see=("spearman",),
        reading="direction to-input; from the default over the coalition to the input is sig-game-both",
        kind="proposal",
        tasks=find_games,
    ),
    Entry(
        "Proposal 2",
        "Zero is the baseline, coalitions are the ends",
        partial(report_means, GAME, (PROPOSAL_2,), tasks=find_games),
        see=("spearman",),
        reading="direction from-default",
        kind="proposal",
        tasks=find_games,
    ),
    Entry(
        "Fig. 6, B.1, ResNet",
        "In ResNet there is not much difference between the proposals",
        Closeness(find_photographs, REMOVED[:1], (PROPOSAL_1,), (PROPOSAL_2,), NEAR),
        see=("curves-{task}",),
        reading=f"{PHOTOGRAPHS}; in iAccuracy by zero, {NOT_DIFFERENT}",
        kind="figure",
    ),
    Entry(
        "Fig. 7, B.1, DLN",
        "In DLN, for faces, it is the opposite: proposal 1 explains better",
        Comparison(find_faces, (ORGANS,), (PROPOSAL_1,), (PROPOSAL_2,)),
        see=("saliency-{task}",),
        reading=f"{FACES} have a larger share of the absolute attribution",
        kind="figure",
    ),
    Entry(
        "Section 4.3, B.1, speed",
        "Proposal 1 is faster than proposal 2",
        Comparison(find_tasks, (SECONDS,), (PROPOSAL_1,), (PROPOSAL_2,)),
        see=("runtime",),
        reading="at equal model rows",
    ),
)

PICTURES: Final = (
    Entry(
        "Fig. 3",
        "On faces SIG locates the relevant features concisely, the others also beyond the face",
        Comparison(find_faces, (ORGANS,), SIGS, SINGLE),
        see=("saliency-{task}",),
        reading=f"{FACES} have a larger share of the absolute attribution",
        kind="figure",
    ),
    Entry(
        "Fig. 4",
        "SIG is better on both positive and negative attributions",
        Comparison(find_faces, (POSITIVE, NEGATIVE), SIGS, SINGLE),
        see=("saliency-{task}",),
        reading=f"{FACES} have a larger share of each",
        kind="figure",
    ),
    Entry(
        "Fig. 4, alike",
        "Positive and negative attributions are distributed alike",
        Bound(find_faces, (SIGNS_APART,), SIGS, Side(above=-NEAR, below=NEAR)),
        see=("saliency-{task}",),
        reading=f"the shares of both on mouth and eyes differ by less than {NEAR:g}",
        kind="figure",
    ),
    Entry(
        "Fig. 5",
        "On photographs SIG is similar to the random baseline, and more concerned with what zero and mean look at",
        state(NOT_TESTABLE, "no measure of it is stated; the maps of photographs are drawn, or those of digits"),
        see=("saliency-{task}",),
        kind="figure",
        tasks=find_photographs,
    ),
    Entry(
        "Section 4.3, areas",
        "As the area of a player decreases to a pixel, the result gets closer to the ratio of Shapley values",
        state(NOT_TESTABLE, "the exact Shapley values of the pixels of a picture are out of reach"),
    ),
    Entry(
        "Section 5, players",
        "An area of 80 x 80 pixels is a player",
        state(READING, "squares of pixels are players, of a size that suits the pictures"),
        kind="setting",
    ),
)

OWN: Final = (
    Entry(
        "Theorem 2",
        "The formula as printed lacks its denominators C(|n_j|, |b_j|), and with them the probability of exact "
        "proportions is next to nothing",
        compute(exact.evaluate_theorem_2),
        reading="so exact proportions do not explain that ES works",
        kind="critique",
        command="pytest tests/sig/test_effective.py -k theorem_2",
    ),
    Entry(
        "Theorem 3, Fig. 9",
        "Between S and S + i only player i changes, so that IG equals what i adds for any network, by completeness: "
        "this is no evidence that the network is linear between them",
        state(PROVED, "on networks that are not linear the two are equal as well"),
        kind="critique",
        command="pytest tests/sig/test_path.py -k edges",
    ),
    Entry(
        "Section 4.1.2, Fig. 1 c",
        "The factor from (x1, x2) to (x1, x2, x3) of four players is 1/12, not the 1/6 printed",
        compute(exact.check_factor),
        printed="1/6",
        kind="critique",
    ),
    Entry(
        "Algorithm 1",
        "ES ranks players better than sampled permutations, at equal cost",
        Comparison(find_games, (GAME,), ("effective-shapley",), ("permutation-shapley",)),
        see=("spearman", "frontier"),
        kind="asked here",
    ),
    Entry(
        "Algorithm 2",
        "IG from effective coalitions ranks players better than IG from any coalitions, at equal cost",
        Comparison(find_games, (GAME,), ("effective-sig",), ("sig-game",)),
        see=("spearman",),
        kind="asked here",
    ),
)

ENTRIES: Final = (*THEORY, *GAMES, *PROPOSALS, *PICTURES, *OWN)

ES: Final = Publication(
    "ES",
    "The effective coalitions of Shapley value for Integrated Gradients, ICLR 2023 submission",
    ENTRIES,
    figures=(
        partial(
            draw_along_edges,
            title="IG from a coalition to that with a player, against what the player adds (ES Fig. 9)",
        ),
    ),
)
