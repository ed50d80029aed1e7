import time

import pytest

from benchmarks.board.tracked_run import tracked_run
from tests.wandb_process import as_in_a_fresh_process, kill_wandb, logged, run_folders, warnings_in
from training.tracking import Tracking


@pytest.fixture(autouse=True)
def fresh_process(tmp_path):
    with as_in_a_fresh_process(tmp_path / "home"):
        yield


def test_what_is_logged_is_written_with_the_configuration(tmp_path, caplog):
    settings = Tracking(directory=tmp_path)
    with tracked_run(settings, name="one", job_type="method", config={"steps": 50}) as run:
        run.log({"score": 0.5})
        run.summarise({"best": 0.5})
    written = logged(tmp_path)
    assert all(key in written for key in (b"steps", b"score", b"best"))
    assert warnings_in(caplog) == []


def test_where_no_run_can_be_every_call_does_nothing(tmp_path):
    (tmp_path / "file").touch()
    for settings in (Tracking("disabled", directory=tmp_path / "runs"), Tracking(directory=tmp_path / "file" / "runs")):
        with tracked_run(settings, name="one", job_type="method", config={}) as run:
            run.log({"score": 0.5})
            run.summarise({"score": 0.5})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_wandb_refuses_is_warned_about_and_the_rest_is_kept(tmp_path, caplog):
    with tracked_run(Tracking(directory=tmp_path), name="one", job_type="method", config={}) as run:
        run.log_picture("missing", tmp_path / "missing.png")
        run.log({"kept": 0.5})
    assert len(warnings_in(caplog)) == 1
    assert b"kept" in logged(tmp_path)


def test_work_goes_on_when_wandb_dies(tmp_path, caplog):
    done = []
    for name in ("one", "two"):
        with tracked_run(Tracking(directory=tmp_path), name=name, job_type="method", config={}) as run:
            kill_wandb()
            for _ in range(3):
                run.log({"score": 0.5})
                time.sleep(0.1)
            done.append(name)
    assert done == ["one", "two"]
    assert warnings_in(caplog)


def test_errors_of_the_block_are_not_swallowed(tmp_path):
    def fail():
        with tracked_run(Tracking(directory=tmp_path), name="one", job_type="method", config={}):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(run_folders(tmp_path)) == 1
