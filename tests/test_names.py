"""Names of the project, taken from its source: each class is one thing, wherever it is spoken of."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.cache import PROJECT

PACKAGES = ("sig", "datasets", "training", "benchmarks")
IRREGULAR = {"Drawn", "Found", "Given", "Held", "Kept", "Known", "Left", "Lost", "Made", "Seen", "Sent", "Shown", "Spent"}
IRREGULAR |= {"Split", "Taken", "Told", "Written"}
NOUNS = {"Feed", "Need", "Seed", "Speed"}


def find_classes(package: str) -> Iterator[tuple[str, Path]]:
    """Names of the classes at the top of a package's modules, with the file that each is in."""
    for file in sorted((PROJECT / package).rglob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                yield node.name, file.relative_to(PROJECT)


def is_participle(name: str) -> bool:
    """Whether a name is a single word such as ``Asked`` or ``_Known``, which says what was done and not what it is."""
    word = name.lstrip("_")
    is_single = not any(letter.isupper() for letter in word[1:])
    return is_single and word not in NOUNS and (word.endswith("ed") or word in IRREGULAR)


def test_no_two_modules_have_a_class_of_the_same_name() -> None:
    files: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for name, file in find_classes(package):
            files[name].append(str(file))
    assert {name: found for name, found in files.items() if len(found) > 1} == {}


def test_classes_are_called_by_what_they_are() -> None:
    named = [f"{name} in {file}" for package in PACKAGES for name, file in find_classes(package) if is_participle(name)]
    assert named == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Asked", True), ("_Known", True), ("Shown", True), ("CountedModel", False), ("Seed", False), ("Outcome", False)],
)
def test_participles_are_told_from_nouns(name: str, expected: bool) -> None:
    assert is_participle(name) == expected
