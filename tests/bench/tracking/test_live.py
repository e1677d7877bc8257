"""The whole of it, with real processes: slow, because importing MLflow and making its database take seconds."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest
from filelock import FileLock

from bench.base.errors import BenchError
from bench.commands.reproduce import reproduce
from bench.ledger.folders import run_state
from bench.plan.grid import Grid
from bench.plan.resolve import resolve
from bench.run.executors.local import LocalExecutor
from bench.tracking.background import Background
from bench.tracking.follow import sync
from bench.tracking.store import ENVIRONMENT

pytestmark = pytest.mark.slow
CLI = [sys.executable, "-c", "from bench.cli.main import main; main()"]


def grid_of(board, seeds: int, **settings: object) -> Grid:
    grid = Grid(board.home)
    for seed in range(seeds):
        grid.add_run(resolve(board.toys.method, board.toys.protocol, "smoke", settings=settings), seed)
    return grid


def test_several_runs_at_once_on_a_fresh_database_lose_nothing(fresh_board):
    grid = grid_of(fresh_board, 3, stall=0.2)
    assert not reproduce(grid, LocalExecutor(grid.home, slots=3), as_json=False, mlflow=fresh_board.uri)
    for key in grid.runs:
        fresh_board.assert_complete(key)
        assert fresh_board.mlflow_run(key).info.status == "FINISHED"


def test_projectors_that_start_together_on_a_fresh_database_lose_nothing(fresh_board):
    keys = [fresh_board.train(seed) for seed in (0, 1)]
    home = fresh_board.home
    command = [*CLI, "sync", "--home", str(home.root), "--data", str(home.datasets)]
    together = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate()[0] for process in together]
    assert [process.returncode for process in together] == [0, 0, 0]
    assert sum("2 brought up to date" in output for output in outputs) == 1
    for key in keys:
        fresh_board.assert_complete(key)


def test_a_server_that_is_down_neither_fails_nor_slows_the_runs_and_sync_catches_up(board, free_port, capsys):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    grid = grid_of(board, 2)
    assert reproduce(grid, LocalExecutor(grid.home, slots=2), as_json=False, mlflow=uri) == 1
    said = capsys.readouterr().out
    assert said.count("does not answer") == 1
    assert said.count("does not show all of it") == 1
    assert "nothing is lost: the runs go on" in said
    assert "contrastbench sync" in said
    assert f"browse them: {uri}" in said
    assert all(run_state(board.home.run(key))[0] == "done" for key in grid.runs)

    with mlflow_server(board, port):
        assert not sync(board.home, uri, go_on=False, as_json=False)
        assert not sync(board.home, uri, go_on=False, as_json=False)
        served = board.on(uri)
        for key in grid.runs:
            served.assert_complete(key)
            run = served.mlflow_run(key)
            files = {file.path for file in served.client.list_artifacts(run.info.run_id)}
            assert files == {"spec.json", "result.json", "samples.png"}
    with pytest.raises(BenchError, match="does not answer"):
        sync(board.home, uri, go_on=False, as_json=False)


def test_a_killed_command_leaves_no_run_running(board):
    slowly = {"stall": 0.5, "n_epochs": 30}  # a minute, if nobody stopped it
    key = board.plan(**slowly)
    code = (
        "import sys; from pathlib import Path; from bench.base.home import Home\n"
        "from bench.run.executors.local import LocalExecutor; from bench.schema.run_spec import read_spec\n"
        "from bench.tracking.background import Background\n"
        "home = Home(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "with Background(home, sys.argv[4], print):\n"
        "    LocalExecutor(home).run({sys.argv[3]: read_spec(home.run(sys.argv[3]).spec)}, lambda *a: None)\n"
    )
    arguments = [str(board.home.root), str(board.home.datasets), key, board.uri]
    parent = subprocess.Popen([sys.executable, "-c", code, *arguments])
    wait_until(lambda: board.home.run(key).metrics.exists())
    parent.kill()
    parent.wait()
    wait_until(lambda: run_state(board.home.run(key))[0] != "running")
    wait_until(lambda: board.find(key) is not None and board.find(key).info.status == "KILLED")
    board.assert_complete(key)


def test_the_background_process_ends_with_the_block(board):
    with Background(board.home, board.uri, print) as background:
        wait_until(background.is_ready)
    assert background.process is None
    assert background.missing == ""


@pytest.mark.browser
def test_mlflow_shows_runs_curves_grids_and_tables_to_a_person(board, browser, free_port, cell, write_table):
    keys = {seed: board.train(seed) for seed in (0, 1)}
    growing = board.train(2, stop_after=6)
    write_table(board.home, [cell("Toy+", keys | {2: growing}, comparability="deviating")])
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    command = [*CLI, "ui", "--port", str(port), "--home", str(board.home.root), "--data", str(board.home.datasets)]
    ui = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        with FileLock(board.home.run(growing).lock):  # it is under way
            said = [ui.stdout.readline().rstrip() for _ in range(4)]
            assert f"open {origin} in a browser" in said[1], said
            assert f"ssh -L {port}:127.0.0.1:{port}" in said[2]
            browser.requested()

            # ---- experiments, tables, then the runs by name
            browser.open(f"{origin}/#/experiments")
            browser.wait_for_text("toys@1", seconds=120)
            run = board.mlflow_run(growing)
            runs = f"{origin}/#/experiments/{run.info.experiment_id}/runs"
            browser.open(runs)
            browser.wait_for_text("toys/main, smoke")
            protocol, _, address = said[3].partition(": ")
            assert protocol == "runs of toys@1"
            browser.open(address)
            browser.wait_for_text("Toy+, seed 0", "Toy+, seed 1", "Toy+, seed 2", "comparability", "deviating")

            # ---- a curve, and the same curve later
            assert run.info.status == "RUNNING"
            browser.open(f"{runs}/{run.info.run_id}/model-metrics")
            browser.wait_for(POINTS + "return points('train/G') === 6")
            board.train(2)
        wait_until(lambda: board.mlflow_run(growing).info.status == "FINISHED")
        browser.wait_for(POINTS + "return points('train/G') === 16", seconds=90)  # the page refreshes itself

        # ---- pictures and the table
        browser.open(f"{runs}/{run.info.run_id}/artifacts/samples.png")
        browser.wait_for("return [...document.images].some(i => i.naturalWidth > 400 && i.naturalHeight > 200)")
        parent = board.mlflow_run("table:toys/main:smoke:toys@1").info.run_id
        browser.open(f"{runs}/{parent}/artifacts/table.md")
        browser.wait_for_text("Toys in a table")

        # ---- nobody else was asked anything
        elsewhere = [url for url in browser.requested() if not url.startswith((origin, "data:", "blob:", "chrome"))]
        assert elsewhere == []
        # MLflow asks who is logged in, also where it knows no users, and is told that there is no such address
        assert [error for error in browser.errors() if "mlflow/users/current" not in error] == []
    finally:
        ui.send_signal(signal.SIGINT)
        rest, _ = ui.communicate(timeout=180)
    assert ui.returncode == 0
    assert rest.splitlines()[-1] == "closed"
    with pytest.raises(OSError, match="refused"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{origin}/health", timeout=5)


# how many points the chart of a metric draws; charts out of sight are not drawn, so everything is scrolled through
POINTS = """
for (const box of document.querySelectorAll('div')) if (box.scrollHeight > box.clientHeight + 50) box.scrollTop = 1e6;
const points = name => Math.max(0, ...[...document.querySelectorAll('.js-plotly-plot')].flatMap(
  plot => plot.data.filter(line => (line.metricKey || line.name || '').includes(name)).map(line => line.x.length)));
"""


def wait_until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@contextmanager
def mlflow_server(board, port: int):
    """A team's server, with a database of its own."""
    folder = board.home.root.parent / "team"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    env = {**os.environ, **ENVIRONMENT}
    server = subprocess.Popen(command, start_new_session=True, cwd=folder, stderr=subprocess.DEVNULL, env=env)
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def answers() -> bool:
            try:
                return direct.open(f"http://127.0.0.1:{port}/health", timeout=5).status == 200
            except OSError:
                return False

        wait_until(answers, 180)
        yield
    finally:
        server.terminate()
        server.wait(60)
