import pytest

from benchmarks.papers.verdicts import Finding, Range, combine_verdicts, conclude, list_measured, qualify


def test_the_verdict_over_several_tests():
    assert combine_verdicts(["held", "held"]) == "held"
    assert combine_verdicts(["held", "undecided"]) == "undecided"
    assert combine_verdicts(["held", "undecided", "not held"]) == "not held"
    assert combine_verdicts(["held", "held (this model only)"]) == "held (this model only)"
    assert combine_verdicts(["held", "not held (this model only)", "undecided"]) == "not held (this model only)"
    assert combine_verdicts(["held (this model only)", "too few models", "held"]) == "too few models"
    assert combine_verdicts([]) == "undecided"


@pytest.mark.parametrize(
    ("models", "held", "not_held", "undecided"),
    [
        (1, "held (this model only)", "not held (this model only)", "undecided"),
        (2, "too few models", "too few models", "too few models"),
        (3, "held", "not held", "undecided"),
    ],
)
def test_verdicts_are_about_models(models, held, not_held, undecided):
    assert [qualify(verdict, models) for verdict in ("held", "not held", "undecided")] == [held, not_held, undecided]


def test_what_was_not_measured_is_not_in_the_run():
    assert list_measured(["", "a", "b"]) == Finding("a; b", "measured")
    assert list_measured([""]) == Finding("", "not in this run")


def test_ranges():
    assert Range(above=0.5).judge(0.6, 0.7) == Range(below=0.8).judge(0.6, 0.7) == "held"
    assert Range(above=0.8).judge(0.6, 0.7) == Range(below=0.5).judge(0.6, 0.7) == "not held"
    assert Range(above=0.65).judge(0.6, 0.7) == Range(above=0.5).judge(float("nan"), float("nan")) == "undecided"
    assert str(Range(above=0.5)) == "above 0.5"


def test_what_is_not_so_is_not_held():
    assert conclude("text", True) == Finding("text", "proved")
    assert conclude("text", False).verdict == "not held"
