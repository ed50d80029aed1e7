"""What documents name is there: files, modules, links, headings, targets of make; and README is short."""

import importlib
import re
import subprocess
import tomllib
from collections import Counter
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.documents import COMMANDS, DOCUMENTS, FENCED, PROJECT

PACKAGES = ("sig", "datasets", "training", "benchmarks")
LINKED = [*DOCUMENTS, PROJECT / "CHANGELOG.md", PROJECT / "datasets" / "data" / "README.md"]
PUBLISHED = sorted((PROJECT / "results").glob("*/*.md"))
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")
FILE = re.compile(
    rf"({'|'.join((*PACKAGES, 'tests', 'docs'))})/\S*"
    r"|results/(?!runs/)[\w./-]+|\S+\.(py|toml|md|cff|lock|j2)|\.ci/\S+|Makefile"
)
NAME = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)+")
# Files that examples write, and files of a run or of what is published, which are named without their folder.
WRITTEN = {"my_method.py", "my_metric.py", "wine_task.py", "wine.toml", "mine.toml"}
REPORT = {"leaderboard.md", "claims.md", "reproduction.md"}


def read_prose(file: Path) -> str:
    """A document without its blocks of code."""
    return FENCED.sub("", file.read_text(encoding="utf-8"))


@cache
def list_anchors(file: Path) -> set[str]:
    """The anchors that GitHub gives a document's headings; those of equal ones are numbered."""
    found: Counter[str] = Counter()
    anchors = set()
    for heading in re.findall(r"^#+ (.*)$", read_prose(file), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{found[anchor]}" if found[anchor] else anchor)
        found[anchor] += 1
    return anchors


def test_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("file", [*LINKED, *PUBLISHED], ids=lambda file: file.relative_to(PROJECT).as_posix())
def test_every_link_resolves(file: Path) -> None:
    lost = []
    for link in LINK.findall(read_prose(file)):
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        if "://" in link:
            continue  # no test asks the network
        if not target.exists() or not target.is_relative_to(PROJECT.resolve()):
            lost.append(f"{link}: no such file")
        elif anchor and anchor not in list_anchors(target):
            lost.append(f"{link}: no such heading")
    assert lost == []


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_every_file_that_is_named_exists(file: Path) -> None:
    named = {name for name in CODE.findall(read_prose(file)) if FILE.fullmatch(name)} - WRITTEN - REPORT
    tests = {path.name for path in (PROJECT / "tests").rglob("test_*.py")}
    assert [name for name in sorted(named) if not (PROJECT / name).exists() and name not in tests] == []


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_every_module_and_attribute_that_is_named_exists(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lost = [
        name
        for name in sorted({found[0] for found in NAME.finditer(" ".join(CODE.findall(text)))})
        if not is_there(name)
    ]
    assert lost == []


def is_there(name: str) -> bool:
    """Whether a dotted name is that of a module, or of something in one."""
    module, _, attribute = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute) or find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_every_document_is_reached_from_readme() -> None:
    readme = read_prose(PROJECT / "README.md")
    reached = {(PROJECT / link.partition("#")[0]).resolve() for link in LINK.findall(readme)}
    assert [file.name for file in DOCUMENTS if file.resolve() not in reached and file.name != "README.md"] == []


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    code = [code for file in DOCUMENTS for code in CODE.findall(read_prose(file))]
    named = {
        found
        for line in [*(command.text for command in COMMANDS), *code]
        for found in re.findall(r"^make ([a-z-]+)", line)
    }
    assert {"smoke", "benchmark", "test"} <= named <= targets
    shown = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert named <= {line.split()[0] for line in shown.splitlines()}


def test_readme_names_the_three_commands() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert all(f"make {target}" in readme for target in ("smoke", "benchmark", "test"))


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_what_other_commands_name_exists(command) -> None:
    """Modules that are run, files that are given, extras that are installed."""
    for module in re.findall(r"python -m ([\w.]+)", command.text):
        assert find_spec(module) is not None
    for file in re.findall(r"(?:^bash |\s)((?:\.ci|tests)/\S+)", command.text):
        assert (PROJECT / file).exists()
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for named in re.findall(r"pip install '\.\[([\w,]+)\]'", command.text):
        assert set(named.split(",")) <= extras.keys()
