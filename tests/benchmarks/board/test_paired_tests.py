"""Paired tests and the order of all methods, by hand and by what must not matter."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.board.paired_tests import (
    LOSS,
    NOT_MET,
    TIE,
    UNDECIDED,
    WIN,
    PairedTests,
    judge_family,
    judge_task,
    order_methods,
)

SIGNS = {"+": WIN, "-": LOSS, "=": TIE, "?": UNDECIDED, " ": NOT_MET}
TURNED = {WIN: LOSS, LOSS: WIN, TIE: TIE, UNDECIDED: UNDECIDED, NOT_MET: NOT_MET}


def table(names: str, rows: str) -> Any:
    """Results from signs: a row for each method, one after the other between bars."""
    found = [[SIGNS[sign] for sign in row] for row in rows.split("|")]
    return pd.DataFrame(found, list(names), list(names))


@st.composite
def families(draw: st.DrawFn) -> list[pd.DataFrame]:
    """Results of some families that agree with themselves, of some of five methods each."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        names = draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True))
        results: Any = pd.DataFrame(NOT_MET, names, names)
        for i, name in enumerate(names):
            for rival in names[:i]:
                results.loc[name, rival] = draw(st.sampled_from(list(TURNED)))
                results.loc[rival, name] = TURNED[results.loc[name, rival]]
        found.append(results)
    return found


# ---- a task ------------------------------------------------------------------------------------------------------


def scores(**rows: list[float]) -> Any:
    return pd.DataFrame.from_dict(rows, orient="index")


def test_results_on_a_task_by_hand() -> None:
    noise = np.array([0.01, -0.01, 0.02, -0.02, 0.0, 0.0])
    some = scores(best=list(0.9 + noise), near=list(0.9 - noise), far=list(0.2 + 3 * noise), none=[np.nan] * 6)
    expected = table("abcd", " =+ |= + |--  |    ").to_numpy()
    assert (judge_task(some, np.arange(6), "higher").to_numpy() == expected).all()
    expected = table("abcd", " =- |= - |++  |    ").to_numpy()
    assert (judge_task(some, np.arange(6), "lower").to_numpy() == expected).all()


def test_too_few_models_decide_nothing_where_they_do_not_differ() -> None:
    some = scores(a=[0.5, 0.7, 0.6, 0.5], b=[0.6, 0.6, 0.6, 0.5], far=[0.1, 0.3, 0.19, 0.11])
    expected = table("abf", " ?+|? +|-- ")
    assert (judge_task(some, np.arange(4), "higher").to_numpy() == expected.to_numpy()).all()
    once = judge_task(some[[0]], np.arange(1), "higher")
    assert (once.to_numpy() == table("abf", " ??|? ?|?? ").to_numpy()).all()


def test_a_win_is_corrected_for_all_tests_of_both() -> None:
    behind = -np.array([0.0, 1, 2, 3, 4, 2])  # p = .018 against zeros
    two = judge_task(scores(a=list(0 * behind), b=list(behind)), np.arange(6), "higher")
    assert two.loc["a", "b"] == WIN
    more = scores(a=list(0 * behind), b=list(behind), c=list(behind), d=list(behind))
    assert judge_task(more, np.arange(6), "higher").loc["a", "b"] == TIE


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_a_method_wins_where_the_other_loses_whatever_their_order(seed: int, per_model: int) -> None:
    rng = np.random.default_rng(seed)
    found = pd.DataFrame(rng.normal(size=(5, 9)) + 0.7 * np.arange(5)[:, None], list("abcde"))
    found = found.mask(rng.random(found.shape) < 0.1)
    models = np.arange(9) // per_model
    results = judge_task(found, models, "higher")
    assert (results.replace(TURNED) == results.T).all(axis=None)
    shuffled = found.loc[rng.permutation(list("abcde"))]
    assert judge_task(shuffled, models, "higher").loc[results.index, results.columns].equals(results)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_without_a_method_no_test_of_others_is_less_decided(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = pd.DataFrame(rng.normal(size=(5, 8)) + 0.7 * np.arange(5)[:, None], list("abcde"))
    whole = judge_task(found, np.arange(8), "higher").loc[list("abcd"), list("abcd")]
    part = judge_task(found.drop("e"), np.arange(8), "higher")
    assert ((whole == part) | whole.isin([TIE, UNDECIDED])).all(axis=None)  # fewer tests need less correction


# ---- a family ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tasks", "family"),
    [
        ("+", "+"), ("-", "-"), ("=", "="), ("?", "?"), (" ", " "),
        ("+=", "+"), ("+?", "+"), ("++-", "?"), ("-=?", "-"), ("=?", "?"), ("= ", "="), ("+ ", "+"), ("? ", "?"),
    ],
)  # fmt: skip
def test_a_family_by_hand(tasks: str, family: str) -> None:
    of_tasks = [
        pd.DataFrame([[NOT_MET, SIGNS[sign]], [TURNED[SIGNS[sign]], NOT_MET]], ["a", "b"], ["a", "b"]) for sign in tasks
    ]
    found = judge_family(of_tasks)
    assert found.loc["a", "b"] == SIGNS[family]
    assert found.loc["b", "a"] == TURNED[SIGNS[family]]


@given(families())
@settings(deadline=None)
def test_a_task_that_comes_twice_changes_nothing(tasks: list[pd.DataFrame]) -> None:
    assert judge_family([*tasks, tasks[0]]).equals(judge_family(tasks))


def test_methods_of_any_task_are_in_the_family() -> None:
    found = judge_family([table("ab", " +|- "), table("cb", " -|+ ")])
    assert list(found.index) == ["a", "b", "c"]
    assert (found.to_numpy() == table("abc", " + |- +| - ").to_numpy()).all()


def test_counts_by_hand() -> None:
    tests = PairedTests(table("abk", " ++|- ?|-? "), frozenset("k"))
    assert tests.rivals == ["a", "b"]
    assert [tests.format_counts(name) for name in "abkz"] == ["1/0/0", "0/0/1", "0/0/1", ""]
    assert (tests.count("k"), tests.count("k", LOSS, UNDECIDED), tests.control) == (2, 2, "k")
    assert (tests.made, tests.undecided, tests.decided) == (1, 0, 1.0)
    some = PairedTests(table("abcd", " +?=|- ? |?? ?|= ? "), frozenset())
    assert (some.made, some.undecided, some.decided) == (5, 3, 0.4)
    assert PairedTests(table("ab", "  |  "), frozenset()).decided == 0


def test_the_unbeaten_by_hand() -> None:
    """The control is nobody's rival: c beats it alone, and d loses to it alone."""
    tests = PairedTests(table("abcdk", " +==+|- =-=|== =+|=+= -|-=-+ "), frozenset("k"))
    assert tests.control == "k"
    assert tests.list_unbeaten(above_control=False) == ["a", "d"]
    assert tests.list_unbeaten(above_control=True) == ["a", "c"]
    assert tests.against_control(WIN) == ["a", "c"]
    assert tests.against_control(LOSS, TIE) == ["b", "d"]  # that lose most tests first


# ---- all families ------------------------------------------------------------------------------------------------


def order(*found: pd.DataFrame, controls: str = "") -> Any:
    return order_methods([PairedTests(results, frozenset(controls)) for results in found]).set_index("method")


def test_the_order_by_hand() -> None:
    found = order(table("abcd", " +++|- ?=|-? +|-=- "), table("abc", " ++|- +|-- "))
    # a wins all; b: -1/3 and 0; c: 0 and -1; d only has -2/3, in the one family where it is
    assert list(found.index) == ["a", "b", "c", "d"]
    assert found["score"].tolist() == pytest.approx([1, -1 / 6, -1 / 2, -2 / 3])
    assert found.loc["b", ["wins", "ties", "undecided", "losses", "families"]].tolist() == [1, 1, 1, 2, 2]
    assert found.loc["d", ["wins", "ties", "undecided", "losses", "families"]].tolist() == [0, 1, 0, 2, 1]
    # b has -1/3 or 0 without a family; (0 + 1)/2 without a, (-1/2 - 1)/2 without c, (-1/2 + 0)/2 without d
    assert found.loc["b", ["low", "high"]].tolist() == pytest.approx([-3 / 4, 1 / 2])
    assert found.loc["a", ["low", "high"]].tolist() == [1, 1]
    assert found["tier"].tolist()[:3] == [1, 2, 2]  # without the second family, c is ahead of b
    assert np.isnan(found.loc["d", "tier"])


def test_an_order_that_one_family_alone_makes_is_none() -> None:
    first, second = table("abc", " ++|- +|-- "), table("abc", " --|+ -|++ ")
    assert order(first, first, second)["tier"].tolist() == [1, 1, 1]
    assert order(first, first, first, second)["tier"].tolist() == [1, 2, 3]


def test_an_order_that_one_rival_alone_makes_is_none() -> None:
    results = table("abcd", " =?+|= ?=|?? =|-== ")  # a is ahead of b only as it beats d
    found = order(results, results)
    assert found.loc["a", "score"] > found.loc["b", "score"]
    assert found.loc["a", "tier"] == found.loc["b", "tier"] == 1


def test_controls_are_no_rivals_and_have_no_place() -> None:
    results, without = table("abk", " ?+|? =|-= "), table("ab", " ?|? ")
    found, alone = order(results, results, controls="k"), order(without, without)
    assert list(found.index) == ["a", "b", "k"]
    assert found.drop("k").equals(alone)
    assert found.loc["k", ["wins", "losses", "tier"]].isna().tolist() == [False, False, True]
    assert found.loc["k", "score"] == -1 / 2


def test_one_family_is_no_order() -> None:
    assert order(table("abc", " ++|- +|-- "))["tier"].isna().all()


def test_nothing_has_no_order() -> None:
    assert order_methods([]).empty
    alone = order(table("a", " "))
    assert alone["score"].isna().all()
    assert alone["tier"].isna().all()


@given(families(), st.permutations("abcde"), st.sets(st.sampled_from("abcde"), max_size=2))
@settings(deadline=None, max_examples=60)
def test_the_order_of_methods_or_families_does_not_matter(
    found: list[pd.DataFrame], names: list[str], controls: set[str]
) -> None:
    orders = [[name for name in names if name in results.index] for results in found]
    moved = [results.reindex(own, columns=own) for results, own in zip(found, orders, strict=True)]
    before, after = order(*found, controls="".join(controls)), order(*moved[::-1], controls="".join(controls))
    pd.testing.assert_frame_equal(after.loc[before.index], before)


@given(families())
@settings(deadline=None, max_examples=60)
def test_ranges_and_tiers_agree_with_a_loop(found: list[pd.DataFrame]) -> None:
    whole = order(*found)
    parts = [found[:i] + found[i + 1 :] for i in range(len(found)) if len(found) > 1]
    names = sorted({name for results in found for name in results.index})
    parts += [[results.drop(index=name, columns=name, errors="ignore") for results in found] for name in names]
    replicates = [order(*part)["score"] for part in [found, *parts]]
    spread: Any = pd.concat(replicates, axis=1)
    np.testing.assert_allclose(whole["low"], spread.min(axis=1).loc[whole.index].astype(float))
    np.testing.assert_allclose(whole["high"], spread.max(axis=1).loc[whole.index].astype(float))
    placed = whole.index[whole["families"] >= 2]
    for upper in placed:
        for lower in placed:
            if whole.loc[upper, "tier"] < whole.loc[lower, "tier"]:
                both = spread.loc[[upper, lower]].dropna(axis=1)
                assert (both.loc[upper] > both.loc[lower]).all()
