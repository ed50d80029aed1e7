"""The figures, tables and claims of the three papers that the project's definitions mention, for the ledger."""

from typing import Final

from benchmarks.papers import paper_outcomes as outcomes
from benchmarks.papers.claims import Claim
from benchmarks.papers.ledger import NOT_BUILT, READING, Entry, listed, means, stated, tested
from benchmarks.papers.paper_claims import (
    AS_PRINTED,
    BASELINES_TRANSFER,
    DAMAGE_IS_FREE,
    EG_NEVER_FINDS,
    GAME,
    ICG_ALWAYS_FINDS,
    ICG_FOLLOWS_BSHAP,
    ICG_FOLLOWS_CLOSEST,
    ICG_LESS_SHADOW,
    MEAN_IS_UNSTABLE,
    MINIMUM,
    NOISE_FINDS_ALL,
    NOISE_IS_NOISY,
    SIG_AT_EQUAL_COST,
    SIG_BEATS_SINGLE,
    SNACKS,
    ZERO_IS_BLIND,
)
from benchmarks.papers.paper_outcomes import Asked, every_model
from benchmarks.papers.paper_tables import EG_AT, PRINTED_AT_A, PRINTED_OF_EG
from benchmarks.papers.quantities import column, tasks_of
from datasets.two_feature import EXPECTATION

GAMES: Final = "gridworld"
ICG_AND_OTHERS: Final = ("icg", "expected-gradients", "ig-zero", "ig-mean")
TRAINED_ANEW: Final = "a model that misses it is trained anew from another seed"


def _claim(item: str, claim: Claim, *see: str) -> Entry:
    return Entry(claim.paper, item, f"{claim.text}.", tested(claim), (*see, "claims"), claim.reading)


SIG_ENTRIES: Final = (
    _claim("Fig. 3", SIG_BEATS_SINGLE, "spearman"),
    Entry(
        "SIG",
        "Fig. 3, asked further",
        f"Not claimed by the paper, but asked here: {SIG_AT_EQUAL_COST.text}.",
        tested(SIG_AT_EQUAL_COST),
        ("spearman", "frontier", "claims"),
    ),
    Entry(
        "SIG",
        "Algorithm 1",
        "As printed, it draws a size by the weight of one coalition, so that nearly all draws are of the smallest or "
        "the largest size; the proof that it is unbiased needs sizes drawn uniformly.",
        tested(AS_PRINTED),
        ("spearman", "claims"),
        reading=f"put to the test is that {AS_PRINTED.text}",
    ),
    Entry(
        "SIG",
        "Figs. 4, 10, 11",
        "The score over N at fixed Q, and over Q at fixed N.",
        outcomes.sweep_ends,
        ("sweep-*",),
    ),
    Entry(
        "SIG",
        "Fig. 7",
        "iAccuracy as the most positive pixels are removed; lower is better.",
        outcomes.removal(patches=False),
        ("curves-*",),
    ),
    *(
        Entry(
            "SIG",
            f"Fig. 8, 2 x {cols}",
            "The Shapley values of the trained network are those of the reward.",
            every_model(GAMES, Asked("r2", above=r2), Asked("shapley_rank_correlation", above=0.97), rows=2, cols=cols),
            ("network-against-reward", "checks"),
            reading=f"R² above {r2}, rank correlation above 0.97",
        )
        for cols, r2 in ((2, 0.99), (3, 0.97))
    ),
    Entry("SIG", "Fig. 9, Table 2", "Runtime.", outcomes.runtimes, ("runtime",)),
    Entry("SIG", "Fig. 13", "iAccuracy with patches around the pixels.", outcomes.removal(patches=True), ("curves-*",)),
    Entry(
        "SIG",
        "Section V",
        "A coalition is worth its best permutation, v(S) = max v(P).",
        stated(READING, "the largest total reward over maximal trails: a move that can be made has to be made"),
    ),
)

ES_ENTRIES: Final = (
    Entry(
        "ES",
        "Environments 1 to 4",
        "GridWorld of 2 x 2 and 2 x 3 cells, with the rewards r1 and r2.",
        lambda board: listed(tasks_of(board, GAMES)),
        ("leaderboard",),
    ),
    Entry(
        "ES",
        "Proposals 1 and 2",
        "Paths from a coalition to the input (1), or from the default to the coalition (2).",
        means(GAME, outcomes.directions),
        ("spearman",),
    ),
    Entry(
        "ES",
        "Algorithm 1",
        "Shapley values from effective coalitions.",
        means(GAME, ("effective-shapley", "permutation-shapley")),
        ("spearman",),
        reading="draws are shared among the players by effective weight, and summed, so that the estimate converges to "
        "a multiple of the Shapley values",
    ),
    Entry(
        "ES",
        "Algorithm 1, baselines",
        "IG from effective coalitions.",
        means(GAME, ("effective-sig", "sig-game")),
        ("spearman",),
    ),
    Entry(
        "ES",
        "Theorem 2",
        "A probability.",
        stated(NOT_BUILT, "the definitions that this project works from do not state of which event"),
    ),
    Entry(
        "ES",
        "Theorem 3, Fig. 9",
        "IG against the marginal contribution.",
        stated(NOT_BUILT, "no figure compares the two"),
    ),
)

ICG_ENTRIES: Final = (
    Entry(
        "ICG",
        "Fig. 2, Table 1",
        f"SHAP gives {PRINTED_AT_A} to the first feature at A, and the expectation is {EXPECTATION:.3f}.",
        outcomes.printed_shap,
        ("tables",),
        reading="the two contradict each other, and the expectation counts",
    ),
    Entry("ICG", "Table 1", "BShap, SHAP and IG at points A and B.", outcomes.errors, ("tables",)),
    Entry(
        "ICG",
        "Definition 2",
        "A strong dummy, a feature whose swap changes no hybrid of input and baseline, should get nothing.",
        means(column("share of strong dummies", "strong_dummy_violation", better="lower"), ICG_AND_OTHERS),
        ("leaderboard",),
    ),
    Entry(
        "ICG",
        "Consistency",
        "A feature that does more, whatever the others do, should get at least as much.",
        means(column("consistency", "consistency"), ICG_AND_OTHERS),
        ("leaderboard",),
    ),
    Entry(
        "ICG",
        "Burnt Snacks, accuracy",
        "The accuracy is 98.7 %.",
        every_model(SNACKS, Asked("accuracy", above=0.987)),
        ("checks",),
        reading=f"at least that, by every model; {TRAINED_ANEW}",
    ),
    Entry(
        "ICG",
        "Burnt Snacks, network",
        "Convolutions of 32, 64, 128 and 128 channels with pooling, dense layers of 32, 16 and 2, dropout.",
        outcomes.networks,
        ("checks",),
    ),
    *(
        _claim("Burnt Snacks", claim, "transfer", "saliency-*snack*")
        for claim in (EG_NEVER_FINDS, ICG_ALWAYS_FINDS, NOISE_FINDS_ALL, NOISE_IS_NOISY, BASELINES_TRANSFER)
    ),
    Entry(
        "ICG",
        "Local Minimum, accuracy",
        "The accuracy is 93 %.",
        every_model(MINIMUM, Asked("accuracy", above=0.93)),
        ("checks",),
        reading=f"at least that, by every model; {TRAINED_ANEW}",
    ),
    *(
        _claim("Table 2", claim, "local-minimum", "tables")
        for claim in (ICG_FOLLOWS_BSHAP, ICG_FOLLOWS_CLOSEST, ZERO_IS_BLIND, MEAN_IS_UNSTABLE)
    ),
    Entry(
        "ICG",
        "Table 2",
        f"Expected gradients give {PRINTED_OF_EG:.2f} of their maximum to the feature at {EG_AT}.",
        outcomes.printed_eg,
        ("local-minimum", "tables"),
        reading="held where this lies between the smallest and the largest over the models",
    ),
    Entry("ICG", "Table 2, baseline", "BShap starts from 0.50546.", outcomes.boundaries, ("checks",)),
    Entry(
        "ICG",
        "Section 4, Fig. 7",
        "At certainty 0 models predict the class frequencies (neutrality), whatever the values (information absence).",
        every_model("", Asked("neutrality_gap", below=0.05), Asked("absence_spread", below=0.04)),
        ("information-absence", "checks"),
        reading=f"a gap below 0.05 and a spread below 0.04, of every model; {TRAINED_ANEW}",
    ),
    Entry(
        "ICG",
        "Fig. 8",
        f"{DAMAGE_IS_FREE.text}, at about twice the steps.",
        tested(DAMAGE_IS_FREE),
        ("damage-training", "checks", "claims"),
        reading=f"{DAMAGE_IS_FREE.reading}; models without damage see half as many images",
    ),
    _claim("MNIST in Space", ICG_LESS_SHADOW, "saliency-*space*"),
    Entry(
        "ICG",
        "Saliency maps, Fig. 10",
        "Attributions of all methods side by side.",
        outcomes.saliency_maps,
        ("saliency-*",),
    ),
)

ENTRIES: Final = (*SIG_ENTRIES, *ES_ENTRIES, *ICG_ENTRIES)
