"""The `ui` verb: MLflow's pages of this results root on 127.0.0.1, kept up to date while they are open."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.base.errors import BenchError, UsageError
from bench.base.home import Home
from bench.tracking.address import check_usable, is_server, shown
from bench.tracking.background import Background
from bench.tracking.store import ENVIRONMENT, PROTOCOL_TAG, view_link

ADDRESS = "127.0.0.1"  # no other address: MLflow asks for no password
START_SECONDS = 180.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever http_proxy says


def serve(home: Home, uri: str, port: int, say: Callable[[str], None]) -> None:
    """Show a results root in MLflow until Ctrl-C.

    Args:
        home: the results root.
        uri: the database.
        port: of the pages.
        say: given each line for people.

    Raises:
        UsageError: the port is taken, or the address is a server's.
        BenchError: MLflow does not start.
    """
    if is_server(uri):
        raise UsageError(
            f"--tracking-uri {shown(uri)} is a server, which shows itself: open it in a browser; to keep it up to date: "
            f"contrastbench sync --follow --tracking-uri {shown(uri)}"
        )
    _require_free(port)
    check_usable(home, uri)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _as_interrupt)
    try:
        with Background(home, uri, say, catches_up=False) as background:
            say("making MLflow's pages ready, which takes some seconds")
            while not background.is_ready():  # the database must exist before the server opens it
                time.sleep(0.2)
            with _server(home, uri, port) as process:
                _wait_until_it_answers(process, port, home)
                for line in (*address_lines(port), *view_lines(port)):
                    say(line)
                while process.poll() is None:
                    time.sleep(0.5)
                raise BenchError(f"MLflow ended by itself; see {home.mlflow_log}")
    except KeyboardInterrupt:
        say("closed")


def address_lines(port: int) -> list[str]:
    """How to open the pages, here and from another machine."""
    return [
        f"open http://{ADDRESS}:{port} in a browser; Ctrl-C here ends it",
        f"from another machine first: ssh -L {port}:{ADDRESS}:{port} {getpass.getuser()}@{socket.gethostname()}",
    ]


def view_lines(port: int) -> list[str]:
    """An address for the runs of each protocol that is shown there, by name."""
    query = json.dumps({"max_results": 1000, "filter": f"tags.`{PROTOCOL_TAG}` LIKE '%'"}).encode()
    pages = f"http://{ADDRESS}:{port}"
    request = urllib.request.Request(
        f"{pages}/api/2.0/mlflow/experiments/search", query, {"Content-Type": "application/json"}
    )
    with _DIRECT.open(request, timeout=60) as response:
        experiments = json.load(response).get("experiments", [])
    names = {experiment["name"]: experiment["experiment_id"] for experiment in experiments}
    return [f"runs of {name}: {pages}/{view_link(names[name])}" for name in sorted(names)]


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise UsageError(f"--port {port}: cannot be used ({error.strerror}); choose another with --port") from error


def _as_interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _server(home: Home, uri: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server with one worker; it ends with the block, and with this process, however that ends."""
    guard = [sys.executable, "-m", "bench.tracking.guard", str(home.root / f".server-{port}.json")]
    command = [sys.executable, "-m", "mlflow", "server", "--host", ADDRESS, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", uri, "--default-artifact-root", home.mlflow_artifacts.as_uri()]
    with home.mlflow_log.open("ab") as log:
        process = subprocess.Popen(
            [*guard, *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**ENVIRONMENT, **os.environ},
        )
    assert process.stdin is not None  # it is a pipe
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, home: Home) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"MLflow's server did not start; see the end of {home.mlflow_log}")
        try:
            with _DIRECT.open(f"http://{ADDRESS}:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise BenchError(f"MLflow's server did not answer within {START_SECONDS:.0f} s; see {home.mlflow_log}")
