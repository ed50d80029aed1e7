"""How to cite the project is said alike wherever it is said."""

import tomllib
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[1]


def test_citation_agrees_with_the_project_and_the_page():
    cited = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= cited.keys()  # what the format asks for
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert set(cited["keywords"]) <= set(project["keywords"])
    page = (PROJECT / "benchmarks/board/page/templates/page.html.j2").read_text(encoding="utf-8")
    assert cited["title"].replace("PyTorch", "{PyTorch}") in page
    assert all(author["name"] in page for author in cited["authors"])
