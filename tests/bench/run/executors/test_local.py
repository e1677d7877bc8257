import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing.forkserver import _forkserver
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from bench.base.errors import NotAvailable
from bench.base.ranks import Ranks
from bench.base.storage import read_json
from bench.ledger.folders import read_error, run_state
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run import process
from bench.run.executors.executor import Interrupted
from bench.run.executors.local import Job, LocalExecutor, _start_server
from bench.run.ticket import process_ticket, read_tickets
from bench.tracking.store import ENVIRONMENT

PLUGINS = Path(__file__).parents[3] / "plugins"


def grid_of(toys, *runs):
    """A grid of (class, settings) of the toy plugins."""
    grid = Grid(toys.home)
    file = toys.method.rpartition(":")[0]
    keys = [
        grid.add_run(resolve(f"{file}:{name}", toys.protocol, "smoke", settings=settings), 0) for name, settings in runs
    ]
    grid.write_specs()
    return grid, keys


def test_runs_fail_alone_and_the_needed_run_comes_first(toys):
    grid, (good, exploding, crashing, student) = grid_of(
        toys, ("Toy", {}), ("Toy", {"explode_at": 3}), ("Crash", {}), ("NeedsTeacher", {})
    )
    teacher = grid.runs[student].needs["teacher"]
    assert list(grid.runs).index(teacher) < list(grid.runs).index(student)
    together: list[set[str]] = []
    outcomes = LocalExecutor(toys.home, slots=2).run(grid.runs, lambda active, _: together.append(set(active)))
    assert {key: outcome.state for key, outcome in outcomes.items()} == {
        good: "done",
        exploding: "failed",
        crashing: "failed",
        teacher: "done",
        student: "done",
    }
    assert "loss G is not finite at step 3" in outcomes[exploding].reason
    assert "killed by SIGSEGV" in outcomes[crashing].reason
    # it could not say so itself; who looks later reads it too
    assert run_state(toys.home.run(crashing)) == ("failed", outcomes[crashing].reason)
    assert max(len(active) for active in together) == 2
    assert not any({teacher, student} <= active for active in together)
    assert run_state(toys.home.run(good)) == ("done", "")
    assert run_state(toys.home.run(exploding))[0] == "failed"
    assert grid.unfinished().keys() == {exploding, crashing}
    assert not toys.home.run(good).log.stat().st_mode & 0o133  # to be read by others, not to be run


def test_a_run_whose_needed_run_failed_is_not_started(toys):
    grid, (student,) = grid_of(toys, ("NeedsTeacher", {}))
    teacher = grid.runs[student].needs["teacher"]
    toys.home.run(teacher).spec.write_text("{}")
    outcomes = LocalExecutor(toys.home, slots=2).run(grid.runs, lambda *_: None)
    assert outcomes[teacher].state == "failed"
    assert "spec.json" in outcomes[teacher].reason
    assert outcomes[student].reason == f"needs run {teacher}, which failed"
    assert not toys.home.run(student).log.exists()


def test_ctrl_c_saves_every_run_and_the_same_command_goes_on(toys):
    grid, keys = grid_of(toys, ("Toy", {"stall": 0.2}), ("Toy", {"stall": 0.21}))
    started = threading.Event()

    def update(active, outcomes):
        steps = [(read_json(toys.home.run(key).progress) or {}).get("step", 0) for key in keys]
        if min(steps) >= 2 and not started.is_set():
            started.set()
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="run the same command to go on"):
        LocalExecutor(toys.home, slots=2).run(grid.runs, update)
    for key in keys:
        folder = toys.home.run(key)
        assert list(folder.checkpoints.glob("state-*.json"))
        assert run_state(folder)[0] == "not run"
    assert {o.state for o in LocalExecutor(toys.home, slots=2).run(grid.runs, lambda *_: None).values()} == {"done"}


def test_a_second_command_waits_for_the_owner_of_a_run(toys):
    grid, (key,) = grid_of(toys, ("Toy", {"stall": 0.1}))
    results = []

    def command():
        results.append(LocalExecutor(toys.home, slots=1).run(grid.runs, lambda *_: None))

    threads = [threading.Thread(target=command) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.3)
    for thread in threads:
        thread.join()
    assert [r[key].state for r in results] == ["done", "done"]
    rows = toys.home.run(key).metrics.read_text().splitlines()
    assert len(rows) == 16


def test_ctrl_c_while_the_server_still_imports_prints_no_traceback(toys, tmp_path):
    """The terminal sends SIGINT to the whole group; the server, importing torch for seconds, must not die loudly."""
    grid_of(toys, ("Toy", {"stall": 0.2}))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bench.base.errors import BenchError\n"
        "from bench.run.executors.local import LocalExecutor\n"
        "from bench.base.home import Home\n"
        "from bench.schema.run_spec import read_spec\n"
        "home = Home(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "specs = {folder.key: read_spec(folder.spec) for folder in home.runs()}\n"
        "print('ready', flush=True)\n"
        "try:\n    LocalExecutor(home, slots=1).run(specs, lambda *_: None)\n"
        "except BenchError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(toys.home.root), str(toys.home.datasets)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(1)
    os.killpg(child.pid, signal.SIGINT)
    told = child.communicate(timeout=300)[0]
    assert told == "stopped; every run has saved its state: run the same command to go on\n"


SOCKETS = """
import os, signal, sys, tempfile
from pathlib import Path
from bench.run.executors.local import _start_server
place = Path(tempfile.gettempdir())
for _ in range(2):
    _start_server()
print(*(str(path.relative_to(place).parts[0]) for path in place.rglob("listener-*")), tempfile.gettempdir() == str(place))
if sys.argv[1:] == ["killed"]:
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_socket_of_a_killed_command_is_removed_by_the_next_one():
    place = tempfile.mkdtemp(dir="/tmp")  # with room for a socket's path

    def start(*how):
        command = [sys.executable, "-c", SOCKETS, *how]
        return subprocess.run(
            command,
            env={**os.environ, "TMPDIR": place},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    killed = start("killed")
    assert (killed.returncode, killed.stderr) == (-9, "")
    (left,) = Path(place).iterdir()
    assert killed.stdout.split() == [left.name, "True"]
    ended = start()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.split()) == 2  # its own socket alone
    Path(place).rmdir()  # empty


def test_folders_of_the_same_names_in_the_working_directory_are_not_imported(tmp_path, monkeypatch):
    for name in ("bench", "methods", "mlflow"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('the wrong {name}')\n")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    found = []
    command, show = [sys.executable], ["-c", "import bench, methods; print(bench.__file__)"]

    def server() -> None:
        """What Python imports that is started as multiprocessing starts its server."""
        found.append(subprocess.run([*command, *show], cwd=tmp_path, capture_output=True, text=True, check=False))

    monkeypatch.setattr("bench.run.executors.local.forkserver.ensure_running", server)
    server()
    assert "the wrong bench" in found[0].stderr
    _start_server()
    assert found[1].stderr == ""
    installed = subprocess.run([*command, "-P", *show], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found[1].stdout == installed.stdout
    assert not Path(found[1].stdout.strip()).is_relative_to(tmp_path)
    assert "PYTHONSAFEPATH" not in os.environ
    assert ENVIRONMENT["PYTHONSAFEPATH"] == "1"  # of the processes that show runs in MLflow


def seeing(toys, tmp_path, count, **settings):
    """A grid of runs that write down where they compute."""
    notes = tmp_path / "notes.jsonl"
    grid = Grid(toys.home)
    method = f"{PLUGINS / 'seeing.py'}:Sees"
    for seed in range(count):
        grid.add_run(resolve(method, toys.protocol, "smoke", settings={"notes": str(notes), **settings}), seed)
    grid.write_specs()
    return grid, notes


def notes_by_process(notes):
    found: dict[int, list[dict]] = {}
    for line in notes.read_text().splitlines():
        found.setdefault(json.loads(line)["pid"], []).append(json.loads(line))
    return list(found.values())


@pytest.mark.parametrize("per_device", [1, 2])
def test_each_run_sees_its_own_card_and_a_card_is_given_again_when_its_run_has_ended(
    toys, tmp_path, monkeypatch, per_device
):
    monkeypatch.setenv("CONTRASTBENCH_FAKE_DEVICES", "2")
    grid, notes = seeing(toys, tmp_path, 5, stall=0.03)
    seen = []
    executor = LocalExecutor(toys.home, per_device=per_device)
    assert executor.at_once(grid.runs.values()) == 2 * per_device
    outcomes = executor.run(grid.runs, lambda active, _: seen.append(dict(active)))
    assert {outcome.state for outcome in outcomes.values()} == {"done"}
    runs = notes_by_process(notes)
    assert len(runs) == 5
    spans: dict[str, list[tuple[float, float]]] = {}
    for lines in runs:
        (card,) = {line["card"] for line in lines}
        spans.setdefault(card, []).append((lines[0]["time"], lines[-1]["time"]))
    assert spans.keys() == {"fake-0", "fake-1"}
    together = [
        sum(start <= at <= end for start, end in mine) for mine in spans.values() for at in (start for start, _ in mine)
    ]
    assert max(together) <= per_device
    assert max(len(active) for active in seen) == 2 * per_device
    assert set(seen[0].values()) == {"on card fake-0", "on card fake-1"}
    cards = [read_json(toys.home.run(key).result)["card"] for key in grid.runs]
    assert set(cards) == {"fake-0", "fake-1"}  # pretended cards are recorded as such
    assert {read_json(toys.home.run(key).result)["device"] for key in grid.runs} == {"cpu"}


def test_a_run_on_the_cpu_sees_no_card(toys, tmp_path):
    grid, notes = seeing(toys, tmp_path, 1)
    LocalExecutor(toys.home, slots=1).run(grid.runs, lambda *_: None)
    assert {line["card"] for lines in notes_by_process(notes) for line in lines} == {""}


def test_runs_for_a_card_are_refused_at_once_where_there_is_none(toys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    grid = Grid(toys.home, "cuda")
    key = grid.add_run(resolve(toys.method, toys.protocol, "smoke"), 0)
    with pytest.raises(NotAvailable, match="torch sees no CUDA device here"):
        LocalExecutor(toys.home).run(grid.runs, lambda *_: None)
    assert not toys.home.run(key).log.exists()


def test_a_later_process_finds_a_run_again_by_its_ticket(toys):
    grid, (key,) = grid_of(toys, ("Toy", {"stall": 0.1}))
    folder = toys.home.run(key)
    first, later = LocalExecutor(toys.home, slots=1), LocalExecutor(toys.home)
    submitted = first.submit(grid.runs)
    deadline = time.monotonic() + 300
    while "step" not in (read_json(folder.progress) or {}) and time.monotonic() < deadline:
        time.sleep(0.05)
    (ticket,) = read_tickets(folder)
    assert (ticket.executor, ticket.job["pid"]) == ("local", submitted[key].job["pid"])
    assert later.poll({key: ticket})[key].state == "running"
    later.cancel({key: ticket})
    assert later.poll({key: ticket})[key].state == "stopped"
    assert first.poll(submitted)[key].state == "stopped"
    assert list(folder.checkpoints.glob("state-*.json"))
    first.run(grid.runs, lambda *_: None)
    assert later.poll({key: ticket})[key].state == "done"


def test_a_process_that_finds_the_run_owned_leaves_everything_as_it_is(toys, capfd):
    _, (key,) = grid_of(toys, ("Toy", {}))
    folder = toys.home.run(key)
    folder.progress.write_text('{"phase": "training"}')
    folder.error.write_text('{"message": "of yesterday"}')
    with FileLock(folder.lock):
        assert process.main([str(toys.home.root), str(toys.home.datasets), key]) == process.OWNED
    assert folder.progress.read_text() == '{"phase": "training"}'
    assert folder.error.exists()
    assert not folder.tickets.exists()
    assert f"another process does run {key}" in capfd.readouterr().out


@pytest.mark.parametrize(("number", "was_killed"), [(signal.SIGKILL, True), (signal.SIGSEGV, False)])
def test_the_record_of_a_dead_run_says_whether_it_was_killed_from_outside(toys, number, was_killed):
    _, (key,) = grid_of(toys, ("Toy", {}))
    executor = LocalExecutor(toys.home)
    executor.jobs[key] = Job(SimpleNamespace(pid=1, exitcode=-number), "")
    assert executor.poll({key: process_ticket(key, 1)})[key].state == "failed"
    assert read_error(toys.home.run(key)).was_killed == was_killed


def test_a_killed_fork_server_costs_no_run(toys):
    """Whoever kills by name or for memory may take it first: its runs save their states and are begun again."""
    grid, (key,) = grid_of(toys, ("Toy", {"stall": 0.2}))
    killed = []

    def kill(active, outcomes):
        if not killed and toys.home.run(key).metrics.exists():
            killed.append(_forkserver._forkserver_pid)
            os.kill(killed[0], signal.SIGKILL)

    outcomes = LocalExecutor(toys.home, slots=1).run(grid.runs, kill)
    assert killed
    assert outcomes[key].state == "done", outcomes[key].reason


def test_nobody_waits_for_runs_that_have_ended(toys, monkeypatch):
    monkeypatch.setattr("bench.run.executors.local.time.sleep", lambda seconds: pytest.fail("waits"))
    executor = LocalExecutor(toys.home)
    executor.jobs["toy-1"] = Job(SimpleNamespace(pid=1, exitcode=0, join=lambda: None), "")
    executor.cancel({"toy-1": process_ticket("toy-1", 1)})
    assert executor.jobs == {}


def test_as_many_runs_at_once_as_the_cores_allow_or_as_is_asked(toys, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)), raising=False)
    grid, (key,) = grid_of(toys, ("Toy", {}))
    spec = grid.runs[key]
    assert LocalExecutor(toys.home).at_once([spec]) == 8
    assert LocalExecutor(toys.home).at_once([spec.model_copy(update={"threads": 3})]) == 2
    assert LocalExecutor(toys.home).at_once([spec.model_copy(update={"threads": 16})]) == 1
    assert LocalExecutor(toys.home).at_once([spec.model_copy(update={"ranks": Ranks(count=2)})]) == 4
    assert LocalExecutor(toys.home, slots=3).at_once([spec]) == 3
    assert LocalExecutor(toys.home).at_once([]) == 1


class _Started(LocalExecutor):
    """Starts nothing, and says which cards it would have given."""

    def _start(self, key, card):
        self.jobs[key] = Job(SimpleNamespace(pid=1, exitcode=None), card)
        return process_ticket(key, 1, card=card)


def test_a_run_of_two_ranks_gets_two_cards_of_its_own(toys, monkeypatch):
    monkeypatch.setenv("CONTRASTBENCH_FAKE_DEVICES", "3")
    specs = {
        name: SimpleNamespace(device="cpu", threads=1, ranks=Ranks(count=count))
        for name, count in (("a", 2), ("b", 2), ("c", 1))
    }
    executor = _Started(toys.home)
    assert executor.at_once([specs["a"]]) == 1
    tickets = executor.submit(specs)
    assert {key: ticket.job["card"] for key, ticket in tickets.items()} == {"a": "fake-0,fake-1", "c": "fake-2"}
    assert executor.submit({"b": specs["b"]}) == {}
    del executor.jobs["a"]
    assert executor.submit({"b": specs["b"]})["b"].job["card"] == "fake-0,fake-1"
    only = _Started(toys.home, slots=1)
    assert only.submit({"a": specs["a"]})["a"].job["card"] == "fake-0,fake-1"
    many = SimpleNamespace(device="cpu", threads=1, ranks=Ranks(count=4))
    with pytest.raises(NotAvailable, match="run d is of 4 ranks with a card each, and this machine shows 3"):
        executor.submit({"d": many})
