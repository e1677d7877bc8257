import threading

import pytest

import bench.tracking.follow as module
from bench.base.errors import BenchError, UsageError
from bench.tracking.address import TrackingDown
from bench.tracking.follow import READY, follow, sync
from bench.tracking.projector import Report


class Script:
    """A projector whose passes are scripted: an error to raise or a report; then it asks to stop."""

    uri = "http://127.0.0.1:1"

    def __init__(self, home, passes):
        self.home, self.passes = home, list(passes)
        self.stop, self.done = threading.Event(), 0

    def project(self):
        self.done += 1
        step = self.passes.pop(0)
        if len(self.passes) <= 1:  # the one left is the last pass
            self.stop.set()
        if isinstance(step, Exception):
            raise step
        return step

    def requests(self):
        return 0


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 0.0)
    monkeypatch.setattr(module, "RETRY", 0.0)
    monkeypatch.setattr(module, "SHARE", 1e6)
    monkeypatch.setattr(module, "LAST_PAUSE", 0.0)
    monkeypatch.setattr(module, "LAST_TRIES", 1)


def said(projector):
    lines = []
    follow(projector, projector.stop, lines.append)
    return lines


def test_an_address_that_is_down_is_said_once_and_when_it_is_back(toys):
    down = TrackingDown("connection refused")
    lines = said(Script(toys.home, [down, down, down, Report(), Report(), Report()]))
    assert len(lines) == 3
    assert lines[0].startswith("warning: MLflow at http://127.0.0.1:1 does not answer (connection refused)")
    assert "the runs go on" in lines[0]
    assert f"contrastbench sync --home {toys.home.root} --tracking-uri http://127.0.0.1:1" in lines[0]
    assert lines[1:] == ["MLflow at http://127.0.0.1:1 answers again", READY]


def test_an_address_that_stays_down_is_said_once(toys):
    down = TrackingDown("connection refused")
    assert len(said(Script(toys.home, [down, down, down]))) == 1


def test_there_is_a_last_pass_after_stop(toys):
    projector = Script(toys.home, [Report(), Report()])
    projector.stop.set()
    said(projector)
    assert projector.done == 1


def test_a_problem_is_said_once(toys):
    report = Report(problems=["run x: broken"])
    assert said(Script(toys.home, [report, report, report])) == [READY, "MLflow: run x: broken"]


def test_a_useless_address_ends_it(toys):
    with pytest.raises(UsageError, match="no such"):
        said(Script(toys.home, [UsageError("no such address")]))


def test_sync_says_what_it_did(board, capsys):
    key = board.train()
    assert not sync(board.home, board.uri, go_on=False, as_json=False)
    out = capsys.readouterr().out
    assert out.startswith(f"1 runs in MLflow at {board.uri}: 1 brought up to date, ")
    board.assert_complete(key)
    assert not sync(board.home, board.uri, go_on=False, as_json=True)
    assert '"written": 0' in capsys.readouterr().out


def test_sync_tells_of_a_run_that_cannot_be_shown(board, capsys):
    board.home.run(board.plan()).spec.write_text("{")
    assert sync(board.home, board.uri, go_on=False, as_json=False)
    assert "warning: " in capsys.readouterr().err


def test_sync_with_a_server_that_is_down(board, free_port):
    with pytest.raises(BenchError, match="nothing is lost: run the same command again"):
        sync(board.home, f"http://127.0.0.1:{free_port()}", go_on=False, as_json=False)
