from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.run.cells import Group, plan
from benchmarks.run.records import CellSpec
from benchmarks.run.suite import Suite
from sig.plugins import load_plugin
from training.seeds import derive_seed
from training.store.sources import forget_files

SUITE = """
methods = ["toy-exact", "toy-noise", {name = "toy-noise", label = "fine", options = {steps = 2}}]
repetitions = 2
[[tasks]]
name = "t"
kind = "toy"
budgets = [3, 20]
metrics = ["toy-mean"]
[[tasks.sweeps]]
name = "counts"
method = "toy-noise"
option = "samples"
values = [7, 8]
options = {steps = 1}
"""
Load = Callable[..., Suite]


def cells(groups: list[Group], label: str) -> list[CellSpec]:
    return [cell for cell in all_cells(groups) if cell.label == label and cell.sweep is None]


def all_cells(groups: list[Group]) -> list[CellSpec]:
    return [cell for group in groups for cell in group.cells if isinstance(cell, CellSpec)]


def test_a_method_that_spends_gets_a_cell_for_each_budget(suite_of: Load) -> None:
    groups = plan(suite_of(SUITE))
    assert [(group.problem.task, group.problem.repetition) for group in groups] == [("t", 0), ("t", 1)]
    chosen = [(c.budget, c.headline, c.options) for c in cells(groups[:1], "toy-noise")]
    assert chosen == [(3, False, {"samples": 1, "steps": 3}), (20, True, {"samples": 4, "steps": 5})]


def test_a_method_that_does_not_spend_gets_one_cell(suite_of: Load) -> None:
    (cell,) = cells(plan(suite_of(SUITE))[:1], "toy-exact")
    assert (cell.budget, cell.headline, cell.options) == (None, True, {})


def test_options_of_a_variant_are_defaults_within_the_budget(suite_of: Load) -> None:
    chosen = [(c.budget, c.options) for c in cells(plan(suite_of(SUITE))[:1], "fine")]
    assert chosen == [(3, {"samples": 1, "steps": 2}), (20, {"samples": 10, "steps": 2})]
    fixed = plan(suite_of(SUITE.replace("steps = 2", "samples = 2")))[:1]
    assert [(c.budget, c.headline, c.options) for c in cells(fixed, "fine")] == [(None, True, {"samples": 2})]


def test_a_sweep_gets_a_cell_for_each_value(suite_of: Load) -> None:
    swept = [cell for cell in all_cells(plan(suite_of(SUITE))[:1]) if cell.sweep]
    assert [(c.label, c.budget, c.headline, c.options, c.sweep.value) for c in swept if c.sweep] == [
        ("toy-noise", None, False, {"steps": 1, "samples": 7}, 7),
        ("toy-noise", None, False, {"steps": 1, "samples": 8}, 8),
    ]


def test_every_method_sees_the_same_problem(suite_of: Load) -> None:
    groups = plan(suite_of(SUITE))
    for group in groups:
        assert group.problem.problem_seed == derive_seed("t", group.problem.repetition)
        assert {cell.problem_seed for cell in all_cells([group])} == {group.problem.problem_seed}
    others = plan(suite_of(SUITE.replace('"toy-exact", ', '"toy-refuses", ').replace("[3, 20]", "[5]")))
    assert [group.problem for group in others] == [group.problem for group in groups]
    assert groups[0].problem.problem_seed != groups[1].problem.problem_seed


def test_tasks_that_share_seeds_see_the_same_problem_and_keep_records_of_their_own(suite_of: Load) -> None:
    text = 'methods = ["toy-noise"]\nrepetitions = 2'
    for name, more in (
        ("a", 'seeds = "s"'),
        ("b", 'seeds = "s"\noptions = {style = "truthful"}'),
        ("s", ""),
        ("c", ""),
    ):
        text += f'\n[[tasks]]\nname = "{name}"\n{more}\nkind = "toy"\nbudgets = [3]\nmetrics = ["toy-mean"]'
    groups = plan(suite_of(text))
    seeds = {(group.problem.task, group.problem.repetition): group.problem.problem_seed for group in groups}
    for repetition in range(2):
        assert seeds["a", repetition] == seeds["b", repetition] == seeds["s", repetition]
    assert len(set(seeds.values())) == 4
    assert all(cell.problem_seed == group.problem.problem_seed for group in groups for cell in all_cells([group]))
    assert len({group.problem.key for group in groups}) == len({group.problem.file for group in groups}) == 8
    assert len({cell.key for group in groups for cell in group.cells}) == 8


def test_every_cell_draws_for_itself(suite_of: Load) -> None:
    every = all_cells(plan(suite_of(SUITE)))
    assert len({cell.method_seed for cell in every}) == len(every)
    assert len({cell.key for cell in every}) == len(every)
    assert len({cell.file for cell in every}) == len(every)


def test_seeds_are_the_same_everywhere_and_fit_every_generator() -> None:
    assert derive_seed("t", 0) == 1577335618
    seeds = [derive_seed("t", repetition) for repetition in range(500)]
    assert len(set(seeds)) == 500
    assert all(0 <= number < 2**31 for number in seeds)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("repetitions = 2", "repetitions = 1", set()),
        ("methods = [", 'description = "new"\nmethods = [', set()),
        ("[3, 20]", "[20]", set()),
        ("[3, 20]", "[3, 20, 30]", {"toy-noise", "fine"}),  # 20 is no longer the headline
        ("values = [7, 8]", "values = [7]", set()),
        ("steps = 2", "steps = 3", {"fine"}),
        ('["toy-mean"]', '["toy-mean", "toy-curve"]', {"toy-exact", "toy-noise", "fine", "sweep"}),
        ('["toy-mean"]', '[{name = "toy-mean", options = {add = 1}}]', {"toy-exact", "toy-noise", "fine", "sweep"}),
        ('kind = "toy"', 'kind = "toy"\noptions = {features = 5}', {"toy-exact", "toy-noise", "fine", "sweep"}),
        ('kind = "toy"', 'kind = "toy"\nseeds = "others"', {"toy-exact", "toy-noise", "fine", "sweep"}),
        ('kind = "toy"', 'kind = "toy"\nseeds = "t"', set()),  # its own name
    ],
)
def test_keys_change_with_what_decides_the_scores(suite_of: Load, old: str, new: str, changed: set[str]) -> None:
    def keys(text: str) -> dict[tuple[object, ...], str]:
        every = all_cells(plan(suite_of(text))[:1])
        return {(c.label, c.budget, c.sweep and c.sweep.value): c.key for c in every}

    before, after = keys(SUITE), keys(SUITE.replace(old, new))
    assert after
    different = [place for place in before if before[place] != after.get(place, before[place])]
    assert {"sweep" if place[2] else place[0] for place in different} == changed


def test_metrics_and_the_headline_do_not_decide_attributions(suite_of: Load) -> None:
    def first(text: str, label: str = "toy-noise") -> CellSpec:
        return next(cell for cell in cells(plan(suite_of(text)), label) if cell.budget == 20)

    before = first(SUITE)
    added = first(SUITE.replace('["toy-mean"]', '["toy-curve", "toy-mean"]'))
    assert added.attribution_key == before.attribution_key
    assert added.file == before.file
    assert added.metric_keys["toy-mean"] == before.metric_keys["toy-mean"]
    assert added.metric_keys.keys() == {"toy-curve", "toy-mean"}
    changed = first(SUITE.replace('["toy-mean"]', '[{name = "toy-mean", options = {add = 1}}]'))
    assert changed.attribution_key == before.attribution_key
    assert changed.metric_keys["toy-mean"] != before.metric_keys["toy-mean"]
    lower = first(SUITE.replace("[3, 20]", "[3, 20, 30]"))
    assert (lower.attribution_key, lower.headline) == (before.attribution_key, False)
    for old, new in (
        ("[3, 20]", "[3, 21]"),
        ('kind = "toy"', 'kind = "toy"\noptions = {features = 5}'),
        ("[[tasks]]", "[[tasks]]\nrepetitions = 1\nseeds = 'x'"),
    ):
        others = cells(plan(suite_of(SUITE.replace(old, new, 1)))[:1], "toy-noise")
        assert all(cell.attribution_key != before.attribution_key for cell in others if cell.budget != 3)


PLUGIN = """
import torch
from sig.registry import method
@method("{name}", family="f", source="s")
def run(e, *, generator):
    return e.inputs
"""


def test_editing_one_method_changes_its_keys_alone(suite_of: Load, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.py" for name in ("mine-a", "mine-b")}
    for name, file in files.items():
        file.write_text(PLUGIN.format(name=name))
        load_plugin(file)
    text = SUITE.replace('"toy-exact", "toy-noise"', '"mine-a", "mine-b", "gradient"')
    labels = ("mine-a", "mine-b", "gradient", "fine")

    def keys() -> dict[str, str]:
        forget_files()
        groups = plan(suite_of(text))
        return {label: cells(groups, label)[0].key for label in labels}

    before = keys()
    assert keys() == before
    files["mine-a"].write_text(files["mine-a"].read_text() + "# edited\n")
    after = keys()
    assert {label for label in labels if after[label] != before[label]} == {"mine-a"}


READS_FILES = """
from pathlib import Path
from datasets.problem import task
@task("reads-files")
def prepare(*, folder: Path | None = None, table: Path = Path("t.csv"), note: str = "", seed):
    pass
"""


@pytest.fixture
def keys_of(suite_of: Load, tmp_path: Path) -> Callable[..., set[str]]:
    (tmp_path / "reads.py").write_text(READS_FILES)
    load_plugin(tmp_path / "reads.py")

    def keys(**options: Path) -> set[str]:
        chosen = ", ".join(f"{name} = {str(value)!r}" for name, value in options.items())
        return {cell.key for cell in all_cells(plan(suite_of(TASK_OF_FILES.replace("OPTIONS", chosen))))}

    return keys


TASK_OF_FILES = """
methods = ["gradient"]
[[tasks]]
name = "t"
kind = "reads-files"
budgets = [3]
metrics = ["toy-mean"]
options = { OPTIONS }
"""


def write_pictures(folder: Path) -> Path:
    (folder / "cats").mkdir(parents=True)
    (folder / "cats" / "a.png").write_bytes(b"a cat")
    return folder


def test_keys_change_with_the_content_of_files_and_not_with_their_place(
    keys_of: Callable[..., set[str]], tmp_path: Path
) -> None:
    here, there = (write_pictures(tmp_path / name) for name in ("here", "there"))
    before = keys_of(folder=here)
    assert keys_of(folder=there) == before
    assert not keys_of() & before
    (there / "cats" / "a.png").write_bytes(b"a dog")
    assert not keys_of(folder=there) & before
    (here / "cats").rename(here / "dogs")
    assert not keys_of(folder=here) & before

    table = tmp_path / "table.csv"
    table.write_text("1")
    before = keys_of(table=table)
    table.write_text("2")
    assert not keys_of(table=table) & before
    assert keys_of(note=table) != keys_of(note=tmp_path)  # text is text, whatever lies there


def test_files_that_are_not_there_can_be_planned(keys_of: Callable[..., set[str]], tmp_path: Path) -> None:
    assert keys_of(folder=tmp_path / "nowhere") != keys_of(folder=tmp_path / "elsewhere")
