"""Names of the project, taken from its source: a class is one thing, wherever it is spoken of."""

import ast
from collections import defaultdict

import pytest

from datasets.cache import PROJECT

PACKAGES = ("sig", "datasets", "training", "benchmarks")
IRREGULAR = {
    "Drawn",
    "Found",
    "Given",
    "Held",
    "Kept",
    "Known",
    "Left",
    "Lost",
    "Made",
    "Seen",
    "Sent",
    "Shown",
    "Spent",
    "Taken",
    "Told",
    "Written",
}
NOUNS = {"Feed", "Need", "Seed", "Speed"}


def find_classes() -> dict[str, list[str]]:
    """The files in which a class of a name is defined at the top of a module, by name."""
    files: dict[str, list[str]] = defaultdict(list)
    for file in (file for package in PACKAGES for file in sorted((PROJECT / package).rglob("*.py"))):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                files[node.name].append(str(file.relative_to(PROJECT)))
    return files


def is_participle(name: str) -> bool:
    """Whether a name is one word such as ``Asked`` or ``_Known``, which is no noun."""
    word = name.lstrip("_")
    is_one_word = not any(letter.isupper() for letter in word[1:])
    return is_one_word and word not in NOUNS and (word.endswith("ed") or word in IRREGULAR)


def test_no_two_modules_have_a_class_of_the_same_name() -> None:
    assert {name: files for name, files in find_classes().items() if len(files) > 1} == {}


def test_classes_are_called_by_what_they_are() -> None:
    assert {name: files for name, files in find_classes().items() if is_participle(name)} == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Asked", True), ("_Known", True), ("Shown", True), ("CountedModel", False), ("Seed", False), ("Outcome", False)],
)
def test_participles_are_told_from_nouns(name: str, expected: bool) -> None:
    assert is_participle(name) == expected
