import json
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.perf import __main__ as command
from benchmarks.perf.race import Peer, fastest, race
from benchmarks.perf.ratios import REGRESSION, list_ratios, tell_regressions
from benchmarks.perf.saved_runs import read_runs

STORAGE = Path("results", "runs", "timings", "Some-Machine")
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Save:
    """Writes the next run into an empty project's storage: {hot path: (our seconds, {peer: its})}."""
    monkeypatch.chdir(tmp_path)
    STORAGE.mkdir(parents=True)

    def write(paths: dict[str, tuple[list[float], dict[str, list[float]]]], **facts: float) -> Path:
        number = len(list(STORAGE.iterdir())) + 1
        benchmarks = [
            {
                "group": name,
                "stats": {"median": statistics.median(ours), "data": ours, "mean": 1e9},
                "extra_info": {
                    "at_most": facts.get("at_most"),
                    "peers": [
                        {"name": peer, "seconds": seconds, "at_least": facts.get("at_least")}
                        for peer, seconds in peers.items()
                    ],
                },
            }
            for name, (ours, peers) in paths.items()
        ]
        file = STORAGE / f"{number:04}_timings.json"
        file.write_text(json.dumps({"datetime": f"2030-01-01T00:00:{number:02}+00:00", "benchmarks": benchmarks}))
        return file

    return write


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["perf", *arguments])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # typer has one of its own
    with pytest.raises(SystemExit) as exit_:
        command.main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def compared(*, against: str = "") -> dict[tuple[str, str], Any]:
    """The ratio of each row of the last run, and its change."""
    runs = read_runs(STORAGE.parent)
    *earlier, last = runs.values()
    chosen = list_ratios(last, [runs[against]] if against else earlier)
    return {(row.path.group, row.peer.name if row.peer else ""): (row.ratio, row.change) for row in chosen}


def test_ratio_is_the_median_of_the_peers_turns_over_our_rounds(save: Save) -> None:
    ours, slower_for_a_while = [1.0, 10.0, 2.0], [4.0, 50.0, 6.0]
    save({"a": (ours, {"x": slower_for_a_while, "y": [8.0]}), "b": ([3.0], {})})
    # x: 4, 5, 3 times; y has had one turn: 8, 0.8, 4 times
    assert compared() == {("a", "x"): (4.0, None), ("a", "y"): (4.0, None), ("b", ""): (None, None)}


def test_ratios_are_compared_and_times_are_not(save: Save) -> None:
    save({"a": ([1.0], {"x": [10.0]})})
    save({"a": ([5.0], {"x": [50.0]})})  # a machine five times slower
    save({"a": ([1.0], {"x": [8.0]})})
    assert compared() == {("a", "x"): (8.0, pytest.approx(-0.2))}


def test_compares_each_row_with_the_latest_run_that_has_it(save: Save) -> None:
    save({"a": ([1.0], {"x": [10.0]}), "slow": ([1.0], {"x": [100.0]})})
    save({"a": ([1.0], {"x": [20.0]})})
    save({"a": ([1.0], {"x": [30.0]}), "slow": ([1.0], {"x": [50.0]}), "new": ([1.0], {"x": [1.0]})})
    changes = {path: change for (path, _), (_, change) in compared().items()}
    assert changes == {"a": pytest.approx(0.5), "slow": pytest.approx(-0.5), "new": None}
    assert compared(against="0001")["a", "x"] == (30.0, pytest.approx(2.0))


@pytest.mark.parametrize(("ratio", "code"), [(10.0, 0), (7.1, 0), (6.9, 1), (1.0, 1)])
def test_a_drop_of_more_than_30_percent_is_a_regression(
    ratio: float, code: int, save: Save, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert REGRESSION == 0.3
    save({"one path": ([1.0], {"x": [10.0]})})
    save({"one path": ([1.0], {"x": [ratio]})})
    assert run(monkeypatch, "--report") == code
    out = capsys.readouterr().out
    assert f"{ratio:.2f} x" in out
    assert ("the ratio to x changed by" in out) == bool(code)


@pytest.mark.parametrize(
    ("ours", "facts", "code"),
    [(1.0, {"at_least": 5}, 0), (3.0, {"at_least": 5}, 1), (3.0, {"at_most": 3}, 0), (3.0, {"at_most": 2}, 1)],
)
def test_a_required_ratio_or_time_has_to_be_met(
    ours: float, facts: dict[str, float], code: int, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    save({"one path": ([ours], {"x": [6.0]} if "at_least" in facts else {})}, **facts)
    assert run(monkeypatch, "--report") == code
    (row,) = list_ratios(next(iter(read_runs(STORAGE.parent).values())), ())
    assert len(tell_regressions([row])) == code


def test_no_saved_run_is_one_line(
    save: Save, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--report") == 2
    assert capsys.readouterr().err == "'results/runs/timings' holds no saved run; run `make timings` first\n"
    save({"a": ([1.0], {})})
    assert run(monkeypatch, "--report", "--against", "0007") == 2
    assert "no saved run '0007' to compare with; saved are: 0001\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"benchmarks": []}', '{"datetime": "2030-01-01T00:00:00Z", "benchmarks": [{"group": 3}]}']
)
def test_a_corrupt_file_is_one_line_before_anything_is_timed(
    text: str, save: Save, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save({"a": ([1.0], {})}).write_text(text)
    monkeypatch.setattr(command, "_time", lambda *_, **__: pytest.fail("timed"))
    assert run(monkeypatch) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("'results/runs/timings/Some-Machine/0001_timings.json' holds no timings, ")
    assert line.endswith("; delete it, or run `make timings` in its place")


def test_a_run_of_which_nothing_is_saved_fails(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    save({"a": ([1.0], {"x": [10.0]})})
    monkeypatch.setattr(command, "_time", lambda *_, **__: pytest.ExitCode.TESTS_FAILED)
    assert run(monkeypatch) == 1


def test_a_failed_check_fails_the_run(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def time(*_: object, **__: object) -> int:
        save({"a": ([1.0], {"x": [10.0]})})
        return pytest.ExitCode.TESTS_FAILED

    monkeypatch.setattr(command, "_time", time)
    assert run(monkeypatch) == 1


def test_peers_take_turns_with_ours_and_are_held_to_its_result(
    benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []

    def work(name: str, result: float) -> torch.Tensor:
        log.append(name)
        return torch.tensor([result])

    def pedantic(target: Callable[[], object], *, setup: Callable[[], None], rounds: int) -> None:
        for _ in range(rounds):
            setup()
            target()

    ours, near, far = partial(work, "ours", 1.0), partial(work, "near", 1.25), partial(work, "far", 3.0)
    race(benchmark, ours, Peer("far", far, within=0.5, same=far), turns=1)
    monkeypatch.setattr(benchmark, "pedantic", pedantic)  # which does one round only where timing is switched off
    log.clear()
    race(benchmark, ours, Peer("near", near, within=0.5), Peer("far", far), turns=2, rounds=3)
    assert log == ["ours", *["near", "far", "ours"] * 2, "ours"]
    recorded = {peer["name"]: (len(peer["seconds"]), peer["difference"]) for peer in benchmark.extra_info["peers"]}
    assert recorded == {"near": (2, 0.25), "far": (2, None)}
    with pytest.raises(AssertionError, match="differs from ours by 2, expected at most 0.5"):
        race(benchmark, ours, Peer("far", far, within=0.5), turns=1)


def test_fastest_option() -> None:
    def spin(loops: int) -> None:
        for _ in range(loops):
            pass

    assert fastest({loops: partial(spin, loops) for loops in (2_000_000, 20, 500_000)}) == 20
