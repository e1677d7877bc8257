import time

import pytest
from filelock import FileLock

from bench.base.home import RunFolder
from bench.ledger.heartbeat import is_beating, read_heartbeat
from bench.run import lease as module
from bench.run.lease import EVERY, JOB, Lease, Taken, call_off, job_here


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(EVERY, "0.05")
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.0)
    (tmp_path / "toy-0").mkdir()
    return RunFolder(tmp_path / "toy-0")


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_owner_beats_until_it_ends_and_says_how(folder):
    with Lease(folder, "12_3", lambda: None) as owner:
        first = read_heartbeat(folder)
        assert (first.job, first.status) == ("12_3", None)
        wait_for(lambda: read_heartbeat(folder).beat > first.beat)
        assert is_beating(folder)
        owner.status = 3
    assert read_heartbeat(folder).status == 3
    assert not is_beating(folder)
    assert not folder.lock.exists()


def test_a_process_that_ends_without_a_status_has_failed(folder):
    with pytest.raises(ZeroDivisionError), Lease(folder, "12", lambda: None):
        _ = 1 / 0
    assert read_heartbeat(folder).status == 1


def test_another_jobs_run_is_left_alone(folder):
    other = Lease(folder, "13", lambda: None)
    with Lease(folder, "12", lambda: None), pytest.raises(Taken, match=r"job 12 on .* does run toy-0"), other:
        pass


def test_a_job_that_slurm_started_again_takes_over_from_its_ghost(folder):
    stopped = []
    ghost, alive = (Lease(folder, "12", lambda name=name: stopped.append(name)) for name in ("ghost", "alive"))
    with ghost, alive:
        wait_for(lambda: stopped)
        assert stopped == ["ghost"]
        assert read_heartbeat(folder).claim == alive.claim


def test_a_run_that_a_process_holds_by_its_lock_is_left_alone(folder):
    with (
        FileLock(folder.lock),
        pytest.raises(Taken, match="outside of the scheduler"),
        Lease(folder, "12", lambda: None),
    ):
        pass


def test_a_run_that_is_called_off_is_stopped_and_not_begun_again_by_that_job(folder):
    stopped = []
    with Lease(folder, "12", lambda: stopped.append(True)):
        call_off(folder, "11")
        time.sleep(0.2)
        assert not stopped
        call_off(folder, "12")
        wait_for(lambda: stopped)
    with pytest.raises(Taken, match="not wanted of job 12"), Lease(folder, "12", lambda: None):
        pass
    with Lease(folder, "13", lambda: None):
        pass


def test_whoever_claims_at_the_same_time_and_is_overwritten_gives_way(folder, monkeypatch):
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.2)
    original = module.write_json

    def overwritten(path, content):
        original(path, content | {"claim": "another"})

    monkeypatch.setattr(module, "write_json", overwritten)
    with pytest.raises(Taken, match="at the same time"), Lease(folder, "12", lambda: None):
        pass


def test_a_process_belongs_to_a_job_where_the_job_says_so(monkeypatch):
    monkeypatch.delenv(JOB, raising=False)
    assert job_here() == ""
    monkeypatch.setenv(JOB, "12_3")
    assert job_here() == "12_3"


def test_a_job_says_how_often_its_runs_give_a_sign_of_life(folder, monkeypatch):
    assert Lease(folder, "12", lambda: None).every == 0.05
    monkeypatch.delenv(EVERY)
    assert Lease(folder, "12", lambda: None).every == 15
