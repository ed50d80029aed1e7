"""SIG: how well attributions rank the players of a game by their exact Shapley values; iAccuracy, runtime."""

from dataclasses import replace
from functools import partial
from typing import Any, Final

from benchmarks.board.aggregate import Board
from benchmarks.board.tables import format_number, format_seconds
from benchmarks.papers import exact, ledger
from benchmarks.papers.claims import Bound, Closeness, Comparison, Flatness, Steadiness
from benchmarks.papers.figures.network_against_game import draw_network_against_game
from benchmarks.papers.figures.score_bars import draw_score_bars
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
    state,
)
from benchmarks.papers.quantities import MODEL, check, emulation, find_columns, find_tasks, relate, score, sweep
from sig.metrics.removal import REMOVALS

SIG_METHODS: Final = ("sig-game",)  # in games: N baselines from a fraction Q of the coalitions
ON_PICTURES: Final = ("sig-algorithm1", "sig-game")
SINGLE: Final = ("ig-random", "ig-zero", "ig-mean")
ZERO_AND_MEAN: Final = ("ig-zero", "ig-mean")
TIMED: Final = ("sig-game", "sig-game-200x50", "sig-game-1500x50", *SINGLE)

GAME: Final = score("spearman with game", "spearman", truth="game")
OVER_SAMPLES: Final = sweep("spearman with game over N", "spearman", "samples", truth="game")
OVER_FRACTION: Final = sweep("spearman with game over Q", "spearman", "fraction", truth="game")
REMOVED: Final = tuple(score(f"iaccuracy, {how}", "iaccuracy", removal=how, patch=0) for how in REMOVALS)
REMOVED_PATCHES: Final = tuple(score(f"iaccuracy, patch {n}", "iaccuracy", patch=n) for n in (1, 2, 3))
SECONDS: Final = score("seconds", "runtime")
SLOWER_THAN_ZERO: Final = relate("seconds over those of ig-zero", SECONDS, "ig-zero")
FASTER_THAN_RANDOM: Final = relate("seconds over those of ig-random", SECONDS, "ig-random")
ORGANS: Final = score("share on mouth and eyes", "region_share", regions=["mouth", "eyes"], measure="absolute")
OUTSIDE: Final = replace(
    score("share outside the face", "region_share", regions=["background"], measure="absolute"), better="lower"
)
EMULATION: Final = emulation("R^2 of the Shapley values")
GAP: Final = score("completeness gap", "completeness")

NEAR: Final = 0.05  # of a score, of what counts as close
SHARE: Final = 0.25  # of the largest N, from which on it is varied
LEAST_FRACTION: Final = 0.1
MANY: Final = 500  # pictures
NOT_DIFFERENT: Final = f"means differ by less than {NEAR:g}: the whole interval of the difference does"


find_imagenet: Final = partial(find_tasks, kind="imagenet")
find_faces: Final = partial(find_tasks, kind="faces", explain="distance")


def find_games(board: Board, **options: Any) -> list[str]:
    """Tasks that score against the exact Shapley values of a game, with these values of the options that they have."""
    return [task for task in find_tasks(board, **options) if find_columns(board, task, "spearman", truth="game")]


def find_pictures(board: Board) -> list[str]:
    """Tasks whose features are removed."""
    return [task for task in find_tasks(board) if find_columns(board, task, "iaccuracy")]


def find_photographs(board: Board) -> list[str]:
    """Of ``find_pictures`` the photographs; all, as stand-ins, where the run has none."""
    pictures = find_pictures(board)
    return [task for task in find_imagenet(board) if task in pictures] or pictures


def find_by_the_hundred(board: Board) -> list[str]:
    """Of ``find_pictures`` those with as many pictures as the paper has, 500 or more; all where the run has none."""
    pictures = find_pictures(board)
    counts = {task.name: task.options.get("digits", 0) for task in board.run.manifest.suite.tasks}
    return [task for task in pictures if counts[task] >= MANY] or pictures


def measure_runtimes(board: Board) -> Outcome:
    """Seconds per explicand on games, at the headline budget, and the model rows that they took."""
    known = [name for name in TIMED if name in board.methods.index]
    texts = []
    for task in find_games(board):
        by_rows: dict[str, list[str]] = {}
        for name in known:
            cost = board.cost_and_coverage(task, name)
            if cost["ok"]:
                rows = f"{format_number(cost['cost'], whole=True)} rows"
                by_rows.setdefault(rows, []).append(f"{name} {format_seconds(cost['seconds'])} s")
        parts = [f"{', '.join(of_methods)} for {rows}" for rows, of_methods in by_rows.items()]
        texts.append(f"{', '.join(parts)} on {task}" if parts else "")
    return ledger.list_measured(texts)


def emulate(cols: int, r2: float) -> Bound:
    """The networks of a grid of two rows give the values of coalitions, and the Shapley values of the reward."""
    scores = (check("r2", limits=(-float("inf"), 1.0)), EMULATION)
    return Bound(partial(find_tasks, kind="gridworld", rows=2, cols=cols), scores, (MODEL,), Side(above=r2))


def vary(option: str, **grid: Any) -> Flatness:
    """The score hardly changes along an option, on grids of a size or on all."""
    over, share = (OVER_SAMPLES, SHARE) if option == "samples" else (OVER_FRACTION, LEAST_FRACTION)
    return Flatness(partial(find_games, **grid), (over,), SIG_METHODS, share, NEAR)


FROM_N: Final = f"from a quarter of the largest N on, {NOT_DIFFERENT}, and so does the change along a fitted line"
FROM_Q: Final = f"from a tenth of the coalitions on, {NOT_DIFFERENT}, and so does the change along a fitted line"
PHOTOGRAPHS: Final = "on photographs that packages ship and EfficientNet-Lite0; on digits in runs without them"
FACES: Final = "a network of expressions and faces of its demonstration, in place of the private ones; mouth and eyes"

# ---- section by section ------------------------------------------------------------------------------------------

THEORY: Final = (
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

GAMES_OF_THE_PAPER: Final = (
    Entry(
        "Section V, GridWorld",
        "12 players in 2 x 2 cells, 20 in 2 x 3, each with the rewards r1 and r2",
        compute(exact.count_players),
        printed="12, 20",
        kind="setting",
        command="pytest tests/datasets/test_gridworld.py",
    ),
    Entry(
        "Appendix, models",
        "A fully connected network with hidden layers of 64 and 32 neurons learns each game",
        compute(exact.describe_network),
        printed="64, 32",
        kind="setting",
        command="pytest tests/training/test_task_gridworld.py",
    ),
    Entry(
        "Appendix, rewards",
        "A coalition is worth its best permutation, v(S) = max v(P)",
        state(READING, "the largest total reward over maximal trails: a move that can be made has to be made"),
        kind="setting",
    ),
    Entry(
        "Abstract, question 1",
        "SIG closely mirrors the distribution of Shapley values in GridWorld",
        Bound(find_games, (GAME,), SIG_METHODS, Side(above=0.9)),
        see=("spearman",),
        reading="Spearman's rank correlation is above 0.9 in each of the games",
    ),
    Entry(
        "Fig. 3",
        "SIG has a higher average rank correlation than the random, zero and mean baselines in all four games",
        Comparison(find_games, (GAME,), SIG_METHODS, SINGLE),
        see=("spearman",),
        kind="figure",
    ),
    Entry(
        "Fig. 3, variance",
        "The variance of SIG is lower than that of the other three",
        Steadiness(find_games, (GAME,), SIG_METHODS, SINGLE),
        see=("spearman",),
        reading="between repetitions, of which each has a network of its own; Pitman and Morgan's test on ranks",
        kind="figure",
    ),
    Entry(
        "Fig. 4 a",
        "In 2 x 2 SIG is not sensitive to N, at Q = 40 %",
        vary("samples", rows=2, cols=2),
        see=("sweep-samples",),
        reading=FROM_N,
        kind="figure",
    ),
    Entry(
        "Fig. 4 b",
        "In 2 x 2 SIG is not sensitive to Q, at N = 200",
        vary("fraction", rows=2, cols=2),
        see=("sweep-fraction",),
        reading=FROM_Q,
        kind="figure",
    ),
    Entry(
        "Fig. 10",
        "SIG is robust to N in all four games, at Q = 40 %",
        vary("samples"),
        see=("sweep-samples",),
        reading=FROM_N,
        kind="figure",
    ),
    Entry(
        "Fig. 11",
        "SIG is robust to Q in all four games, at N = 200 and 1500",
        vary("fraction"),
        see=("sweep-fraction",),
        reading=FROM_Q,
        kind="figure",
    ),
    *(
        Entry(
            f"Fig. 8, 2 x {cols}",
            "A trained network replaces the reward: its Shapley values are nearly identical",
            emulate(cols, r2),
            see=("network-against-reward", "checks"),
            reading=f"R^2 on coalitions held out, and that of the Shapley values, are above {r2}",
            kind="figure",
        )
        for cols, r2 in ((2, 0.99), (3, 0.97))
    ),
    Entry(
        "Table 2",
        "In GridWorld SIG takes notably longer than the other baselines, which it goes through one by one",
        measure_runtimes,
        see=("runtime",),
        printed="SIG 55.05 and 55.07 s in 2 x 2 (N = 200), 91.79 and 91.77 s in 2 x 3 (N = 1500); the others 4.57 to "
        "4.59 s; ratios 12 and 20",
        reading="here baselines go in batches, and all methods spend the same rows but for those named N x steps",
        kind="table",
        tasks=find_games,
    ),
)

PICTURES: Final = (
    Entry(
        "Fig. 5",
        "On faces SIG attends to eyes and lips more than the other baselines",
        Comparison(find_faces, (ORGANS,), ON_PICTURES, SINGLE),
        see=("saliency-{task}",),
        reading=f"{FACES} have a larger share of the absolute attribution",
        kind="figure",
    ),
    Entry(
        "Fig. 5, outside",
        "On faces the zero and mean baselines attend to regions outside the face too",
        Comparison(find_faces, (OUTSIDE,), ON_PICTURES, ZERO_AND_MEAN),
        see=("saliency-{task}",),
        reading="SIG has a smaller share of the absolute attribution there, on the same substitutes",
        kind="figure",
    ),
    Entry(
        "Fig. 6",
        "On a photograph SIG focuses on the bird, the others also on areas outside of it",
        state(NOT_TESTABLE, "nobody has marked the objects on the photographs; the maps are drawn, or those of digits"),
        see=("saliency-{task}",),
        kind="figure",
        tasks=find_photographs,
    ),
    Entry(
        "Fig. 7",
        "As the top features are removed, the iAccuracy of SIG is close to that of the mean and zero baselines",
        Closeness(find_photographs, REMOVED, ON_PICTURES, ZERO_AND_MEAN, NEAR),
        see=("curves-{task}",),
        reading=f"{PHOTOGRAPHS}; removed by zero, mean or blur, {NOT_DIFFERENT}",
        kind="figure",
    ),
    Entry(
        "Fig. 12",
        "With 500, 1000 and 1500 images SIG has almost the same iAccuracy as the zero and mean baselines",
        Closeness(find_by_the_hundred, REMOVED[:1], ON_PICTURES, ZERO_AND_MEAN, NEAR),
        see=("curves-{task}",),
        reading=f"on as many digits, or all digits of a run with fewer, removed by zero, {NOT_DIFFERENT}",
        kind="figure",
    ),
    Entry(
        "Fig. 13",
        "With patches removed, SIG performs almost as the zero and mean baselines do",
        Closeness(find_photographs, REMOVED_PATCHES, ON_PICTURES, ZERO_AND_MEAN, NEAR),
        see=("curves-{task}",),
        reading=f"{PHOTOGRAPHS}; squares of 2 to 4 pixels around the top ones, {NOT_DIFFERENT}; patch 0 is Fig. 7",
        kind="figure",
    ),
    Entry(
        "Abstract, question 2",
        "On pictures SIG gives a more accurate assessment of feature contributions than the other baselines",
        Comparison(find_pictures, REMOVED, ON_PICTURES, SINGLE),
        see=("curves-{task}",),
        reading="its iAccuracy is lower; the text of Fig. 7 only says close to zero and mean",
    ),
    Entry(
        "Abstract",
        "SIG yields more consistent explanations across applications, and adapts to various data types",
        state(NOT_TESTABLE, "no measure of it is stated; the games and the digits here are two data types"),
    ),
    Entry(
        "Fig. 9",
        "The running time of SIG closely mirrors that of the zero and mean baselines, where batches are possible",
        Bound(find_pictures, (SLOWER_THAN_ZERO,), (*ON_PICTURES, "ig-mean"), Side(above=0.75, below=1.25)),
        see=("runtime",),
        reading="at equal model rows, within a quarter of the time of IG from zero",
        kind="figure",
    ),
    Entry(
        "Fig. 9, random",
        "The running time of SIG outperforms the random baseline",
        Bound(find_pictures, (FASTER_THAN_RANDOM,), ON_PICTURES, Side(below=1.0)),
        see=("runtime",),
        reading="at equal model rows",
        kind="figure",
    ),
    Entry(
        "Fig. 9, variance",
        "The variance of its running time is slightly greater at first, and reduces as the number of images increases",
        state(NOT_TESTABLE, "each number of pictures is timed once; on shared machines times vary for other reasons"),
        kind="figure",
    ),
    Entry(
        "Abstract, cost",
        "SIG adapts to data types with minimal computational increase",
        Bound(find_tasks, (SLOWER_THAN_ZERO,), SIG_METHODS, Side(below=1.25)),
        see=("runtime",),
        reading="at equal model rows it takes less than a quarter more time than IG from zero",
    ),
)

OWN: Final = (
    Entry(
        "Algorithm 1",
        "As printed, it draws a size by the weight of one coalition, so that nearly all draws have the smallest or the "
        "largest size",
        compute(exact.count_extremes),
        kind="critique",
    ),
    Entry(
        "Algorithm 1, unbiasedness",
        "Sizes drawn uniformly and weighted as the proof needs rank players better than Algorithm 1 as printed",
        Comparison(find_games, (GAME,), ("sig-size-uniform",), ("sig-algorithm1",)),
        see=("spearman",),
        kind="critique",
    ),
    Entry(
        "Observation 2",
        "The binomial in its text, C(n-1, |S|-1), is a misprint: its own equation has C(n-1, k)",
        compute(exact.check_binomial),
        kind="critique",
    ),
    Entry(
        "Fig. 9, abstract",
        "With N baselines of 50 steps SIG takes N times the model rows of one baseline, which is no minimal increase",
        compute(exact.count_published_rows),
        printed="in Table 2 the times are 12 and 20 times as long",
        kind="critique",
    ),
    Entry(
        "Figs. 4, 10",
        "SIG is not sensitive to N from a single baseline on",
        Flatness(find_games, (OVER_SAMPLES,), SIG_METHODS, 0.0, NEAR),
        see=("sweep-samples",),
        reading=NOT_DIFFERENT,
        kind="asked here",
    ),
    Entry(
        "Fig. 3",
        "SIG ranks players better than IG from samples of the background, and than sampled permutations, at equal cost",
        Comparison(find_games, (GAME,), SIG_METHODS, ("ig-background", "permutation-shapley")),
        see=("spearman", "frontier"),
        kind="asked here",
    ),
    Entry(
        "Section V, players",
        "How iAccuracy depends on the size of the players, 80 x 80 pixels in the paper, which does not vary it",
        partial(
            ledger.report_means,
            REMOVED[0],
            ("sig-game", "sig-size-uniform"),
            tasks=partial(find_tasks, kind="imagenet"),
        ),
        see=("curves-{task}",),
        reading="on photographs of 224 x 224 pixels",
        kind="asked here",
        tasks=find_imagenet,
    ),
)

ENTRIES: Final = (*THEORY, *GAMES_OF_THE_PAPER, *PICTURES, *OWN)

SIG: Final = Publication(
    "SIG",
    "A New Baseline Assumption of Integrated Gradients Based on Shapley value, arXiv 2310.04821",
    ENTRIES,
    figures=(
        partial(
            draw_score_bars,
            GAME,
            "Spearman's rank correlation",
            title="Rank correlation with the exact Shapley values of the game (SIG Fig. 3)",
        ),
        partial(
            draw_network_against_game,
            title="Shapley values of the trained network against those of the reward (SIG Fig. 8)",
        ),
    ),
)
