"""ES: Shapley values, and baselines for IG, from effective coalitions."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from benchmarks.board.aggregate import Board
from benchmarks.papers import game_facts
from benchmarks.papers.claims import Bound, Closeness, Steadiness, Superiority
from benchmarks.papers.evidence import find_tasks
from benchmarks.papers.figures.equality import draw_along_edges
from benchmarks.papers.ledger import Item, Publication
from benchmarks.papers.quantities import COMPLETENESS, MODEL, check, subtract
from benchmarks.papers.sig.baselines import NEAR, NOT_DIFFERENT, SINGLE_BASELINES
from benchmarks.papers.sig.faces import FACES, ORGANS, find_faces, share_on_faces
from benchmarks.papers.sig.games import GAME, emulate, find_games
from benchmarks.papers.sig.photographs import PHOTOGRAPHS, REMOVED, find_photographs
from benchmarks.papers.sig.runtime import SECONDS, SLOWER_THAN_ZERO
from benchmarks.papers.verdicts import Finding, list_measured

ES_ITSELF_AND_SIG: Final = ("effective-shapley", "effective-sig")
SIGS: Final = ("effective-sig", "sig-game")
PROPOSAL_1, PROPOSAL_2, BOTH = "sig-game", "sig-game-from-default", "sig-game-both"
POSITIVE, NEGATIVE = (
    share_on_faces(f"{sign} share on mouth and eyes", "mouth", "eyes", sign=sign) for sign in ("positive", "negative")
)
SIGNS_APART: Final = subtract("positive less negative share on mouth and eyes", POSITIVE, NEGATIVE)
GAP_ALONG_EDGES: Final = check("theorem_3_gap", limits=(0.0, float("inf")), see=("along-edges", "checks"))


def list_games(board: Board, tasks: Sequence[str]) -> Finding:
    """The games of the run."""
    return list_measured([", ".join(tasks)])


THEORY: Final = (
    Item("Fig. 1").schematic(
        "Shapley values are computed along the edges between coalitions, IG along the straight line, a shortcut",
        "no result is shown",
    ),
    Item("Eqs. 1 to 3").proved(
        "Shapley value, Aumann-Shapley value and IG",
        "as in SIG; equal to the mean over permutations, and to a slow integral and captum's",
        test="tests/sig/test_games.py tests/sig/test_path.py",
    ),
    Item("Section 4.1.2").computed(
        "With two features, the Shapley value of one is half of what it adds alone and half of what it adds to the "
        "other",
        game_facts.check_two_features,
    ),
    Item("Theorem 1").claimed(
        "IG is the Aumann-Shapley value along the straight path from baseline to input",
        Bound(find_tasks, (COMPLETENESS,), ("ig-zero",), below=0.01),
        reading="attributions of IG from zero add up to F(x) - F(x') within 0.01 of the output",
    ),
    Item("Section 4.2, effective coalitions").proved(
        "Coalitions to which a player adds nothing do not influence its Shapley value",
        "their terms of equation 1 are 0; the estimate from the others converges to a multiple of it",
        test="tests/sig/test_effective.py -k effective",
    ),
    Item("Eq. 4").proved(
        "A group of coalitions with one contribution and size is drawn in proportion to its number times w(k)",
        "each group gets that share of the draws, rounded up or down",
        test="tests/sig/test_effective.py",
    ),
    Item("Theorem 2").computed(
        "The probability that proportional sampling is correct: the effective coalitions found are in proportion to "
        "those that there are",
        game_facts.evaluate_theorem_2,
        test="tests/sig/test_effective.py -k theorem_2",
        reading="of a random 40 % of the coalitions without each player, a_1 : .. : a_N = e_1 : .. : e_N as in A.2, "
        "with the denominators that the printed formula lacks; by simulation in the tests",
    ),
    Item("Theorem 3").claimed(
        "IG between S and S + i for player i exactly equals what i adds to S, where the gradient is constant between",
        Bound(find_games, (GAP_ALONG_EDGES,), (MODEL,), below=0.01),
        reading="summed over 100 coalitions, they differ by less than 1 % of the largest sum",
    ),
    Item("Algorithm 1").means(
        "Ratios of Shapley values from effective coalitions, drawn in proportion",
        GAME,
        ("effective-shapley", "permutation-shapley"),
        on=find_games,
        reading="draws are shared among the players by effective weight, and summed, so that the estimate converges "
        "to a multiple of the Shapley values",
    ),
    Item("Algorithm 2").means(
        "SIG: mean IG from effective coalitions",
        GAME,
        ("effective-sig", "sig-game"),
        on=find_games,
        reading="effective-sig; sig-game draws from all coalitions",
    ),
)

GAMES: Final = (
    Item("Section 5, environments").measured(
        "Four games, of 12, 12, 20 and 20 players",
        list_games,
        on=find_games,
        see=("leaderboard",),
        reading="the paper does not state them; GridWorld's four, as in SIG, have these numbers of players",
        printed="12, 12, 20, 20",
    ),
    Item("Section 5, training").computed(
        "Networks are trained on 50 % of the coalitions of 12 players, and on 40 % of those of 20",
        game_facts.describe_shares,
        test="tests/training/tasks/test_gridworld.py",
        printed="50 %, 40 %",
    ),
    Item("Abstract").claimed(
        "ES approximates the ratios between Shapley values well",
        Bound(find_games, (GAME,), ("effective-shapley",), above=0.9),
        reading="the rank correlation is above 0.9 in each game",
    ),
    Item("Fig. 2").claimed(
        "ES performs better than the zero, mean and random baselines",
        Superiority(find_games, (GAME,), ES_ITSELF_AND_SIG, SINGLE_BASELINES),
        reading="both ES itself and IG from its coalitions",
    ),
    Item("Fig. 2, stability").claimed(
        "ES is more stable than the other three baselines",
        Steadiness(find_games, (GAME,), ES_ITSELF_AND_SIG, SINGLE_BASELINES),
        reading="its score varies less between repetitions",
    ),
    *(
        Item(f"Fig. 8, B.2, 2 x {cols}").claimed(
            "A network trained on part of the coalitions perfectly replaces the utility function",
            emulate(cols, r2),
            reading=f"R^2 on coalitions held out, and that of the Shapley values, are above {r2}",
        )
        for cols, r2 in ((2, 0.99), (3, 0.97))
    ),
    Item("Fig. 9, B.2.2").claimed(
        "Accumulated over coalitions, IG between S and S + i is what i adds, so that a network links the two linearly",
        Bound(find_games, (GAP_ALONG_EDGES,), (MODEL,), below=0.01),
        reading="summed over 100 coalitions, they differ by less than 1 % of the largest sum",
    ),
    Item("Abstract, SIG").claimed(
        "SIG performs much better than common baselines at similar computational costs",
        Superiority(find_games, (GAME,), ("effective-sig",), SINGLE_BASELINES),
        reading="in games, at equal model rows, those that value coalitions included",
    ),
    Item("Section 5, time").claimed(
        "The time of SIG is close to that of the other baselines",
        Bound(find_tasks, (SLOWER_THAN_ZERO,), ("effective-sig", PROPOSAL_1), below=1.25),
        reading="at equal model rows, less than a quarter more than IG from zero",
    ),
)

PROPOSALS: Final = (
    Item("Proposal 1").means(
        "Coalitions are the baselines, the input is the end",
        GAME,
        (PROPOSAL_1, BOTH),
        on=find_games,
        reading="direction to-input; from the default over the coalition to the input is sig-game-both",
    ),
    Item("Proposal 2").means(
        "Zero is the baseline, coalitions are the ends",
        GAME,
        (PROPOSAL_2,),
        on=find_games,
        reading="direction from-default",
    ),
    Item("Fig. 6, B.1, ResNet").claimed(
        "In ResNet there is not much difference between the proposals",
        Closeness(find_photographs, REMOVED[:1], (PROPOSAL_1,), (PROPOSAL_2,), NEAR),
        reading=f"{PHOTOGRAPHS}; in iAccuracy by zero, {NOT_DIFFERENT}",
    ),
    Item("Fig. 7, B.1, DLN").claimed(
        "In DLN, for faces, it is the opposite: proposal 1 explains better",
        Superiority(find_faces, (ORGANS,), (PROPOSAL_1,), (PROPOSAL_2,)),
        reading=f"{FACES} have a larger share of the absolute attribution",
    ),
    Item("Section 4.3, B.1, speed").claimed(
        "Proposal 1 is faster than proposal 2",
        Superiority(find_tasks, (SECONDS,), (PROPOSAL_1,), (PROPOSAL_2,)),
        reading="at equal model rows",
    ),
)

PICTURES: Final = (
    Item("Fig. 3").claimed(
        "On faces SIG locates the relevant features concisely, the others also beyond the face",
        Superiority(find_faces, (ORGANS,), SIGS, SINGLE_BASELINES),
        reading=f"{FACES} have a larger share of the absolute attribution",
    ),
    Item("Fig. 4").claimed(
        "SIG is better on both positive and negative attributions",
        Superiority(find_faces, (POSITIVE, NEGATIVE), SIGS, SINGLE_BASELINES),
        reading=f"{FACES} have a larger share of each",
    ),
    Item("Fig. 4, alike").claimed(
        "Positive and negative attributions are distributed alike",
        Bound(find_faces, (SIGNS_APART,), SIGS, above=-NEAR, below=NEAR),
        reading=f"the shares of both on mouth and eyes differ by less than {NEAR:g}",
    ),
    Item("Fig. 5").untestable(
        "On photographs SIG is similar to the random baseline, and more concerned with what zero and mean look at",
        "no measure of it is stated; the maps of photographs are drawn, or those of digits",
        on=find_photographs,
        see=("saliency-{task}",),
    ),
    Item("Section 4.3, areas").untestable(
        "As the area of a player decreases to a pixel, the result gets closer to the ratio of Shapley values",
        "the exact Shapley values of the pixels of a picture are out of reach",
    ),
    Item("Section 5, players").left_open(
        "An area of 80 x 80 pixels is a player",
        "squares of pixels are players, of a size that suits the pictures",
    ),
)

CRITIQUE: Final = (
    Item("Theorem 2").computed(
        "The formula as printed lacks its denominators C(|n_j|, |b_j|), and with them the probability of exact "
        "proportions is next to nothing",
        game_facts.evaluate_theorem_2,
        test="tests/sig/test_effective.py -k theorem_2",
        reading="so exact proportions do not explain that ES works",
    ),
    Item("Theorem 3, Fig. 9").proved(
        "Between S and S + i only player i changes, so that IG equals what i adds for any network, by completeness: "
        "this is no evidence that the network is linear between them",
        "on networks that are not linear the two are equal as well",
        test="tests/sig/test_path.py -k edges",
    ),
    Item("Section 4.1.2, Fig. 1 c").computed(
        "The factor from (x1, x2) to (x1, x2, x3) of four players is 1/12, not the 1/6 printed",
        game_facts.check_factor,
        printed="1/6",
    ),
)

QUESTIONS: Final = (
    Item("Algorithm 1").claimed(
        "ES ranks players better than sampled permutations, at equal cost",
        Superiority(find_games, (GAME,), ("effective-shapley",), ("permutation-shapley",)),
        see=("spearman", "frontier"),
    ),
    Item("Algorithm 2").claimed(
        "IG from effective coalitions ranks players better than IG from any coalitions, at equal cost",
        Superiority(find_games, (GAME,), ("effective-sig",), ("sig-game",)),
    ),
)

ES: Final = Publication(
    "ES",
    "The effective coalitions of Shapley value for Integrated Gradients, ICLR 2023 submission",
    says=(*THEORY, *GAMES, *PROPOSALS, *PICTURES),
    critique=CRITIQUE,
    questions=QUESTIONS,
    figures=(
        partial(
            draw_along_edges,
            title="IG from a coalition to that with a player, against what the player adds (ES Fig. 9)",
        ),
    ),
)
